"""Single operations, alone, in a session and in transactions, before a server that fails in every way."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from bson import Int64, ObjectId
from pymongo import WriteConcern

from tests.differential.harness import got
from tests.differential.randomised.answers import WITH_LABEL, Reply, ScriptedScene, concern_error
from tests.differential.randomised.seen import Seen

Operation = Callable[[Any, Any], Any]
"""Called with a database and a session."""

SET = {"$set": {"a": 1}}

OPERATIONS: dict[str, Operation] = {
    "insert_one": lambda db, s: db.c.insert_one({"_id": 11}, session=s),
    "insert_many": lambda db, s: db.c.insert_many([{"_id": 12}, {"_id": 13}], session=s),
    "update_one": lambda db, s: db.c.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=s),
    "update_many": lambda db, s: db.c.update_many({"x": 1}, SET, session=s),
    "replace_one": lambda db, s: db.c.replace_one({"_id": 2}, {"a": 1}, session=s),
    "delete_one": lambda db, s: db.c.delete_one({"_id": 3}, session=s),
    "delete_many": lambda db, s: db.c.delete_many({"x": 2}, session=s),
    "find_one": lambda db, s: db.c.find_one({"_id": 1}, session=s),
    "find_one_and_update": lambda db, s: db.c.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}}, session=s),
    "find_one_and_replace": lambda db, s: db.c.find_one_and_replace({"_id": 4}, {"b": 1}, session=s),
    "find_one_and_delete": lambda db, s: db.c.find_one_and_delete({"_id": 5}, session=s),
    "distinct": lambda db, s: db.c.distinct("x", session=s),
    "count_documents": lambda db, s: db.c.count_documents({}, session=s),
    "estimated_document_count": lambda db, _: db.c.estimated_document_count(),
    "command": lambda db, s: db.command("ping", session=s),
    "create_index": lambda db, s: db.c.create_index("x", session=s),
    "find": lambda db, s: db.c.find({}, session=s, batch_size=2),
    "aggregate": lambda db, s: db.c.aggregate([{"$match": {}}], session=s, batchSize=2),
    "aggregate to a collection": lambda db, s: db.c.aggregate([{"$match": {"x": 1}}, {"$out": "out"}], session=s),
    "list_indexes": lambda db, s: db.c.list_indexes(session=s),
    "list_collection_names": lambda db, s: db.list_collection_names(session=s),
    "drop": lambda db, s: db.c.drop(session=s),
}

CALLBACKS = 6
"""How often a transaction's function runs before it gives up."""


class GaveUp(Exception):
    """Raised by a transaction's function, which would be called again and again."""


class Course:
    """A few operations, and what is around them."""

    def __init__(self, dice: Random) -> None:
        self.names = [dice.choice(list(OPERATIONS)) for _ in range(dice.randint(1, 3))]
        self._run = dice.choice([self._alone, self._in_session, self._in_transaction, self._with_transaction])
        self._swallows = dice.random() < 0.3
        self._commits_again = dice.random() < 0.2
        self._write_concern = WriteConcern("majority") if dice.random() < 0.5 else None

    async def run(self, db: Any, seen: Seen) -> None:
        """Do them."""
        await self._run(db, seen)

    async def _alone(self, db: Any, seen: Seen, session: Any = None) -> None:
        for name in self.names:
            await seen.attempt(name, lambda: OPERATIONS[name](db, session))  # noqa: B023

    async def _in_session(self, db: Any, seen: Seen) -> None:
        async with db.client.start_session(causal_consistency=False) as session:
            await self._alone(db, seen, session)

    async def _in_transaction(self, db: Any, seen: Seen) -> None:
        async def transaction(session: Any) -> None:
            async with await got(session.start_transaction(write_concern=self._write_concern)):
                if self._swallows:
                    await self._alone(db, seen, session)
                else:
                    await self._all(db, seen, session)

        async with db.client.start_session(causal_consistency=False) as session:
            await seen.attempt("transaction", lambda: transaction(session))
            if self._commits_again:
                await seen.attempt("commit", session.commit_transaction)

    async def _with_transaction(self, db: Any, seen: Seen) -> None:
        called = 0

        async def callback(session: Any) -> str:
            nonlocal called
            called += 1
            if called > CALLBACKS:
                raise GaveUp
            await self._all(db, seen, session)
            return "done"

        async with db.client.start_session(causal_consistency=False) as session:
            await seen.attempt("with_transaction", lambda: session.with_transaction(callback))

    async def _all(self, db: Any, seen: Seen, session: Any) -> None:
        for name in self.names:
            await seen.step(name, lambda: OPERATIONS[name](db, session))  # noqa: B023


