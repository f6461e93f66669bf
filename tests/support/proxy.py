"""A way to a server on which connections can be watched, changed, held up and broken."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from typing_extensions import Self

from tests.support.listening import Connections, cut
from tests.support.messages import HEADER
from tests.support.waiting import until

HOST = "127.0.0.1"
_CHUNK = 65536


class Break(Exception):
    """What a link raises: no more than `part` is passed on, and the connection ends `cleanly`, or is reset."""

    def __init__(self, part: bytes = b"", *, cleanly: bool = False) -> None:
        super().__init__(len(part))
        self.part = part
        self.cleanly = cleanly


class Link:
    """One connection: what becomes of the messages on it. This one leaves them as they are."""

    def request(self, message: bytes) -> bytes:
        """What the server gets."""
        return message

    def reply(self, message: bytes) -> bytes:
        """What the client gets."""
        return message


class Proxy:
    """Listens while its block runs, and passes on what comes, from and to the server at the port `target`.

    With a `link`, which is made for each connection, those are whole messages; without, bytes as they come. With `tls`
    its clients have to speak TLS. A connection that is made while the proxy is `mute` stays silent; while `takes` is
    not set nothing is taken from clients; one is reset once `budget` bytes have come from the server over it.
    `opened` counts connections, `cuts` those that were broken here, `most_passed` is how many bytes have come from the
    server over one of them.
    """

    def __init__(
        self,
        target: int,
        *,
        host: str = HOST,
        port: int = 0,
        link: Callable[[], Link] | None = None,
        tls: ssl.SSLContext | None = None,
        budget: int | None = None,
        mute: bool = False,
    ) -> None:
        self.port = port
        self.budget = budget
        self.mute = mute
        self.opened = 0
        self.cuts = 0
        self.most_passed = 0
        self.takes = asyncio.Event()
        self.takes.set()
        self._target = host, target
        self._link = link
        self._tls = tls
        self._connections = Connections(self._accept)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{HOST}:{self.port}"

    @property
    def uri(self) -> str:
        """The connection string of a client that doesn't follow the server's own description of itself past us."""
        return f"mongodb://{self.address}/?directConnection=true"

    @property
    def open_connections(self) -> int:
        """How many there are now."""
        return len(self._writers)

    async def open(self) -> None:
        """Listen."""
        listening = socket.create_server((HOST, self.port))
        # Left to itself it would grow to hold whatever a client sends.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        self._server = await asyncio.start_server(self._connections.accept, sock=listening, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End all of it."""
        assert self._server is not None
        await self._connections.end(self._server)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def cut_all(self) -> None:
        """Reset every connection, whatever is under way on it."""
        self.cuts += len(self._writers)
        for writer in self._writers:
            cut(writer)

    async def all_closed(self) -> None:
        """Wait until no client is connected any more."""
        await until(lambda: not self._writers, "every connection closed")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if self.mute:
                    await reader.read()
                else:
                    await self._serve(reader, writer)
        except Break as broken:
            self.cuts += 1
            cut(writer, cleanly=broken.cleanly)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await self._connections.open(*self._target)
        link = self._link() if self._link is not None else None
        directions = [
            asyncio.ensure_future(self._pass(reader, to_server, link.request if link is not None else None)),
            asyncio.ensure_future(self._pass_back(from_server, writer, link.reply if link is not None else None)),
        ]
        try:
            done, _ = await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            to_server.transport.abort()
        for direction in done:
            direction.result()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, change: Callable[[bytes], bytes] | None
    ) -> None:
        while data := await _next(source, whole=change is not None):
            await self.takes.wait()
            await _send(sink, data, change)

    async def _pass_back(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, change: Callable[[bytes], bytes] | None
    ) -> None:
        total = 0
        while total != self.budget and (data := await _next(source, whole=change is not None)):
            part = data if self.budget is None else data[: self.budget - total]
            total += len(part)
            self.most_passed = max(self.most_passed, total)
            await _send(sink, part, change)


async def _next(source: asyncio.StreamReader, *, whole: bool) -> bytes:
    if not whole:
        return await source.read(_CHUNK)
    head = await source.readexactly(HEADER.size)
    return head + await source.readexactly(HEADER.unpack(head)[0] - HEADER.size)


async def _send(sink: asyncio.StreamWriter, data: bytes, change: Callable[[bytes], bytes] | None) -> None:
    try:
        changed = data if change is None else change(data)
    except Break as broken:
        sink.write(broken.part)
        await sink.drain()
        raise
    sink.write(changed)
    await sink.drain()
