"""Compressed messages: what is within them is received in their place."""

from __future__ import annotations

import asyncio

from pymongo.errors import ProtocolError

from motor.driver.threads import WORK
from motor.driver.wire import compression
from motor.driver.wire.compression import OP_COMPRESSED, Compressor
from motor.driver.wire.reader import MessageReader

_LARGE_EXPANDED = 256 * 1024
"""Messages that claim to be no larger than this, in bytes, are expanded on the event loop: it takes a millisecond."""


class ExpandingReader(MessageReader):
    """A reader that expands messages, one at a time. `_expanding` says whether one is being expanded in a thread."""

    loop: asyncio.AbstractEventLoop
    closed: bool
    compressor: Compressor | None
    """What was negotiated with the peer: as long as that is nothing, none of its messages may be compressed."""

    def __init__(self) -> None:
        super().__init__()
        self._expanding = False

    def stop_reading(self) -> None:
        """Called when nothing is to be received for a while."""
        raise NotImplementedError

    def go_on_reading(self) -> None:
        """Called when that is over."""
        raise NotImplementedError

    def _expand(self, body: bytes | memoryview, request_id: int, response_to: int) -> None:
        """Go on with the message within a compressed one; a large one is expanded in a thread."""
        if self.compressor is None:
            self.protocol_error(ProtocolError("Got an OP_COMPRESSED, and no compression was negotiated"))
            return
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
        self.stop_reading()
        expanding.add_done_callback(lambda done: self._expanded_in_thread(done, request_id, response_to))

    def _expanded_in_thread(
        self, expanding: asyncio.Future[tuple[int, bytes]], request_id: int, response_to: int
    ) -> None:
        self._expanding = False
        error = expanding.exception()
        if self.closed:
            return
        self.go_on_reading()
        if error is None:
            self._expanded(request_id, response_to, *expanding.result())
        else:
            self.protocol_error(ProtocolError(str(error)))

    def _expanded(self, request_id: int, response_to: int, opcode: int, body: bytes) -> None:
        if opcode == OP_COMPRESSED:
            self.protocol_error(ProtocolError("Got an OP_COMPRESSED within another"))
        else:
            self.message_received(request_id, response_to, opcode, body)
