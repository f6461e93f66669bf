"""`collection.bulk_write` in small batches: before a server that answers by dice, and on a real collection."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from tests.differential.harness import COLLECTION
from tests.differential.randomised.answers import WITH_LABEL, Reply, ScriptedScene, concern_error
from tests.differential.randomised.real import RealScene
from tests.differential.randomised.seen import Seen
from tests.differential.randomised.statements import statements

STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes"}


class _Choice:
    """What a bulk write consists of, and whether it is retried."""

    def __init__(self, dice: Random) -> None:
        # With an UpdateMany or a DeleteMany anywhere in it PyMongo retries none of its batches, Motor those without.
        self.multi = dice.random() < 0.4
        self.retries = not self.multi and dice.random() < 0.7
        self.requests = statements(dice, multi=self.multi)
        self.ordered = dice.random() < 0.5

    async def write(self, db: Any, seen: Seen) -> None:
        collection = db[COLLECTION]
        requests = copy.deepcopy(self.requests)
        await seen.attempt("bulk_write", lambda: collection.bulk_write(requests, ordered=self.ordered))


class Bulk(ScriptedScene):
    """Before a server that fails commands, statements and write concerns."""

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.choice = _Choice(dice)
        self.options = {"retryWrites": self.choice.retries}
        self.hello |= {"maxWriteBatchSize": dice.choice([1, 2, 3, 5])}

    async def act(self, client: Any, seen: Seen) -> None:
        """One bulk write."""
        await self.choice.write(client.db, seen)

    def answer(self, command: dict[str, Any], dice: Random, number: int) -> Reply:
        """Close, an error, or what became of each statement."""
        fate = dice.random()
        if fate < 0.03:
            return None
        if fate < 0.08:
            return _error(dice)
        reply = _results(command, dice)
        # Without retries Motor's error has the server's label all the same, as that of a single write has in PyMongo.
        codes = [64, 91, 79] if self.choice.retries else [64, 79]
        return {**reply, **concern_error(dice.choice(codes))} if dice.random() < 0.1 else reply


def _error(dice: Random) -> dict[str, Any]:
    code = dice.choice([11000, 91, 10107, 64, 79, 121, 189])
    reply: dict[str, Any] = {"ok": 0, "errmsg": "no", "code": code}
    if code in WITH_LABEL and dice.random() < 0.8:
        reply["errorLabels"] = ["RetryableWriteError", *(["NoWritesPerformed"] if dice.random() < 0.5 else [])]
    return reply


def _results(command: dict[str, Any], dice: Random) -> dict[str, Any]:
    name = next(iter(command))
    errors: list[Any] = []
    upserted: list[Any] = []
    done = modified = 0
    for index, statement in enumerate(command[STATEMENTS[name]]):
        fate = dice.random()
        if fate < 0.12:
            errors.append({"index": index, "code": dice.choice([11000, 121]), "errmsg": f"bad {index}"})
            if command["ordered"]:
                break
        elif name == "update" and statement.get("upsert") and fate < 0.6:
            upserted.append({"index": index, "_id": f"u{index}"})
            done += 1
        else:
            done += 1
            modified += dice.randint(0, 1)
    reply: dict[str, Any] = {"n": done}
    if name == "update":
        reply["nModified"] = modified
    if errors:
        reply["writeErrors"] = errors
    return {**reply, "upserted": upserted} if upserted else reply


class RealBulk(RealScene):
    """On a real collection, in which some of it is a duplicate, over connections that break."""

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.choice = _Choice(dice)
        self.options = {"retryWrites": self.choice.retries}
        self.limits = {"maxWriteBatchSize": dice.choice([1, 2, 3, 5, 1000])}
        self.share = dice.choice([0.0, 0.1, 0.3])

    async def act(self, db: Any, seen: Seen) -> None:
        """One bulk write."""
        await self.choice.write(db, seen)
