"""One time limit for a whole operation: pymongo.timeout and timeoutMS.

The limit is a thousand seconds, so that what is left of it can be told from a number of the case's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pymongo
from pymongo import InsertOne, ReadPreference, UpdateOne
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, got, outcome
from .data import TEN, THREE
from .failures import fails
from .sessions import METHODS
from .update import SET

LONG = 1000

WITH_MAX_TIME: dict[str, Callable[[Any], Any]] = {
    "find": lambda c: c.find({}, batch_size=4, max_time_ms=500),
    "find, chained": lambda c: c.find({}, batch_size=4).max_time_ms(500),
    "aggregate": lambda c: c.aggregate([], batchSize=4, maxTimeMS=500),
    "count_documents": lambda c: c.count_documents({}, maxTimeMS=500),
    "estimated_document_count": lambda c: c.estimated_document_count(maxTimeMS=500),
    "distinct": lambda c: c.distinct("x", maxTimeMS=500),
    "find_one_and_update": lambda c: c.find_one_and_update({}, SET, maxTimeMS=500),
    "create_index": lambda c: c.create_index("x", maxTimeMS=500),
    "command": lambda c: c.database.command("ping", maxTimeMS=500),
    "cursor_command": lambda c: c.database.cursor_command("find", "c", batchSize=4, maxTimeMS=500),
    "bulk_write": lambda c: c.bulk_write([InsertOne({"_id": 20}), UpdateOne({}, SET)]),
    "insert_many": lambda c: c.insert_many([{"_id": 21}]),
}


async def every_method(t: Target) -> Any:
    with pymongo.timeout(LONG):
        return [await outcome(method, t, None) for method in METHODS]


async def in_a_session(t: Target, in_transaction: bool) -> Any:
    results: list[Any] = []
    with pymongo.timeout(LONG):
        async with t.client.start_session() as session:
            for method in METHODS:
                if in_transaction:
                    await got(session.start_transaction())
                results.append(await outcome(method, t, session))
                if in_transaction:
                    await session.abort_transaction()
    return results


async def with_max_time(t: Target) -> Any:
    with pymongo.timeout(LONG):
        return {name: await outcome(call, t.coll) for name, call in WITH_MAX_TIME.items()}


async def write_concerns(t: Target) -> Any:
    results: list[Any] = []
    for concern in (WriteConcern(w="majority", wtimeout=300), WriteConcern(wtimeout=300), WriteConcern(w=1, j=True)):
        collection = t.coll.with_options(write_concern=concern)
        for seconds in (LONG, None):
            with pymongo.timeout(seconds):
                results.append(await outcome(collection.update_one, {}, SET))
                results.append(await outcome(collection.create_index, "x"))
                results.append(await outcome(collection.bulk_write, [UpdateOne({}, SET)]))
                results.append(await outcome(collection.find_one_and_update, {}, SET))
                results.append(await outcome(collection.drop_index, "x_1"))
    return results


async def commits(t: Target, seconds: float | None, **options: Any) -> Any:
    with pymongo.timeout(seconds):
        async with t.client.start_session() as session:
            await got(session.start_transaction(**options))
            await t.coll.insert_one({"_id": 9}, session=session)
            first = await outcome(session.commit_transaction)
            return first, await outcome(session.commit_transaction)


async def with_transaction(t: Target) -> Any:
    async def callback(session: Any) -> str:
        await t.coll.insert_one({"_id": 9}, session=session)
        return "done"

    with pymongo.timeout(LONG):
        async with t.client.start_session() as session:
            return await outcome(partial(session.with_transaction, callback, max_commit_time_ms=100))


async def no_time_left(t: Target) -> Any:
    """Nothing is sent that cannot be answered in time."""
    results: list[Any] = []
    with pymongo.timeout(1e-9):
        for call in (t.coll.find_one, partial(t.coll.insert_one, {"_id": 9}), partial(t.db.command, "ping")):
            error = await outcome(call)
            results.append((isinstance(error, pymongo.errors.PyMongoError), getattr(error, "timeout", None)))
    return results


async def of_the_client(t: Target, milliseconds: int) -> Any:
    db = t.own_db(timeoutMS=milliseconds, wTimeoutMS=300, w="majority")
    results = {name: await outcome(call, db.c) for name, call in WITH_MAX_TIME.items()}
    with pymongo.timeout(LONG):
        results["inner"] = await outcome(db.c.find_one)
    async with db.client.start_session() as session:
        await got(session.start_transaction())
        await db.c.insert_one({"_id": 30}, session=session)
        await session.commit_transaction()
    return results, db.client.timeout, db.timeout if hasattr(db, "timeout") else None


async def ends_in_a_transaction(t: Target, milliseconds: int) -> None:
    client = t.new_client(timeoutMS=milliseconds, wTimeoutMS=300, w="majority")
    async with client.start_session() as session:
        await got(session.start_transaction())
        await client[t.db.name].c.insert_one({"_id": 9}, session=session)
    session = client.start_session()
    await got(session.start_transaction())
    await client[t.db.name].c.insert_one({"_id": 9}, session=session)
    await session.end_session()


async def nested(t: Target) -> Any:
    results: list[Any] = []
    for outer, inner in ((LONG, None), (LONG, 2000), (None, LONG), (0, LONG)):
        with pymongo.timeout(outer), pymongo.timeout(inner):
            results.append(await outcome(t.coll.find_one))
    with pymongo.timeout(0):
        results.append(await outcome(t.coll.find_one))
    return results


async def reads(t: Target) -> Any:
    with pymongo.timeout(LONG):
        return await outcome(lambda: t.coll.find({}, batch_size=4))


async def reads_from_elsewhere(t: Target) -> Any:
    collection = t.coll.with_options(read_preference=ReadPreference.NEAREST, read_concern=ReadConcern("majority"))
    with pymongo.timeout(LONG):
        return await outcome(collection.find_one), await outcome(lambda: collection.aggregate([]))


CASES = [
    Case("every method", every_method, THREE),
    Case("in a session", partial(in_a_session, in_transaction=False), THREE),
    Case("in a transaction", partial(in_a_session, in_transaction=True), THREE),
    Case("beside max_time_ms", with_max_time, TEN),
    Case("write concerns", write_concerns, THREE),
    *[
        Case(f"commit, {seconds}, {name}", partial(commits, seconds=seconds, **options))
        for seconds in (LONG, None)
        for name, options in (
            ("no option", {}),
            ("max_commit_time_ms", {"max_commit_time_ms": 700}),
            ("wtimeout", {"write_concern": WriteConcern(w="majority", wtimeout=300)}),
        )
    ],
    Case("with_transaction", with_transaction),
    Case("no time left", no_time_left, THREE),
    Case("timeoutMS", partial(of_the_client, milliseconds=LONG * 1000), TEN),
    Case("timeoutMS=0", partial(of_the_client, milliseconds=0), TEN),
    Case("ends in a transaction", partial(ends_in_a_transaction, milliseconds=LONG * 1000)),
    Case("ends in a transaction, 0", partial(ends_in_a_transaction, milliseconds=0)),
    Case("nested", nested, THREE),
    Case("find fails", reads, TEN, fails("find", errorCode=50)),
    Case("read preference and concern", reads_from_elsewhere, THREE),
]
