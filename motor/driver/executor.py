"""The executor: one operation, start to end, and the only place where any operation is run.

Select a server, check out a connection, build and send the command, read and check the reply, give the connection back.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Coroutine
from typing import Any, TypeVar

import bson
from pymongo.client_options import ClientOptions
from pymongo.errors import ConnectionFailure, DocumentTooLarge, NotPrimaryError, PyMongoError
from pymongo.read_preferences import ReadPreference

from motor._pymongo import (
    COMMAND_OVERHEAD,
    ReadPreferenceMode,
    add_server_api,
    check_command_response,
    decode_all_selective,
    encode_document,
)
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pin import CursorPin
from motor.driver.events.command import CommandMonitor, MonitoredCommand
from motor.driver.operations.kill_cursors import KillCursors
from motor.driver.operations.operation import CURSOR_FIELDS, STATEMENTS_FIELD, Command, Operation, Target
from motor.driver.operations.write_batch import WriteBatch
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology
from motor.driver.sessions.server_session import ServerSession
from motor.driver.wire import op_msg
from motor.driver.wire.batch import LARGE_REPLY, SMALL_REPLY, split_batch
from motor.driver.wire.garbage import CollectorPaused
from motor.driver.wire.header import next_request_id

Result = TypeVar("Result")

_MESSAGE_PREFIX = 21
"""Bytes of an OP_MSG before its command document."""

_NAMING_TIMEOUTS = ("find", "getMore")
"""The commands whose time limit error says which timeouts are configured."""

_ARRAY_OVERHEAD = 5
"""How much longer a command is with its one statement in an array than with it in a document sequence."""


class Executor:
    """Runs operations on one topology, with one client's options."""

    def __init__(self, topology: Topology, options: ClientOptions) -> None:
        self.topology = topology
        self.load_balanced = bool(options.load_balanced)
        self._options = options
        self._server_api = options.pool_options.server_api
        self._socket_timeout = options.pool_options.socket_timeout
        self._monitor = CommandMonitor(options.event_listeners, topology.settings.topology_id)
        self._loop = asyncio.get_running_loop()
        self._background: set[asyncio.Task[None]] = set()

    def execute(
        self,
        operation: Operation[Result],
        session: ServerSession | None = None,
        server: Server | None = None,
        pin: CursorPin | None = None,
    ) -> Coroutine[Any, Any, Result]:
        """Run `operation`, which has been prepared, and return its result, once awaited.

        `session` is for an operation that shares its session with others, as those of one cursor do; `server` for one
        that only that server can do, and `pin` for one that shares its connection, too. Raises the exceptions of
        :mod:`pymongo.errors`.
        """
        # A function that gives a coroutine, and not one itself: each level of them costs every operation.
        server = server or self.topology.select_now(operation.selector)
        if server is None:
            return self._select_and_attempt(operation, session, pin)
        return self._attempt(operation, server, session, pin)

    async def _select_and_attempt(
        self, operation: Operation[Result], session: ServerSession | None, pin: CursorPin | None
    ) -> Result:
        server = await self.topology.select(operation.selector, operation.name, operation.operation_id)
        return await self._attempt(operation, server, session, pin)

    def run_soon(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` in the background, from any thread; drop it if the loop has ended."""
        if self._loop.is_closed():
            coroutine.close()
        else:
            self._loop.call_soon_threadsafe(self._spawn, coroutine)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _attempt(
        self,
        operation: Operation[Result],
        server: Server,
        shared_session: ServerSession | None,
        pin: CursorPin | None,
    ) -> Result:
        connection: Connection | None = None
        session: ServerSession | None = None
        pool = server.pool
        server.operation_count += 1
        try:
            if pin is not None:
                connection = await self._pinned(pin, server)
            else:
                connection = pool.take() or await pool.check_out()
            session = shared_session or self.topology.sessions.acquire()
            return await self._round_trip(operation, server, connection, session)
        except PyMongoError as error:
            if session is not None and isinstance(error, ConnectionFailure):
                session.dirty = True
            if connection is not None:
                self.topology.handle_error(server, error, connection.generation, service_id=connection.service_id)
            raise
        except asyncio.CancelledError:
            if session is not None:
                session.dirty = True
            raise
        finally:
            server.operation_count -= 1
            if connection is not None and pin is None:
                pool.check_in(connection)
            if session is not None and shared_session is None:
                self.topology.sessions.release(session)

    async def _pinned(self, pin: CursorPin, server: Server) -> Connection:
        if pin.connection is None:
            pin.hold(server.pool, server.pool.take() or await server.pool.check_out())
        assert pin.connection is not None
        return pin.connection

    def _abandon(
        self,
        operation: Operation[Any],
        server: Server,
        connection: Connection,
        future: asyncio.Future[op_msg.Message],
    ) -> None:
        """Nobody waits any more for a reply, which may open a cursor: nobody will read that, or close it."""
        if operation.reply_fields is not CURSOR_FIELDS:
            return
        kill = functools.partial(self._kill_orphan, operation.target, server)
        if future.cancelled():
            connection.abandon(kill)
        elif future.done() and future.exception() is None:
            kill(future.result())

    def _kill_orphan(self, target: Target, server: Server, reply: op_msg.Message) -> None:
        split = split_batch(memoryview(reply.document))
        cursor_id = bson.decode(split[0])["cursor"]["id"] if split is not None else 0
        if cursor_id:
            self.run_soon(kill_cursor(self, server, target, cursor_id, None))

    async def _round_trip(
        self, operation: Operation[Result], server: Server, connection: Connection, session: ServerSession
    ) -> Result:
        command = operation.command(connection)
        self._complete(command, operation, connection, session)
        request_id = next_request_id()
        message = self._encode(command, operation, connection, request_id)
        monitored: MonitoredCommand | None = None
        if self._monitor.watched:
            shown = operation.described(command)
            monitored = self._monitor.start(
                operation.name, operation.database, shown, request_id, operation.operation_id or request_id, connection
            )
        try:
            if not operation.acknowledged:
                await self._send_unacknowledged(connection, message)
                reply: Any = {"ok": 1}
            else:
                future = connection.send(message, request_id)
                try:
                    received = await (future if self._socket_timeout is None else self._within(future, connection))
                except asyncio.CancelledError:
                    self._abandon(operation, server, connection, future)
                    raise
                reply = self._decode(operation, received.document)
                self._check(operation, reply, connection)
        except BaseException as error:
            if monitored is not None:
                monitored.failed(error)
            raise
        if monitored is not None:
            monitored.succeeded(reply)
        return operation.result(reply)

    def _complete(
        self, command: Command, operation: Operation[Any], connection: Connection, session: ServerSession
    ) -> None:
        """Add what every command carries: session, cluster time, read preference, API version, database."""
        if connection.supports_sessions and operation.has_session:
            command["lsid"] = session.lsid
        cluster_time = self.topology.clock.latest
        if cluster_time is not None:
            command["$clusterTime"] = cluster_time
        if self._server_api is not None:
            add_server_api(command, self._server_api)
        preference = operation.read_preference
        if preference is not None:
            if self.topology.single:
                preference = _direct_preference(preference, connection)
            if preference.mode:
                command.setdefault("$readPreference", preference.document)
        command["$db"] = operation.database

    def _encode(self, command: Command, operation: Operation[Any], connection: Connection, request_id: int) -> bytes:
        flags = 0 if operation.acknowledged else op_msg.MORE_TO_COME
        try:
            document = encode_document(command, False, operation.codec_options)
        except Exception:
            # For an error that speaks of the application's document, and not of the command around it.
            field = STATEMENTS_FIELD.get(operation.name, "")
            for statement in operation.described(command).get(field, ()):
                encode_document(statement, False, operation.codec_options)
            raise
        if isinstance(operation, WriteBatch):
            room = connection.max_message_size - _MESSAGE_PREFIX - len(document)
            return op_msg.encode(request_id, document, flags, operation.sequence(connection, room))
        _check_size(operation, len(document), connection)
        return op_msg.encode(request_id, document, flags)

    async def _send_unacknowledged(self, connection: Connection, message: bytes) -> None:
        if not connection.is_writable:
            raise NotPrimaryError("not primary", {"ok": 0, "errmsg": "not primary", "code": 10107})
        await connection.send_unacknowledged(message)

    async def _within(self, future: asyncio.Future[op_msg.Message], connection: Connection) -> op_msg.Message:
        """Await a reply no longer than socketTimeoutMS."""
        assert self._socket_timeout is not None
        timer = self._loop.call_later(self._socket_timeout, connection.time_out)
        try:
            return await future
        finally:
            timer.cancel()

    def _decode(self, operation: Operation[Any], document: bytes | memoryview) -> Any:
        fields = operation.reply_fields
        if fields is None or (len(document) <= SMALL_REPLY and operation.target.decodes_plainly):
            return bson.decode(document, operation.reply_codec)
        if len(document) <= SMALL_REPLY:
            return decode_all_selective(document, operation.reply_codec, fields)[0]
        if fields is CURSOR_FIELDS and len(document) > LARGE_REPLY:
            split = split_batch(memoryview(document))
            if split is not None:
                rest, batch = split
                reply = bson.decode(rest)
                cursor = reply["cursor"]
                cursor["firstBatch" if "firstBatch" in cursor else "nextBatch"] = batch
                return reply
        with CollectorPaused():
            return decode_all_selective(document, operation.reply_codec, fields)[0]

    def _check(self, operation: Operation[Any], reply: Any, connection: Connection) -> None:
        self.topology.clock.advance(reply.get("$clusterTime"))
        raises_write_concern_error = operation.raises_write_concern_error and "writeConcernError" in reply
        if (reply.get("ok") != 1 or raises_write_concern_error) and operation.checked:
            check_command_response(
                reply,
                connection.max_wire_version,
                operation.allowable_errors,
                parse_write_concern_error=raises_write_concern_error,
                pool_opts=self._options.pool_options if operation.name in _NAMING_TIMEOUTS else None,
            )


def _direct_preference(preference: ReadPreferenceMode, connection: Connection) -> ReadPreferenceMode:
    """A direct connection reads from the server it has, whatever that is."""
    if connection.is_replica_set_member:
        return ReadPreference.PRIMARY_PREFERRED
    if connection.is_standalone:
        return ReadPreference.PRIMARY
    return preference


def _check_size(operation: Operation[Any], size: int, connection: Connection) -> None:
    """Raises DocumentTooLarge for a command that the server would refuse, if it answered to it at all."""
    name = operation.name
    limit = connection.max_bson_size
    if name in STATEMENTS_FIELD:
        size -= _ARRAY_OVERHEAD
    if operation.acknowledged and name != "find":
        limit += COMMAND_OVERHEAD
    if size <= limit:
        return
    if name in ("insert", "find"):
        raise DocumentTooLarge(
            f"BSON document too large ({size} bytes) - the connected server supports BSON document sizes "
            f"up to {limit} bytes."
        )
    raise DocumentTooLarge(f"{name} command document too large")


async def kill_cursor(
    executor: Executor,
    server: Server | None,
    target: Target,
    cursor_id: int,
    session: ServerSession | None,
    pin: CursorPin | None = None,
) -> None:
    """Kill a cursor, and give its session and connection back. If the server is gone, so is the cursor: no error."""
    try:
        if server is not None:
            await executor.execute(KillCursors(target, [cursor_id]), session, server, pin)
    except PyMongoError:
        pass
    finally:
        if session is not None:
            executor.topology.sessions.release(session)
        if pin is not None:
            pin.release()