CODES = (91, 10107, 189, 8, 13, 50, 64, 112, 251, 462, 7, 43, 262, 11600)
"""Those that are retried, those that say who is primary, those of transactions, of overload, of time, and others."""

ENDS = ("commitTransaction", "abortTransaction")
READS = ("find", "getMore", "distinct", "count", "ping", "listIndexes", "listCollections")


class Operations(ScriptedScene):
    """A replica set's primary, a mongos, or a load balancer."""

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.rate = dice.choice([0.1, 0.3, 0.5])
        self.options = {"retryWrites": dice.random() < 0.8, "retryReads": dice.random() < 0.8}
        self.course = Course(dice)
        # The end of a transaction is refused for overload once only: if it were at last, Motor would abort it later.
        # It is not if one was sent before, which PyMongo then forgets, nor if nothing has begun on the server, where
        # PyMongo's end says startTransaction.
        self._calm = self._may_be_refused = False
        deployment = dice.choice(["primary", "mongos", "load balancer"])
        if deployment != "primary":
            self.replica_set = None
            self.hello |= {"msg": "isdbgrid"}
        if deployment == "load balancer":
            self.hello |= {"serviceId": ObjectId("5e4f1ce00000000000000001")}
            self.query = "loadBalanced=true"

    def begin(self) -> None:
        """No transaction is known."""
        self._calm = self._may_be_refused = False

    async def act(self, client: Any, seen: Seen) -> None:
        """Go the course."""
        await self.course.run(client.db, seen)

    def answer(self, command: dict[str, Any], dice: Random, number: int) -> Reply:
        """Close, an error, a write concern's, or what was asked for."""
        fate = 1.0 if self._calm else dice.random()
        ends = next(iter(command)) in ENDS
        overloads = self._may_be_refused or not ends
        self._calm = False
        if ends or "startTransaction" in command:
            self._may_be_refused = False
        if fate < self.rate * 0.2:
            return None
        if fate < self.rate:
            refusal = _error(command, dice, overloads)
            self._calm = ends and "baseBackoffMS" in refusal
            return refusal
        reply = _result(command, dice)
        self._may_be_refused |= not ends and command.get("autocommit") is False
        if fate < self.rate * 1.3 and next(iter(command)) not in READS:
            # Elsewhere Motor's bulk writes have the server's label, too, as those of one document have in PyMongo.
            labelled = "insert" not in command or _is_retryable_write(command)
            reply |= concern_error(dice.choice([64, 91, 79] if labelled else [64, 79]))
        return reply


def _is_retryable_write(command: dict[str, Any]) -> bool:
    return "txnNumber" in command and "autocommit" not in command


def _error(command: dict[str, Any], dice: Random, overloads: bool) -> dict[str, Any]:
    code = dice.choice(CODES)
    reply: dict[str, Any] = {"ok": 0, "errmsg": "no", "code": code}
    labels = []
    if code in WITH_LABEL and dice.random() < 0.7:
        labels.append("RetryableWriteError")
    if dice.random() < 0.4:
        labels.append("NoWritesPerformed")
    if (code == 462 or dice.random() < 0.1) and overloads:
        labels += ["SystemOverloadedError", "RetryableError"]
        reply["baseBackoffMS"] = 1
    if code in (112, 251) and command.get("autocommit") is False:
        labels.append("TransientTransactionError")
    return {**reply, "errorLabels": labels} if labels else reply


RESULTS: dict[str, dict[str, Any]] = {
    "distinct": {"values": [1]},
    "count": {"n": 4},
    "findAndModify": {"value": {"_id": 1, "a": 1}},
    "insert": {"n": 1},
    "update": {"n": 1, "nModified": 1},
    "delete": {"n": 1},
}


def _result(command: dict[str, Any], dice: Random) -> dict[str, Any]:
    name = next(iter(command))
    found = {"_id": 1, "n": 3, "name": "a", "key": {"a": 1}}
    if name in ("find", "aggregate", "listIndexes", "listCollections"):
        return {"cursor": {"id": Int64(dice.choice([0, 9])), "ns": "db.c", "firstBatch": [found]}}
    if name == "getMore":
        return {"cursor": {"id": Int64(0), "ns": "db.c", "nextBatch": [{**found, "_id": 2, "name": "b"}]}}
    return dict(RESULTS.get(name, {}))
