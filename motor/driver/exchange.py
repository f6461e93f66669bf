"""One command and its reply: completed, encoded, sent, awaited, decoded and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import bson
from bson.errors import BSONError
from pymongo.client_options import ClientOptions
from pymongo.errors import ConfigurationError, DocumentTooLarge, NotPrimaryError, ProtocolError
from pymongo.read_preferences import ReadPreference

from motor._pymongo import (
    COMMAND_OVERHEAD,
    NEVER_COMPRESSED,
    ReadPreferenceMode,
    add_server_api,
    array_to_documents,
    check_command_response,
    decode_all_selective,
    encode_document,
    format_timeout_details,
    timeout_details,
)
from motor.driver import timeouts
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.error_replies import LARGEST_ERROR, cut
from motor.driver.cmap.errors import SENSELESS, UNREADABLE
from motor.driver.events.command import CommandPublisher, PublishedCommand
from motor.driver.execution import Execution
from motor.driver.operations.operation import CURSOR_FIELDS, STATEMENTS_FIELD, Command, Operation
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology
from motor.driver.sessions.cluster_clock import LARGEST_CLUSTER_TIME, bounded
from motor.driver.threads import WORK
from motor.driver.wire import op_msg
from motor.driver.wire.batch import LARGE_REPLY, SMALL_REPLY, EncodedBatch, split_batch
from motor.driver.wire.compression import Compressor, compress
from motor.driver.wire.garbage import CollectorPaused
from motor.driver.wire.header import next_request_id

Result = TypeVar("Result")

_MESSAGE_PREFIX = 21
"""Bytes of an OP_MSG before its command document."""

_NAMING_TIMEOUTS = ("find", "getMore")
"""The commands whose time limit error says which timeouts are configured."""

_LARGE_MESSAGE = 128 * 1024
"""Messages up to this size, in bytes, are compressed on the event loop: it takes some milliseconds."""

_ARRAY_OVERHEAD = 5
"""How much longer a command is with its one statement in an array than with it in a document sequence."""


class Exchange:
    """Exchanges messages with the servers of one topology, with one client's options."""

    def __init__(
        self,
        topology: Topology,
        options: ClientOptions,
        on_orphan: Callable[[Operation[Any], Server, int], None],
    ) -> None:
        """`on_orphan` is told of the cursor that a command opens after its caller has gone."""
        self.events = CommandPublisher(options.event_listeners, topology.settings.topology_id)
        self._topology = topology
        self._options = options
        self._on_orphan = on_orphan
        self._server_api = options.pool_options.server_api
        self._socket_timeout = options.pool_options.socket_timeout
        self._loop = asyncio.get_running_loop()

    async def run(self, execution: Execution[Result], server: Server, connection: Connection) -> Result:
        """Send the operation's command over `connection` to `server`, and return what its reply reads as.

        Raises the exceptions of :mod:`pymongo.errors`.
        """
        operation = execution.operation
        acknowledged = operation.acknowledged
        left = timeouts.remaining() if timeouts.configured() else None
        command = operation.command(connection)
        if left is not None:
            self._limit(operation, command, left, server, connection)
        self._complete(command, execution, connection)
        request_id = next_request_id()
        message = self._encode(command, operation, connection, request_id, acknowledged)
        if connection.compressor is not None and operation.name.lower() not in NEVER_COMPRESSED:
            message = await _compressed(message, connection.compressor)
        published: PublishedCommand | None = None
        if self.events.watched:
            shown = operation.described(command)
            published = self.events.start(
                operation.name, operation.database, shown, request_id, operation.operation_id or request_id, connection
            )
        try:
            if not acknowledged:
                if not server.description.is_writable:
                    raise NotPrimaryError("not primary", {"ok": 0, "errmsg": "not primary", "code": 10107})
                await connection.send_unacknowledged(message, self._socket_timeout if left is None else left)
                reply: Any = {"ok": 1}
            else:
                if operation.exhaust:
                    future = _send_exhaust(connection, message, request_id)
                else:
                    future = connection.send(message, request_id)
                # What is sent need not wait for the reply.
                del command, message
                try:
                    if left is not None:
                        received = await _before_deadline(future, connection)
                    elif self._socket_timeout is not None:
                        received = await self._within(future, connection)
                    else:
                        received = await future
                except BaseException:
                    self._abandon(operation, server, connection, future)
                    raise
                try:
                    reply = self._decode(operation, received.document)
                except ProtocolError as error:
                    raise connection.refusal(error) from None
                try:
                    self._check(execution, reply, len(received.document), connection)
                except UNREADABLE as error:
                    connection.doubt(error)
                    raise
        except BaseException as error:
            if published is not None:
                published.failed(error)
            raise
        if published is not None:
            published.succeeded(reply)
        try:
            return operation.result(reply)
        except UNREADABLE as error:
            connection.doubt(error)
            raise

    def send_last(self, operation: Operation[Any], connection: Connection) -> None:
        """Send a command whose reply nobody waits for, before `connection` is closed."""
        command = operation.command(connection)
        self._complete(command, Execution(operation), connection)
        request_id = next_request_id()
        message = self._encode(command, operation, connection, request_id, acknowledged=False)
        if self.events.watched:
            published = self.events.start(
                operation.name, operation.database, command, request_id, request_id, connection
            )
            connection.send_last(message)
            published.succeeded({"ok": 1})
        else:
            connection.send_last(message)

    def _limit(
        self, operation: Operation[Any], command: Command, left: float, server: Server, connection: Connection
    ) -> None:
        """Tell the server how much time it has: what is left but for the way there and back.

        Raises ExecutionTimeout if that is nothing: then nothing is sent, whatever the operation.
        """
        round_trip = server.description.min_round_trip_time
        if left <= round_trip:
            raise timeouts.exceeded(
                f"operation would exceed time limit, remaining timeout:{left:.5f} <= network round trip "
                f"time:{round_trip:.5f} {format_timeout_details(timeout_details(self._options.pool_options))}",
                connection.max_wire_version,
            )
        if operation.has_time_limit:
            # 0 would be no limit.
            command["maxTimeMS"] = max(int((left - round_trip) * 1000), 1)

    def _complete(self, command: Command, execution: Execution[Any], connection: Connection) -> None:
        """Add what every command carries: session, cluster time, read preference, API version, database."""
        operation = execution.operation
        session = execution.session
        cluster_time = self._topology.clock.latest
        preference = operation.read_preference
        if connection.supports_sessions and operation.has_session:
            assert execution.server_session is not None
            command["lsid"] = execution.server_session.lsid
            if execution.transaction_number is not None:
                command["txnNumber"] = execution.transaction_number
            if session is not None and not session.implicit:
                cluster_time = session.later_cluster_time(cluster_time)
                session.add_to(
                    command,
                    execution.server_session,
                    operation.is_causal,
                    operation.continues,
                    connection.max_wire_version,
                )
        elif session is not None and not session.implicit:
            raise ConfigurationError("Sessions are not supported by this MongoDB deployment")
        if cluster_time is not None:
            command["$clusterTime"] = cluster_time
        if self._server_api is not None:
            add_server_api(command, self._server_api)
        if preference is not None:
            if self._topology.single and not execution.in_transaction:
                preference = _direct_preference(preference, connection)
            if preference.mode:
                command.setdefault("$readPreference", preference.document)
        command["$db"] = operation.database

    def _encode(
        self,
        command: Command,
        operation: Operation[Any],
        connection: Connection,
        request_id: int,
        acknowledged: bool,
    ) -> bytes:
        flags = 0 if acknowledged else op_msg.MORE_TO_COME
        if operation.exhaust:
            flags = op_msg.EXHAUST_ALLOWED
        try:
            document = encode_document(command, False, operation.codec_options)
        except Exception:
            # For an error that speaks of the application's document, and not of the command around it.
            field = STATEMENTS_FIELD.get(operation.name, "")
            for statement in operation.described(command).get(field, ()):
                encode_document(statement, False, operation.codec_options)
            raise
        if operation.is_batch:
            room = connection.max_message_size - _MESSAGE_PREFIX - len(document)
            return op_msg.encode(request_id, document, flags, operation.sequences(connection, room))
        _check_size(operation.name, len(document), connection, acknowledged)
        return op_msg.encode(request_id, document, flags)

    async def _within(self, future: asyncio.Future[op_msg.Message], connection: Connection) -> op_msg.Message:
        """Await a reply no longer than socketTimeoutMS."""
        assert self._socket_timeout is not None
        timer = self._loop.call_later(self._socket_timeout, connection.time_out)
        try:
            return await future
        finally:
            timer.cancel()

    def _abandon(
        self,
        operation: Operation[Any],
        server: Server,
        connection: Connection,
        future: asyncio.Future[op_msg.Message],
    ) -> None:
        """Nobody waits any more for a reply, which may open a cursor: nobody will read that, or close it."""
        if operation.reply_fields is not CURSOR_FIELDS or operation.continues:
            return
        if future.cancelled() or future.exception() is not None:
            connection.abandon(lambda reply: self._orphaned(operation, server, reply))
        else:
            self._orphaned(operation, server, future.result())

    def _orphaned(self, operation: Operation[Any], server: Server, reply: op_msg.Message) -> None:
        cursor_id = 0
        # What nobody waits for may as well make no sense.
        with suppress(BSONError, ProtocolError, *SENSELESS):
            split = split_batch(memoryview(reply.document))
            cursor_id = bson.decode(split[0])["cursor"]["id"] if split is not None else 0
        if cursor_id:
            self._on_orphan(operation, server, cursor_id)

    def _decode(self, operation: Operation[Any], document: bytes | memoryview) -> Any:
        if operation.raw:
            return _decode_raw(document)
        fields = operation.reply_fields
        if fields is CURSOR_FIELDS and len(document) > LARGE_REPLY:
            reply = _undecoded(document)
            if reply is not None:
                return reply
        try:
            if fields is None or (len(document) <= SMALL_REPLY and operation.target.decodes_plainly):
                return bson.decode(document, operation.reply_codec)
            if len(document) <= SMALL_REPLY:
                return decode_all_selective(document, operation.reply_codec, fields)[0]
            with CollectorPaused():
                return decode_all_selective(document, operation.reply_codec, fields)[0]
        except Exception:
            # It may be one document of the batch: the cursor sees which, and has the others.
            reply = _undecoded(document) if fields is CURSOR_FIELDS else None
            if reply is None:
                raise
            return reply

    def _check(self, execution: Execution[Any], reply: Any, size: int, connection: Connection) -> None:
        operation = execution.operation
        cluster_time = reply.get("$clusterTime")
        if size > LARGEST_CLUSTER_TIME:
            cluster_time = bounded(cluster_time)
        self._topology.clock.advance(cluster_time)
        session = execution.session
        if session is not None and not session.implicit:
            session.advance(reply, cluster_time)
        raises_write_concern_error = operation.raises_write_concern_error and "writeConcernError" in reply
        if (reply.get("ok") != 1 or raises_write_concern_error) and operation.checked:
            check_command_response(
                reply if reply.get("ok") else cut(reply, size, LARGEST_ERROR),
                connection.max_wire_version,
                operation.allowable_errors,
                parse_write_concern_error=raises_write_concern_error,
                pool_opts=self._options.pool_options if operation.name in _NAMING_TIMEOUTS else None,
            )


