"""Documents that cannot be encoded, or that are too large to send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import bson
from bson import Binary, CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from ..harness import Case, Target, outcome
from .bad_names import everywhere
from .data import ONE, THREE
from .insert import unacknowledged
from .update import SET

MEGABYTE = 1024 * 1024


class Opaque:
    """No type of BSON's."""

    def __repr__(self) -> str:
        return "Opaque()"


def endless() -> dict[str, Any]:
    document: dict[str, Any] = {}
    document["self"] = document
    return document


def deep(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"d": document}
    return document


# Made anew for each call: one call must not see what another did to it.
BAD_VALUES: dict[str, Callable[[], Any]] = {
    "an object": Opaque,
    "a class": lambda: Opaque,
    "a set": lambda: {1},
    "a date": lambda: date(2001, 2, 3),
    "a timedelta": lambda: timedelta(1),
    "a Decimal": lambda: Decimal("1.1"),
    "a complex number": lambda: 1j,
    "a UUID": lambda: UUID(int=7),
    "a generator": lambda: iter([1]),
    "9 bytes": lambda: 2**64,
    "9 bytes, negative": lambda: -(2**63) - 1,
    "a lone surrogate": lambda: "\ud800",
    "a key that is a number": lambda: {1: 2},
    "a key that is bytes": lambda: {b"a": 2},
    "a key that is None": lambda: {None: 2},
    "a key with a NUL": lambda: {"a\0b": 2},
    "a key that is a lone surrogate": lambda: {"\ud800": 2},
    "an object in a list": lambda: [1, {"a": [Opaque()]}],
    "an endless document": endless,
    "a far date": lambda: datetime(9999, 12, 31),
}

GOOD_VALUES: dict[str, Callable[[], Any]] = {
    "a key that is empty": lambda: {"": 1},
    "a key with a dot": lambda: {"a.b": 1},
    "a key with a dollar": lambda: {"$a": 1},
    "150 levels": lambda: deep(150),
    "bytes": lambda: Binary(b"x", 0),
}


def in_every_place(value: Callable[[], Any]) -> Callable[[Target], Any]:
    return everywhere(
        lambda t: t.coll.insert_one({"_id": 5, "v": value()}),
        lambda t: t.coll.insert_many([{"_id": 6}, {"_id": 7, "v": value()}]),
        lambda t: t.coll.update_one({"v": value()}, SET),
        lambda t: t.coll.update_one({}, {"$set": {"v": value()}}),
        lambda t: t.coll.update_many({}, [{"$set": {"v": value()}}]),
        lambda t: t.coll.replace_one({}, {"v": value()}),
        lambda t: t.coll.delete_many({"v": value()}),
        lambda t: t.coll.find({"v": value()}),
        lambda t: t.coll.find_one({"v": value()}),
        lambda t: t.coll.aggregate([{"$match": {"v": value()}}]),
        lambda t: t.coll.count_documents({"v": value()}),
        lambda t: t.coll.distinct("x", {"v": value()}),
        lambda t: t.coll.find_one_and_update({"_id": 9}, {"$set": {"v": value()}}),
        lambda t: t.coll.bulk_write([DeleteOne({"_id": 9}), InsertOne({"_id": 8, "v": value()})]),
        lambda t: t.coll.bulk_write([UpdateOne({}, {"$set": {"v": value()}})], ordered=False),
        lambda t: unacknowledged(t).insert_one({"_id": 10, "v": value()}),
        lambda t: t.coll.find({}, comment={"v": value()}),
        lambda t: t.db.command("ping", v=value()),
    )


def at_top(document: Callable[[], Any]) -> Callable[[Target], Any]:
    return everywhere(
        lambda t: t.coll.insert_one(document()),
        lambda t: t.coll.insert_many([document()]),
        lambda t: t.coll.find(document()),
        lambda t: t.coll.replace_one({}, document()),
        lambda t: t.coll.update_one(document(), SET),
        lambda t: t.coll.bulk_write([InsertOne(document())]),
    )


def large(megabytes: int) -> dict[str, Any]:
    return {"_id": 9, "v": "x" * (megabytes * MEGABYTE)}


def too_large(*calls: Callable[[Target, dict[str, Any]], Any], megabytes: int = 17) -> Any:
    async def run(t: Target) -> Any:
        return [await outcome(call, t, large(megabytes)) for call in calls]

    return run


async def find_too_large(t: Target) -> Any:
    """PyMongo announces to its listeners a find that it then does not send."""
    errors = [await outcome(lambda: t.coll.find(large(17))), await outcome(lambda: t.coll.find_one(large(50)))]
    t.recorder.commands.clear()
    return errors


async def after_too_large(t: Target) -> Any:
    """The connection is as good as before."""
    first = await outcome(lambda: t.coll.insert_one(large(17)))
    return first, await t.coll.find_one()


