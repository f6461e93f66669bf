"""Errors that a server gives: made with its failCommand fail point."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pymongo.database import Database

from ..harness import COLLECTION, Case, Target, outcome
from .bulk import all_kinds
from .concerns import READS, WRITES
from .data import TEN, THREE
from .update import SET

TIMEOUT = {
    "code": 64,
    "codeName": "WriteConcernFailed",
    "errmsg": "waiting for replication timed out",
    "errInfo": {"wtimeout": True},
}
WRITING_COMMANDS = (
    "insert",
    "update",
    "delete",
    "findAndModify",
    "aggregate",
    "createIndexes",
    "dropIndexes",
    "renameCollection",
    "drop",
)
NOT_ENOUGH = {"code": 100, "codeName": "UnsatisfiableWriteConcern", "errmsg": "not enough members"}


def fails(*commands: str, times: int = 1, **data: Any) -> Callable[[Database[Any]], Any]:
    def prepare(db: Database[Any]) -> None:
        db.client.admin.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": times},
            data={"failCommands": list(commands), **data},
        )

    return prepare


def indexed_and(prepare: Callable[[Database[Any]], Any]) -> Callable[[Database[Any]], Any]:
    """An index to drop, and then `prepare`."""

    def both(db: Database[Any]) -> None:
        db[COLLECTION].create_index("x")
        prepare(db)

    return both


async def twice(call: Callable[[], Any]) -> Any:
    """The call that fails, then the same again on the same pool."""
    return await outcome(call), await outcome(call)


def insert(t: Target) -> Any:
    return t.coll.insert_one({"_id": 50})


async def server_lost(t: Target, call: Callable[[Any], Any]) -> Any:
    """An error that makes the driver look at the server anew before it is used again."""
    db = t.own_db(heartbeatFrequencyMS=500)
    return await twice(lambda: call(db.c))


def find_batches(t: Target) -> Any:
    return t.coll.find({}, {"_id": 1}, batch_size=4)


async def on_collection(call: Callable[[Any], Any], t: Target) -> Any:
    return await outcome(call, t.coll)


def of_write_concern(error: dict[str, Any], name: str) -> list[Case]:
    return [
        Case(
            f"{name} in {each}",
            partial(on_collection, call),
            THREE,
            indexed_and(fails(*WRITING_COMMANDS, writeConcernError=error)),
        )
        for each, call in WRITES.items()
    ]


CASES = [
    *of_write_concern(TIMEOUT, "write concern timeout"),
    *of_write_concern(NOT_ENOUGH, "write concern error"),
    Case(
        "write concern error with labels",
        insert,
        prepare=fails("insert", writeConcernError=NOT_ENOUGH, errorLabels=["Mine"]),
    ),
    Case(
        "write concern errors in a bulk",
        lambda t: t.coll.bulk_write(all_kinds()),
        THREE,
        fails("insert", "update", times=2, writeConcernError=NOT_ENOUGH),
    ),
    Case(
        "write concern error beside a write error",
        lambda t: t.coll.insert_many([{"_id": 1}, {"_id": 8}], ordered=False),
        THREE,
        fails("insert", writeConcernError=TIMEOUT),
    ),
    *[
        Case(
            f"{name} fails",
            partial(on_collection, call),
            THREE,
            fails(
                "find",
                "aggregate",
                "count",
                "distinct",
                "listIndexes",
                "listCollections",
                errorCode=8,
                errorLabels=["Mine"],
            ),
        )
        for name, call in READS.items()
    ],
    Case("time limit of a find", lambda t: twice(lambda: t.coll.find_one()), THREE, fails("find", errorCode=50)),
    Case("time limit of an insert", insert, prepare=fails("insert", errorCode=50)),
    Case("duplicate key of a command", lambda t: t.db.command("ping"), prepare=fails("ping", errorCode=11000)),
    Case("update fails", lambda t: t.coll.update_one({}, SET), THREE, fails("update", errorCode=2)),
    Case("bulk fails in the middle", lambda t: t.coll.bulk_write(all_kinds()), THREE, fails("update", errorCode=2)),
    Case("getMore fails", find_batches, TEN, fails("getMore", errorCode=2)),
    Case("getMore finds no cursor", find_batches, TEN, fails("getMore", errorCode=43)),
    Case(
        "getMore of an aggregate fails", lambda t: t.coll.aggregate([], batchSize=4), TEN, fails("getMore", errorCode=2)
    ),
    Case(
        "getMore of an aggregate finds no cursor",
        lambda t: t.coll.aggregate([], batchSize=4),
        TEN,
        fails("getMore", errorCode=43),
    ),
    Case(
        "not primary",
        lambda t: server_lost(t, lambda c: c.insert_one({"_id": 50})),
        prepare=fails("insert", errorCode=10107),
    ),
    Case("recovering", lambda t: server_lost(t, lambda c: c.find_one()), THREE, fails("find", errorCode=11602)),
    Case(
        "connection closed",
        lambda t: server_lost(t, lambda c: c.insert_one({"_id": 50})),
        prepare=fails("insert", closeConnection=True),
    ),
    Case("connection closed on a getMore", find_batches, TEN, fails("getMore", closeConnection=True)),
]
