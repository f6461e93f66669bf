"""A server that does on demand what no real server does: answers wrongly, by halves, late, twice or not at all.

It speaks OP_MSG with code of its own, says hello as a primary or a standalone, answers every other command sensibly,
and lets a test say what it does with the next commands of a name: `server.script("find", silence, close)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import bson
from typing_extensions import Self

from tests import listening

OP_MSG = 2013
_OP_QUERY = 2004
HEADER = struct.Struct("<iiii")

PATIENCE = 20.0
"""Seconds that anything in these tests may take on a busy machine. Nothing takes that long unless it hangs."""


@dataclass
class Request:
    """A command as it came: its document sequences are put back into it as lists."""

    id: int
    flags: int
    command: dict[str, Any]
    peer: Peer

    @property
    def name(self) -> str:
        """The command's name."""
        return next(iter(self.command))


@dataclass(eq=False)
class Peer:
    """A client's connection, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    in_hand: int = 0

    async def send(self, data: bytes) -> None:
        """Send bytes, whatever they mean; a client that has gone is no error."""
        with contextlib.suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    def close(self) -> None:
        """Close at once."""
        self.writer.transport.abort()


Action = Callable[[Request], Awaitable[None]]


def message(
    document: dict[str, Any],
    response_to: int,
    *,
    opcode: int = OP_MSG,
    flags: int = 0,
    length: int | None = None,
    behind: bytes = b"",
) -> bytes:
    """A reply; `length` may lie, and `behind` follows the document."""
    body = struct.pack("<IB", flags, 0) + bson.encode(document) + behind
    size = HEADER.size + len(body)
    return HEADER.pack(size if length is None else length, 4711, response_to, opcode) + body


def parse(data: bytes, peer: Peer) -> Request:
    """A whole message, header included."""
    _, request_id, _, opcode = HEADER.unpack_from(data)
    if opcode == _OP_QUERY:
        return Request(request_id, 0, _greeting(data), peer)
    assert opcode == OP_MSG
    (flags,) = struct.unpack_from("<I", data, HEADER.size)
    position = HEADER.size + 4
    command: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    while position < len(data):
        kind = data[position]
        (size,) = struct.unpack_from("<i", data, position + 1)
        section = data[position + 1 : position + 1 + size]
        if kind == 0:
            command = bson.decode(section)
        else:
            name, _, documents = section[4:].partition(b"\0")
            lists[name.decode()] = bson.decode_all(documents)
        position += 1 + size
    return Request(request_id, flags, {**command, **lists}, peer)


def _greeting(data: bytes) -> dict[str, Any]:
    """The command of an OP_QUERY, in which PyMongo greets before 4.18; it takes an OP_MSG for a reply."""
    namespace, _, body = data[HEADER.size + 4 :].partition(b"\0")
    return {**bson.decode(body[8:]), "$db": namespace.decode().removesuffix(".$cmd")}


def answer_to(command: dict[str, Any]) -> dict[str, Any]:
    """What a server with no data would say; a find and an aggregate echo the ``_id`` that they were asked for."""
    name = next(iter(command))
    namespace = f"{command['$db']}.{command[name]}"
    if name in ("insert", "update", "delete"):
        statements = command[{"insert": "documents", "update": "updates", "delete": "deletes"}[name]]
        return {"n": len(statements), "nModified": len(statements), "ok": 1}
    if name == "find":
        found = [{"_id": command["filter"]["_id"]}] if "_id" in command["filter"] else []
        return {"cursor": {"id": 0, "ns": namespace, "firstBatch": found}, "ok": 1}
    if name == "aggregate":
        matches = [stage["$match"] for stage in command["pipeline"] if "$match" in stage]
        echoed = [{"_id": match["_id"]} for match in matches if "_id" in match]
        return {"cursor": {"id": 0, "ns": namespace, "firstBatch": echoed}, "ok": 1}
    if name == "killCursors":
        return {"cursorsKilled": command["cursors"], "ok": 1}
    return {"ok": 1, "echo": command.get("comment")}


async def answer(request: Request) -> None:
    """Answer sensibly."""
    if not request.flags & 2:
        await request.peer.send(message(answer_to(request.command), request.id))


def reply(document: dict[str, Any]) -> Action:
    """Answer with `document`."""

    async def act(request: Request) -> None:
        await request.peer.send(message(document, request.id))

    return act


def send(make: Callable[[Request], bytes]) -> Action:
    """Send bytes made from the request."""

    async def act(request: Request) -> None:
        await request.peer.send(make(request))

    return act


def later(seconds: float) -> Action:
    """Answer sensibly, but not at once."""

    async def act(request: Request) -> None:
        await asyncio.sleep(seconds)
        await answer(request)

    return act


async def silence(request: Request) -> None:
    """Never answer."""


async def close(request: Request) -> None:
    """Close instead of an answer."""
    request.peer.close()


def when(event: asyncio.Event, act: Action = answer) -> Action:
    """Wait for `event`, then `act`."""

    async def waiting(request: Request) -> None:
        await event.wait()
        await act(request)

    return waiting


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never came true: {what or condition}"
        await asyncio.sleep(0.002)


class ScriptedServer:
    """Listens while its ``async with`` block runs. `replica_set` is its set's name, ``None`` for a standalone."""

    def __init__(
        self,
        *,
        replica_set: str | None = "rs",
        hello: dict[str, Any] | None = None,
        path: str | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.peers: set[Peer] = set()
        self.opened = 0
        self.most_open = 0
        self.most_greeting = 0
        self.default: Action = answer
        self.on_hello: Action = self._greet
        self.violations: list[str] = []
        """What the client did and may not: one command at a time goes over a connection, and in a session."""
        self.reading = asyncio.Event()
        self.reading.set()
        self.port = 0
        self._hello = hello or {}
        self._replica_set = replica_set
        self._path = path
        self._host = host
        self._tls = tls
        self._scripts: dict[str, deque[Action]] = defaultdict(deque)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._greeting = 0
        self._sessions: list[bytes] = []

    @property
    def address(self) -> str:
        """``host:port``, as error messages name it."""
        return f"{self._host}:{self.port}"

    @property
    def uri(self) -> str:
        """The connection string."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"mongodb://{host}:{self.port}/?directConnection=true"

    @property
    def names(self) -> list[str]:
        """The names of the commands that came, greetings aside."""
        return [request.name for request in self.requests]

    def script(self, name: str, *actions: Action) -> None:
        """What to do with the next commands of that name, one after the other."""
        self._scripts[name].extend(actions)

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until `condition` holds."""
        await until(condition, what)

    async def start(self) -> None:
        """Listen, on the same port as before if it did before."""
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._accept, self._path)
            return
        self._server = await asyncio.start_server(self._accept, self._host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        await listening.close(self._server)
        self.reading.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in list(self.peers):
            peer.close()
        await self.until(lambda: not self.peers)
        await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()
        assert not self.violations

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.opened += 1
        self.peers.add(peer)
        self.most_open = max(self.most_open, len(self.peers))
        try:
            while True:
                await self.reading.wait()
                head = await reader.readexactly(HEADER.size)
                request = parse(head + await reader.readexactly(HEADER.unpack(head)[0] - HEADER.size), peer)
                task = asyncio.ensure_future(self._serve(request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.peers.discard(peer)
            peer.close()

    async def _serve(self, request: Request) -> None:
        if request.name in ("hello", "ismaster"):
            self._greeting += 1
            self.most_greeting = max(self.most_greeting, self._greeting)
            try:
                await self.on_hello(request)
            finally:
                self._greeting -= 1
            return
        self.requests.append(request)
        session = bytes(request.command["lsid"]["id"]) if "lsid" in request.command else None
        if request.peer.in_hand and not request.flags & 2:
            self.violations.append(f"{request.name} on a connection while another command is in hand")
        if session is not None and session in self._sessions and request.name != "killCursors":
            self.violations.append(f"{request.name} in a session while another command is in hand")
        request.peer.in_hand += 1
        if session is not None:
            self._sessions.append(session)
        try:
            actions = self._scripts[request.name]
            await (actions.popleft() if actions else self.default)(request)
        finally:
            request.peer.in_hand -= 1
            if session is not None:
                self._sessions.remove(session)

    async def _greet(self, request: Request) -> None:
        await request.peer.send(message(self.hello(), request.id))

    def hello(self) -> dict[str, Any]:
        """What it says of itself."""
        document: dict[str, Any] = {
            "helloOk": True,
            "isWritablePrimary": True,
            "ismaster": True,
            "maxBsonObjectSize": 16 * 1024 * 1024,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "logicalSessionTimeoutMinutes": 30,
            "connectionId": self.opened,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
            "ok": 1,
        }
        if self._replica_set is not None:
            me = self.address
            document |= {"setName": self._replica_set, "setVersion": 1, "hosts": [me], "primary": me, "me": me}
            document |= {"secondary": False, "electionId": bson.ObjectId("7fffffff0000000000000001")}
        return document | self._hello
