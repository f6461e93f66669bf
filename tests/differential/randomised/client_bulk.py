"""`client.bulk_write`, whose results come by a cursor: before a server that answers by dice, and a real one."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from bson import Int64

from tests.differential.harness import COLLECTION
from tests.differential.randomised.answers import WITH_LABEL, Reply, ScriptedScene, concern_error
from tests.differential.randomised.real import RealScene
from tests.differential.randomised.seen import Seen
from tests.differential.randomised.statements import statements

NAMESPACES = ("a.b", "a.c", "z.z")
COUNTS = ("nInserted", "nMatched", "nModified", "nUpserted", "nDeleted")

NO_PARTIAL_RESULT = {
    ("AttributeError", "ClientBulkWriteException"): (
        "PyMongo looks for the code of an error that has none, when the connection breaks at a getMore"
    ),
    ("DocumentTooLarge", "ClientBulkWriteException"): (
        "PyMongo forgets what the batches before have done, when a document is too large to be sent"
    ),
}


class ClientBulk(ScriptedScene):
    """In small batches, whose results come in pieces."""

    excuses = NO_PARTIAL_RESULT

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.options = {"retryWrites": dice.random() < 0.6}
        self.hello |= {"maxWriteBatchSize": dice.choice([1, 2, 4, 6])}
        self.models = statements(dice, multi=False, namespaces=NAMESPACES)
        self.arguments = {"ordered": dice.random() < 0.5, "verbose_results": dice.random() < 0.6}
        self._pending: dict[int, list[Any]] = {}
        self._done: dict[tuple[bytes, int], dict[str, Any]] = {}
        """What was said to the writes whose write concern was not met, and that may be retried."""

    def begin(self) -> None:
        """No cursor is open, and nothing is done."""
        self._pending = {}
        self._done = {}

    async def act(self, client: Any, seen: Seen) -> None:
        """One bulk write."""
        models = copy.deepcopy(self.models)
        await seen.attempt("bulk_write", lambda: client.bulk_write(models, **self.arguments))

    def answer(self, command: dict[str, Any], dice: Random, number: int) -> Reply:
        """Close, an error, or what became of each model, or the first part of that; when asked again, the same."""
        known = bytes(command["lsid"]["id"]), command.get("txnNumber", 0)
        if known in self._done:
            return self._done[known]
        fate = dice.random()
        if fate < 0.04:
            return None
        if next(iter(command)) == "getMore":
            rest = self._pending.pop(int(command["getMore"]), [])
            lost = {"ok": 0, "code": 43, "errmsg": "cursor not found"}
            return lost if fate < 0.1 else self._batch(rest, dice, number, "nextBatch")
        if fate < 0.1:
            code = dice.choice([91, 10107, 8, 13])
            labels = {"errorLabels": ["RetryableWriteError"]} if code in WITH_LABEL else {}
            return {"ok": 0, "errmsg": "no", "code": code, **labels}
        counts, results = _results(command, dice)
        reply = {**counts, **self._batch(results, dice, number, "firstBatch")}
        if dice.random() > 0.1:
            return reply
        if "txnNumber" in command:
            self._done[known] = reply
        return {**reply, **concern_error(dice.choice([64, 91]))}

    def _batch(self, results: list[Any], dice: Random, number: int, field: str) -> dict[str, Any]:
        cut = len(results) if dice.random() < 0.5 else dice.randint(0, len(results))
        cursor_id = 100 + number if results[cut:] else 0
        self._pending[cursor_id] = results[cut:]
        return {"cursor": {"id": Int64(cursor_id), "ns": "admin.$cmd.bulkWrite", field: results[:cut]}}


class RealClientBulk(RealScene):
    """On two real collections, in which some of it is a duplicate, over connections that break.

    SecantusDB does a bulkWrite once more when it is retried, but does that to both.
    """

    excuses = NO_PARTIAL_RESULT
    # PyMongo goes on with the session of a batch whose connection broke, Motor takes another.
    left_out = ("lsid",)

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        multi = dice.random() < 0.3
        self.multi = multi
        # With a multi anywhere in it PyMongo retries none of its batches, Motor those without.
        self.options = {"retryWrites": not multi and dice.random() < 0.7}
        self.limits = {"maxWriteBatchSize": dice.choice([1, 2, 4, 6, 1000])}
        self.share = dice.choice([0.0, 0.1, 0.3])
        self.arguments = {"ordered": dice.random() < 0.5, "verbose_results": dice.random() < 0.5}

    async def act(self, db: Any, seen: Seen) -> None:
        """One bulk write."""
        namespaces = (f"{db.name}.{COLLECTION}", f"{db.name}.d")
        models = statements(Random(self.seed), multi=self.multi, namespaces=namespaces)
        await seen.attempt("bulk_write", lambda: db.client.bulk_write(models, **self.arguments))


def _results(command: dict[str, Any], dice: Random) -> tuple[dict[str, int], list[Any]]:
    counts = dict.fromkeys(COUNTS, 0)
    results: list[Any] = []
    errors = 0
    for index, model in enumerate(command["ops"]):
        if dice.random() < 0.12:
            errors += 1
            results.append({"ok": 0.0, "idx": index, "code": 11000, "errmsg": f"duplicate {index}", "n": 0})
            if command["ordered"]:
                break
            continue
        result: dict[str, Any] = {"ok": 1.0, "idx": index, "n": 1}
        if "insert" in model:
            counts["nInserted"] += 1
        elif "delete" in model:
            counts["nDeleted"] += 1
        elif model.get("upsert") and dice.random() < 0.6:
            counts["nUpserted"] += 1
            result |= {"nModified": 0, "upserted": {"_id": index}}
        else:
            counts["nMatched"] += 1
            counts["nModified"] += 1
            result |= {"nModified": 1}
        if not command["errorsOnly"]:
            results.append(result)
    return {"nErrors": errors, **counts}, results
