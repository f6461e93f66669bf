"""A proxy that makes the server behind it one that compresses, and remembers who compressed what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.envelope import unwrap, wrap
from tests.support.messages import GREETINGS, MORE_TO_COME, command_of, flags_of, with_fields
from tests.support.proxy import Link, Proxy


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


class CompressingProxy(Proxy):
    """A proxy to the server at the port `target`.

    It offers the compressors that it `knows` and that are asked for, in the client's order, and answers a compressed
    command with the same compressor; to the commands named in `answers`, with what the function makes of the whole
    reply. `requests` has all that came, `replies` says of each reply with what it was compressed.
    """

    def __init__(self, target: int, knows: Sequence[str] = ("snappy", "zlib", "zstd")) -> None:
        super().__init__(target, link=lambda: _CompressingLink(self))
        self.answers: dict[str, Callable[[bytes], bytes]] = {}
        self.requests: list[Request] = []
        self.replies: list[tuple[str, str | None]] = []
        self.asked: list[list[str] | None] = []
        self.offers: list[str] | None = None
        self.knows = knows

    def of(self, *names: str) -> list[Request]:
        """The requests of these names, without regard to case."""
        wanted = [name.lower() for name in names]
        return [request for request in self.requests if request.name.lower() in wanted]


class _CompressingLink(Link):
    """What is known of one connection: the command that was sent over it last."""

    def __init__(self, proxy: CompressingProxy) -> None:
        self._proxy = proxy
        self._number = proxy.opened
        self._last: Request | None = None
        self._asked: list[str] | None = None

    def request(self, message: bytes) -> bytes:
        """The command in its plain form."""
        compressor, plain = unwrap(message)
        command = command_of(plain)
        request = Request(command, compressor, len(message), self._number, not flags_of(plain) & MORE_TO_COME)
        self._proxy.requests.append(request)
        if request.answered:
            self._last = request
        if request.name in GREETINGS and "client" in command:
            self._asked = command.get("compression")
            self._proxy.asked.append(self._asked)
        return plain

    def reply(self, message: bytes) -> bytes:
        """The reply, in the form in which it is to be."""
        proxy, last = self._proxy, self._last
        assert last is not None
        if last.name in GREETINGS and "client" in last.command:
            offers = [name for name in self._asked or () if name in proxy.knows]
            if proxy.offers is not None:
                offers = proxy.offers
            if offers:
                message = with_fields(message, {"compression": offers})
        proxy.replies.append((last.name, last.compressor))
        if last.name in proxy.answers:
            return proxy.answers[last.name](message)
        return message if last.compressor is None else wrap(message, last.compressor)
