"""One command and its reply: built, encrypted, completed, encoded, sent, awaited, decoded, checked, decrypted, read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.client_options import ClientOptions
from pymongo.errors import ConfigurationError, DocumentTooLarge, InvalidOperation, NotPrimaryError, ProtocolError
from pymongo.read_preferences import ReadPreference

from motor._pymongo import (
    COMMAND_OVERHEAD,
    NEVER_COMPRESSED,
    ReadPreferenceMode,
    add_server_api,
    check_command_response,
    encode_document,
    format_timeout_details,
    timeout_details,
)
from motor.driver import timeouts
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.error_replies import LARGEST_ERROR, cut
from motor.driver.cmap.errors import MALFORMED, REPLY_ERRORS
from motor.driver.codes import NOT_WRITABLE_PRIMARY
from motor.driver.events.command import CommandPublisher, PublishedCommand
from motor.driver.execution.execution import Execution
from motor.driver.operations.decoding import decode
from motor.driver.operations.operation import STATEMENTS_FIELD, Command, Operation, Result, document_too_large
from motor.driver.operations.reply import Reply
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology
from motor.driver.server_facts import ServerFacts
from motor.driver.sessions.cluster_clock import LARGEST_CLUSTER_TIME, bounded
from motor.driver.threads import WORK
from motor.driver.wire import op_msg
from motor.driver.wire.batch import EncodedBatch, split_batch
from motor.driver.wire.compression import Compressor, compress
from motor.driver.wire.header import next_request_id

_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)

_MESSAGE_PREFIX = 21
"""Bytes of an OP_MSG before its command document."""

_NAMING_TIMEOUTS = ("find", "getMore")
"""The commands whose time limit error says which timeouts are configured."""

_LARGE_MESSAGE = 128 * 1024
"""Messages up to this size, in bytes, are compressed on the event loop: it takes some milliseconds."""

_ARRAY_OVERHEAD = 5
"""How much longer a command is with its one statement in an array than with it in a document sequence."""


class Encrypter(Protocol):
    """What encrypts and decrypts."""

    @property
    def encrypts(self) -> bool:
        """Whether commands are encrypted, too, and not only replies decrypted."""
        ...

    async def encrypt(self, database: str, command: bytes) -> bytes:
        """`command`, encrypted where it has to be."""
        ...

    async def decrypt(self, reply: bytes) -> bytes:
        """`reply`, decrypted where it is encrypted."""
        ...

    def close(self) -> None:
        """Let go of everything that is there for encryption only."""
        ...


class Exchange:
    """Exchanges messages with the servers of one topology, with one client's options.

    With an `encrypter` commands are encrypted on their way to the server, and replies decrypted on their way back;
    listeners are shown what is sent and what is received.
    """

    def __init__(
        self,
        topology: Topology,
        options: ClientOptions,
        encrypter: Encrypter | None,
        on_orphan: Callable[[Operation[Any], Server, int], None],
    ) -> None:
        """`on_orphan` is told of the cursor that a command opens after its caller has gone."""
        self.events = CommandPublisher(options.event_listeners, topology.settings.topology_id)
        self._topology = topology
        self._options = options
        self._encrypter = encrypter
        self._on_orphan = on_orphan
        self._server_api = options.pool_options.server_api
        self._socket_timeout = options.pool_options.socket_timeout
        self._loop = asyncio.get_running_loop()

    async def run(self, execution: Execution[Result], server: Server, connection: Connection) -> Result:
        """Send the operation's command over `connection` to `server`, and return what its reply reads as.

        Raises the exceptions of :mod:`pymongo.errors`.
        """
        operation = execution.operation
        left = timeouts.remaining() if timeouts.configured() else None
        command = operation.command(connection.facts)
        encrypted = None if self._encrypter is None else await self._encrypted(operation, command, connection.facts)
        if encrypted is not None:
            command = encrypted
        if left is not None:
            self._limit(operation, command, left, server, connection)
        self._complete(command, execution, connection)
        request_id = next_request_id()
        acknowledged = operation.acknowledged
        flags = 0 if acknowledged else op_msg.MORE_TO_COME
        message = self._encode(command, operation, connection.facts, request_id, flags, encrypted is not None)
        if connection.compressor is not None and operation.name.lower() not in NEVER_COMPRESSED:
            message = await _compressed(message, connection.compressor)
        published: PublishedCommand | None = None
        if self.events.watched:
            shown = operation.described(command) if encrypted is None else command
            published = self.events.start(
                operation.name, operation.database, shown, request_id, operation.operation_id or request_id, connection
            )
        try:
            if acknowledged:
                if operation.exhaust:
                    future = _send_exhaust(connection, message, request_id)
                else:
                    future = connection.send(message, request_id)
                # What is sent need not wait for the reply.
                del command, encrypted, message
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
                    reply = decode(operation, received.document)
                except ProtocolError as error:
                    raise connection.refusal(error) from None
                try:
                    self._check(execution, reply.document, len(received.document), connection)
                except REPLY_ERRORS as error:
                    connection.refuse_malformed(error)
                    raise
            else:
                if not server.description.is_writable:
                    raise NotPrimaryError(
                        "not primary", {"ok": 0, "errmsg": "not primary", "code": NOT_WRITABLE_PRIMARY}
                    )
                await connection.send_unacknowledged(message, self._socket_timeout if left is None else left)
                reply, received = Reply({"ok": 1}), None
        except BaseException as error:
            if published is not None:
                published.failed(error)
            raise
        if received is not None and (published is not None or self._encrypter is not None):
            try:
                if published is not None:
                    await _tell(published, operation, reply)
                if self._encrypter is not None:
                    reply = await self._decrypted(operation, received.document, reply)
            except BaseException:
                if operation.opens_cursor:
                    self._orphaned(operation, server, received)
                raise
        elif published is not None:
            published.succeeded(reply.document)
        try:
            return operation.result(reply)
        except REPLY_ERRORS as error:
            connection.refuse_malformed(error)
            raise

    def send_last(self, operation: Operation[Any], connection: Connection) -> None:
        """Send a command whose reply nobody waits for, before `connection` is closed."""
        command = operation.command(connection.facts)
        self._complete(command, Execution(operation), connection)
        request_id = next_request_id()
        document = encode_document(command, False, operation.target.codec_options)
        message = op_msg.encode(request_id, document, op_msg.MORE_TO_COME)
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
                connection.facts.max_wire_version,
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
        if connection.facts.supports_sessions and operation.has_session:
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
                    connection.facts.max_wire_version,
                )
        elif session is not None and not session.implicit:
            raise ConfigurationError("Sessions are not supported by this MongoDB deployment")
        if cluster_time is not None:
            command["$clusterTime"] = cluster_time
        if self._server_api is not None:
            add_server_api(command, self._server_api)
        if preference is not None:
            if self._topology.single and not execution.in_transaction:
                preference = _direct_preference(preference, connection.facts)
            if preference.mode:
                command.setdefault("$readPreference", preference.document)
        command["$db"] = operation.database

    async def _encrypted(self, operation: Operation[Any], command: Command, facts: ServerFacts) -> Command | None:
        """The command with its statements, where they can be seen, encrypted; ``None`` if commands are not."""
        assert self._encrypter is not None
        if operation.cursor_plan().exhaust:
            raise InvalidOperation("exhaust cursors do not support auto encryption")
        if operation.raw:
            raise InvalidOperation("raw batches do not support auto encryption")
        if not self._encrypter.encrypts:
            return None
        if operation.has_sequences:
            for sequence in operation.sequences_to_encrypt(facts):
                command[sequence.identifier] = bson.decode_all(b"".join(sequence.documents), _RAW)
        document = encode_document(command, False, operation.target.codec_options)
        return dict(RawBSONDocument(await self._encrypter.encrypt(operation.database, document), _RAW))

    async def _decrypted(self, operation: Operation[Any], document: bytes | memoryview, reply: Reply) -> Reply:
        assert self._encrypter is not None
        received = bytes(document)
        decrypted = await self._encrypter.decrypt(received)
        return reply if decrypted == received else decode(operation, decrypted)

    def _encode(
        self,
        command: Command,
        operation: Operation[Any],
        facts: ServerFacts,
        request_id: int,
        flags: int,
        holds_statements: bool,
    ) -> bytes | op_msg.Blocks:
        """The message, in blocks if statements follow the command: not one that `holds_statements` already."""
        if operation.exhaust:
            flags = op_msg.EXHAUST_ALLOWED
        try:
            document = encode_document(command, False, operation.target.codec_options)
        except Exception:
            # For an error that speaks of the application's document, and not of the command around it.
            field = STATEMENTS_FIELD.get(operation.name, "")
            for statement in operation.described(command).get(field, ()):
                encode_document(statement, False, operation.target.codec_options)
            raise
        if operation.has_sequences and not holds_statements:
            room = facts.max_message_size - _MESSAGE_PREFIX - len(document)
            return op_msg.encode_with(operation.sequences(facts, room), request_id, document, flags)
        if len(document) > facts.max_bson_size:
            _check_size(operation, command, len(document), facts)
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
        if not operation.opens_cursor:
            return
        if future.cancelled() or future.exception() is not None:
            connection.abandon(lambda reply: self._orphaned(operation, server, reply))
        else:
            self._orphaned(operation, server, future.result())

    def _orphaned(self, operation: Operation[Any], server: Server, reply: op_msg.Message) -> None:
        cursor_id = 0
        # What nobody waits for may as well make no sense.
        with suppress(BSONError, ProtocolError, *MALFORMED):
            split = split_batch(memoryview(reply.document))
            cursor_id = bson.decode(split[0])["cursor"]["id"] if split is not None else 0
        if cursor_id:
            self._on_orphan(operation, server, cursor_id)

    def _check(self, execution: Execution[Any], reply: dict[str, Any], size: int, connection: Connection) -> None:
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
                connection.facts.max_wire_version,
                operation.allowable_errors,
                parse_write_concern_error=raises_write_concern_error,
                pool_opts=self._options.pool_options if operation.name in _NAMING_TIMEOUTS else None,
            )


def _send_exhaust(
    connection: Connection, message: bytes | op_msg.Blocks, request_id: int
) -> asyncio.Future[op_msg.Message]:
    """The next reply of a stream; the one to `message`, if there is no stream yet."""
    return connection.next_reply() if connection.streaming else connection.send_exhaust(message, request_id)


async def _compressed(blocks: bytes | op_msg.Blocks, compressor: Compressor) -> bytes:
    message = blocks if isinstance(blocks, bytes) else b"".join(blocks)
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


async def _tell(published: PublishedCommand, operation: Operation[Any], reply: Reply) -> None:
    """Show the reply to listeners; if it is given up meanwhile, that."""
    try:
        shown = await _shown(operation, reply)
    except BaseException as error:
        published.failed(error)
        raise
    published.succeeded(shown)


async def _shown(operation: Operation[Any], reply: Reply) -> dict[str, Any]:
    """The reply's document as listeners see it, with its whole batch. A large one is decoded for them, and the cursor
    has it from there; one that cannot be decoded they see as BSON.
    """
    batch = reply.batch
    if isinstance(batch, EncodedBatch):
        documents: list[Any] = []
        whole = EncodedBatch(batch.array)
        try:
            while whole:
                documents += whole.decode_piece(operation.documents_codec)
                await asyncio.sleep(0)
        except Exception:
            whole = EncodedBatch(batch.array)
            return reply.with_batch([RawBSONDocument(bytes(piece)) for piece in whole.cut(len(batch.array))])
        batch = reply.batch = documents
    return reply.document if batch is None else reply.with_batch(batch)


def _direct_preference(preference: ReadPreferenceMode, facts: ServerFacts) -> ReadPreferenceMode:
    """A direct connection reads from the server it has, whatever that is."""
    if facts.is_replica_set_member:
        return ReadPreference.PRIMARY_PREFERRED
    if facts.is_standalone:
        return ReadPreference.PRIMARY
    return preference


def _check_size(operation: Operation[Any], command: Command, size: int, facts: ServerFacts) -> None:
    """Raises DocumentTooLarge for a command, larger than a document may be, that the server would refuse if it answered
    to it at all.

    Whether its statements are too large the server says itself, if it answers.
    """
    name, limit = operation.name, facts.max_bson_size
    field = STATEMENTS_FIELD.get(name)
    if field is not None:
        size -= _ARRAY_OVERHEAD
    largest = size
    if field is not None and not operation.acknowledged:
        largest = max(len(encode_document(one, False, operation.target.codec_options)) for one in command[field])
    elif name != "find":
        limit += COMMAND_OVERHEAD
    if largest <= limit:
        return
    if name in ("insert", "find"):
        raise document_too_large(size, limit)
    raise DocumentTooLarge(f"{name} command document too large")
