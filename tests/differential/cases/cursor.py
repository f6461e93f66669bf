"""A cursor's life: batches, limits, reading it in each way, closing it early, using it again."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from typing import Any

from bson import SON
from pymongo import CursorType
from pymongo.collation import Collation
from pymongo.database import Database

from ..harness import COLLECTION, Case, Target, got, outcome
from .data import FOLDED, TEN, THREE, index_on_x

# Where PyMongo Async and Motor differ on purpose, there is no case: to_list(0), to_list(-1),
# to_list of no number, to_list of a tailable cursor, indexing and slicing.


def sizes(limit: int, batch_size: int) -> Case:
    """What each find and getMore asks for."""
    return Case(
        f"limit {limit}, batch_size {batch_size}",
        lambda t: t.coll.find({}, {"_id": 1}, limit=limit, batch_size=batch_size),
        TEN,
    )


def state(cursor: Any) -> Any:
    return cursor.alive, bool(cursor.cursor_id), cursor.session


def lists(*lengths: int | None, **options: Any) -> Callable[[Target], Any]:
    """`to_list` with each length in turn, and what is left of the cursor after it."""

    async def call(t: Target) -> Any:
        cursor = t.coll.find({}, {"_id": 1}, **options)
        shown = []
        for length in lengths:
            documents = await (cursor.to_list() if length is None else cursor.to_list(length))
            shown.append((documents, state(cursor)))
        await cursor.close()
        return shown

    return call


async def before_it_starts(t: Target) -> Any:
    cursor = t.coll.find()
    return state(cursor), cursor.address, cursor.collection is t.coll


async def retrieved(t: Target) -> Any:
    cursor = t.coll.find({}, {"_id": 1}, batch_size=4)
    shown = [cursor.retrieved]
    shown += [cursor.retrieved async for _ in cursor]
    await got(cursor.rewind())
    shown.append(cursor.retrieved)
    await cursor.next()
    shown.append(cursor.retrieved)
    await cursor.close()
    return shown, cursor.clone().retrieved


async def step_by_step(t: Target) -> Any:
    cursor = t.coll.find({}, {"_id": 1}, batch_size=2)
    shown = [(document, state(cursor), cursor.address is not None) async for document in cursor]
    return shown, state(cursor), await outcome(cursor.next)


async def next_by_next(t: Target) -> Any:
    cursor = t.coll.find({}, batch_size=2)
    return [repr(await outcome(cursor.next)) for _ in range(5)]


async def after_the_end(t: Target) -> Any:
    cursor = t.coll.find()
    first = [document async for document in cursor]
    return first, [document async for document in cursor], await cursor.to_list(), state(cursor)


async def close_early(t: Target) -> Any:
    cursor = t.coll.find(batch_size=2)
    await cursor.next()
    before = state(cursor)
    await cursor.close()
    return before, state(cursor), repr(await outcome(cursor.next)), repr(await outcome(cursor.next))


async def close_with_buffered(t: Target) -> Any:
    """The documents that have come already can still be read."""
    cursor = t.coll.find(batch_size=3)
    await cursor.next()
    await cursor.close()
    return await cursor.to_list(), state(cursor)


async def close_unstarted(t: Target) -> Any:
    cursor = t.coll.find()
    await cursor.close()
    return state(cursor), await cursor.to_list(), repr(await outcome(cursor.next))


async def close_twice(t: Target) -> Any:
    cursor = t.coll.find(batch_size=2)
    await cursor.next()
    await cursor.close()
    await cursor.close()
    return state(cursor)


async def close_exhausted(t: Target) -> Any:
    cursor = t.coll.find(batch_size=4)
    await cursor.to_list()
    await cursor.close()
    return state(cursor)


async def leave_block(t: Target) -> Any:
    async with t.coll.find(batch_size=2) as cursor:
        first = await cursor.next()
    return first, state(cursor)


async def leave_block_by_error(t: Target) -> Any:
    async with t.coll.find(batch_size=2) as cursor:
        await cursor.next()
        raise KeyError("mine")


async def dropped_early(t: Target, make: Callable[[], Any]) -> Any:
    """A cursor that nobody holds is killed in the background, in its session or without one."""
    cursor = await got(make())
    await cursor.next()
    del cursor
    gc.collect()
    killed = await t.sent("killCursors")
    for command in t.recorder.commands[1:]:
        command.pop("lsid", None)
    return killed


async def limit_reached(t: Target) -> Any:
    """The limit falls inside a batch: the server closes the cursor, nothing is killed."""
    cursor = t.coll.find(limit=5, batch_size=2)
    return [(document["_id"], state(cursor)) async for document in cursor]


async def clone(t: Target) -> Any:
    cursor = t.coll.find({"x": {"$gt": 0}}, {"_id": 1}, skip=1, limit=6, batch_size=2)
    cursor.sort("x", -1).comment("why").hint("by_x").collation({"locale": "simple"})
    cursor.max_time_ms(9000).min([("x", 0)]).max([("x", 9)]).allow_disk_use(False)
    await got(cursor.add_option(16))
    await cursor.next()
    twin = cursor.clone()
    shown = state(twin), type(twin) is type(cursor), await twin.to_list()
    await cursor.close()
    return shown


async def copies(t: Target) -> Any:
    filter = {"x": {"$in": [0, 1]}}
    cursor = t.coll.find(filter, SON([("x", 1), ("_id", 0)]))
    shallow, deep = copy.copy(cursor), copy.deepcopy(cursor)
    filter["x"]["$in"].append(2)
    return await shallow.to_list(), await deep.to_list(), await cursor.to_list()


async def rewind(t: Target) -> Any:
    cursor = t.coll.find({}, {"_id": 1}, batch_size=2, limit=5)
    first = await cursor.to_list()
    assert await got(cursor.rewind()) is cursor
    shown = state(cursor)
    return first, shown, await cursor.to_list()


async def rewind_half_read(t: Target) -> Any:
    cursor = t.coll.find({}, {"_id": 1}, batch_size=2)
    await cursor.next()
    await got(cursor.rewind())
    await t.sent("killCursors")  # in the background where rewind() is not awaited
    cursor.limit(1)
    return await cursor.to_list()


async def rewind_unstarted(t: Target) -> Any:
    cursor = t.coll.find()
    await got(cursor.rewind())
    return await cursor.to_list()


async def rewind_closed(t: Target) -> Any:
    cursor = t.coll.find(batch_size=2)
    await cursor.next()
    await cursor.close()
    await got(cursor.rewind())
    return await cursor.to_list()


async def two_at_once(t: Target) -> Any:
    """Each has a session of its own."""
    one, two = t.coll.find(batch_size=2), t.coll.find({"x": 1}, batch_size=2)
    shown = [await each.next() for each in (one, two, one, two, one)]
    await two.close()
    await one.close()
    return shown


async def explain(t: Target, **options: Any) -> Any:
    plan = await t.coll.find({"x": 1}, **options).explain()
    return sorted(plan)


async def explain_leaves_cursor(t: Target) -> Any:
    cursor = t.coll.find({"x": 1})
    await cursor.explain()
    return state(cursor), await cursor.to_list()


def distinct(key: Any, *args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.coll.find(*args, **options).distinct(key)


async def distinct_leaves_cursor(t: Target) -> Any:
    cursor = t.coll.find({"x": 1}, limit=1)
    return await cursor.distinct("s"), await cursor.to_list()


def capped(db: Database[Any]) -> None:
    db.create_collection(COLLECTION, capped=True, size=100_000, max=20)
    db[COLLECTION].insert_many([{"_id": 1}, {"_id": 2}])


def empty_capped(db: Database[Any]) -> None:
    db.create_collection(COLLECTION, capped=True, size=100_000)


async def tail(t: Target) -> Any:
    cursor = t.coll.find(cursor_type=CursorType.TAILABLE)
    shown = [await cursor.next(), await cursor.next(), state(cursor)]
    await t.coll.insert_one({"_id": 3})
    shown += [await cursor.next(), state(cursor)]
    await cursor.close()
    return [*shown, state(cursor)]


async def tail_and_wait(t: Target) -> Any:
    cursor = t.coll.find(cursor_type=CursorType.TAILABLE_AWAIT).max_await_time_ms(50)
    shown = [await cursor.next(), await cursor.next(), repr(await outcome(cursor.next))]
    await t.coll.insert_one({"_id": 3})
    shown += [await cursor.next(), state(cursor)]
    await cursor.close()
    return shown


async def tail_with_options(t: Target) -> Any:
    cursor = t.coll.find(cursor_type=CursorType.TAILABLE_AWAIT, batch_size=1, comment="why")
    cursor.max_await_time_ms(20)
    shown = [await cursor.next(), await cursor.next(), repr(await outcome(cursor.next))]
    await cursor.close()
    return shown


async def tail_nothing(t: Target) -> Any:
    cursor = t.coll.find(cursor_type=CursorType.TAILABLE)
    found = repr(await outcome(cursor.next))
    shown = state(cursor)
    await cursor.close()
    return found, shown


async def exhaust_half_read(t: Target) -> Any:
    cursor = t.coll.find(cursor_type=CursorType.EXHAUST, batch_size=3)
    shown = [await cursor.next() for _ in range(4)]
    await cursor.close()
    return shown, await t.coll.find_one({"_id": 9})


async def raw_batches(t: Target, **options: Any) -> Any:
    return [type(batch) is bytes and len(batch) async for batch in t.coll.find_raw_batches(**options)]


async def raw_batches_explain(t: Target) -> Any:
    return sorted(await t.coll.find_raw_batches({"x": 1}).explain())


async def other_collections_cursor(t: Target) -> Any:
    """A getMore goes to the namespace that the server named."""
    await t.db.command({"create": "v", "viewOn": COLLECTION, "pipeline": [{"$match": {"x": 1}}]})
    return await t.db.v.find({}, {"_id": 1}, batch_size=1).to_list()


async def modified_filter(t: Target) -> Any:
    """The filter is read when the cursor starts."""
    filter = {"x": 1}
    cursor = t.coll.find(filter)
    filter["x"] = 2
    return await cursor.to_list()


CASES = [
    *[
        sizes(limit, batch_size)
        for limit in (0, 1, 2, 3, 5, 10, 20, -1, -3, -10)
        for batch_size in (0, 1, 2, 3, 10, 20)
    ],
    Case("before it starts", before_it_starts, TEN),
    Case("step by step", step_by_step, TEN[:5]),
    Case("step by step, nothing there", step_by_step),
    Case("next by next", next_by_next, THREE),
    Case("after the end", after_the_end, THREE),
    Case("to_list", lists(None, None), TEN),
    Case("to_list, batches", lists(None, batch_size=3), TEN),
    Case("to_list, length 4", lists(4, 4, 4, 4), TEN),
    Case("to_list, length 4, batches of 3", lists(4, 4, 4, 4, batch_size=3), TEN),
    Case("to_list, length 3, batches of 3", lists(3, 3, 3, 3, 3, batch_size=3), TEN),
    Case("to_list, length 2, batches of 3", lists(2, None, batch_size=3), TEN),
    Case("to_list, length 7, limit 5", lists(7, 7, limit=5, batch_size=2), TEN),
    Case("to_list, length 2, limit 5", lists(2, 2, 2, 2, limit=5, batch_size=2), TEN),
    Case("to_list, exactly all", lists(10, 1), TEN),
    Case("to_list, more than all", lists(1000, 1000, batch_size=4), TEN),
    Case("to_list, nothing there", lists(5, None)),
    Case("close early", close_early, TEN),
    Case("close with documents left", close_with_buffered, TEN),
    Case("close before the start", close_unstarted, TEN),
    Case("close twice", close_twice, TEN),
    Case("close at the end", close_exhausted, TEN),
    Case("async with", leave_block, TEN),
    Case("async with, error", leave_block_by_error, TEN),
    Case("dropped early", lambda t: dropped_early(t, lambda: t.coll.find(batch_size=2)), TEN),
    Case(
        "command cursor dropped early",
        lambda t: dropped_early(t, lambda: t.coll.aggregate([], batchSize=2)),
        TEN,
    ),
    Case("limit reached", limit_reached, TEN),
    Case("clone", clone, TEN, index_on_x),
    Case("copy and deepcopy", copies, TEN),
    Case("retrieved", retrieved, TEN),
    Case("rewind", rewind, TEN),
    Case("rewind half read", rewind_half_read, TEN),
    Case("rewind before the start", rewind_unstarted, THREE),
    Case("rewind closed", rewind_closed, THREE),
    Case("two at once", two_at_once, TEN),
    Case("explain", explain, THREE),
    Case(
        "explain with options",
        lambda t: explain(
            t,
            projection={"x": 1},
            skip=1,
            limit=2,
            batch_size=2,
            sort=[("x", 1)],
            collation=FOLDED,
            hint="by_x",
            max_time_ms=9000,
            comment="why",
        ),
        THREE,
        index_on_x,
    ),
    Case("explain with a negative limit", lambda t: explain(t, limit=-2), THREE),
    Case("explain leaves the cursor", explain_leaves_cursor, THREE),
    Case("distinct", distinct("x"), TEN),
    Case("distinct, filter", distinct("s", {"x": 1}), TEN),
    Case("distinct, empty filter", distinct("s", {}), TEN),
    Case(
        "distinct, options",
        distinct("s", {"x": 1}, max_time_ms=9000, comment="why", collation=FOLDED),
        TEN,
    ),
    Case("distinct, options without effect", distinct("s", sort=[("x", 1)], limit=1, skip=1), TEN),
    Case("distinct leaves the cursor", distinct_leaves_cursor, TEN),
    Case("tailable", tail, prepare=capped),
    Case("tailable, waiting", tail_and_wait, prepare=capped),
    Case("tailable, with options", tail_with_options, prepare=capped),
    Case("tailable, nothing there", tail_nothing, prepare=empty_capped),
    Case("exhaust, half read", exhaust_half_read, TEN),
    Case("raw batches", raw_batches, TEN),
    Case("raw batches of 4", lambda t: raw_batches(t, batch_size=4), TEN),
    Case("raw batches, options", lambda t: raw_batches(t, filter={"x": 1}, limit=2, sort=["s"]), TEN),
    Case("raw batches, nothing there", raw_batches),
    Case("raw batches, explain", raw_batches_explain, THREE),
    Case("a view's cursor", other_collections_cursor, TEN),
    Case("filter changed after find", modified_filter, TEN),
    Case(
        "collation on every batch's cursor",
        lambda t: t.coll.find(batch_size=2, collation=Collation("en")).sort("s"),
        THREE,
    ),
]
