"""aggregate, on a collection and on a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bson
from bson import SON
from bson.raw_bson import RawBSONDocument
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, got, outcome
from .cursor import state
from .data import FOLDED, TEN, THREE, index_on_x

SORTED = [{"$sort": SON([("x", 1), ("_id", -1)])}]
OUT = [{"$match": {"x": 1}}, {"$out": "out"}]
MERGE = [{"$match": {"x": 1}}, {"$merge": {"into": "out", "whenMatched": "replace"}}]


def aggregate(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.coll.aggregate(*args, **options)


def on_database(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.db.aggregate(*args, **options)


def writing(pipeline: Any, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        result = await outcome(lambda: t.coll.aggregate(pipeline, **options))
        return result, await outcome(lambda: t.db.out.find().sort("_id"))

    return call


async def out_to_named_database(t: Target) -> Any:
    stage = {"$out": {"db": t.db.name, "coll": "out"}}
    return await outcome(lambda: t.coll.aggregate([stage])), await t.db.out.count_documents({})


async def with_concerns(t: Target) -> Any:
    coll = t.coll.with_options(read_concern=ReadConcern("majority"), write_concern=WriteConcern(w="majority", j=True))
    return (
        await outcome(lambda: coll.aggregate(SORTED)),
        await outcome(lambda: coll.aggregate(OUT)),
        await outcome(lambda: coll.aggregate(MERGE)),
        await outcome(lambda: coll.aggregate(OUT, writeConcern={"w": 1})),
        await outcome(lambda: coll.aggregate(SORTED, readConcern={"level": "local"})),
    )


async def unacknowledged_out(t: Target) -> Any:
    coll = t.coll.with_options(write_concern=WriteConcern(w=0))
    result = await outcome(lambda: coll.aggregate(OUT))
    return result, await outcome(lambda: coll.aggregate(SORTED))


async def step_by_step(t: Target) -> Any:
    cursor = await got(t.coll.aggregate(SORTED, batchSize=4))
    shown = [(document["_id"], state(cursor)) async for document in cursor]
    return shown, state(cursor), repr(await outcome(cursor.next))


async def batch_size_method(t: Target) -> Any:
    cursor = await got(t.coll.aggregate(SORTED, batchSize=2))
    await cursor.next()
    cursor.batch_size(5)
    return [document["_id"] async for document in cursor]


async def batch_size_one(t: Target) -> Any:
    cursor = await got(t.coll.aggregate(SORTED, batchSize=1))
    return [document["_id"] async for document in cursor]


async def to_list_in_parts(t: Target) -> Any:
    cursor = await got(t.coll.aggregate(SORTED, batchSize=4))
    return [([d["_id"] for d in await cursor.to_list(3)], state(cursor)) for _ in range(5)]


async def close_early(t: Target) -> Any:
    cursor = await got(t.coll.aggregate(SORTED, batchSize=2))
    await cursor.next()
    await cursor.close()
    await cursor.close()
    return state(cursor), repr(await outcome(cursor.next)), repr(await outcome(cursor.next))


async def leave_block(t: Target) -> Any:
    async with await got(t.coll.aggregate(SORTED, batchSize=2)) as cursor:
        first = await cursor.next()
    return first, state(cursor)


async def try_next(t: Target) -> Any:
    cursor = await got(t.coll.aggregate([{"$limit": 3}], batchSize=2))
    first = await cursor.next()
    return first, [(await cursor.try_next(), state(cursor)) for _ in range(4)]


async def raw_batches(t: Target, **options: Any) -> Any:
    cursor = await got(t.coll.aggregate_raw_batches(SORTED, **options))
    return [type(batch) is bytes and len(batch) async for batch in cursor]


async def pipeline_is_left_alone(t: Target) -> Any:
    pipeline = [{"$match": {"x": 1}}]
    options = {"batchSize": 2, "collation": FOLDED, "cursor": {}}
    await outcome(lambda: t.coll.aggregate(pipeline, **options))
    return pipeline, sorted(options)


CASES = [
    Case("pipeline", aggregate(SORTED), THREE),
    Case("pipeline empty", aggregate([]), THREE),
    Case("no such collection", aggregate(SORTED)),
    Case("pipeline a tuple", aggregate(({"$match": {"x": 1}},)), THREE),
    Case("stage raw", aggregate([RawBSONDocument(bson.encode({"$match": {"x": 1}}))]), THREE),
    Case("group", aggregate([{"$group": {"_id": "$x", "n": {"$sum": 1}}}, *SORTED]), TEN),
    Case("unknown stage", aggregate([{"$nonsense": 1}]), THREE),
    Case("unknown option", aggregate([], nonsense=1), THREE),
    Case("batchSize", aggregate(SORTED, batchSize=3), TEN),
    Case("batchSize 0", aggregate(SORTED, batchSize=0), THREE),
    Case("batchSize 1", batch_size_one, THREE),
    Case("batchSize None", aggregate(SORTED, batchSize=None), THREE),
    Case("cursor", aggregate(SORTED, cursor={"batchSize": 4}), TEN),
    Case("cursor and batchSize", lambda t: t.coll.aggregate([], cursor={}, batchSize=4), TEN),
    Case("allowDiskUse", aggregate(SORTED, allowDiskUse=True), THREE),
    Case("allowDiskUse False", aggregate(SORTED, allowDiskUse=False), THREE),
    Case("maxTimeMS", aggregate(SORTED, maxTimeMS=9000), THREE),
    Case("maxAwaitTimeMS", aggregate(SORTED, maxAwaitTimeMS=10, batchSize=2), THREE),
    Case("bypassDocumentValidation", aggregate(OUT, bypassDocumentValidation=True), THREE),
    Case("collation", aggregate([{"$match": {"s": "b"}}], collation=FOLDED), THREE),
    Case("collation a dict", aggregate(SORTED, collation={"locale": "en"}), THREE),
    Case("hint a name", aggregate([{"$match": {"x": 1}}], hint="by_x"), THREE, index_on_x),
    Case("hint a dict", aggregate([{"$match": {"x": 1}}], hint={"x": 1}), THREE, index_on_x),
    Case("hint a list", aggregate([{"$match": {"x": 1}}], hint=[("x", 1)]), THREE, index_on_x),
    Case("let", aggregate([{"$match": {"$expr": {"$eq": ["$x", "$$v"]}}}], let={"v": 2}), THREE),
    Case("let empty", aggregate([], let={}), THREE),
    Case("comment", aggregate(SORTED, comment="why"), THREE),
    Case("comment a document", aggregate(SORTED, comment={"a": 1}), THREE),
    Case("comment a document, on every batch", aggregate(SORTED, comment={"a": 1}, batchSize=4), TEN),
    Case("comment on every batch", aggregate(SORTED, comment="why", batchSize=4), TEN),
    Case("session None", aggregate(SORTED, None), THREE),
    Case("out", writing(OUT), TEN),
    Case("out, batchSize", writing(OUT, batchSize=2), TEN),
    Case("out to a named database", out_to_named_database, TEN),
    Case("merge", writing(MERGE), TEN),
    Case("merge, options", writing(MERGE, allowDiskUse=True, comment="why", let={"v": 1}), TEN),
    Case("merge refused", writing([{"$merge": {"into": "out", "on": "x"}}]), TEN),
    Case("out not last", writing([{"$out": "out"}, {"$match": {}}]), TEN),
    Case("concerns", with_concerns, TEN),
    Case("out, w=0", unacknowledged_out, TEN),
    Case("explain refused", aggregate([], explain=True), THREE),
    Case("aggregate refused", aggregate([], aggregate="x"), THREE),
    Case("step by step", step_by_step, TEN),
    Case("batch_size()", batch_size_method, TEN),
    Case("to_list in parts", to_list_in_parts, TEN),
    Case("close early", close_early, TEN),
    Case("async with", leave_block, TEN),
    Case("try_next", try_next, TEN),
    Case("arguments are left alone", pipeline_is_left_alone, TEN),
    Case("raw batches", raw_batches, TEN),
    Case("raw batches, batchSize", lambda t: raw_batches(t, batchSize=4), TEN),
    Case("raw batches, comment", lambda t: raw_batches(t, comment="why", allowDiskUse=True), TEN),
    Case("raw batches, nothing there", raw_batches),
    Case("database", on_database([{"$documents": [{"x": 1}, {"x": 2}]}])),
    Case("database, batches", on_database([{"$documents": [{"x": i} for i in range(7)]}], batchSize=3)),
    Case(
        "database, options",
        on_database(
            [{"$documents": [{"x": 1}]}],
            allowDiskUse=True,
            maxTimeMS=9000,
            comment="why",
            collation=FOLDED,
            let={"v": 1},
        ),
    ),
    Case("database, empty pipeline", on_database([])),
    Case("database, explain refused", on_database([], explain=True)),
]
