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

from motor._pymongo import (
    Address,
    check_command_response,
    is_readable,
    ssl_context_of,
)
from motor.driver.cmap.error_replies import STRANGERS_LARGEST_ERROR, cut
from motor.driver.cmap.errors import (
    ANOTHER_SERVER,
    REPLY_ERRORS,
    another,
    connection_failure,
    format_address,
    malformed_reply,
)
from motor.driver.cmap.expanding import ExpandingReader
from motor.driver.cmap.opening import open_transport, unanswered
from motor.driver.cmap.socket_end import close_without_loop, descriptor_of, leave_to_parent
from motor.driver.cmap.writing import PIECE, MessageWriter
from motor.driver.owner import Owner
from motor.driver.server_facts import ServerFacts
from motor.driver.timeouts import LATE_TIMER_GRACE, Alarm, Timer
from motor.driver.wire import op_msg
from motor.driver.wire.compression import OP_COMPRESSED, Compressor
from motor.driver.wire.header import OP_MSG, next_request_id

_REPLY_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(unicode_decode_error_handler="replace")

_LOOK_INTERVAL = 1.0
"""Seconds that a connection is taken for sound after it was looked at."""

_LATE_READING = 1.0
"""Seconds in which a late reply is read that has come already, however large it is. A server that sends one byte after
the other, for ever, must not be waited for.
"""

_TLS_ALERT = b"\x15\x03"
"""How a TLS server's complaint begins that it was not spoken to in TLS."""


class Reauthentication(Protocol):
    """The authentication of a connection, as far as its user needs to know it."""

    async def again(self) -> None:
        """Prove once more who the client is."""
        ...


