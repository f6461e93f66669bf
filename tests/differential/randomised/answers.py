"""Scenes before a server that answers by dice: errors of all kinds, labels, broken connections, in any combination."""

from __future__ import annotations

from abc import abstractmethod
from random import Random
from typing import Any

from tests.differential.harness import got
from tests.differential.randomised.comparison import Connect, Scene
from tests.differential.randomised.seen import BACKGROUND, Seen
from tests.differential.randomised.stage import Stage
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, answer_to

Reply = dict[str, Any] | None
"""``None`` closes the connection."""

WITH_LABEL = (91, 10107, 189, 11600)
"""Codes that a server of today gives the label RetryableWriteError."""


def concern_error(code: int) -> dict[str, Any]:
    """What a reply has beside its result when the write concern was not met."""
    labels = {"errorLabels": ["RetryableWriteError"]} if code in WITH_LABEL else {}
    return {"writeConcernError": {"code": code, "errmsg": "not met"}, **labels}


class Answers:
    """One side's server. The dice are thrown anew for each command, so that they fall alike on both sides."""

    def __init__(self, scene: ScriptedScene, seen: Seen) -> None:
        self._scene = scene
        self._seen = seen
        self._commands = 0

    async def __call__(self, request: Request) -> None:
        """Answer a command."""
        reply: Reply
        if request.name in BACKGROUND:
            reply = answer_to(request.command)
        else:
            self._seen.sent(request.command)
            self._commands += 1
            reply = self._scene.answer(request.command, Random(f"{self._scene.seed} {self._commands}"), self._commands)
        if reply is None:
            request.peer.close()
        elif not request.flags & 2:
            await request.peer.send(message({"ok": 1, **reply}, request.id))


class ScriptedScene(Scene):
    """What a seed does to a client. A subclass chooses its options and its server, answers, and acts."""

    # PyMongo drops the session of a "not primary" error, which is no network error: the server has answered.
    left_out = ("lsid",)

    def __init__(self, dice: Random) -> None:
        self.seed = str(dice.random())
        self.options: dict[str, Any] = {}
        self.hello: dict[str, Any] = {"maxWireVersion": 25}
        self.replica_set: str | None = "rs"
        self.query = "directConnection=true"

    async def play(self, connect: Connect, seen: Seen, stage: Stage) -> None:
        """One side's turn."""
        self.begin()
        async with ScriptedServer(replica_set=self.replica_set, hello=self.hello) as server:
            server.default = Answers(self, seen)
            client = connect(f"mongodb://{server.address}/?{self.query}", **self.options)
            try:
                await self.act(client, seen)
            finally:
                await got(client.close())

    def begin(self) -> None:
        """Forget what the server knew of the other side."""

    @abstractmethod
    def answer(self, command: dict[str, Any], dice: Random, number: int) -> Reply:
        """What the server says to its command of this number; its ``ok`` is 1 unless it says otherwise."""

    @abstractmethod
    async def act(self, client: Any, seen: Seen) -> None:
        """Call the driver."""
