"""A proxy that reads along: it cuts a connection at a chosen point of a command, and remembers what got through."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.support.messages import GREETINGS, HEADER, command_of, flags_of, with_fields
from tests.support.proxy import Break, Link, Proxy

_STATEMENTS = ("documents", "updates", "deletes")


class Cut(Enum):
    """Where a connection breaks."""

    BEFORE_REQUEST = "before the request"
    WITHIN_REQUEST = "within the request"
    BEFORE_REPLY = "before the reply"
    WITHIN_REPLY = "within the reply"

    @property
    def passes_request(self) -> bool:
        """Whether the server gets the whole request. If so the connection breaks when the reply has come."""
        return self in (Cut.BEFORE_REPLY, Cut.WITHIN_REPLY)


@dataclass(slots=True)
class Sent:
    """A command as it came by: which attempt at it it was, and where it was cut."""

    command: dict[str, Any]
    attempt: int = 1
    cut: Cut | None = None

    @property
    def name(self) -> str:
        """The command's name."""
        return next(iter(self.command))

    @property
    def statements(self) -> int:
        """How many it has."""
        return sum(len(self.command.get(name, ())) for name in _STATEMENTS)

    @property
    def key(self) -> tuple[bytes, int] | None:
        """What the server knows a retryable write, or a transaction, by; ``None`` for other commands."""
        number = self.command.get("txnNumber")
        return None if number is None else (bytes(self.command["lsid"]["id"]), number)

    @property
    def passed(self) -> bool:
        """Whether the server got all of it."""
        return self.cut is None or self.cut.passes_request


class CuttingProxy(Proxy):
    """Asks `decide` about each command, greetings aside, where it is to be cut.

    `hello` changes what the server says of itself. `dice` choose how much of a message gets through, and how a
    connection ends. `sent` has all that came, in order.
    """

    def __init__(
        self,
        target: int,
        decide: Callable[[Sent], Cut | None] | None = None,
        *,
        hello: dict[str, Any] | None = None,
        dice: random.Random | None = None,
    ) -> None:
        super().__init__(target, link=lambda: CuttingLink(self))
        self.sent: list[Sent] = []
        self.decide = decide
        self.hello = hello or {}
        self.dice = dice or random.Random(0)
        self._attempts: dict[tuple[bytes, int, str], int] = {}

    @property
    def balanced_uri(self) -> str:
        """The connection string of a client that takes us for a load balancer."""
        return f"mongodb://{self.address}/?loadBalanced=true"

    def asked(self, command: dict[str, Any]) -> Cut | None:
        """Take note of a command. The result is where it is to be cut."""
        sent = Sent(command)
        if sent.name in GREETINGS:
            return None
        if sent.key is not None:
            key = (*sent.key, sent.name)
            sent.attempt = self._attempts[key] = self._attempts.get(key, 0) + 1
        self.sent.append(sent)
        sent.cut = self.decide(sent) if self.decide is not None else None
        return sent.cut


class CuttingLink(Link):
    """A connection that is cut where the proxy decides."""

    def __init__(self, proxy: CuttingProxy) -> None:
        self._proxy = proxy
        self._doomed: tuple[int, Cut] | None = None

    def request(self, message: bytes) -> bytes:
        """The whole of it, unless it is to be cut here."""
        cut = self.decide(message)
        if cut is not None and not cut.passes_request:
            raise self._broken(message if cut is Cut.WITHIN_REQUEST else b"")
        if cut is not None:
            self._doomed = HEADER.unpack_from(message)[1], cut
        return message

    def decide(self, message: bytes) -> Cut | None:
        """Where a request is to be cut."""
        return self._proxy.asked(command_of(message))

    def reply(self, message: bytes) -> bytes:
        """The whole of it, unless it answers what was to be cut."""
        if self._doomed is not None and HEADER.unpack_from(message)[2] == self._doomed[0]:
            raise self._broken(message if self._doomed[1] is Cut.WITHIN_REPLY else b"")
        greets = self._proxy.hello and b"maxWireVersion" in message and flags_of(message) == 0
        return with_fields(message, self._proxy.hello) if greets else message

    def _broken(self, message: bytes) -> Break:
        """The end of the connection, with a part of a message: at least one byte is missing."""
        dice = self._proxy.dice
        part = message[: dice.randrange(len(message))] if message else b""
        return Break(part, cleanly=dice.random() >= 0.5)
