"""One connection: a command goes out, its reply comes back, nothing else is ever under way on it.

The names are those of the MongoDB specification "Connection Monitoring and Pooling".
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

import bson
from bson.codec_options import CodecOptions
from bson.objectid import ObjectId
from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect, OperationFailure, ProtocolError

from motor._pymongo import MAX_BSON_SIZE, MAX_WRITE_BATCH_SIZE, Address, check_command_response, ssl_context_of
from motor.driver.cmap.errors import ANOTHER_SERVER, UNREADABLE, connection_failure, format_address, senseless_reply
from motor.driver.cmap.opening import open_transport, unanswered
from motor.driver.threads import WORK
from motor.driver.timeouts import LATE_TIMER_GRACE, Alarm, Timer
from motor.driver.wire import compression, op_msg
from motor.driver.wire.compression import OP_COMPRESSED, Compressor
from motor.driver.wire.header import OP_MSG, next_request_id
from motor.driver.wire.reader import MessageReader

_REPLY_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(unicode_decode_error_handler="replace")

_LARGE_EXPANDED = 256 * 1024
"""Messages that claim to be no larger than this, in bytes, are expanded on the event loop: it takes a millisecond."""

_PIECE = 256 * 1024
"""Messages larger than this, in bytes, are handed to the transport piece by piece. Of a whole one it would copy what it
cannot send at once; with TLS it would also encrypt all of it before the event loop has its next turn.
"""

_TLS_ALERT = b"\x15\x03"
"""How a TLS server's complaint begins that it was not spoken to in TLS."""


class Authentication(Protocol):
    """The authentication of a connection, as far as its user needs to know it."""

    async def again(self) -> None:
        """Prove once more who the client is."""
        ...


