"""insert_one, insert_many."""

from __future__ import annotations

import datetime
from collections import OrderedDict, UserDict
from typing import Any
from uuid import UUID

import bson
from bson import SON, Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, got, outcome
from .data import ONE, unique_x, x_must_be_positive

EVERY_TYPE = {
    "_id": ObjectId("00000000aaaaaaaaaaaaaaaa"),
    "double": 1.5,
    "string": "grün ☃",
    "document": {"z": 1, "a": {"b": None}},
    "array": [1, "two", [3, {"four": 4}]],
    "binary": b"\x00\x01",
    "subtype": Binary(b"\x01", 128),
    "uuid": Binary.from_uuid(UUID(int=7)),
    "object_id": ObjectId("00000000bbbbbbbbbbbbbbbb"),
    "true": True,
    "date": datetime.datetime(2001, 2, 3, 4, 5, 6, 789000),
    "aware": datetime.datetime(2001, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
    "null": None,
    "regex": Regex("a+", "i"),
    "code": Code("x"),
    "scope": Code("x", {"x": 1}),
    "int32": 7,
    "int64": 2**40,
    "small int64": Int64(7),
    "timestamp": Timestamp(5, 6),
    "decimal": Decimal128("1.10"),
    "min": MinKey(),
    "max": MaxKey(),
    "ref": DBRef("other", 1),
}

BIG = "x" * (13 * 1024 * 1024)

UNACKNOWLEDGED = WriteConcern(w=0)


def unacknowledged(t: Target) -> Any:
    return t.coll.with_options(write_concern=UNACKNOWLEDGED)


async def then_find(t: Target, write: Any) -> Any:
    """What a write gives, and what is in the collection after it."""
    result = await outcome(lambda: write)
    return result, await outcome(lambda: t.coll.find().sort("_id"))


async def document_gets_an_id(t: Target) -> Any:
    document = {"x": 1}
    result = await t.coll.insert_one(document)
    return document, result.inserted_id == document["_id"], result


async def documents_get_ids(t: Target) -> Any:
    documents = [{"x": 1}, {"_id": 5}, {"x": 2}]
    result = await t.coll.insert_many(documents)
    return documents, result


async def read_back_every_type(t: Target) -> Any:
    await t.coll.insert_one(EVERY_TYPE)
    return await t.coll.find_one()


async def unacknowledged_then_seen(t: Target) -> Any:
    result = await unacknowledged(t).insert_one({"_id": 1})
    while not await t.coll.find_one({"_id": 1}, comment="wait"):
        pass
    t.recorder.commands[2:] = []  # how often it had to look is a matter of luck
    return result


async def by_count(t: Target, *ids: int, **options: Any) -> Any:
    """More documents than the server takes in a batch."""
    db = await t.limited_db(maxWriteBatchSize=3)
    return await then_find(t, db.c.insert_many([{"_id": i} for i in ids], **options))


async def by_small_size(t: Target, *sizes: int, **options: Any) -> Any:
    """More than the server takes in a message."""
    db = await t.limited_db(maxMessageSizeBytes=2000, maxBsonObjectSize=1000)
    documents = [{"_id": i, "s": "x" * size} for i, size in enumerate(sizes)]
    return await then_find(t, db.c.insert_many(documents, **options))


async def to_the_byte(t: Target) -> Any:
    """Documents of every size around a third, a quarter and a fifth of a message."""
    db = await t.limited_db(maxMessageSizeBytes=2000, maxBsonObjectSize=1000)
    for size in range(300, 500, 2):
        await db.c.insert_many([{"_id": size * 10 + i, "s": "x" * size} for i in range(7)])
    return await db.c.count_documents({})


async def unacknowledged_by_count(t: Target, ordered: bool) -> Any:
    db = await t.limited_db(maxWriteBatchSize=3)
    coll = db.c.with_options(write_concern=UNACKNOWLEDGED)
    return await coll.insert_many([{"_id": i} for i in range(8)], ordered=ordered)


async def by_size(t: Target) -> Any:
    """More than a real server takes in a message (48 MB)."""
    result = await t.coll.insert_many([{"_id": i, "big": BIG} for i in range(4)])
    return result, await t.coll.estimated_document_count()


async def same_object_twice(t: Target) -> Any:
    document: dict[str, Any] = {"x": 1}
    first = await t.coll.insert_one(document)
    return first, await outcome(lambda: t.coll.insert_one(document))


async def through_subcollection(t: Target) -> Any:
    result = await t.coll.sub["deep"].insert_one({"_id": 1})
    return result, await got(t.db["c.sub.deep"].find_one())


CASES = [
    Case("one", lambda t: t.coll.insert_one({"_id": 1, "x": 1})),
    Case("one, empty", lambda t: t.coll.insert_one({})),
    Case("one, document gets an _id", document_gets_an_id),
    Case("one, _id is None", lambda t: t.coll.insert_one({"_id": None})),
    Case("one, _id not first", lambda t: t.coll.insert_one({"x": 1, "_id": 1})),
    Case("one, _id a document", lambda t: t.coll.insert_one({"_id": {"b": 1, "a": 2}})),
    Case("one, every type", read_back_every_type),
    Case("one, SON", lambda t: t.coll.insert_one(SON([("_id", 1), ("b", 1), ("a", 2)]))),
    Case("one, OrderedDict", lambda t: t.coll.insert_one(OrderedDict(_id=1, b=1, a=2))),
    Case("one, UserDict", lambda t: t.coll.insert_one(UserDict({"_id": 1}))),
    Case("one, raw", lambda t: t.coll.insert_one(RawBSONDocument(bson.encode({"_id": 1})))),
    Case("one, raw, no _id", lambda t: t.coll.insert_one(RawBSONDocument(bson.encode({"x": 1})))),
    Case("one, same object twice", same_object_twice),
    Case("one, subcollection", through_subcollection),
    Case("one, comment", lambda t: t.coll.insert_one({"_id": 1}, comment="why")),
    Case("one, comment a document", lambda t: t.coll.insert_one({"_id": 1}, comment={"a": 1})),
    Case("one, comment empty", lambda t: t.coll.insert_one({"_id": 1}, comment="")),
    Case("one, bypass", lambda t: t.coll.insert_one({"_id": 1}, bypass_document_validation=True)),
    Case(
        "one, bypass False",
        lambda t: t.coll.insert_one({"_id": 1}, bypass_document_validation=False),
    ),
    Case("one, invalid", lambda t: t.coll.insert_one({"_id": 1, "x": 0}), prepare=x_must_be_positive),
    Case(
        "one, invalid, bypass",
        lambda t: t.coll.insert_one({"_id": 1, "x": 0}, True),
        prepare=x_must_be_positive,
    ),
    Case("one, duplicate", lambda t: t.coll.insert_one({"_id": 1}), ONE),
    Case("one, duplicate by index", lambda t: t.coll.insert_one({"x": 1}), ONE, unique_x),
    Case("one, w=0", unacknowledged_then_seen),
    Case("one, w=0, duplicate", lambda t: unacknowledged(t).insert_one({"_id": 1}), ONE),
    Case("one, w=0, comment", lambda t: unacknowledged(t).insert_one({"_id": 2}, comment="why")),
    Case(
        "one, w=0, bypass",
        lambda t: unacknowledged(t).insert_one({"_id": 2}, bypass_document_validation=True),
    ),
    Case("many", lambda t: then_find(t, t.coll.insert_many([{"_id": 1}, {"_id": 2}]))),
    Case("many, documents get ids", documents_get_ids),
    Case("many, a tuple", lambda t: t.coll.insert_many(({"_id": 1}, {"_id": 2}))),
    Case("many, a generator", lambda t: t.coll.insert_many({"_id": i} for i in range(3))),
    Case("many, an empty generator", lambda t: t.coll.insert_many({"_id": i} for i in range(0))),
    Case(
        "many, raw",
        lambda t: t.coll.insert_many([RawBSONDocument(bson.encode({"_id": 1})), {"_id": 2}]),
    ),
    Case("many, ordered=False", lambda t: t.coll.insert_many([{"_id": 1}], ordered=False)),
    Case("many, comment", lambda t: t.coll.insert_many([{"_id": 1}], comment={"a": 1})),
    Case("many, comment empty", lambda t: t.coll.insert_many([{"_id": 1}], comment="")),
    Case(
        "many, bypass",
        lambda t: t.coll.insert_many([{"_id": 1, "x": 0}], bypass_document_validation=True),
        prepare=x_must_be_positive,
    ),
    Case(
        "many, bypass False",
        lambda t: t.coll.insert_many([{"_id": 1, "x": 1}], bypass_document_validation=False),
    ),
    Case(
        "many, ordered, error in the middle",
        lambda t: then_find(t, t.coll.insert_many([{"_id": 0}, {"_id": 1}, {"_id": 2}])),
        ONE,
    ),
    Case(
        "many, unordered, errors",
        lambda t: then_find(t, t.coll.insert_many([{"_id": i} for i in (0, 1, 2, 2, 3, 1)], ordered=False)),
        ONE,
    ),
    Case(
        "many, ordered, invalid in the middle",
        lambda t: t.coll.insert_many([{"_id": 1, "x": 1}, {"_id": 2, "x": 0}]),
        prepare=x_must_be_positive,
    ),
    Case("many, w=0, ordered", lambda t: unacknowledged(t).insert_many([{"_id": 1}, {"_id": 2}])),
    Case(
        "many, w=0, ordered, error in the middle",
        lambda t: unacknowledged(t).insert_many([{"_id": 0}, {"_id": 1}, {"_id": 2}]),
        ONE,
    ),
    Case(
        "many, w=0, unordered",
        lambda t: unacknowledged(t).insert_many([{"_id": 1}, {"_id": 2}], ordered=False),
    ),
    Case(
        "many, w=0, unordered, comment",
        lambda t: unacknowledged(t).insert_many([{"_id": 1}], ordered=False, comment="why"),
    ),
    Case(
        "many, w=0, bypass",
        lambda t: unacknowledged(t).insert_many([{"_id": 1}], bypass_document_validation=True),
    ),
    Case("many, split by count", lambda t: by_count(t, *range(10))),
    Case("many, split by count, exactly", lambda t: by_count(t, *range(6))),
    Case("many, split by count, comment", lambda t: by_count(t, *range(4), comment="why")),
    Case("many, split by count, ordered, error", lambda t: by_count(t, 1, 2, 3, 4, 4, 5, 6, 7)),
    Case(
        "many, split by count, unordered, errors",
        lambda t: by_count(t, 1, 1, 3, 4, 4, 5, 1, 7, ordered=False),
    ),
    Case("many, split by count, w=0, ordered", lambda t: unacknowledged_by_count(t, True)),
    Case("many, split by count, w=0, unordered", lambda t: unacknowledged_by_count(t, False)),
    Case("many, split to the byte", to_the_byte),
    Case("many, split by size, a large one", lambda t: by_small_size(t, 500, 1500, 500)),
    Case("many, split by size, one too large", lambda t: by_small_size(t, 500, 17_500, 500)),
    Case("many, split by size", by_size),
    Case("many, split by size, ordered, error", lambda t: by_small_size(t, 800, 800, 800, 800), ONE),
    Case(
        "many, split by size, unordered, errors",
        lambda t: by_small_size(t, 800, 800, 800, 800, ordered=False),
        ONE,
    ),
]
