"""A change stream whose server forgets its cursor, is no primary, closes connections, and sends what has no token."""

from __future__ import annotations

from random import Random
from typing import Any

from bson import Int64, Timestamp

from tests.differential.randomised.answers import Reply, ScriptedScene
from tests.differential.randomised.seen import Seen

CODES = (43, 91, 10107, 136, 8, 262, 234, 50)
"""Those that a stream is resumed after, by their code or by a label, and others."""

TURNS = 14


class ChangeStreams(ScriptedScene):
    """One stream, and some turns of `try_next`."""

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.options = {"retryReads": dice.random() < 0.5}
        self.arguments = _arguments(dice)
        self._cursor = self._changes = 0

    def begin(self) -> None:
        """Nothing has happened."""
        self._cursor = self._changes = 0

    async def act(self, client: Any, seen: Seen) -> None:
        """Read, after failures, too, as long as it is alive."""
        stream = await seen.begin("open", lambda: client.db.c.watch([{"$match": {}}], **self.arguments))
        if stream is None:
            return
        for _ in range(TURNS):
            await seen.attempt("try_next", stream.try_next)
            seen.note("resume_token", stream.resume_token)
            seen.note("alive", stream.alive)
            if not stream.alive:
                break
        await seen.attempt("close", stream.close)

    def answer(self, command: dict[str, Any], dice: Random, number: int) -> Reply:
        """Close, an error, or a batch of changes."""
        name = next(iter(command))
        fate = dice.random()
        if fate < 0.08:
            return None
        if fate < 0.25:
            labels = {"errorLabels": ["ResumableChangeStreamError"]} if dice.random() < 0.6 else {}
            return {"ok": 0, "errmsg": "no", "code": dice.choice(CODES), **labels}
        if name == "aggregate":
            self._cursor += 1
        cursor: dict[str, Any] = {
            "id": Int64(0 if dice.random() < 0.05 else 100 + self._cursor),
            "ns": "db.c",
            "firstBatch" if name == "aggregate" else "nextBatch": [
                self._change(dice) for _ in range(dice.choice([0, 0, 1, 2, 3]))
            ],
        }
        if dice.random() < 0.6:
            cursor["postBatchResumeToken"] = {"batch": number}
        time = {"operationTime": Timestamp(5, number)} if dice.random() < 0.8 else {}
        return {"cursor": cursor, **time}

    def _change(self, dice: Random) -> dict[str, Any]:
        self._changes += 1
        token = {"_id": {"change": self._changes}} if dice.random() > 0.01 else {}
        return {**token, "operationType": "insert"}


def _arguments(dice: Random) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    start = dice.choice([None, "resume_after", "start_after", "start_at_operation_time"])
    if start is not None:
        arguments[start] = Timestamp(1, 1) if start == "start_at_operation_time" else {"change": 0}
    if dice.random() < 0.3:
        arguments["batch_size"] = dice.choice([0, 1, 2, 5])
    if dice.random() < 0.3:
        arguments["max_await_time_ms"] = 7
    if dice.random() < 0.2:
        arguments["full_document"] = "updateLookup"
    if dice.random() < 0.2:
        arguments["comment"] = "c"
    return arguments
