"""From a stream of bytes to messages: the receiving half of a connection, without the connection."""

from __future__ import annotations

from pymongo.errors import ProtocolError

from motor.driver.wire.header import HEADER

MAX_MESSAGE_SIZE = 48_000_000
"""The default of the server's maxMessageSizeBytes."""

STRANGERS_MESSAGE_SIZE = 1_000_000
"""The largest message, in bytes, that is taken from a server that has not been authenticated, or never is: it says
hello, which takes some thousand bytes at most.
"""

_SMALL = 16 * 1024
"""The size of the buffer that small messages share. A thousand connections have a thousand of them."""


class MessageReader:
    """Cuts a stream into messages.

    The I/O layer reads into what :meth:`get_buffer` gives and reports the count to :meth:`buffer_updated` (the names
    are those of :class:`asyncio.BufferedProtocol`). Small messages share one buffer and cost one read each; a large
    one is read straight into a buffer of its own size, once its header has been seen and its length was found to be
    allowed.
    """

    __slots__ = (
        "_buffer",
        "_filled",
        "_large",
        "_large_filled",
        "_large_header",
        "_view",
        "bytes_received",
        "max_message_size",
    )

    def __init__(self) -> None:
        self.max_message_size = STRANGERS_MESSAGE_SIZE
        self.bytes_received = 0
        self._buffer = bytearray(_SMALL)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._large: memoryview | None = None
        self._large_filled = 0
        self._large_header = (0, 0, 0)

    def message_received(self, request_id: int, response_to: int, opcode: int, body: bytes | memoryview) -> None:
        """Called for each message, with what follows its header. The body belongs to the receiver."""
        raise NotImplementedError

    def partly_received(self) -> None:
        """Called when the beginning of a message has come, and not all of it: for who wants to know."""

    def protocol_error(self, error: ProtocolError) -> None:
        """Called once for a stream that cannot be read any further."""
        raise NotImplementedError

    @property
    def partial(self) -> bool:
        """Whether a message has arrived in part."""
        return bool(self._filled) or self._large is not None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes belong."""
        if self._large is not None:
            return self._large[self._large_filled :]
        return self._view[self._filled :] if self._filled else self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of `nbytes` more bytes; deliver the messages that they complete."""
        self.bytes_received += nbytes
        if self._large is not None:
            self._large_filled += nbytes
            if self._large_filled == len(self._large):
                body, self._large = self._large, None
                self.message_received(*self._large_header, body)
            return
        filled = self._filled = self._filled + nbytes
        position = 0
        while filled - position >= HEADER.size:
            length, request_id, response_to, opcode = HEADER.unpack_from(self._buffer, position)
            if not HEADER.size < length <= self.max_message_size:
                self._filled = 0
                self.protocol_error(self._bad_length(length))
                return
            end = position + length
            if end <= filled:
                small = bytes(self._view[position + HEADER.size : end])
                position = end
                self._filled = filled - position
                self.message_received(request_id, response_to, opcode, small)
            elif length > _SMALL:
                self._start_large(position, length, filled)
                self._large_header = (request_id, response_to, opcode)
                self.partly_received()
                return
            else:
                break
        if position and position < filled:
            self._buffer[: filled - position] = self._buffer[position:filled]
        self._filled = filled - position
        if self._filled:
            self.partly_received()

    def _start_large(self, position: int, length: int, filled: int) -> None:
        self._large = memoryview(bytearray(length - HEADER.size))
        self._large_filled = filled - position - HEADER.size
        self._large[: self._large_filled] = self._view[position + HEADER.size : filled]
        self._filled = 0

    def _bad_length(self, length: int) -> ProtocolError:
        if length <= HEADER.size:
            return ProtocolError(f"Message length ({length!r}) not longer than standard message header size (16)")
        if self.max_message_size == STRANGERS_MESSAGE_SIZE:
            return ProtocolError(
                f"Message length ({length!r}) is larger than {STRANGERS_MESSAGE_SIZE}, the most before authentication"
            )
        return ProtocolError(
            f"Message length ({length!r}) is larger than server max message size ({self.max_message_size!r})"
        )
