"""create_index, create_indexes, drop_index, drop_indexes, list_indexes, index_information."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import SON
from pymongo import ASCENDING, DESCENDING, GEOSPHERE, HASHED, TEXT, IndexModel
from pymongo.database import Database
from pymongo.operations import SearchIndexModel

from ..harness import COLLECTION, Case, Target, got, outcome
from .data import FOLDED, THREE, index_on_x


def create(*args: Any, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        name = await outcome(lambda: t.coll.create_index(*args, **options))
        return name, await outcome(t.coll.index_information)

    return call


def create_many(*models: IndexModel, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        names = await outcome(lambda: t.coll.create_indexes(list(models), **options))
        return names, await outcome(t.coll.list_indexes)

    return call


def drop(*args: Any, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        result = await outcome(lambda: t.coll.drop_index(*args, **options))
        return result, sorted(await t.coll.index_information())

    return call


def search(method: str, *args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: getattr(t.coll, method)(*args, **options)


def many_indexes(db: Database[Any]) -> None:
    db[COLLECTION].create_indexes([IndexModel([(f"f{i}", 1)]) for i in range(20)])


async def drop_all(t: Target, **options: Any) -> Any:
    result = await t.coll.drop_indexes(**options)
    return result, sorted(await t.coll.index_information())


async def list_one_by_one(t: Target) -> Any:
    cursor = await got(t.coll.list_indexes())
    return [(await cursor.next())["name"] for _ in range(2)], [i["name"] async for i in cursor]


CASES = [
    Case("a name", create("x")),
    Case("a list", create([("x", ASCENDING), ("y", DESCENDING)])),
    Case("a dict", create({"x": 1, "y": -1})),
    Case("SON", create(SON([("x", 1), ("a", -1)]))),
    Case("a list of names", create(["x", ("y", -1)])),
    Case("text", create([("s", TEXT)], default_language="english", weights={"s": 2})),
    Case("hashed", create([("x", HASHED)])),
    Case("2dsphere", create([("place", GEOSPHERE)])),
    Case("2d", create([("place", "2d")], bits=20, min=-10, max=10)),
    Case("wildcard", create([("$**", 1)], wildcardProjection={"a": 1})),
    Case("unknown kind", create([("x", "nonsense")])),
    Case("name", create("x", name="by_x")),
    Case("unique", create("x", unique=True)),
    Case("unique, duplicates there", create("x", unique=True), [{"x": 1}, {"x": 1}]),
    Case("sparse", create("x", sparse=True)),
    Case("background", create("x", background=True)),
    Case("hidden", create("x", hidden=True)),
    Case("expireAfterSeconds", create("x", expireAfterSeconds=60)),
    Case("partialFilterExpression", create("x", partialFilterExpression={"x": {"$gt": 1}})),
    Case("collation", create("s", collation=FOLDED)),
    Case("collation a dict", create("s", collation={"locale": "en"})),
    Case("maxTimeMS", create("x", maxTimeMS=9000)),
    Case("comment", create("x", comment="why")),
    Case("commitQuorum", create("x", commitQuorum="majority")),
    Case("unknown option", create("x", nonsense=1)),
    Case("again", create("x", name="by_x"), THREE, index_on_x),
    Case("again, other name", create("x", name="other"), THREE, index_on_x),
    Case("again, other options", create("x", name="by_x", unique=True), THREE, index_on_x),
    Case("session None", create("x", None, "why")),
    Case("many", create_many(IndexModel("x"), IndexModel([("y", -1), ("z", 1)], unique=True))),
    Case("many, collation", create_many(IndexModel("s", collation=FOLDED, name="folded"))),
    Case("many, comment", create_many(IndexModel("x"), comment="why")),
    Case("many, maxTimeMS", create_many(IndexModel("x"), maxTimeMS=9000)),
    Case("many, commitQuorum", create_many(IndexModel("x"), commitQuorum=1)),
    Case("many, none", create_many()),
    Case("drop by name", drop("by_x"), THREE, index_on_x),
    Case("drop by keys", drop([("x", 1)]), THREE, lambda db: db[COLLECTION].create_index("x")),
    Case("drop, comment", drop("by_x", comment="why"), THREE, index_on_x),
    Case("drop, maxTimeMS", drop("by_x", maxTimeMS=9000), THREE, index_on_x),
    Case("drop unknown", drop("no_such"), THREE),
    Case("drop _id_", drop("_id_"), THREE),
    Case("drop, no such collection", drop("by_x")),
    Case("drop all", drop_all, THREE, index_on_x),
    Case("drop all, comment", lambda t: drop_all(t, comment="why"), THREE, index_on_x),
    Case("drop all, maxTimeMS", lambda t: drop_all(t, maxTimeMS=9000), THREE, index_on_x),
    Case("drop all, no such collection", drop_all),
    Case("list", lambda t: t.coll.list_indexes(), THREE, index_on_x),
    Case("list, many", lambda t: t.coll.list_indexes(), prepare=many_indexes),
    Case("list, one by one", list_one_by_one, prepare=many_indexes),
    Case("list, comment", lambda t: t.coll.list_indexes(comment="why"), THREE),
    Case("list, no such collection", lambda t: t.coll.list_indexes()),
    Case("information", lambda t: t.coll.index_information(), THREE, index_on_x),
    Case("information, comment", lambda t: t.coll.index_information(comment="why"), THREE),
    Case("information, no such collection", lambda t: t.coll.index_information()),
    Case("search, create", search("create_search_index", {"definition": {}, "name": "s"}), THREE),
    Case(
        "search, create a model",
        search("create_search_index", SearchIndexModel({"mappings": {}}, "s", "search"), comment="w"),
        THREE,
    ),
    Case("search, create many", search("create_search_indexes", [SearchIndexModel({})]), THREE),
    Case("search, update", search("update_search_index", "s", {"mappings": {}}), THREE),
    Case("search, drop", search("drop_search_index", "s", comment="why"), THREE),
    Case("search, list", search("list_search_indexes"), THREE),
    Case("search, list one", search("list_search_indexes", "s", comment="why"), THREE),
]
