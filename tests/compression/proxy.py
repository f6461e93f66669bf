"""A proxy that makes the server behind it one that compresses, and remembers who compressed what."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from tests.compression.envelope import unwrap, wrap
from tests.driver.scripted import until
from tests.listening import Connections
from tests.safety.messages import HEADER, MORE_TO_COME, flags_of, parse, with_fields

_HOST = "127.0.0.1"


@dataclass(slots=True)
class Request:
    """A command that came: what compressed it, if anything, how large it was on the wire, and which way it came."""

    command: dict[str, Any]
    compressor: str | None
    size: int
    connection: int
    answered: bool

    @property
    def name(self) -> str:
        """The command's name."""
        return next(iter(self.command))


class CompressingProxy:
    """Listens while its block runs, and passes on what comes to the server at the port `target`.

    It offers the compressors that it `knows` and that are asked for, in the client's order, and answers a compressed
    command with the same compressor; to the commands named in `answers`, with what the function makes of the whole
    reply. `requests` has all that came, `replies` says of each reply with what it was compressed.
    """

    def __init__(self, target: int, knows: Sequence[str] = ("snappy", "zlib", "zstd")) -> None:
        self.answers: dict[str, Callable[[bytes], bytes]] = {}
        self.requests: list[Request] = []
        self.replies: list[tuple[str, str | None]] = []
        self.asked: list[list[str] | None] = []
        self.offers: list[str] | None = None
        self.opened = 0
        self.open = 0
        self._knows = knows
        self._target = target
        self._connections = Connections(self._accept)
        self._server: asyncio.Server | None = None

    @property
    def uri(self) -> str:
        """The connection string of a client that doesn't follow the server's own description of itself past us."""
        assert self._server is not None
        return f"mongodb://{_HOST}:{self._server.sockets[0].getsockname()[1]}/?directConnection=true"

    def of(self, *names: str) -> list[Request]:
        """The requests of these names, without regard to case."""
        wanted = [name.lower() for name in names]
        return [request for request in self.requests if request.name.lower() in wanted]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connections.accept, _HOST, limit=2**20)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        await self._connections.end(self._server)

    async def all_closed(self) -> None:
        """Wait until no client is connected any more."""
        await until(lambda: not self.open, "every connection closed")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer, self.opened)
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        from_server, to_server = await self._connections.open(_HOST, self._target, limit=2**20)
        link = _Link(self, number)
        passing = [
            asyncio.ensure_future(_relay(reader, to_server, link.request)),
            asyncio.ensure_future(_relay(from_server, writer, link.reply)),
        ]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in passing:
                one.cancel()
            results = await asyncio.gather(*passing, return_exceptions=True)
            to_server.transport.abort()
        for result in results:
            if isinstance(result, AssertionError):
                raise result


class _Link:
    """What is known of one connection: the command that was sent over it last."""

    def __init__(self, proxy: CompressingProxy, number: int) -> None:
        self._proxy = proxy
        self._number = number
        self._last: Request | None = None
        self._asked: list[str] | None = None

    def request(self, message: bytes) -> bytes:
        """What the server gets."""
        compressor, plain = unwrap(message)
        sent = parse(plain)
        assert sent is not None
        request = Request(sent.command, compressor, len(message), self._number, not flags_of(plain) & MORE_TO_COME)
        self._proxy.requests.append(request)
        if request.answered:
            self._last = request
        if request.name in ("hello", "ismaster") and "client" in sent.command:
            self._asked = sent.command.get("compression")
            self._proxy.asked.append(self._asked)
        return plain

    def reply(self, message: bytes) -> bytes:
        """What the client gets."""
        proxy, last = self._proxy, self._last
        assert last is not None
        if last.name in ("hello", "ismaster") and "client" in last.command:
            offers = [name for name in self._asked or () if name in proxy._knows]
            if proxy.offers is not None:
                offers = proxy.offers
            if offers:
                message = with_fields(message, {"compression": offers})
        proxy.replies.append((last.name, last.compressor))
        if last.name in proxy.answers:
            return proxy.answers[last.name](message)
        return message if last.compressor is None else wrap(message, last.compressor)


async def _relay(source: asyncio.StreamReader, sink: asyncio.StreamWriter, translate: Callable[[bytes], bytes]) -> None:
    while True:
        head = await source.readexactly(HEADER.size)
        message = head + await source.readexactly(HEADER.unpack(head)[0] - HEADER.size)
        sink.write(translate(message))
        await sink.drain()
