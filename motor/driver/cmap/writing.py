"""From messages to a stream of bytes: the sending half of a connection, which hands to the transport what that can send
soon.
"""

from __future__ import annotations

import asyncio
from collections import deque

from motor.driver.wire.op_msg import Blocks

PIECE = 256 * 1024
"""Messages larger than this, in bytes, are handed to the transport piece by piece. Of a whole one it would copy what it
cannot send at once; with TLS it would also encrypt all of it before the event loop has its next turn.
"""


class MessageWriter:
    """Writes large messages in pieces. `_writable` is there, and will be done, as long as anything is unsent."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._transport: asyncio.Transport | None = None
        self._unsent: deque[memoryview] = deque()
        self._paused = False
        self._writable: asyncio.Future[None] | None = None

    def come_to_rest(self) -> None:
        """Called when all is sent."""
        raise NotImplementedError

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

    def _write_in_pieces(self, message: bytes | Blocks) -> None:
        under_way = bool(self._unsent)
        self._unsent.extend(map(memoryview, [message] if isinstance(message, bytes) else message))
        if not under_way:
            self._write_piece()

    def _write_piece(self) -> None:
        """Write one piece. The next follows in another turn, or when the transport can take it."""
        if not self._unsent or self._paused:
            return
        message = self._unsent.popleft()
        if len(message) > PIECE:
            self._unsent.appendleft(message[PIECE:])
        if self._unsent:
            self.loop.call_soon(self._write_piece)
            if self._writable is None:
                self._writable = self.loop.create_future()
        assert self._transport is not None
        self._transport.write(message[:PIECE])
        if not self._unsent and not self._paused:
            self._wake_writer()

    def _discard_unsent(self) -> None:
        """The connection is closed."""
        self._unsent.clear()
        self._wake_writer()

    def _wake_writer(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None:
            if not writable.done():
                writable.set_result(None)
            self.come_to_rest()
