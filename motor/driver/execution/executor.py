"""The executor: one operation, start to end, and the only place where any operation is run.

Select a server, check out a connection, exchange the command for its reply, give the connection back; after an error
that allows it, once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

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

from motor._pymongo import Address, add_error_label
from motor.driver import timeouts
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import format_address
from motor.driver.cmap.pin import Pin
from motor.driver.codes import REAUTHENTICATION_REQUIRED, RETRYABLE_WRITE, TRANSIENT_TRANSACTION
from motor.driver.execution.exchange import Encrypter, Exchange
from motor.driver.execution.execution import Execution, Retry
from motor.driver.execution.retries import RetryPolicy
from motor.driver.operations.end_sessions import EndSessions
from motor.driver.operations.kill_cursors import KillCursors
from motor.driver.operations.operation import Operation, Result, Target
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology
from motor.driver.sessions.session import Session

_MAX_ENDED_SESSIONS = 10_000
"""How many sessions a server ends with one command."""


class _Unread(Exception):
    """The connection has something that nobody has asked for: nothing was sent."""


class Executor:
    """Runs operations on one topology, with one client's options, and encrypted if there is an `encrypter`."""

    def __init__(self, topology: Topology, options: ClientOptions, encrypter: Encrypter | None = None) -> None:
        self.topology = topology
        self.owner = topology.owner
        self.loop = topology.owner.loop
        self._load_balanced = bool(options.load_balanced)
        self._retries = RetryPolicy(options)
        self._retries_writes = self._retries.retries_writes
        self._retries_reads = bool(options.retry_reads)
        self._exchange = Exchange(topology, options, encrypter, self._kill_orphan)

    async def run(self, execution: Execution[Result]) -> Result:
        """Attempt an operation until it succeeds, or its error allows no other attempt.

        Raises the exceptions of :mod:`pymongo.errors`.
        """
        try:
            while True:
                try:
                    return await self._attempt(execution)
                except _Unread:
                    await self._look_around()
                    continue
                except PyMongoError as error:
                    failure = error
                await self._retries.after(execution, failure, self.topology.sharded)
        finally:
            if execution.session is None and execution.server_session is not None:
                self.topology.sessions.release(execution.server_session)

    async def _attempt(self, execution: Execution[Result]) -> Result:
        """Once: on one server, over one connection."""
        operation, session = execution.operation, execution.session
        pin = None if execution.pin is None and session is None else self._pin(execution)
        server: Server | None = None
        connection: Connection | None = None
        try:
            if session is None and execution.address is None and execution.retry is None:
                server = self.topology.select_now(operation.selector)
            else:
                server = self._known_server(execution)
            server = execution.server = server or await self._select(execution)
            server.operation_count += 1
            if operation.has_sequences:
                await operation.encode_ahead(server.facts)
            if pin is None:
                connection = server.pool.take() or await server.pool.check_out()
            else:
                connection = await self._pinned(pin, server)
            if session is not None:
                execution.server_session = session.materialize(self.topology.sessions)
                session.transaction.begun_on(server.description)
            elif execution.server_session is None:
                execution.server_session = self.topology.sessions.acquire()
            if self._retries_writes and not operation.is_read and operation.retryable:
                self._number(execution, server, connection)
                repeats = execution.numbered
            else:
                repeats = operation.always_retryable and self._retries_reads
            if not repeats and pin is None and connection.has_unread():
                raise _Unread
            if execution.retry is not None:
                self._tell_of(execution.retry, operation)
            try:
                result = await self._exchange.run(execution, server, connection)
            except OperationFailure as error:
                if not await self._reauthenticated(execution, connection, error):
                    raise
                result = await self._exchange.run(execution, server, connection)
            if session is not None:
                session.transaction.command_ended()
            return result
        except PyMongoError as error:
            self._failed(execution, server, connection, error)
            raise
        except asyncio.CancelledError:
            if execution.server_session is not None:
                execution.server_session.dirty = True
            if connection is not None and not connection.at_rest:
                if pin is not None:
                    connection.close()
                elif session is not None:
                    session.transaction.command_abandoned(connection.settled())
            raise
        finally:
            if server is not None:
                server.operation_count -= 1
                if connection is not None and pin is None:
                    server.pool.check_in(connection)

    def close(self) -> None:
        """End the sessions, without waiting for it, and close every connection."""
        sessions = self.topology.sessions.drain()
        for start in range(0, len(sessions), _MAX_ENDED_SESSIONS):
            self._end_sessions(sessions[start : start + _MAX_ENDED_SESSIONS])
        self.topology.close()

    def _end_sessions(self, ids: Sequence[Mapping[str, Any]]) -> None:
        """A courtesy: without a connection at hand the server lets them expire."""
        server = self.topology.select_now(ReadPreference.PRIMARY_PREFERRED, quietly=True)
        connection = server.pool.check_out_idle() if server is not None else None
        if server is not None and connection is not None:
            # The server is not owed it: one whose limits are too small for it goes without.
            # And the transports of some loops send nothing once the loop was closed.
            with suppress(PyMongoError, DocumentTooLarge, RuntimeError):
                if connection.facts.supports_sessions:
                    self._exchange.send_last(EndSessions(Target("admin"), ids), connection)
            server.pool.check_in(connection)

    def run_soon(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` in the background, from any thread; drop it if the topology has ended."""
        self.owner.start_soon(coroutine)

    def _known_server(self, execution: Execution[Any]) -> Server | None:
        """The server for the operation if it can be told without waiting."""
        address = self._address(execution)
        if address is None:
            return self.topology.select_now(execution.operation.selector) if execution.retry is None else None
        server = self.topology.server_at(address)
        return server if server is not None and server.description.is_server_type_known else None

    async def _select(self, execution: Execution[Any]) -> Server:
        """A server for the operation: the one that its cursor or its transaction is on, or a suitable one."""
        operation, session, retry = execution.operation, execution.session, execution.retry
        try:
            address = self._address(execution)
            if address is None:
                avoided = retry.deprioritized if retry is not None else ()
                return await self.topology.select(operation.selector, operation.name, operation.operation_id, avoided)
            server = await self.topology.select_address(address, operation.name)
            if server is None:
                raise AutoReconnect(f"server {format_address(address)} no longer available")
            return server
        except PyMongoError as error:
            if session is not None and session.in_transaction:
                add_error_label(error, TRANSIENT_TRANSACTION)
                session.transaction.unpin()
            raise

    def _address(self, execution: Execution[Any]) -> Address | None:
        if execution.address is None and execution.session is not None:
            return execution.session.transaction.pinned_address
        return execution.address

    async def _look_around(self) -> None:
        """Let the loop see what has happened to all connections, the monitors' as well.

        What may be sent only once is not sent to a server that has gone while the loop did not run.
        """
        await asyncio.sleep(max(timeouts.at_most(timeouts.LATE_TIMER_GRACE) or 0, 0))

    def _pin(self, execution: Execution[Any]) -> Pin | None:
        if self._load_balanced and execution.session is not None and execution.session.in_transaction:
            return execution.session.transaction.pin
        return execution.pin

    async def _pinned(self, pin: Pin, server: Server) -> Connection:
        if pin.connection is None:
            pin.hold(server.pool, server.pool.take() or await server.pool.check_out())
        assert pin.connection is not None
        return pin.connection

    def _number(self, execution: Execution[Any], server: Server, connection: Connection) -> None:
        """Give what may be written only once a number, by which the server knows it again."""
        if execution.session is not None and execution.session.in_transaction:
            return
        if not (server.facts.supports_retryable_writes and connection.facts.supports_sessions):
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
        if not isinstance(error, OperationFailure) or error.code != REAUTHENTICATION_REQUIRED:
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
                add_error_label(error, TRANSIENT_TRANSACTION)
            if connection is not None and execution.server_session is not None:
                execution.server_session.dirty |= not isinstance(error, NotPrimaryError)
        if execution.session is not None and connection is not None and not connection.at_rest:
            execution.session.transaction.command_abandoned(connection.settled())
        if execution.session is not None and (
            error.has_error_label(TRANSIENT_TRANSACTION) or error.has_error_label(RETRYABLE_WRITE)
        ):
            execution.session.transaction.unpin()
        if server is not None and connection is not None:
            execution.wire_version = connection.facts.max_wire_version
            self.topology.handle_error(server, error, connection.generation, service_id=connection.service_id)

    def _kill_orphan(self, operation: Operation[Any], server: Server, cursor_id: int) -> None:
        self.run_soon(self.kill_cursor(server.description.address, operation.target, cursor_id))

    async def kill_cursor(
        self,
        address: Address,
        target: Target,
        cursor_id: int,
        session: Session | None = None,
        pin: Pin | None = None,
    ) -> None:
        """Kill a cursor on the server at `address`. If the server is gone, so is the cursor: no error."""
        if self.topology.server_at(address) is not None:
            with suppress(PyMongoError), timeouts.renewed():
                await self.run(Execution(KillCursors(target, [cursor_id]), session, address, pin))