class Connection(ExpandingReader, MessageWriter, asyncio.BufferedProtocol):
    """A protocol that carries one command at a time.

    It is :attr:`at_rest` again when all of the command has been sent and its whole reply has come, whoever still waits
    for it. Until then it is handed to nobody, so a reply can never reach the wrong caller.
    """

    def __init__(
        self, address: Address, options: ClientOptions, owner: Owner, connection_id: int = 0, generation: int = 0
    ) -> None:
        ExpandingReader.__init__(self)
        MessageWriter.__init__(self, asyncio.get_running_loop())
        self.address = address
        self.options = options
        self.id = connection_id
        self.generation = generation
        self.closed = False
        self.checked_out = False
        self.watched = False
        self.idle_since = 0.0
        self.facts = ServerFacts()
        self.compressor: Compressor | None = None
        self.authentication: Reauthentication | None = None
        self.server_connection_id: int | None = None
        self.service_id: ObjectId | None = None
        self.last_round_trip = 0.0
        self.on_rest: Callable[[Connection], None] | None = None
        self.on_closed: Callable[[Connection], None] | None = None
        self.alarm = Alarm(self.loop, self._fail_late)
        self.owner = owner
        self._looked_at = 0.0
        self._reply: asyncio.Future[op_msg.Message] | None = None
        self._expected: int | None = None
        self._streaming = False
        self._streamed: deque[tuple[int, int, int, bytes | memoryview]] = deque()
        self._on_abandoned: Callable[[op_msg.Message], None] | None = None
        self._failure: Exception | None = None
        self._flushes = False
        self._settled: asyncio.Future[None] | None = None

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way: no reply is to come, none is kept for somebody, nothing is left to be sent."""
        return self._reply is None and self._writable is None and not self._streaming

    @property
    def streaming(self) -> bool:
        """Whether the server sends one reply after the other, unasked: :meth:`next_reply` has the next."""
        return self._streaming

    async def open(self) -> None:
        """Connect, with TLS if the options say so.

        Raises :class:`~pymongo.errors.AutoReconnect` or :class:`~pymongo.errors.NetworkTimeout`.
        """
        await open_transport(self, self.address, self.options, self.owner)

    def check_open(self) -> None:
        """Raises what has closed it, if it is closed."""
        if self._failure is not None:
            raise another(self._failure)

    def send(self, message: bytes | op_msg.Blocks, request_id: int) -> asyncio.Future[op_msg.Message]:
        """Send a whole message, in one piece or in blocks; the future gets its reply."""
        if self._failure is not None:
            raise another(self._failure)
        reply = self._reply = self.loop.create_future()
        self._expected = request_id
        if isinstance(message, list) or len(message) > PIECE or self._unsent:
            self._write_in_pieces(message)
        else:
            transport: Any = self._transport
            transport.write(message)
        return reply

    def send_exhaust(self, message: bytes | op_msg.Blocks, request_id: int) -> asyncio.Future[op_msg.Message]:
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
        if self._failure is not None:
            raise another(self._failure)
        reply: asyncio.Future[op_msg.Message] = self.loop.create_future()
        self._reply = reply
        if self._streamed:
            self.message_received(*self._streamed.popleft())
            self.go_on_reading()
        return reply

    def abandon(self, take: Callable[[op_msg.Message], None]) -> None:
        """Nobody waits any more for the reply that is to come: `take` gets it, and it is kept by nobody else."""
        if self._reply is not None:
            self._on_abandoned = take

    def has_unread(self) -> bool:
        """Whether the socket has something that the event loop has not seen: a connection at rest is most likely closed
        by the server then, while the loop did not run. Once a second at most it is looked at.
        """
        now = time.monotonic()
        if self.closed or now - self._looked_at < _LOOK_INTERVAL:
            return False
        self._looked_at = now
        connected = cast(asyncio.Transport, self._transport).get_extra_info("socket")
        return connected is not None and is_readable(connected)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits until it is at rest."""
        return self._settled is not None

    def settled(self) -> asyncio.Future[None]:
        """Done when the connection is at rest, or closed."""
        if self._settled is None:
            self._settled = self.loop.create_future()
        return self._settled

    async def send_unacknowledged(self, message: bytes | op_msg.Blocks, timeout: float | None = None) -> None:
        """Send a message that has no reply; wait while the transport's buffer is full, for `timeout` seconds at most.

        Whoever gives up closes the connection. The next one would have to wait behind what is unsent, and the server
        throws half a message away; nobody was promised more.
        """
        if self._failure is not None:
            raise another(self._failure)
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
            raise another(self._failure)

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
        said = document if document.get("ok") else cut(document, len(received.document), STRANGERS_LARGEST_ERROR)
        try:
            check_command_response(said, None)
        except REPLY_ERRORS as error:
            self.refuse_malformed(error)
            raise
        return document

    def time_out(self) -> None:
        """Give up on the reply that is awaited: it raises :class:`~pymongo.errors.NetworkTimeout`.

        But not before the socket was looked at: the timer of a loop that was blocked is late, and the reply may be
        there. It is waited for while it is being expanded, and for a second while its bytes keep coming.
        """
        self._look_again(self.loop.time() + _LATE_READING)

    def _look_again(self, last: float) -> None:
        self.loop.call_later(LATE_TIMER_GRACE, self._time_out_unless_received, self._reply, self.bytes_received, last)

    def _time_out_unless_received(
        self, reply: asyncio.Future[op_msg.Message] | None, received: int, last: float
    ) -> None:
        if reply is None or reply is not self._reply or reply.done():
            return
        if self._expanding or (self.bytes_received != received and self.loop.time() < last):
            self._look_again(last)
        else:
            self.close(connection_failure(self.address, self.options, TimeoutError("timed out")))

    def close(self, error: Exception | None = None) -> None:
        """Close at once. A reply that is awaited raises `error`. Closing again does nothing."""
        if self.closed:
            return
        self.closed = True
        self._failure = error or connection_failure(self.address, self.options, "connection closed")
        if self._transport is not None:
            if not self.loop.is_running():
                self.drop()
            elif self._flushes:
                self._transport.close()
                if ssl_context_of(self.options) is not None:
                    # It would wait for the server's farewell. What we had to say is sent by the next turn.
                    self.loop.call_soon(self._transport.abort)
            else:
                self._transport.abort()
        self._finish()

    def drop(self) -> None:
        """Close, and the socket, too, although the loop does not run: it has stopped, for now or for ever."""
        self.close()
        if self._transport is not None:
            close_without_loop(self._transport)
            self.owner.let_go(self)

    def disown(self) -> None:
        """Do without the socket: it is that of the process that this one was forked from."""
        self.closed = True
        self._failure = connection_failure(self.address, self.options, "connection of the parent process")
        if self._transport is not None:
            leave_to_parent(descriptor_of(self._transport))

    def stop_reading(self) -> None:
        """Leave with the server what it sends."""
        cast(asyncio.Transport, self._transport).pause_reading()

    def go_on_reading(self) -> None:
        """Read what the server sends, unless what has come already has to wait."""
        if not self._streamed and not self._expanding and not self.closed:
            cast(asyncio.Transport, self._transport).resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is up."""
        self._transport = cast(asyncio.Transport, transport)
        self.owner.adopt(self)
        if self.closed:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone, for a reason of its own or because we closed it."""
        self.owner.let_go(self)
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
        if self.loop.is_closed():
            # It refuses to wake anybody, and nobody is left to be woken.
            reply = self._writable = self._settled = None
        if reply is not None and not reply.done():
            reply.set_exception(self._failure or AutoReconnect("connection closed"))
        self._on_abandoned = None
        self.alarm.end()
        # An error's traceback may keep the connection alive, and with it what was set aside for a message.
        self._large = None
        self._streamed.clear()
        self._discard_unsent()
        self._settle()
        if self.on_closed is not None:
            self.on_closed(self)

    def message_received(self, request_id: int, response_to: int, opcode: int, body: bytes | memoryview) -> None:
        """A whole message has come: it is the awaited reply, or the connection is of no use any more."""
        if self._streaming:
            if self._reply is None or self._expanding:
                # It waits as it came until somebody asks for it. What comes after it stays with the server.
                self._streamed.append((request_id, response_to, opcode, body))
                self.stop_reading()
                return
        elif self._reply is None or response_to != self._expected:
            self.protocol_error(ProtocolError(f"Got response id {response_to!r} but expected {self._expected!r}"))
            return
        elif self._expanding:
            self.protocol_error(ProtocolError("Got a second reply to one command"))
            return
        if opcode == OP_COMPRESSED:
            self._expand(body, request_id, response_to)
            return
        if opcode != OP_MSG:
            self.protocol_error(ProtocolError(f"Got opcode {opcode!r} but expected {OP_MSG!r}"))
            return
        try:
            message = op_msg.decode(body)
        except ProtocolError as error:
            self.protocol_error(error)
            return
        if message.more_to_come and not self._streaming:
            self.protocol_error(ProtocolError("Got an OP_MSG with moreToCome that nobody asked for"))
            return
        self._streaming = message.more_to_come
        reply = self._reply
        if reply is not None and not reply.done():
            self._reply = None
            reply.set_result(message)
        elif self._streaming:
            self._reply = None
        else:
            # Whoever has given it up may still have to say so, in a turn of the loop that is due.
            self._expected = None
            self.loop.call_soon(self._abandoned, message)
        if self._streamed and not self._streaming:
            self.protocol_error(ProtocolError("Got a message after the last one of a stream"))

    def _abandoned(self, message: op_msg.Message) -> None:
        """A reply has come that nobody waits for any more."""
        if self.closed:
            return
        self._reply = None
        take, self._on_abandoned = self._on_abandoned, None
        try:
            if take is not None:
                take(message)
        finally:
            self.come_to_rest()

    def come_to_rest(self) -> None:
        """Something that was under way has ended: if nothing else is, tell who waits for that."""
        if self.at_rest and not self.closed:
            self._settle()
            if self.on_rest is not None:
                self.on_rest(self)

    def _settle(self) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled.set_result(None)

    def partly_received(self) -> None:
        """What nobody has asked for must not be waited for when somebody does."""
        if self._reply is None and not self._streaming:
            self.protocol_error(ProtocolError("Got the beginning of a message that nobody asked for"))

    def refuse_malformed(self, error: Exception) -> None:
        """Close, and raise :class:`~pymongo.errors.ProtocolError`, unless `error` is the server's, and well formed."""
        if isinstance(error, OperationFailure) and isinstance(error.code, (int, float, type(None))):
            return
        self.close()
        raise malformed_reply(self.address, error) from error

    def protocol_error(self, error: ProtocolError) -> None:
        """What came is not what the protocol allows: raise that to whoever waits, and close."""
        self.refusal(error)

    def refusal(self, error: ProtocolError) -> ProtocolError:
        """Close, and the exception for what came, which is not what the protocol allows."""
        hint = "" if self.facts.max_wire_version else ANOTHER_SERVER
        failure = ProtocolError(f"{format_address(self.address)}: {error}{hint}")
        self.close(failure)
        return failure