class Connection(MessageReader, asyncio.BufferedProtocol):
    """A protocol that carries one command at a time.

    `busy` is true from the moment a command is sent until its whole reply has come, whoever still waits for it. A
    connection that is busy is handed to nobody, so a reply can never reach the wrong caller.
    """

    def __init__(self, address: Address, options: ClientOptions, connection_id: int = 0, generation: int = 0) -> None:
        super().__init__()
        self.address = address
        self.options = options
        self.id = connection_id
        self.generation = generation
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self.checked_out = False
        self.watched = False
        self.idle_since = 0.0
        self.max_bson_size = MAX_BSON_SIZE
        self.max_write_batch_size = MAX_WRITE_BATCH_SIZE
        self.max_wire_version = 0
        self.is_writable = False
        self.is_replica_set_member = False
        self.is_standalone = False
        self.is_mongos = False
        self.compressor: Compressor | None = None
        self.authentication: Authentication | None = None
        self.supports_sessions = False
        self.server_connection_id: int | None = None
        self.service_id: ObjectId | None = None
        self.last_round_trip = 0.0
        self.on_idle: Callable[[Connection], None] | None = None
        self.on_closed: Callable[[Connection], None] | None = None
        self.alarm = Alarm(self.loop, self._fail_late)
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[op_msg.Message] | None = None
        self._expected = 0
        self._streaming = False
        self._streamed: deque[op_msg.Message] = deque()
        self._on_abandoned: Callable[[op_msg.Message], None] | None = None
        self._unclaimed: op_msg.Message | None = None
        self._failure: Exception | None = None
        self._unsent: deque[memoryview] = deque()
        self._paused = False
        self._writable: asyncio.Future[None] | None = None
        self._flushes = False
        self._settled: asyncio.Future[None] | None = None
        self._expanding = False
        self._behind: deque[tuple[int, int, int, bytes | memoryview]] = deque()

    @property
    def busy(self) -> bool:
        """Whether a reply is still to come."""
        return self._reply is not None or self._streaming

    @property
    def streaming(self) -> bool:
        """Whether the server sends one reply after the other, unasked: :meth:`next_reply` has the next."""
        return self._streaming or bool(self._streamed)

    async def open(self) -> None:
        """Connect, with TLS if the options say so.

        Raises :class:`~pymongo.errors.AutoReconnect` or :class:`~pymongo.errors.NetworkTimeout`.
        """
        await open_transport(self, self.address, self.options)

    def send(self, message: bytes, request_id: int) -> asyncio.Future[op_msg.Message]:
        """Send a whole message; the future gets its reply."""
        if self._failure is not None:
            raise self._failure
        reply = self._reply = self.loop.create_future()
        self._expected = request_id
        self._unclaimed = None
        if len(message) > _PIECE or self._unsent:
            self._write_in_pieces(message)
        else:
            transport: Any = self._transport
            transport.write(message)
        return reply

    def send_exhaust(self, message: bytes, request_id: int) -> asyncio.Future[op_msg.Message]:
        """Send a whole message, to which the server may stream replies: :meth:`next_reply` has those that follow."""
        self._streaming = True
        return self.send(message, request_id)

    def send_last(self, message: bytes) -> None:
        """Send a message that has no reply, as the last one: closing waits until it is sent."""
        if self._failure is None and not self._unsent:
            cast(asyncio.Transport, self._transport).write(message)
            self._flushes = True

    def next_reply(self) -> asyncio.Future[op_msg.Message]:
        """The next reply of a stream."""
        reply: asyncio.Future[op_msg.Message] = self.loop.create_future()
        if self._streamed:
            reply.set_result(self._streamed.popleft())
            if not self.closed:
                cast(asyncio.Transport, self._transport).resume_reading()
        elif self._failure is not None:
            raise self._failure
        else:
            self._reply = reply
        return reply

    def abandon(self, take: Callable[[op_msg.Message], None]) -> None:
        """Nobody waits any more for the reply: `take` gets it when it comes, or now if it has come in the meantime."""
        if self._unclaimed is not None:
            take(self._unclaimed)
        elif self.busy:
            self._on_abandoned = take

    def settled(self) -> asyncio.Future[None]:
        """Done when the reply that nobody waits for any more has come, or the connection is closed."""
        if self._settled is None:
            self._settled = self.loop.create_future()
        return self._settled

    async def send_unacknowledged(self, message: bytes, timeout: float | None = None) -> None:
        """Send a message that has no reply; wait while the transport's buffer is full, for `timeout` seconds at most.

        Whoever gives up closes the connection. The next one would have to wait behind what is unsent, and the server
        throws half a message away; nobody was promised more.
        """
        if self._failure is not None:
            raise self._failure
        self._write_in_pieces(message)
        if self._writable is None:
            return
        timer = None if timeout is None else Timer(self.loop, timeout, self._time_out_sending)
        try:
            while self._writable is not None and self._failure is None:
                await self._writable
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if self._failure is not None:
            raise self._failure

    def _fail_late(self, reply: asyncio.Future[op_msg.Message]) -> None:
        """Whoever waits for a reply has no time left; the connection goes on reading it."""
        if not reply.done():
            reply.set_exception(connection_failure(self.address, self.options, TimeoutError("timed out")))

    def _time_out_sending(self) -> None:
        self.close(connection_failure(self.address, self.options, TimeoutError("timed out")))

    async def command(
        self, database: str, command: dict[str, Any], timeout: float | None = None, exhaust: bool = False
    ) -> dict[str, Any]:
        """Run one command outside any operation (the handshake's, a monitor's) and return its reply, once it says ok.

        With `exhaust` the server may stream replies: :meth:`next_document` has those that follow.
        """
        request_id = next_request_id()
        flags = op_msg.EXHAUST_ALLOWED if exhaust else 0
        message = op_msg.encode(request_id, bson.encode({**command, "$db": database}), flags)
        started = time.monotonic()
        reply = self.send_exhaust(message, request_id) if exhaust else self.send(message, request_id)
        document = await self._document(reply, timeout)
        self.last_round_trip = time.monotonic() - started
        return document

    async def next_document(self, timeout: float | None = None) -> dict[str, Any]:
        """The next reply of a stream, once it says ok."""
        return await self._document(self.next_reply(), timeout)

    async def _document(self, reply: asyncio.Future[op_msg.Message], timeout: float | None) -> dict[str, Any]:
        timer = self.loop.call_later(timeout, self.time_out) if timeout else None
        try:
            received = await reply
        finally:
            if timer is not None:
                timer.cancel()
        document: dict[str, Any] = bson.decode(received.document, _REPLY_CODEC)
        try:
            check_command_response(document, None)
        except UNREADABLE as error:
            self.doubt(error)
            raise
        return document

    def time_out(self) -> None:
        """Give up on the reply that is awaited: it raises :class:`~pymongo.errors.NetworkTimeout`.

        But not before the socket was looked at: the timer of a loop that was blocked is late, and the reply may be
        there. As long as bytes keep coming, or have come and are being expanded, it is waited for.
        """
        self.loop.call_later(LATE_TIMER_GRACE, self._time_out_unless_received, self._reply, self.bytes_received)

    def _time_out_unless_received(self, reply: asyncio.Future[op_msg.Message] | None, received: int) -> None:
        if reply is None or reply is not self._reply or reply.done():
            return
        if self.bytes_received != received or self._expanding:
            self.time_out()
        else:
            self.close(connection_failure(self.address, self.options, TimeoutError("timed out")))

    def close(self, error: Exception | None = None) -> None:
        """Close at once. A reply that is awaited raises `error`. Closing again does nothing."""
        if self.closed:
            return
        self.closed = True
        self._failure = error or connection_failure(self.address, self.options, "connection closed")
        if self._transport is not None:
            if self._flushes:
                self._transport.close()
                if ssl_context_of(self.options) is not None:
                    # It would wait for the server's farewell. What we had to say is sent by the next turn.
                    self.loop.call_soon(self._transport.abort)
            else:
                self._transport.abort()
        self._finish()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is up."""
        self._transport = cast(asyncio.Transport, transport)
        if self.closed:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone, for a reason of its own or because we closed it."""
        if not self.closed:
            self.closed = True
            self._failure = self._lost(exc)
            if self._transport is not None:
                # Python 3.10 takes a TLS transport for one that was left open, unless it is told.
                self._transport.abort()
            self._finish()

    def _lost(self, error: Exception | None) -> AutoReconnect:
        if not self.bytes_received or (self.partial and self._buffer.startswith(_TLS_ALERT)):
            return unanswered(self.address, self.options, error)
        return connection_failure(self.address, self.options, error or "connection closed")

    def _finish(self) -> None:
        reply, self._reply = self._reply, None
        self._streaming = False
        if reply is not None and not reply.done():
            reply.set_exception(self._failure or AutoReconnect("connection closed"))
        self.alarm.end()
        self._unsent.clear()
        # An error's traceback may keep the connection alive, and with it what was set aside for a message.
        self._large = None
        self._wake_writer()
        self._wake_settling()
        if self.on_closed is not None:
            self.on_closed(self)

    def _write_in_pieces(self, message: bytes) -> None:
        self._unsent.append(memoryview(message))
        if len(self._unsent) == 1:
            self._write_piece()

    def _write_piece(self) -> None:
        """Write one piece. The next follows in another turn, or when the transport can take it."""
        if not self._unsent or self._paused:
            return
        message = self._unsent.popleft()
        if len(message) > _PIECE:
            self._unsent.appendleft(message[_PIECE:])
        if self._unsent:
            self.loop.call_soon(self._write_piece)
            if self._writable is None:
                self._writable = self.loop.create_future()
        cast(asyncio.Transport, self._transport).write(message[:_PIECE])
        if not self._unsent and not self._paused:
            self._wake_writer()

    def _wake_writer(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._paused = True
        if self._writable is None:
            self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self._paused = False
        if self._unsent:
            self.loop.call_soon(self._write_piece)
        else:
            self._wake_writer()

    def message_received(self, request_id: int, response_to: int, opcode: int, body: bytes | memoryview) -> None:
        """A whole message has come: it is the awaited reply, or the connection is of no use any more."""
        reply = self._reply
        if self._streaming:
            if self._expanding:
                self._behind.append((request_id, response_to, opcode, body))
                return
        elif reply is None or response_to != self._expected:
            self.protocol_error(ProtocolError(f"Got response id {response_to!r} but expected {self._expected!r}"))
            return
        if opcode == OP_COMPRESSED:
            self._expand(body, request_id, response_to)
            return
        if opcode != OP_MSG:
            self.protocol_error(ProtocolError(f"Got opcode {opcode!r} but expected {OP_MSG!r}"))
            return
        try:
            message = op_msg.decode(body, request_id, response_to)
        except ProtocolError as error:
            self.protocol_error(error)
            return
        if message.more_to_come and not self._streaming:
            self.protocol_error(ProtocolError("Got an OP_MSG with moreToCome that nobody asked for"))
            return
        self._streaming = message.more_to_come
        self._reply = None
        if reply is None:
            self._streamed.append(message)
            # No more than this one and what is under way, until somebody asks for it.
            cast(asyncio.Transport, self._transport).pause_reading()
        elif not reply.done():
            reply.set_result(message)
        elif not self._streaming:
            self._drained(message)

    def _expand(self, body: bytes | memoryview, request_id: int, response_to: int) -> None:
        """Go on with the message within a compressed one; a large one is expanded in a thread."""
        if compression.claimed_size(body) <= _LARGE_EXPANDED:
            try:
                opcode, expanded = compression.decompress(body, self.max_message_size)
            except ProtocolError as error:
                self.protocol_error(error)
            else:
                self._expanded(request_id, response_to, opcode, expanded)
            return
        expanding = self.loop.run_in_executor(WORK, compression.decompress, body, self.max_message_size)
        self._expanding = True
        # What comes meanwhile has to wait, so that replies stay in order; what is here already waits with us.
        cast(asyncio.Transport, self._transport).pause_reading()
        expanding.add_done_callback(lambda done: self._expanded_in_thread(done, request_id, response_to))

    def _expanded_in_thread(
        self, expanding: asyncio.Future[tuple[int, bytes]], request_id: int, response_to: int
    ) -> None:
        self._expanding = False
        error = expanding.exception()
        if self.closed:
            return
        cast(asyncio.Transport, self._transport).resume_reading()
        if error is None:
            self._expanded(request_id, response_to, *expanding.result())
        else:
            self.protocol_error(ProtocolError(str(error)))
        while self._behind and not self._expanding and not self.closed:
            self.message_received(*self._behind.popleft())

    def _expanded(self, request_id: int, response_to: int, opcode: int, body: bytes) -> None:
        if opcode == OP_COMPRESSED:
            self.protocol_error(ProtocolError("Got an OP_COMPRESSED within another"))
        else:
            self.message_received(request_id, response_to, opcode, body)

    def _drained(self, message: op_msg.Message) -> None:
        """A reply has come that nobody waits for any more."""
        take, self._on_abandoned = self._on_abandoned, None
        if take is not None:
            take(message)
        else:
            self._unclaimed = message
        self._wake_settling()
        if self.on_idle is not None:
            self.on_idle(self)

    def _wake_settling(self) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled.set_result(None)

    def partly_received(self) -> None:
        """What nobody has asked for must not be waited for when somebody does."""
        if not self.busy:
            self.protocol_error(ProtocolError("Got the beginning of a message that nobody asked for"))

    def doubt(self, error: Exception) -> None:
        """Close, and raise :class:`~pymongo.errors.ProtocolError`, if `error` is not what the server said but what came
        of reading nonsense.
        """
        if isinstance(error, OperationFailure) and isinstance(error.code, (int, float, type(None))):
            return
        self.close()
        raise senseless_reply(self.address, error) from error

    def protocol_error(self, error: ProtocolError) -> None:
        """What came is not what the protocol allows: raise that to whoever waits, and close."""
        hint = "" if self.max_wire_version else ANOTHER_SERVER
        self.close(ProtocolError(f"{format_address(self.address)}: {error}{hint}"))
