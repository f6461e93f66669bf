"""A way to a server on which connections break: at random, between two messages or in the midst of one."""

from __future__ import annotations

import asyncio
import contextlib
import random

from typing_extensions import Self

from tests.listening import Connections

_CHUNK = 65536


class CuttingProxy:
    """Listens while its ``async with`` block runs, and passes on what comes. `cuts` counts what it has broken.

    Of what a server sends, one chunk in `one_in` is passed on by half, and the connection is reset.
    """

    def __init__(self, host: str, port: int, dice: random.Random, one_in: int) -> None:
        self.port = 0
        self.cuts = 0
        self._server_address = host, port
        self._dice = dice
        self._one_in = one_in
        self._server: asyncio.Server | None = None
        self._connections = Connections(self._accept)
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connections.accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        await self._connections.end(self._server)

    def cut_all(self) -> None:
        """Reset every connection, whatever is under way on it."""
        for writer in self._writers:
            writer.transport.abort()
            self.cuts += 1

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._pass_on(reader, writer)
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await self._connections.open(*self._server_address)
        except OSError:
            # The server is being restarted.
            return
        directions = [
            asyncio.ensure_future(self._copy(reader, server_writer, cuts=False)),
            asyncio.ensure_future(self._copy(server_reader, writer, cuts=True)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            server_writer.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, cuts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if cuts and self._dice.randrange(self._one_in) == 0:
                    sink.write(data[: self._dice.randrange(len(data))])
                    await sink.drain()
                    self.cuts += 1
                    return
                sink.write(data)
                await sink.drain()
