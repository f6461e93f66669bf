"""Scenes on the tests' server, behind a proxy that watches, and cuts where the seed says so."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import nullcontext
from random import Random
from typing import Any

import bson
from pymongo.database import Database

from tests.differential.harness import COLLECTION, got
from tests.differential.randomised.comparison import Connect, Scene
from tests.differential.randomised.seen import BACKGROUND, Exchange, Seen
from tests.differential.randomised.stage import FailPoint, Stage
from tests.support.cuts import Cut, CuttingLink, CuttingProxy
from tests.support.messages import GREETINGS, HEADER, command_of

DOCUMENT = HEADER.size + 5
"""Where the document of an OP_MSG without document sequences begins."""


class WatchingProxy(CuttingProxy):
    """Shows one side's commands and their replies to `seen`, and cuts at a share of them."""

    def __init__(self, target: int, seen: Seen, scene: RealScene) -> None:
        super().__init__(target, hello=scene.limits, dice=Random(scene.seed))
        self.oversized = 0
        self._link = lambda: WatchingLink(self)
        self._seen = seen
        self._scene = scene
        self._largest = scene.limits.get("maxMessageSizeBytes")
        self._exchanges: dict[int, Exchange] = {}
        self._commands = 0

    def requested(self, message: bytes) -> Cut | None:
        """A request. The dice are thrown anew for each command, so that they fall alike on both sides."""
        self.oversized += self._largest is not None and len(message) > self._largest
        command = command_of(message)
        name = next(iter(command))
        self._seen.kills |= name == "killCursors"
        if name in (*GREETINGS, *BACKGROUND):
            return None
        self._exchanges[HEADER.unpack_from(message)[1]] = self._seen.sent(command)
        self._commands += 1
        dice = Random(f"{self._scene.seed} {self._commands}")
        return dice.choice(list(Cut)) if dice.random() < self._scene.share else None

    def answered(self, message: bytes) -> bytes:
        """A reply, as it is passed on."""
        _, request_id, response_to, opcode = HEADER.unpack_from(message)
        exchange = self._exchanges.pop(response_to, None)
        if exchange is not None:
            self._seen.answered(exchange, bson.decode(message[DOCUMENT:]))
        if self._scene.cluster_time:
            return message
        reply = bson.decode(message[DOCUMENT:])
        reply.pop("$clusterTime", None)
        body = bson.encode(reply)
        header = HEADER.pack(DOCUMENT + len(body), request_id, response_to, opcode)
        return header + message[HEADER.size : DOCUMENT] + body


class WatchingLink(CuttingLink):
    """One of its connections."""

    def __init__(self, proxy: WatchingProxy) -> None:
        super().__init__(proxy)
        self._watching = proxy

    def decide(self, message: bytes) -> Cut | None:
        """Where a request is to be cut."""
        return self._watching.requested(message)

    def reply(self, message: bytes) -> bytes:
        """A reply that is not cut."""
        return self._watching.answered(super().reply(message))


class RealScene(Scene):
    """What a seed does to a real collection. A subclass chooses its options, limits and faults, and acts."""

    def __init__(self, dice: Random) -> None:
        self.seed = str(dice.random())
        self.options: dict[str, Any] = {}
        self.limits: dict[str, int] = {}
        self.share = 0.0
        """Of commands that are cut."""
        self.fail_point: FailPoint | None = None
        self.cluster_time = True
        """Whether the server tells of it."""

    async def play(self, connect: Connect, seen: Seen, stage: Stage) -> None:
        """One side's turn; the data afterwards belong to what is compared."""
        with stage.database(seen.database) as database:
            self.prepare(database)
            async with WatchingProxy(stage.port, seen, self) as proxy:
                client = connect(proxy.uri, serverMonitoringMode="poll", **self.options)
                try:
                    with stage.fail_point(self.fail_point) if self.fail_point else nullcontext():
                        await self.act(client[seen.database], seen)
                finally:
                    await got(client.close())
            stage.end_transactions()
            seen.note("messages that are too large", proxy.oversized)
            for name in sorted(database.list_collection_names()):
                seen.note(name, list(database[name].find().sort("_id")))

    def prepare(self, database: Database[Any]) -> None:
        """Put there what the scene finds."""
        database[COLLECTION].insert_many([{"_id": number, "x": number % 4, "n": 0} for number in range(6)])

    @abstractmethod
    async def act(self, db: Any, seen: Seen) -> None:
        """Call the driver."""