def _send_exhaust(connection: Connection, message: bytes, request_id: int) -> asyncio.Future[op_msg.Message]:
    """The next reply of a stream; the one to `message`, if there is no stream yet."""
    return connection.next_reply() if connection.streaming else connection.send_exhaust(message, request_id)


async def _compressed(message: bytes, compressor: Compressor) -> bytes:
    if len(message) <= _LARGE_MESSAGE:
        return compress(message, compressor)
    return await WORK.finish("compressing a large command", compress, message, compressor)


async def _before_deadline(future: asyncio.Future[op_msg.Message], connection: Connection) -> op_msg.Message:
    """Await a reply until the operation's deadline. After it the connection still reads what comes."""
    connection.alarm.set(future, timeouts.remaining() or 0)
    try:
        return await future
    finally:
        connection.alarm.turn_off()


def _undecoded(document: bytes | memoryview) -> Any:
    """A cursor's reply whose batch is left to the cursor to decode; ``None`` if it has no batch."""
    return _around_batch(document, lambda batch: batch)


def _decode_raw(document: bytes | memoryview) -> Any:
    """The reply, its batch as one piece of BSON: an empty one is no piece."""
    reply = _around_batch(document, lambda batch: [array_to_documents(batch.array)] if batch else [])
    return bson.decode(document) if reply is None else reply


