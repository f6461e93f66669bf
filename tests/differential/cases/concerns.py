"""Read concern, write concern and read preference, set on client, database or collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import SON
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import (
    Nearest,
    PrimaryPreferred,
    ReadPreference,
    Secondary,
    SecondaryPreferred,
)
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, got, outcome
from .data import THREE
from .update import SET

READS: dict[str, Callable[[Any], Any]] = {
    "find": lambda c: c.find({}, batch_size=2),
    "find_one": lambda c: c.find_one({"_id": 1}),
    "aggregate": lambda c: c.aggregate([{"$match": {"x": 1}}], batchSize=2),
    "aggregate with $out": lambda c: c.aggregate([{"$out": "out"}]),
    "count_documents": lambda c: c.count_documents({}),
    "estimated_document_count": lambda c: c.estimated_document_count(),
    "distinct": lambda c: c.distinct("x"),
    "list_indexes": lambda c: c.list_indexes(),
    "index_information": lambda c: c.index_information(),
    "options": lambda c: c.options(),
}

WRITES: dict[str, Callable[[Any], Any]] = {
    "insert_one": lambda c: c.insert_one({"_id": 9}),
    "insert_many": lambda c: c.insert_many([{"_id": 8}, {"_id": 7}]),
    "update_one": lambda c: c.update_one({"_id": 9}, SET),
    "update_many": lambda c: c.update_many({}, SET),
    "replace_one": lambda c: c.replace_one({"_id": 9}, {"y": 1}),
    "find_one_and_update": lambda c: c.find_one_and_update({"_id": 9}, SET),
    "find_one_and_replace": lambda c: c.find_one_and_replace({"_id": 9}, {"y": 1}),
    "find_one_and_delete": lambda c: c.find_one_and_delete({"_id": 9}),
    "delete_one": lambda c: c.delete_one({"_id": 8}),
    "delete_many": lambda c: c.delete_many({}),
    "create_index": lambda c: c.create_index("x"),
    "drop_index": lambda c: c.drop_index("x_1"),
    "drop_indexes": lambda c: c.drop_indexes(),
    "aggregate with $out": lambda c: c.aggregate([{"$out": "out"}]),
    "aggregate with $merge": lambda c: c.aggregate([{"$merge": "out"}]),
    "rename": lambda c: c.rename("renamed"),
    "drop": lambda c: c.drop(),
}

READ_CONCERNS = ("local", "majority", "available", "linearizable", "snapshot", "nonsense")

WRITE_CONCERNS = (
    WriteConcern(),
    WriteConcern(w=1),
    WriteConcern(w=1, j=True),
    WriteConcern(w="majority", wtimeout=5000),
    WriteConcern(j=False),
    WriteConcern(w=0),
)

READ_PREFERENCES = (
    ReadPreference.PRIMARY,
    ReadPreference.PRIMARY_PREFERRED,
    ReadPreference.SECONDARY_PREFERRED,
    ReadPreference.NEAREST,
    SecondaryPreferred(tag_sets=[{"dc": "x"}, {}]),
    Nearest(tag_sets=[{}], max_staleness=120),
    PrimaryPreferred(max_staleness=90),
)


def each_of(calls: dict[str, Callable[[Any], Any]], **options: Any) -> Callable[[Target], Any]:
    """Every call, one after the other, on a collection with these options."""

    async def call(t: Target) -> Any:
        coll = t.coll.with_options(**options)
        return {name: await outcome(each, coll) for name, each in calls.items()}

    return call


async def inherited(t: Target) -> Any:
    """From the client to its databases, from a database to its collections."""
    client = t.new_client(t.uri, readPreference="nearest", readConcernLevel="majority", w="majority", journal=True)
    db = client[t.db.name]
    changed = db.with_options(write_concern=WriteConcern(w=1))
    return (
        await db.c.insert_one({"_id": 9}),
        await changed.c.insert_one({"_id": 8}),
        await changed.c.with_options(write_concern=WriteConcern(w=1, j=True)).insert_one({"_id": 7}),
        await db.c.find_one({"_id": 9}),
        await outcome(lambda: db.aggregate([{"$documents": []}])),
        await outcome(db.list_collection_names),
        await db.create_collection("made"),
        await db.drop_collection("made"),
        await db.command("ping"),
        await client.drop_database(db),
    )


async def database_aggregate(t: Target) -> Any:
    db = t.db.with_options(read_concern=ReadConcern("local"), read_preference=ReadPreference.SECONDARY_PREFERRED)
    return await outcome(lambda: db.aggregate([{"$documents": [{"x": 1}]}]))


async def from_uri(t: Target, query: str) -> Any:
    separator = "&" if "?" in t.uri else "?"
    client = t.new_client(f"{t.uri.rstrip('/')}/{separator}{query}".replace("/&", "&"))
    coll = client[t.db.name].c
    written = await outcome(lambda: coll.insert_one({"_id": 9}))
    return written, await outcome(lambda: coll.find_one({"_id": 1})), client


async def no_secondary(t: Target) -> Any:
    client = t.new_client(serverSelectionTimeoutMS=150)
    db = client[t.db.name]
    coll = db.c.with_options(read_preference=Secondary(tag_sets=[{"dc": "x"}]))
    return await outcome(lambda: coll.find_one()), await outcome(
        lambda: db.command("ping", read_preference=ReadPreference.SECONDARY)
    )


async def unreachable_write_concern(t: Target) -> Any:
    coll = t.coll.with_options(write_concern=WriteConcern(w=50, wtimeout=100))
    return {name: await outcome(each, coll) for name, each in WRITES.items()}


CASES = [
    *[
        Case(f"reads, read concern {level}", each_of(READS, read_concern=ReadConcern(level)), THREE)
        for level in READ_CONCERNS
    ],
    *[
        Case(
            f"reads, read preference {preference!r}",
            each_of(READS, read_preference=preference),
            THREE,
        )
        for preference in READ_PREFERENCES
    ],
    *[Case(f"writes, {concern!r}", each_of(WRITES, write_concern=concern), THREE) for concern in WRITE_CONCERNS],
    Case("writes, read preference", each_of(WRITES, read_preference=ReadPreference.NEAREST), THREE),
    Case("writes, read concern", each_of(WRITES, read_concern=ReadConcern("majority")), THREE),
    Case("writes, w=50", unreachable_write_concern, THREE),
    Case("inherited", inherited, THREE),
    Case("database aggregate", database_aggregate, THREE),
    Case("URI, w=majority", lambda t: from_uri(t, "w=majority&wtimeoutMS=5000"), THREE),
    Case("URI, w=0", lambda t: from_uri(t, "w=0"), THREE),
    Case("URI, journal", lambda t: from_uri(t, "journal=true"), THREE),
    Case("URI, readConcernLevel", lambda t: from_uri(t, "readConcernLevel=majority"), THREE),
    Case("URI, readPreference", lambda t: from_uri(t, "readPreference=secondaryPreferred"), THREE),
    Case("no secondary", no_secondary, THREE),
    Case("filter kept in order", lambda t: got(t.coll.find_one(SON([("x", 1), ("s", "a")]))), THREE),
]
