"""`bind`: the session of every operation that is given none."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from pymongo import InsertOne

from ..harness import Case, Target, got, outcome
from .data import TEN, THREE
from .own_sessions import KINDS, each_use
from .update import SET


async def every_use(t: Target, kind: str) -> Any:
    async with t.client.start_session(**KINDS[kind]) as session, session.bind():
        return await each_use(t.coll, None), session.has_ended


async def a_transaction(t: Target) -> Any:
    async with t.client.start_session().bind() as session:
        async with await got(session.start_transaction()):
            await t.coll.insert_one({"_id": 9})
            seen = await t.coll.count_documents({}), await t.coll.find({}).to_list()
        await got(session.start_transaction())
        await t.coll.update_one({"_id": 9}, SET)
        await session.abort_transaction()
        return seen, await t.coll.find({}).to_list()


async def nested(t: Target) -> Any:
    first, second = t.client.start_session(), t.client.start_session()
    results = []
    async with first.bind(end_session=False) as given:
        results.append((given is first, await t.coll.find_one({"_id": 1})))
        async with second.bind(end_session=False):
            results.append(await t.coll.find_one({"_id": 2}))
        results.append(await t.coll.find_one({"_id": 3}, session=second))
        results.append(await t.coll.find_one({"_id": 1}))
    results.append(await t.coll.find_one({"_id": 2}))
    results.append((first.has_ended, second.has_ended))
    async with first.bind(), second.bind():
        pass
    return results, first.has_ended, second.has_ended


async def one_block_twice(t: Target) -> Any:
    bound = t.client.start_session().bind(end_session=False)
    async with bound as session:
        await t.coll.find_one({"_id": 1})
    async with bound:
        await t.coll.find_one({"_id": 2})
    await session.end_session()
    return session.has_ended


async def ended(t: Target) -> Any:
    session = t.client.start_session()
    await session.end_session()
    async with session.bind():
        return await each_use(t.coll, None)


async def of_another_client(t: Target) -> Any:
    async with t.new_client().start_session().bind():
        errors = await each_use(t.coll, None)
    # PyMongo's message goes on about where its documentation will be.
    return {name: (type(error), str(error).partition(". ")[0]) for name, error in errors.items()}


async def left_by_an_error(t: Target) -> Any:
    session = t.client.start_session()

    async def fail() -> None:
        async with session.bind():
            await t.coll.insert_one({"_id": 1})

    return await outcome(fail), session.has_ended, await t.coll.find_one({"_id": 2})


async def in_other_tasks(t: Target) -> Any:
    """A task has what was bound when it was started."""

    async def find() -> Any:
        return await t.coll.find_one({"_id": 1})

    before = asyncio.ensure_future(find())
    async with t.client.start_session().bind():
        await before
        inside = asyncio.ensure_future(find())
        await inside
    return await find()


async def cursors(t: Target) -> Any:
    """A cursor has what is bound when it is first read, and keeps it."""
    made_before = t.coll.find({}, batch_size=4)
    async with t.client.start_session().bind(end_session=False) as session:
        made_inside = t.coll.find({}, batch_size=4)
        await made_before.next()
        opened = await got(t.coll.aggregate([], batchSize=4))
    results = [await made_before.to_list(), await made_inside.to_list(), await opened.to_list()]
    await session.end_session()
    return results


async def bulk(t: Target) -> Any:
    async with t.client.start_session().bind():
        return (
            await t.coll.bulk_write([InsertOne({"_id": 9})]),
            await t.client.bulk_write([InsertOne({"_id": 8}, namespace=f"{t.db.name}.c")]),
        )


async def with_transaction(t: Target) -> Any:
    async def work(session: Any) -> Any:
        await t.coll.insert_one({"_id": 9})
        return await t.coll.count_documents({})

    async with t.client.start_session().bind() as session:
        return await session.with_transaction(work), await session.with_transaction(
            callback=lambda s: t.coll.find_one()
        )


CASES = [
    *[Case(f"every use, {kind}", partial(every_use, kind=kind), THREE) for kind in KINDS],
    Case("transaction", a_transaction, THREE),
    Case("nested", nested, THREE),
    Case("one block twice", one_block_twice, THREE),
    Case("ended", ended, THREE),
    Case("of another client", of_another_client, THREE),
    Case("left by an error", left_by_an_error, THREE),
    Case("in other tasks", in_other_tasks, THREE),
    Case("cursors", cursors, TEN),
    Case("bulk", bulk, THREE),
    Case("with_transaction", with_transaction, THREE),
]
