"""A TCP proxy that reads along: it cuts a connection at a chosen point of a command, and remembers what got through."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from typing import Any

from typing_extensions import Self

from tests import listening
from tests.driver.scripted import until
from tests.safety.messages import (
    EXHAUST_ALLOWED,
    HEADER,
    MORE_TO_COME,
    Cut,
    Messages,
    Sent,
    flags_of,
    parse,
    with_fields,
)

_NO_LINGER = struct.pack("ii", 1, 0)
_GREETINGS = ("hello", "ismaster", "isMaster")
_HOST = "127.0.0.1"


class Upstream(Messages):
    """A connection to the server."""

    def __init__(self) -> None:
        super().__init__()
        self.downstream: Downstream | None = None
        self._streams = False
        self._unanswered = 0

    @property
    def reusable(self) -> bool:
        """Whether nothing is under way: another client's connection may go on with it."""
        assert self.transport is not None
        return not self._unanswered and not self._streams and not self.transport.is_closing()

    def send(self, message: bytes, part: int | None = None) -> None:
        """Pass on a request, or only so many bytes of it."""
        assert self.transport is not None
        flags = flags_of(message)
        self._streams |= bool(flags & EXHAUST_ALLOWED)
        self._unanswered += not flags & MORE_TO_COME
        self.transport.write(message[:part])

    def message_received(self, message: bytes) -> None:
        """The server has answered."""
        self._unanswered -= 1
        if self.downstream is not None:
            self.downstream.reply(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has closed."""
        if self.downstream is not None:
            self.downstream.close()


class Downstream(Messages):
    """A connection from a client."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self._proxy = proxy
        self._open = True
        self._upstream: Upstream | None = None
        self._waiting: list[bytes] = []
        self._doomed: tuple[int, Cut] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        super().connection_made(transport)
        self._proxy.connected(self)

    def use(self, upstream: Upstream) -> bool:
        """Go on over `upstream`, with what has come in the meantime; whether there is still anything to be done."""
        if not self._open:
            return False
        upstream.downstream = self
        self._upstream = upstream
        for message in self._waiting:
            upstream.send(message)
        return True

    def message_received(self, message: bytes) -> None:
        """The client asks for something."""
        if not self._open:
            return
        cut = self._proxy.asked(message)
        if self._upstream is None:
            assert cut is None, "a command before the greeting was answered"
            self._waiting.append(message)
        elif cut is Cut.BEFORE_REQUEST:
            self.close()
        elif cut is Cut.WITHIN_REQUEST:
            self._upstream.send(message, self._proxy.part_of(message))
            self.close()
        else:
            if cut is not None:
                self._doomed = HEADER.unpack_from(message)[1], cut
            self._upstream.send(message)

    def reply(self, message: bytes) -> None:
        """The server answers."""
        assert self.transport is not None
        if self._doomed is None or HEADER.unpack_from(message)[2] != self._doomed[0]:
            self.transport.write(self._proxy.answered(message))
            return
        if self._doomed[1] is Cut.WITHIN_REPLY:
            self.transport.write(message[: self._proxy.part_of(message)])
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self.close()
        self._proxy.disconnected(self)

    def close(self) -> None:
        """Break off, by an end or by a reset."""
        if not self._open:
            return
        self._open = False
        if self._upstream is not None:
            self._upstream.downstream = None
            self._proxy.release(self._upstream)
        assert self.transport is not None
        if self._proxy.dice.random() < 0.5:
            raw = self.transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.transport.abort()
        else:
            self.transport.close()


class Proxy:
    """Listens while its ``async with`` block runs, and passes on what comes to the server at the port `target`.

    `decide` is asked about each command, greetings aside. `hello` changes what the server says of itself. `dice` choose
    how much of a message gets through. `sent` has all that came, in order, and `cuts` says how
    much of it was cut. While it is `mute` whoever connects gets no
    answer.
    """

    def __init__(
        self,
        target: int,
        decide: Callable[[Sent], Cut | None] | None = None,
        *,
        hello: dict[str, Any] | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self.sent: list[Sent] = []
        self.decide = decide
        self.dice = dice or random.Random(0)
        self.cuts = 0
        self.mute = False
        self.port = 0
        self._target = target
        self._hello = hello
        self._attempts: dict[tuple[bytes, int, str], int] = {}
        self._connections: set[Downstream] = set()
        self._spare: list[Upstream] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def uri(self) -> str:
        """The connection string of a client that doesn't follow the server's own description of itself past us."""
        return f"mongodb://{_HOST}:{self.port}/?directConnection=true"

    @property
    def balanced_uri(self) -> str:
        """That of a client that takes us for a load balancer."""
        return f"mongodb://{_HOST}:{self.port}/?loadBalanced=true"

    def asked(self, message: bytes) -> Cut | None:
        """Take note of a request. The result is where it is to be cut."""
        sent = parse(message)
        if sent is None or sent.name in _GREETINGS:
            return None
        if sent.key is not None:
            key = (*sent.key, sent.name)
            sent.attempt = self._attempts[key] = self._attempts.get(key, 0) + 1
        self.sent.append(sent)
        sent.cut = self.decide(sent) if self.decide is not None else None
        self.cuts += sent.cut is not None
        return sent.cut

    def answered(self, message: bytes) -> bytes:
        """A reply as it is passed on."""
        greets = self._hello and b"maxWireVersion" in message and flags_of(message) == 0
        return with_fields(message, self._hello or {}) if greets else message

    def part_of(self, message: bytes) -> int:
        """How many bytes of a message get through: at least one is missing."""
        return self.dice.randrange(len(message))

    def connected(self, connection: Downstream) -> None:
        """A client has come: it needs a connection to the server, and gets one that another has left, if there is."""
        self._connections.add(connection)
        if self.mute:
            return
        while self._spare:
            upstream = self._spare.pop()
            if upstream.reusable:
                connection.use(upstream)
                return
        task = asyncio.ensure_future(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: Downstream) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, upstream = await loop.create_connection(Upstream, _HOST, self._target)
        except OSError:
            connection.close()
        else:
            if not connection.use(upstream):
                self.release(upstream)

    def release(self, upstream: Upstream) -> None:
        """A client has gone: another may use its connection to the server, unless something is under way on it."""
        if upstream.reusable:
            self._spare.append(upstream)
        elif upstream.transport is not None:
            upstream.transport.close()

    def disconnected(self, connection: Downstream) -> None:
        """A client has gone."""
        self._connections.discard(connection)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(lambda: Downstream(self), _HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        await listening.close(self._server)
        for connection in list(self._connections):
            connection.close()
        await until(lambda: not self._connections and not self._tasks, "the end of every connection")
        for upstream in self._spare:
            assert upstream.transport is not None
            upstream.transport.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0)
