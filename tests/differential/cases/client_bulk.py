"""Client.bulk_write, over several collections at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target
from .data import FOLDED, THREE, index_on_x, x_must_be_positive
from .update import SET, USES_LET


def bulk(models: Callable[[str], list[Any]], **options: Any) -> Callable[[Target], Any]:
    """`models` is given the database's name."""
    return lambda t: t.client.bulk_write(models(t.db.name), **options)


def all_kinds(db: str) -> list[Any]:
    one, two = f"{db}.c", f"{db}.d"
    return [
        InsertOne({"_id": 10}, namespace=one),
        InsertOne({"_id": 10}, namespace=two),
        UpdateOne({"_id": 1}, SET, namespace=one),
        UpdateMany({"x": {"$gt": 1}}, SET, namespace=one),
        ReplaceOne({"_id": 10}, {"z": 1}, namespace=two),
        UpdateOne({"_id": 12}, SET, upsert=True, namespace=two),
        DeleteOne({"_id": 2}, namespace=one),
        DeleteMany({}, namespace=one),
    ]


def with_errors(db: str) -> list[Any]:
    return [InsertOne({"_id": i}, namespace=f"{db}.c") for i in (10, 1, 11, 2)]


def every_option(db: str) -> list[Any]:
    ns = f"{db}.c"
    return [
        UpdateOne({"s": "b"}, SET, True, FOLDED, [], [("x", 1)], namespace=ns, sort={"x": 1}),
        UpdateMany({"s": "b"}, SET, False, FOLDED, [], "by_x", namespace=ns),
        ReplaceOne({"s": "b"}, {"x": 9}, True, FOLDED, "by_x", namespace=ns, sort={"x": -1}),
        DeleteOne({"s": "C"}, FOLDED, "by_x", namespace=ns),
        DeleteMany({"s": "A"}, FOLDED, {"x": 1}, namespace=ns),
    ]


async def by_count(t: Target, **options: Any) -> Any:
    client = (await t.limited_db(maxWriteBatchSize=3)).client
    return await client.bulk_write(all_kinds(t.db.name), **options)


async def to_the_byte(t: Target) -> Any:
    client = (await t.limited_db(maxMessageSizeBytes=2000, maxBsonObjectSize=1000)).client
    names = [f"{t.db.name}.c", f"{t.db.name}.d"]
    results = []
    for size in range(300, 420, 3):
        models: list[Any] = [InsertOne({"_id": size * 10 + i, "s": "x" * size}, names[i % 2]) for i in range(7)]
        results.append(await client.bulk_write(models))
    return results


CASES = [
    Case("all kinds", bulk(all_kinds), THREE),
    Case("verbose", bulk(all_kinds, verbose_results=True), THREE),
    Case("unordered", bulk(all_kinds, ordered=False, verbose_results=True), THREE),
    Case("errors", bulk(with_errors), THREE),
    Case("errors, verbose", bulk(with_errors, verbose_results=True), THREE),
    Case("errors, unordered", bulk(with_errors, ordered=False, verbose_results=True), THREE),
    Case("every option of the models", bulk(every_option), THREE, index_on_x),
    Case("comment", bulk(all_kinds, comment="why"), THREE),
    Case("let", bulk(lambda db: [UpdateOne(USES_LET, SET, namespace=f"{db}.c")], let={"wanted": 2}), THREE),
    Case(
        "bypass",
        bulk(lambda db: [InsertOne({"x": 0, "_id": 1}, f"{db}.c")], bypass_document_validation=True),
        prepare=x_must_be_positive,
    ),
    Case("write_concern", bulk(all_kinds, write_concern=WriteConcern(w="majority")), THREE),
    Case("w=0", bulk(all_kinds, write_concern=WriteConcern(w=0), ordered=False), THREE),
    Case("w=0, ordered", bulk(all_kinds, write_concern=WriteConcern(w=0)), THREE),
    Case(
        "w=0, verbose",
        bulk(all_kinds, write_concern=WriteConcern(w=0), ordered=False, verbose_results=True),
        THREE,
    ),
    Case("split by count", by_count, THREE),
    Case("split by count, verbose", lambda t: by_count(t, verbose_results=True), THREE),
    Case("split to the byte", to_the_byte),
    Case("no models", bulk(lambda db: [])),
    Case("no namespace", bulk(lambda db: [InsertOne({})])),
    Case("not a model", bulk(lambda db: [{}])),
    Case("not a list", lambda t: t.client.bulk_write(5)),
    Case("update without operators", bulk(lambda db: [UpdateOne({}, {"x": 1}, namespace=db)])),
]
