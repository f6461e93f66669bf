"""Collection.bulk_write: every model with every option, ordered and not, with errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bson
from bson import SON
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target
from .data import FOLDED, POINTS, THREE, index_on_x, x_must_be_positive
from .insert import then_find, unacknowledged
from .update import SET, USES_LET


def bulk(models: Callable[[], Any], **options: Any) -> Callable[[Target], Any]:
    """The models are made anew for each side: an insert adds an _id to its document."""
    return lambda t: then_find(t, t.coll.bulk_write(models(), **options))


def unordered(models: Callable[[], Any], **options: Any) -> Callable[[Target], Any]:
    return bulk(models, ordered=False, **options)


def no_reply(models: Callable[[], Any], **options: Any) -> Callable[[Target], Any]:
    return lambda t: unacknowledged(t).bulk_write(models(), **options)


def all_kinds() -> list[Any]:
    return [
        InsertOne({"_id": 10}),
        InsertOne({"_id": 11}),
        UpdateOne({"_id": 10}, SET),
        UpdateMany({"x": {"$gt": 1}}, SET),
        ReplaceOne({"_id": 11}, {"z": 1}),
        UpdateOne({"_id": 12}, SET, upsert=True),
        ReplaceOne({"_id": 13}, {"z": 1}, upsert=True),
        UpdateMany({"_id": 14}, SET, upsert=True),
        DeleteOne({"_id": 1}),
        DeleteMany({"_id": {"$gt": 12}}),
        InsertOne({"_id": 15}),
    ]


def with_errors() -> list[Any]:
    return [
        InsertOne({"_id": 10}),
        InsertOne({"_id": 1}),
        UpdateOne({"_id": 2}, {"$inc": {"s": 1}}),
        UpdateOne({"_id": 20}, SET, upsert=True),
        DeleteOne({"_id": 3}),
        InsertOne({"_id": 2}),
        InsertOne({"_id": 11}),
    ]


def error_in_a_later_run() -> list[Any]:
    return [
        InsertOne({"_id": 10}),
        UpdateOne({"_id": 10}, SET),
        InsertOne({"_id": 11}),
        InsertOne({"_id": 10}),
        DeleteMany({}),
    ]


def every_option() -> list[Any]:
    hint = [("x", 1)]
    return [
        UpdateOne({"s": "b"}, SET, upsert=True, collation=FOLDED, array_filters=[], hint=hint, sort={"x": 1}),
        UpdateMany({"s": "b"}, SET, upsert=False, collation={"locale": "en"}, hint="by_x"),
        ReplaceOne({"s": "b"}, {"x": 9}, upsert=True, collation=FOLDED, hint="by_x", sort={"x": -1}),
        DeleteOne({"s": "C"}, collation=FOLDED, hint="by_x"),
        DeleteMany({"s": "A"}, collation=FOLDED, hint={"x": 1}),
    ]


def array_filters() -> list[Any]:
    update = {"$set": {"points.$[i].y": 5}}
    return [
        UpdateOne({"_id": 1}, update, array_filters=[{"i.x": 1}]),
        UpdateMany({}, update, array_filters=[{"i.x": {"$gt": 1}}]),
    ]


async def documents_get_ids(t: Target) -> Any:
    documents: list[dict[str, Any]] = [{"x": 1}, {"x": 2}]
    result = await t.coll.bulk_write([InsertOne(document) for document in documents])
    return documents, result


async def by_count(t: Target, models: Callable[[], Any], **options: Any) -> Any:
    """More operations than the server takes in a batch."""
    db = await t.limited_db(maxWriteBatchSize=3)
    return await then_find(t, db.c.bulk_write(models(), **options))


def many_upserts() -> list[Any]:
    """Their ids are given by their place in the whole, not in a batch."""
    return [UpdateOne({"_id": i}, SET, upsert=True) for i in range(10)]


def many_errors() -> list[Any]:
    return [InsertOne({"_id": i // 2}) for i in range(10)]


async def to_the_byte(t: Target) -> Any:
    db = await t.limited_db(maxMessageSizeBytes=2000, maxBsonObjectSize=1000)
    results = []
    for size in range(300, 420, 3):
        models = [UpdateOne({"_id": size * 10 + i}, {"$set": {"s": "x" * size}}, True) for i in range(7)]
        results.append(await db.c.bulk_write(models))
    return results


async def same_models_twice(t: Target) -> Any:
    models = [UpdateOne({"_id": 1}, {"$inc": {"x": 1}})]
    return await t.coll.bulk_write(models), await t.coll.bulk_write(models)


def with_concern(**concern: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        coll = t.coll.with_options(write_concern=WriteConcern(**concern))
        return await coll.bulk_write(all_kinds())

    return call


CASES = [
    Case("ordered", bulk(all_kinds), THREE),
    Case("unordered", unordered(all_kinds), THREE),
    Case("ordered, errors", bulk(with_errors), THREE),
    Case("unordered, errors", unordered(with_errors), THREE),
    Case("ordered, error in a later run", bulk(error_in_a_later_run), THREE),
    Case("unordered, error in a later run", unordered(error_in_a_later_run), THREE),
    Case("ordered, positional", lambda t: t.coll.bulk_write(all_kinds(), False, True), THREE),
    Case("a tuple of models", bulk(lambda: tuple(all_kinds())), THREE),
    Case("a generator of models", bulk(lambda: iter(all_kinds())), THREE),
    Case("every option of the models", bulk(every_option), THREE, index_on_x),
    Case("every option, unordered", unordered(every_option), THREE, index_on_x),
    Case("array_filters", bulk(array_filters), POINTS),
    Case(
        "upsert None, True, False",
        bulk(
            lambda: (
                [UpdateOne({"_id": 1}, SET, u) for u in (None, True, False)]
                + [UpdateMany({"_id": 1}, SET, u) for u in (None, True, False)]
                + [ReplaceOne({"_id": 1}, {"y": 1}, u) for u in (None, True, False)]
            )
        ),
        THREE,
    ),
    Case("pipelines", bulk(lambda: [UpdateOne({}, [{"$set": {"y": "$x"}}]), UpdateMany({}, [{"$unset": "s"}])]), THREE),
    Case("filter in order", bulk(lambda: [UpdateOne(SON(s="a", x=1), {"$set": SON(b=1, a=2)})]), THREE),
    Case(
        "raw documents",
        bulk(
            lambda: [
                InsertOne(RawBSONDocument(bson.encode({"_id": 10}))),
                ReplaceOne({"_id": 1}, RawBSONDocument(bson.encode({"y": 1}))),
            ]
        ),
        THREE,
    ),
    Case("documents get ids", documents_get_ids),
    Case("same models twice", same_models_twice, THREE),
    Case("comment", bulk(all_kinds, comment="why"), THREE),
    Case("comment a document", bulk(all_kinds, comment={"a": 1}), THREE),
    Case("comment empty", bulk(all_kinds, comment=""), THREE),
    Case(
        "let",
        bulk(
            lambda: [InsertOne({"_id": 9}), UpdateOne(USES_LET, SET), DeleteOne(USES_LET)],
            let={"wanted": 2},
        ),
        THREE,
    ),
    Case("let empty", bulk(all_kinds, let={}), THREE),
    Case(
        "bypass",
        bulk(lambda: [InsertOne({"_id": 1, "x": 0})], bypass_document_validation=True),
        prepare=x_must_be_positive,
    ),
    Case("bypass False", bulk(all_kinds, bypass_document_validation=False), THREE),
    Case(
        "invalid",
        unordered(lambda: [InsertOne({"_id": i, "x": i}) for i in range(3)]),
        prepare=x_must_be_positive,
    ),
    Case("w=1", with_concern(w=1), THREE),
    Case("w=majority", with_concern(w="majority", j=True, wtimeout=5000), THREE),
    Case("w=0, ordered", no_reply(all_kinds), THREE),
    Case("w=0, ordered, errors", no_reply(with_errors), THREE),
    Case("w=0, unordered", no_reply(all_kinds, ordered=False), THREE),
    Case("w=0, unordered, errors", no_reply(with_errors, ordered=False), THREE),
    Case("w=0, comment", no_reply(all_kinds, ordered=False, comment="why"), THREE),
    Case("w=0, let", no_reply(all_kinds, ordered=False, let={"v": 1}), THREE),
    Case("w=0, bypass", no_reply(all_kinds, bypass_document_validation=True), THREE),
    Case("w=0, bypass False", no_reply(all_kinds, bypass_document_validation=False), THREE),
    Case("w=0, collation", no_reply(lambda: [DeleteOne({}, collation=FOLDED)]), THREE),
    Case("w=0, array_filters", no_reply(array_filters), POINTS),
    Case("w=0, hint", no_reply(lambda: [DeleteOne({}, hint="_id_")]), THREE),
    Case("w=0, sort", no_reply(lambda: [UpdateOne({}, SET, sort={"x": 1})]), THREE),
    Case("split by count", lambda t: by_count(t, all_kinds), THREE),
    Case("split by count, unordered", lambda t: by_count(t, all_kinds, ordered=False), THREE),
    Case("split by count, upserts", lambda t: by_count(t, many_upserts), THREE),
    Case("split by count, errors", lambda t: by_count(t, many_errors)),
    Case("split by count, errors, unordered", lambda t: by_count(t, many_errors, ordered=False)),
    Case("split to the byte", to_the_byte),
]