def _around_batch(document: bytes | memoryview, in_its_place: Callable[[EncodedBatch], Any]) -> Any:
    """A cursor's reply with something in place of its batch, of which that is made; ``None`` if it has no batch."""
    split = split_batch(memoryview(document))
    if split is None:
        return None
    rest, batch = split
    reply = bson.decode(rest)
    cursor = reply["cursor"]
    cursor["firstBatch" if "firstBatch" in cursor else "nextBatch"] = in_its_place(batch)
    return reply


def _direct_preference(preference: ReadPreferenceMode, connection: Connection) -> ReadPreferenceMode:
    """A direct connection reads from the server it has, whatever that is."""
    if connection.is_replica_set_member:
        return ReadPreference.PRIMARY_PREFERRED
    if connection.is_standalone:
        return ReadPreference.PRIMARY
    return preference


def _check_size(name: str, size: int, connection: Connection, acknowledged: bool) -> None:
    """Raises DocumentTooLarge for a command that the server would refuse, if it answered to it at all."""
    limit = connection.max_bson_size
    if name in STATEMENTS_FIELD:
        size -= _ARRAY_OVERHEAD
    if acknowledged and name != "find":
        limit += COMMAND_OVERHEAD
    if size <= limit:
        return
    if name in ("insert", "find"):
        raise DocumentTooLarge(
            f"BSON document too large ({size} bytes) - the connected server supports BSON document sizes "
            f"up to {limit} bytes."
        )
    raise DocumentTooLarge(f"{name} command document too large")
