"""A TCP proxy that breaks off after a number of bytes, or says nothing; with a certificate, one that speaks TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from typing_extensions import Self

from tests.driver.scripted import until
from tests.listening import Connections

_HOST = "127.0.0.1"


class Proxy:
    """Listens while its block runs, and passes on what comes, from and to the server at the port `target`.

    With `context` its clients have to speak TLS. A connection is reset once `budget` bytes have come from the server
    over it; one that is made while the proxy is `mute` stays silent; while `takes` is not set nothing is taken from
    clients. `opened` counts connections, `open` those that are still there, `most_passed` is how many bytes have come
    from the server over one of them.
    """

    def __init__(
        self, target: int, context: ssl.SSLContext | None = None, *, budget: int | None = None, mute: bool = False
    ) -> None:
        self.budget = budget
        self.mute = mute
        self.port = 0
        self.opened = 0
        self.open = 0
        self.most_passed = 0
        self.takes = asyncio.Event()
        self.takes.set()
        self._target = target
        self._context = context
        self._connections = Connections(self._accept)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        listening = socket.create_server((_HOST, 0))
        # Left to itself it would grow to hold whatever a client sends.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        self._server = await asyncio.start_server(self._connections.accept, sock=listening, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        await self._connections.end(self._server)

    def reset(self) -> None:
        """Reset every connection."""
        self._connections.cancel()

    async def all_closed(self) -> None:
        """Wait until no client is connected any more."""
        await until(lambda: not self.open, "every connection closed")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        try:
            with contextlib.suppress(OSError):
                if self.mute:
                    await reader.read()
                else:
                    await self._serve(reader, writer)
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await self._connections.open(_HOST, self._target)
        passing = [
            asyncio.ensure_future(self._pass(reader, to_server)),
            asyncio.ensure_future(self._pass_back(from_server, writer)),
        ]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in passing:
                one.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
            to_server.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self.takes.wait()
            sink.write(data)
            await sink.drain()

    async def _pass_back(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        total = 0
        while total != self.budget and (data := await source.read(65536)):
            part = data if self.budget is None else data[: self.budget - total]
            total += len(part)
            self.most_passed = max(self.most_passed, total)
            sink.write(part)
            await sink.drain()
