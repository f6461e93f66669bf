"""A server that does on demand what no real server does: answers wrongly, by halves, late, twice or not at all.

It speaks OP_MSG with code of its own, says hello as a primary or a standalone, answers every other command sensibly,
and lets a test say what it does with the next commands of a name: `server.script("find", silence, close)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import bson
from bson.int64 import Int64
from typing_extensions import Self

from tests.support.listener import Listener, Request
from tests.support.loops import loop_in_thread
from tests.support.messages import GREETINGS, message
from tests.support.waiting import PATIENCE

_PROCESS = bson.ObjectId("6f0000000000000000000001")

Action = Callable[[Request], Awaitable[None]]


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
    if request.wants_answer:
        await request.peer.send(message(answer_to(request.command), request.id))


def reply(document: dict[str, Any]) -> Action:
    """Answer with `document`."""

    async def act(request: Request) -> None:
        await request.peer.send(message(document, request.id))

    return act


def failure(code: int, *labels: str) -> Action:
    """Answer with an error."""
    return reply({"ok": 0, "errmsg": f"error {code}", "code": code, "errorLabels": list(labels)})


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


class ScriptedServer(Listener):
    """Listens while its ``async with`` block runs. `replica_set` is its set's name, ``None`` for a standalone.

    It says of itself what such a server says, and `fields`. If it `streams` a client waits for news of it. What a
    client did that it may not, such as two commands at a time in one session, fails the block.
    """

    def __init__(
        self,
        *,
        replica_set: str | None = "rs",
        hello: dict[str, Any] | None = None,
        streams: bool = False,
        path: str | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(self.serve, host=host, path=path, tls=tls)
        self.fields = hello or {}
        self.requests: list[Request] = []
        self.greetings: list[Request] = []
        self.most_greeting = 0
        self.default: Action = answer
        self.on_hello: Action = self.greet
        self._replica_set = replica_set
        self._streams = streams
        self._scripts: dict[str, deque[Action]] = defaultdict(deque)
        self._greeting = 0
        self._sessions: list[bytes] = []

    @property
    def uri(self) -> str:
        """The connection string."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mongodb://{host}:{self.port}/?directConnection=true"

    @property
    def names(self) -> list[str]:
        """The names of the commands that came, greetings aside."""
        return [request.name for request in self.requests]

    @property
    def introductions(self) -> list[dict[str, Any]]:
        """The greetings in which clients said who they are: the first of each connection."""
        return [request.command for request in self.greetings if "client" in request.command]

    def script(self, name: str, *actions: Action) -> None:
        """What to do with the next commands of that name, one after the other."""
        self._scripts[name].extend(actions)

    def unscript(self) -> None:
        """Do nothing of that any more."""
        self._scripts.clear()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()
        for failure in self.failures:
            raise failure

    async def serve(self, request: Request) -> None:
        """Do what a command, or the test, says."""
        if request.name in GREETINGS:
            await self._serve_greeting(request)
            return
        self.requests.append(request)
        session = bytes(request.command["lsid"]["id"]) if "lsid" in request.command else None
        if session in self._sessions and request.name != "killCursors":
            self.failures.append(AssertionError(f"{request.name} in a session with another command in hand"))
        if session is not None:
            self._sessions.append(session)
        try:
            actions = self._scripts[request.name]
            await (actions.popleft() if actions else self.default)(request)
        finally:
            if session is not None:
                self._sessions.remove(session)

    async def _serve_greeting(self, request: Request) -> None:
        self.greetings.append(request)
        self._greeting += 1
        self.most_greeting = max(self.most_greeting, self._greeting)
        try:
            if self._streams and "topologyVersion" in request.command:
                await asyncio.sleep(request.command["maxAwaitTimeMS"] / 1000)
            await self.on_hello(request)
        finally:
            self._greeting -= 1

    async def greet(self, request: Request) -> None:
        """Answer a hello."""
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
        if self._streams:
            document["topologyVersion"] = {"processId": _PROCESS, "counter": Int64(0)}
        return document | self.fields


Server = TypeVar("Server", bound=ScriptedServer)


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Have it serve in a thread of its own: it goes on while no loop of the test's runs."""
    with loop_in_thread() as loop:
        asyncio.run_coroutine_threadsafe(server.open(), loop).result(PATIENCE)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(PATIENCE)