async def just_small_enough(t: Target, insert: Callable[[Any, dict[str, Any]], Any]) -> Any:
    """Documents around the size that the server says it takes, and around what is sent beside them."""
    db = await t.limited_db(maxBsonObjectSize=1000)
    around = len(bson.encode({"_id": 0, "v": ""}))
    sizes = (999, 1000, 1001, *range(17_000, 17_500, 5))
    errors = [await outcome(insert, db.c, {"_id": size, "v": "x" * (size - around)}) for size in sizes]
    return [error if isinstance(error, Exception) else size for size, error in zip(sizes, errors, strict=True)]


async def find_just_small_enough(t: Target) -> Any:
    shown = await just_small_enough(t, lambda c, d: c.find(d))
    t.recorder.commands.clear()  # see find_too_large
    return shown


CASES = [
    *[Case(f"value {name}", in_every_place(value), THREE) for name, value in BAD_VALUES.items()],
    *[Case(f"value {name}", in_every_place(value), THREE) for name, value in GOOD_VALUES.items()],
    Case("document with a key that is a number", at_top(lambda: {1: 2}), ONE),
    Case("document with a key with a NUL", at_top(lambda: {"a\0b": 2}), ONE),
    Case("document that is endless", at_top(endless), ONE),
    Case("document with an object", at_top(lambda: {"v": Opaque()}), ONE),
    Case("document that is too deep", at_top(lambda: deep(5000)), ONE),
    Case("document that is broken", at_top(lambda: RawBSONDocument(b"\x05\0\0\0\x01")), ONE),
    Case("_id a list", at_top(lambda: {"_id": [1]}), ONE),
    Case("_id a regex", at_top(lambda: {"_id": {"$regex": "x"}}), ONE),
    Case(
        "read back, type registry of the wrong kind",
        lambda t: t.coll.with_options(codec_options=CodecOptions(type_registry=5)),  # type: ignore[arg-type]
    ),
    Case(
        "too large, insert",
        too_large(
            lambda t, d: t.coll.insert_one(d),
            lambda t, d: unacknowledged(t).insert_one(d),
        ),
    ),
    Case(
        "too large, insert_many",
        too_large(
            lambda t, d: t.coll.insert_many([d]),
            lambda t, d: t.coll.insert_many([{"_id": 1}, d, {"_id": 2}]),
            lambda t, d: t.coll.insert_many([{"_id": 3}, d, {"_id": 4}], ordered=False),
        ),
    ),
    Case(
        "too large, insert_many, w=0",
        too_large(
            lambda t, d: unacknowledged(t).insert_many([{"_id": 1}, d]),
            lambda t, d: unacknowledged(t).insert_many([{"_id": 1}, d], ordered=False),
        ),
    ),
    Case(
        "too large, replace",
        too_large(
            lambda t, d: t.coll.replace_one({}, d, True),
            lambda t, d: unacknowledged(t).replace_one({}, d, True),
            lambda t, d: t.coll.find_one_and_replace({}, d, upsert=True),
        ),
    ),
    Case(
        "too large, update",
        too_large(
            lambda t, d: t.coll.update_one({}, {"$set": d}, True),
            lambda t, d: t.coll.update_many({}, {"$set": d}, True),
            lambda t, d: t.coll.find_one_and_update({}, {"$set": d}),
        ),
    ),
    Case("too large, delete", too_large(lambda t, d: t.coll.delete_one(d), lambda t, d: t.coll.delete_many(d))),
    Case("too large, find", find_too_large),
    Case(
        "too large, other reads",
        too_large(
            lambda t, d: t.coll.aggregate([{"$match": d}]),
            lambda t, d: t.coll.count_documents(d),
            lambda t, d: t.coll.distinct("x", d),
        ),
    ),
    Case(
        "too large, bulk",
        too_large(
            lambda t, d: t.coll.bulk_write([InsertOne({"_id": 1}), InsertOne(d)]),
            lambda t, d: t.coll.bulk_write([ReplaceOne({}, d), DeleteOne({})]),
            lambda t, d: t.coll.bulk_write([UpdateOne({}, {"$set": d})], ordered=False),
            lambda t, d: t.coll.bulk_write([DeleteOne(d)]),
            lambda t, d: unacknowledged(t).bulk_write([InsertOne(d)], ordered=False),
        ),
    ),
    Case("too large, command", too_large(lambda t, d: t.db.command("ping", d))),
    Case(
        "too large for a message",
        too_large(
            lambda t, d: t.coll.insert_one(d),
            lambda t, d: t.coll.insert_many([d]),
            lambda t, d: t.coll.replace_one({}, d),
            lambda t, d: t.coll.bulk_write([UpdateOne({}, {"$set": d})]),
            megabytes=50,
        ),
    ),
    Case("after a document that is too large", after_too_large, ONE),
    Case("just small enough", lambda t: just_small_enough(t, lambda c, d: c.insert_one(d))),
    Case("just small enough, many", lambda t: just_small_enough(t, lambda c, d: c.insert_many([d]))),
    Case("just small enough, replace", lambda t: just_small_enough(t, lambda c, d: c.replace_one({}, d, True))),
    Case("just small enough, find", find_just_small_enough),
]
