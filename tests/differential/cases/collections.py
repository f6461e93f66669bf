"""Collections made, listed, renamed, validated, dropped; and how one is got."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import SON, CodecOptions, DBRef
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from ..harness import COLLECTION, Case, Target, got, outcome
from .data import FOLDED, THREE, index_on_x

MAJORITY = WriteConcern(w="majority")
EVERY_OPTION: dict[str, Any] = {
    "codec_options": CodecOptions(document_class=SON),
    "read_preference": ReadPreference.NEAREST,
    "write_concern": MAJORITY,
    "read_concern": ReadConcern("majority"),
}


def create(*args: Any, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        made = await outcome(lambda: t.db.create_collection(*args, **options))
        return made, await outcome(lambda: t.db.c.options())

    return call


def three_collections(db: Database[Any]) -> None:
    for name in ("a", "b", "c"):
        db[name].insert_one({"_id": 1})
    db.create_collection("capped", capped=True, size=4096)


def many_collections(db: Database[Any]) -> None:
    for i in range(30):
        db.create_collection(f"c{i:02}")


def with_options_set(db: Database[Any]) -> None:
    db.create_collection(COLLECTION, capped=True, size=4096, max=5, collation={"locale": "en"})


def listing(**options: Any) -> Callable[[Target], Any]:
    return lambda t: t.db.list_collections(**options)


def names(**options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        return sorted(await t.db.list_collection_names(**options))

    return call


def rename(*args: Any, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        result = await outcome(lambda: t.coll.rename(*args, **options))
        return result, sorted(await t.db.list_collection_names())

    return call


async def drop(t: Target, **options: Any) -> Any:
    return await t.coll.drop(**options), await t.db.list_collection_names()


def drop_from_database(argument: Callable[[Target], Any], **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        result = await t.db.drop_collection(argument(t), **options)
        return result, await t.db.list_collection_names()

    return call


def validate(argument: Callable[[Target], Any], **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.db.validate_collection(argument(t), **options)


def dereference(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.db.dereference(DBRef(*args), **options)


async def own_dbref(t: Target) -> Any:
    return await t.db.dereference(DBRef(COLLECTION, 1, t.db.name))


async def with_concerns(t: Target) -> Any:
    db = t.db.with_options(**EVERY_OPTION)
    made = await db.create_collection("made")
    await made.insert_one({"_id": 1})
    await made.create_index("x")
    await made.drop_index("x_1")
    return (
        made,
        await outcome(made.list_indexes),
        await outcome(db.list_collections),
        await made.options(),
        await made.rename("renamed"),
        await db.drop_collection("renamed"),
        await db.made.drop(),
    )


async def with_options(t: Target) -> Any:
    coll = t.coll.with_options(**EVERY_OPTION)
    return (
        coll,
        coll.with_options(),
        coll.with_options(read_concern=ReadConcern()),
        coll.sub,
        coll["sub"].more,
        t.db.get_collection("x"),
        t.db.get_collection("x", **EVERY_OPTION),
        t.db.with_options(**EVERY_OPTION)["x"],
        t.coll,
    )


async def equality(t: Target) -> Any:
    again = t.client[t.db.name]["c"]
    return (
        again == t.coll,
        again != t.coll,
        hash(again) == hash(t.coll),
        again == t.coll.with_options(**EVERY_OPTION),
        again == t.coll.sub,
        again == "c",
        t.db == again.database,
        t.db == t.client.other,
        t.client == again.database.client,
        again.database.client is t.client,
        t.coll.full_name == f"{t.db.name}.c",
        t.coll.sub.name,
        len({again, t.coll, t.coll.sub}),
    )


async def validate_unhealthy(t: Target) -> Any:
    return await outcome(lambda: t.db.validate_collection("no_such"))


CASES = [
    Case("create", create("c")),
    Case("create, exists", create("c"), THREE),
    Case("create, exists, unchecked", create("c", check_exists=False), THREE),
    Case("create, unchecked", create("c", check_exists=False)),
    Case("create, capped", create("c", capped=True, size=4096, max=10)),
    Case("create, capped without size", create("c", capped=True)),
    Case(
        "create, validator",
        create("c", validator={"x": {"$gt": 0}}, validationLevel="moderate", validationAction="warn"),
    ),
    Case("create, collation", create("c", collation=FOLDED)),
    Case("create, collation a dict", create("c", collation={"locale": "en"})),
    Case(
        "create, timeseries",
        create(
            "c",
            timeseries={"timeField": "t", "metaField": "m", "granularity": "hours"},
            expireAfterSeconds=60,
        ),
    ),
    Case("create, clusteredIndex", create("c", clusteredIndex={"key": {"_id": 1}, "unique": True})),
    Case("create, view", create("c", viewOn="a", pipeline=[{"$match": {"x": 1}}])),
    Case("create, storageEngine", create("c", storageEngine={"wiredTiger": {}})),
    Case("create, indexOptionDefaults", create("c", indexOptionDefaults={"storageEngine": {}})),
    Case("create, changeStreamPreAndPostImages", create("c", changeStreamPreAndPostImages={"enabled": True})),
    Case("create, comment", create("c", comment="why")),
    Case("create, unknown option", create("c", nonsense=1)),
    Case("create, options of the handle", create("c", **EVERY_OPTION)),
    Case("list", listing(), prepare=three_collections),
    Case("list, nothing there", listing()),
    Case("list, filter", listing(filter={"name": "b"}), prepare=three_collections),
    Case("list, filter by option", listing(filter={"options.capped": True}), prepare=three_collections),
    Case("list, nameOnly", listing(nameOnly=True), prepare=three_collections),
    Case("list, comment", listing(comment="why"), prepare=three_collections),
    Case("list, authorizedCollections", listing(authorizedCollections=True, nameOnly=True)),
    Case("list, batches", listing(cursor={"batchSize": 7}), prepare=many_collections),
    Case("names", names(), prepare=three_collections),
    Case("names, nothing there", names()),
    Case("names, many", names(), prepare=many_collections),
    Case("names, filter", names(filter={"name": "b"}), prepare=three_collections),
    Case("names, filter a regex", names(filter={"name": {"$regex": "^[ab]"}}), prepare=three_collections),
    Case("names, filter empty", names(filter={}), prepare=three_collections),
    Case("names, filter by option", names(filter={"options.capped": True}), prepare=three_collections),
    Case("names, comment", names(comment="why"), prepare=three_collections),
    Case("names, option", names(authorizedCollections=True), prepare=three_collections),
    Case("options", lambda t: t.coll.options(), prepare=with_options_set),
    Case("options, none", lambda t: t.coll.options(), THREE),
    Case("options, no such collection", lambda t: t.coll.options()),
    Case("options, comment", lambda t: t.coll.options(comment="why"), THREE),
    Case("rename", rename("new"), THREE),
    Case("rename, comment", rename("new", comment="why"), THREE),
    Case("rename, target exists", rename("a"), prepare=three_collections),
    Case("rename, dropTarget", rename("a", dropTarget=True), prepare=three_collections),
    Case("rename, to itself", rename("c"), THREE),
    Case("rename, no such collection", rename("new")),
    Case("rename, unknown option", rename("new", nonsense=1), THREE),
    Case("drop", drop, THREE),
    Case("drop, comment", lambda t: drop(t, comment="why"), THREE),
    Case("drop, no such collection", drop),
    Case("drop from the database by name", drop_from_database(lambda t: "c"), THREE),
    Case("drop from the database by handle", drop_from_database(lambda t: t.coll), THREE),
    Case("drop from the database, comment", drop_from_database(lambda t: "c", comment="w"), THREE),
    Case("drop from the database, no such", drop_from_database(lambda t: "c")),
    Case("validate by name", validate(lambda t: "c"), THREE, index_on_x),
    Case("validate by handle", validate(lambda t: t.coll), THREE),
    Case("validate, full", validate(lambda t: "c", full=True), THREE),
    Case("validate, scandata", validate(lambda t: "c", scandata=True), THREE),
    Case("validate, background", validate(lambda t: "c", background=True), THREE),
    Case("validate, background False", validate(lambda t: "c", background=False), THREE),
    Case("validate, comment", validate(lambda t: "c", comment="why"), THREE),
    Case("validate, no such collection", validate_unhealthy),
    Case("dereference", dereference(COLLECTION, 2), THREE),
    Case("dereference, nothing there", dereference(COLLECTION, 9), THREE),
    Case("dereference, comment", dereference(COLLECTION, 2, comment="why"), THREE),
    Case("dereference, options", dereference(COLLECTION, 2, projection={"x": 1}, max_time_ms=9000), THREE),
    Case("dereference, own database", own_dbref, THREE),
    Case("dereference, other database", dereference(COLLECTION, 2, "other"), THREE),
    Case("concerns", with_concerns),
    Case("with_options", with_options),
    Case("equality and hash", equality),
    Case("awaited step", lambda t: got(t.coll.find_one()), THREE),
]
