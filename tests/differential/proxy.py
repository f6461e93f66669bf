"""The tests' server, with some bytes of what it answers changed on the way.

A driver splits its batches by what the server's hello says it takes: with small limits a handful of
small documents goes where it would take a hundred thousand, or 48 MB. And a server that refuses
broken text or a date past the year 9999 can still be made to send one.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Sequence
from types import TracebackType

from tests.listening import Connections

Change = tuple[re.Pattern[bytes], bytes]


def limit(name: str, value: int) -> Change:
    """The server's hello says `value` for its limit of this name."""
    field = b"\x10" + name.encode() + b"\0"  # as BSON has an int32: its type, its name, four bytes
    return re.compile(re.escape(field) + b"....", re.DOTALL), field + struct.pack("<i", value)


def change(old: bytes, new: bytes) -> Change:
    """The server sends `new` where it means `old`."""
    assert len(old) == len(new)
    return re.compile(re.escape(old)), new


class Proxy:
    """Passes messages between clients and a server, and changes those that the server sends."""

    def __init__(self, host: str, port: int, changes: Sequence[Change]) -> None:
        self._address = host, port
        self._changes = [(old, new.replace(b"\\", rb"\\")) for old, new in changes]
        self._connections = Connections(self._serve)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> str:
        """Its URI."""
        self._server = await asyncio.start_server(self._connections.accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"mongodb://{host}:{port}/?directConnection=true"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        await self._connections.end(self._server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await self._connections.open(*self._address)
        await asyncio.gather(
            self._pass_on(reader, server_writer, ()),
            self._pass_on(server_reader, writer, self._changes),
        )

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, changes: Sequence[Change]
    ) -> None:
        """Whole messages, until either end is gone."""
        try:
            while True:
                length = await source.readexactly(4)
                message = length + await source.readexactly(struct.unpack("<i", length)[0] - 4)
                for old, new in changes:
                    message = old.sub(new, message)
                sink.write(message)
                await sink.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            sink.close()
