"""A server that answers every command with a canned reply, so that the driver is what is measured.

    python -m bench.replay_server [--core N]

prints its port, and runs until its stdin ends. Of a message it reads the header and the command's first element only.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import uvloop

from .replies import OP_MSG, Replies, Reply

HEADER_SIZE = 16
SECTIONS = HEADER_SIZE + 4


class ReplayProtocol(asyncio.Protocol):
    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        # Nearly always one read is one whole message.
        if not self._buffer and int.from_bytes(data[:4], "little") == len(data):
            self._answer(data)
            return
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEADER_SIZE:
            length = int.from_bytes(buffer[:4], "little")
            if len(buffer) < length:
                return
            self._answer(bytes(buffer[:length]))
            del buffer[:length]

    def _answer(self, message: bytes) -> None:
        before, after = self._reply(message)
        self._transport.write(before + message[4:8] + after)

    def _reply(self, message: bytes) -> Reply:
        if int.from_bytes(message[12:16], "little") != OP_MSG:
            return self._replies.legacy_hello
        section = SECTIONS
        while message[section] == 1:
            section += 1 + int.from_bytes(message[section + 1 : section + 5], "little")
        # A section's kind, the document's length, then the first element: type, name, value.
        element = section + 5
        name_end = message.index(0, element)
        value_end = name_end + 5 + int.from_bytes(message[name_end + 1 : name_end + 5], "little")
        targeted = self._replies.by_target.get(message[element:value_end])
        return targeted or self._replies.by_command.get(message[element + 1 : name_end], self._replies.unknown)


@asynccontextmanager
async def listening(make: Callable[[Replies], asyncio.Protocol]) -> AsyncIterator[asyncio.StreamReader]:
    """Listen, with a protocol of `make` for each connection, and print the port; what the benchmark sends comes out."""
    loop = asyncio.get_running_loop()
    replies: Replies
    server = await loop.create_server(lambda: make(replies), "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    replies = Replies(f"127.0.0.1:{port}")
    parent = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(parent), sys.stdin)
    print(port, flush=True)
    yield parent
    # A driver may still be connected: it is gone in a moment, or will see the connection close.
    server.close()


async def serve() -> None:
    async with listening(ReplayProtocol) as parent:
        await parent.read()


def main(serving: Callable[[], Coroutine[Any, Any, None]]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", type=int, help="run on this core only")
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    uvloop.run(serving())


if __name__ == "__main__":
    main(serve)
