"""Cursors over a real collection: read in every way, left, rewound and cloned, while the server or connections fail."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from pymongo import CursorType
from pymongo.database import Database

from tests.differential.harness import COLLECTION, got
from tests.differential.randomised.faults import fail_point
from tests.differential.randomised.real import RealScene
from tests.differential.randomised.seen import Seen

TOTAL = 30
PROJECTIONS: tuple[Any, ...] = ({"x": 1}, ["x"], [], {"_id": 0}, {"x": 0})


async def _some(cursor: Any) -> list[Any]:
    """Leaves the loop early."""
    documents: list[Any] = []
    async for document in cursor:
        documents.append(document)
        if len(documents) == 3:
            break
    return documents


async def _rewound(cursor: Any) -> None:
    await got(cursor.rewind())


STEPS: dict[str, Callable[[Any], Any]] = {
    "next": lambda cursor: cursor.next(),
    "to_list": lambda cursor: cursor.to_list(),
    "to_list(3)": lambda cursor: cursor.to_list(3),
    "async for, left": _some,
    "close": lambda cursor: cursor.close(),
    "alive": lambda cursor: cursor.alive,
    "is over": lambda cursor: cursor.cursor_id == 0,
}

OF_FIND: dict[str, Callable[[Any], Any]] = {
    "rewind": _rewound,
    "retrieved": lambda cursor: cursor.retrieved,
    "clone": lambda cursor: cursor.clone().to_list(),
}

WEIGHTS = {"next": 4, "to_list": 1, "close": 0.5}
"""How often a step is chosen; the others are in between."""


class Cursors(RealScene):
    """One cursor, and a dozen steps with it, with a fail point now and then."""

    # Which session is free depends on when the cursor before has been killed, which is done in the background.
    left_out = ("lsid",)

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.options = {"retryReads": dice.random() < 0.7}
        self.aggregates = dice.random() < 0.3
        self.arguments = _arguments(dice)
        steps = STEPS if self.aggregates else {**STEPS, **OF_FIND}
        weights = [WEIGHTS.get(name, 1.5) for name in steps]
        self.steps = dice.choices(list(steps.items()), weights, k=dice.randint(1, 12))
        fate = dice.random()
        if fate < 0.3:
            self.fail_point = fail_point(dice, ("aggregate", "find", "getMore"))
        elif fate < 0.5:
            self.share = 0.15

    def prepare(self, database: Database[Any]) -> None:
        """Thirty small documents."""
        database[COLLECTION].insert_many([{"_id": n, "x": n % 4, "s": "y" * 20} for n in range(TOTAL)])

    async def act(self, db: Any, seen: Seen) -> None:
        """Take the steps, up to the first failure: Motor's cursor fails again then, PyMongo's says that it is over."""
        cursor = await seen.begin("open", lambda: self._open(db))
        if cursor is None:
            return
        for name, step in self.steps:
            if not await seen.attempt(name, lambda: step(cursor)) and not _at_end(seen):  # noqa: B023
                break
        await seen.attempt("close at last", cursor.close)

    def _open(self, db: Any) -> Any:
        if self.aggregates:
            size = {"batchSize": self.arguments["batch_size"]} if "batch_size" in self.arguments else {}
            return db[COLLECTION].aggregate([{"$match": {"x": {"$ne": 1}}}, {"$sort": {"_id": 1}}], **size)
        return db[COLLECTION].find(**self.arguments).sort("_id", 1)


def _at_end(seen: Seen) -> bool:
    """Whether what the last step raised was the end of the cursor."""
    return "StopAsyncIteration" in repr(seen.steps[-1][1]["raised"])


def _arguments(dice: Random) -> dict[str, Any]:
    arguments: dict[str, Any] = {"filter": {} if dice.random() < 0.6 else {"x": {"$gt": 0}}}
    if dice.random() < 0.5:
        arguments["batch_size"] = dice.choice([0, 1, 2, 3, 7, 100])
    if dice.random() < 0.5:
        arguments["limit"] = dice.choice([0, 1, 2, 5, 20, 1000, -1, -3, -20])
    if dice.random() < 0.4:
        arguments["skip"] = dice.choice([0, 1, 5, TOTAL, TOTAL + 1])
    if dice.random() < 0.3:
        arguments["projection"] = dice.choice(PROJECTIONS)
    if dice.random() < 0.3 and not arguments.get("limit"):
        arguments["cursor_type"] = CursorType.EXHAUST
    return arguments
