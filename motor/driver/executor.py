"""The executor: one operation, start to end, and the only place where any operation is run.

Select a server, check out a connection, exchange the command for its reply, give the connection back; after an error
that allows it, once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from pymongo.client_options import ClientOptions
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    DocumentTooLarge,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_preferences import ReadPreference

from motor._pymongo import add_error_label
from motor.driver import timeouts
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import format_address
from motor.driver.cmap.pin import Pin
from motor.driver.encrypted_exchange import EncryptedExchange, Encrypter
from motor.driver.exchange import Exchange
from motor.driver.execution import Execution, Retry
from motor.driver.operations.end_sessions import EndSessions
from motor.driver.operations.kill_cursors import KillCursors
from motor.driver.operations.operation import Operation, Target
from motor.driver.retries import RetryPolicy
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology
from motor.driver.sessions.session import Session

Result = TypeVar("Result")

_MAX_ENDED_SESSIONS = 10_000
"""How many sessions a server ends with one command."""

_REAUTHENTICATION_REQUIRED = 391

_TRANSIENT = "TransientTransactionError"


class Executor:
    """Runs operations on one topology, with one client's options, and encrypted if there is an `encrypter`."""

    def __init__(self, topology: Topology, options: ClientOptions, encrypter: Encrypter | None = None) -> None:
        self.topology = topology
        self.load_balanced = bool(options.load_balanced)
        self._retries = RetryPolicy(options)
        self.retries_writes = self._retries.retries_writes
        self._retries_reads = bool(options.retry_reads)
        self._exchange = (
            Exchange(topology, options, self._kill_orphan)
            if encrypter is None
            else EncryptedExchange(topology, options, self._kill_orphan, encrypter)
        )
        self.owner = topology.owner
        self.loop = topology.owner.loop

    def execute(self, operation: Operation[Result], session: Session | None = None) -> Coroutine[Any, Any, Result]:
        """Run `operation`, which has been prepared, and return its result, once awaited.

        Raises the exceptions of :mod:`pymongo.errors`.
        """
        return self.run(Execution(operation, session))

    async def run(self, execution: Execution[Result]) -> Result:
        """Run an operation that belongs together with others, in a session, on a server or a connection of theirs."""
        operation, session = execution.operation, execution.session
        try:
            while True:
                pin = None if execution.pin is None and session is None else self._pin(execution)
                connection: Connection | None = None
                server = execution.server
                if server is None and session is None and execution.retry is None:
                    server = self.topology.select_now(operation.selector)
                try:
                    server = execution.server = server or await self.select(execution)
                    server.operation_count += 1
                    if pin is None:
                        connection = server.pool.take() or await server.pool.check_out()
                    else:
                        connection = await self._pinned(pin, server)
                    if session is not None:
                        self._enter_session(execution, session, server)
                    elif execution.server_session is None:
                        execution.server_session = self.topology.sessions.acquire()
                    if self.retries_writes and not operation.is_read and operation.retryable:
                        self._number(execution, server, connection)
                        repeats = execution.numbered
                    else:
                        repeats = operation.always_retryable and self._retries_reads
                    if not repeats and pin is None and connection.has_unread():
                        # What may be sent only once is not sent to a server that has gone while the loop did not run.
                        await self._look_around(execution)
                        continue
                    if execution.retry is not None:
                        self._tell_of(execution.retry, operation)
                    result = await self._exchange.run(execution, server, connection)
                    if session is not None:
                        session.transaction.completed_command = True
                    return result
                except PyMongoError as error:
                    failure = error
                    try:
                        if connection is not None and await self._reauthenticated(execution, connection, error):
                            continue
                    except PyMongoError as while_authenticating:
                        failure = while_authenticating
                    self._failed(execution, server, connection, failure)
                except asyncio.CancelledError:
                    if execution.server_session is not None:
                        execution.server_session.dirty = True
                    if pin is not None and connection is not None and not connection.at_rest:
                        connection.close()
                    raise
                finally:
                    if (
                        session is not None
                        and connection is not None
                        and session.in_transaction
                        and not connection.at_rest
                    ):
                        session.transaction.abandoned = connection.settled()
                    if server is not None:
                        server.operation_count -= 1
                    if server is not None and connection is not None and pin is None:
                        server.pool.check_in(connection)
                await self._retries.after(execution, failure, self.topology.sharded)
        finally:
            if session is None and execution.server_session is not None:
                self.topology.sessions.release(execution.server_session)

    def close(self) -> None:
        """End the sessions, without waiting for it, and close every connection."""
        sessions = self.topology.sessions.drain()
        for start in range(0, len(sessions), _MAX_ENDED_SESSIONS):
            self._end_sessions(sessions[start : start + _MAX_ENDED_SESSIONS])
        self.topology.close()

    def _end_sessions(self, ids: Sequence[Mapping[str, Any]]) -> None:
        """A courtesy: without a connection at hand the server lets them expire."""
        server = self.topology.select_known(ReadPreference.PRIMARY_PREFERRED)
        connection = server.pool.check_out_idle() if server is not None else None
        if server is not None and connection is not None:
            # The server is not owed it: one whose limits are too small for it goes without.
            # And the transports of some loops send nothing once the loop was closed.
            with suppress(PyMongoError, DocumentTooLarge, RuntimeError):
                if connection.supports_sessions:
                    self._exchange.send_last(EndSessions(Target("admin"), ids), connection)
            server.pool.check_in(connection)

    def run_soon(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` in the background, from any thread; drop it if the topology has ended."""
        self.owner.start_soon(coroutine)

    async def select(self, execution: Execution[Any]) -> Server:
        """A server for the operation: that of its transaction, or a suitable one."""
        operation, session, retry = execution.operation, execution.session, execution.retry
        if session is not None:
            session.check_preference(operation.read_preference)
        try:
            address = None
            if session is not None:
                if not session.in_transaction:
                    session.transaction.reset()
                address = session.transaction.pinned_address
            if address is None:
                avoided = retry.deprioritized if retry is not None else ()
                return await self.topology.server_for(
                    operation.selector, operation.name, operation.operation_id, avoided
                )
            server = await self.topology.select_address(address, operation.name)
            if server is None:
                raise AutoReconnect(f"server {format_address(address)} no longer available")
            return server
        except PyMongoError as error:
            if session is not None and session.in_transaction:
                add_error_label(error, _TRANSIENT)
                session.transaction.unpin()
            raise

    async def _look_around(self, execution: Execution[Any]) -> None:
        """Let the loop see what has happened to all connections, the monitors' as well, and select a server anew."""
        execution.server = execution.fixed_server
        await asyncio.sleep(max(timeouts.at_most(timeouts.LATE_TIMER_GRACE) or 0, 0))

    def _pin(self, execution: Execution[Any]) -> Pin | None:
        if self.load_balanced and execution.session is not None and execution.session.in_transaction:
            return execution.session.transaction.pin
        return execution.pin

    async def _pinned(self, pin: Pin, server: Server) -> Connection:
        if pin.connection is None:
            pin.hold(server.pool, server.pool.take() or await server.pool.check_out())
        assert pin.connection is not None
        return pin.connection

    def _enter_session(self, execution: Execution[Any], session: Session, server: Server) -> None:
        execution.server_session = session.materialize(self.topology.sessions)
        if session.in_transaction:
            session.transaction.pin_to(server.description)

    def _number(self, execution: Execution[Any], server: Server, connection: Connection) -> None:
        """Give what may be written only once a number, by which the server knows it again."""
        if execution.session is not None and execution.session.in_transaction:
            return
        if not (server.supports_retryable_writes and connection.supports_sessions):
            execution.numbered = False
            retry = execution.retry
            if retry is not None and retry.error is not None and not retry.overloaded:
                raise retry.error
        elif execution.transaction_number is None:
            assert execution.server_session is not None
            execution.transaction_number = execution.server_session.next_transaction_number()

    def _tell_of(self, retry: Retry, operation: Operation[Any]) -> None:
        self._exchange.events.retrying(operation.name, operation.operation_id, retry.attempts, operation.is_read)

    async def _reauthenticated(self, execution: Execution[Any], connection: Connection, error: PyMongoError) -> bool:
        """Whether the server wanted the client to prove again who it is, and it has done so: once a connection."""
        if not isinstance(error, OperationFailure) or error.code != _REAUTHENTICATION_REQUIRED:
            return False
        if connection.authentication is None or connection.id in execution.reauthenticated:
            return False
        execution.reauthenticated |= {connection.id}
        try:
            await connection.authentication.again()
        except BaseException:
            connection.close()
            raise
        if execution.session is not None and execution.in_transaction:
            execution.session.transaction.restart()
        return True

    def _failed(
        self, execution: Execution[Any], server: Server | None, connection: Connection | None, error: PyMongoError
    ) -> None:
        """Draw the conclusions from an error: for the transaction, the session and the server."""
        if isinstance(error, ConnectionFailure):
            if execution.in_transaction:
                add_error_label(error, _TRANSIENT)
            if connection is not None and execution.server_session is not None:
                execution.server_session.dirty |= not isinstance(error, NotPrimaryError)
        if execution.session is not None and (
            error.has_error_label(_TRANSIENT) or error.has_error_label("RetryableWriteError")
        ):
            execution.session.transaction.unpin()
        if server is not None and connection is not None:
            execution.wire_version = connection.max_wire_version
            self.topology.handle_error(server, error, connection.generation, service_id=connection.service_id)

    def _kill_orphan(self, operation: Operation[Any], server: Server, cursor_id: int) -> None:
        self.run_soon(kill_cursor(self, server, operation.target, cursor_id))


async def kill_cursor(
    executor: Executor,
    server: Server | None,
    target: Target,
    cursor_id: int,
    session: Session | None = None,
    pin: Pin | None = None,
) -> None:
    """Kill a cursor, and give its session and connection back. If the server is gone, so is the cursor: no error."""
    try:
        if server is not None:
            with timeouts.renewed():
                await executor.run(Execution(KillCursors(target, [cursor_id]), session, server, pin))
    except PyMongoError:
        pass
    finally:
        if session is not None and session.implicit:
            session.end()
        if pin is not None:
            pin.release()
