"""Arguments of the wrong type or value: nothing is sent, or the server says no."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bson import Code
from pymongo import (
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)
from pymongo.collation import Collation

from ..harness import Case, Target, done, outcome
from .bad_names import everywhere
from .data import ONE, TEN, THREE
from .insert import unacknowledged
from .update import SET

NO_MAPPINGS: tuple[Any, ...] = (None, "x", 5, 1.5, [], [1], [("x", 1)], (), {1}, b"x", object, True)
# Of any type, as far as a type checker knows.
NOTHING: Any = None
NUMBER: Any = 5
NO_LISTS: tuple[Any, ...] = ("x", 5, {}, {"$match": {}}, {1}, b"x", True)
NO_NUMBERS: tuple[Any, ...] = (None, "5", 1.5, [], {}, -1)


def shown(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})"


def with_value(call: Callable[[Target, Any], Any], value: Any, t: Target) -> Any:
    return call(t, value)


def for_each(values: tuple[Any, ...], name: str, call: Callable[[Target, Any], Any]) -> list[Case]:
    """One case a value, on three documents."""
    return [Case(f"{name} {shown(value)}", partial(with_value, call, value), THREE) for value in values]


def chained(method: str, *values: Any) -> Case:
    """A cursor's method with arguments that it refuses; the cursor still works after it."""

    async def call(t: Target) -> Any:
        cursor = t.coll.find()
        refused = [await outcome(done, getattr(cursor, method), value) for value in values]
        return refused, await outcome(cursor.to_list)

    return Case(f"cursor.{method}", call, THREE)


async def cursor_option(t: Target, value: Any) -> Any:
    """Its type only: PyMongo's message is an accident of its code."""
    return type(await outcome(lambda: t.coll.aggregate([], cursor=value, batchSize=2)))


async def chaining_after_the_start(t: Target) -> Any:
    cursor = t.coll.find(batch_size=2)
    await cursor.next()
    refused = [
        await outcome(done, step)
        for step in (
            lambda: cursor.sort("x"),
            lambda: cursor.limit(1),
            lambda: cursor.skip(1),
            lambda: cursor.batch_size(1),
            lambda: cursor.hint("x"),
            lambda: cursor.comment("x"),
            lambda: cursor.max([("x", 1)]),
            lambda: cursor.min([("x", 1)]),
            lambda: cursor.where("x"),
            lambda: cursor.collation(None),
            lambda: cursor.max_time_ms(1),
            lambda: cursor.max_await_time_ms(1),
            lambda: cursor.max_scan(1),
            lambda: cursor.allow_disk_use(True),
            lambda: cursor.add_option(16),
            lambda: cursor.remove_option(16),
        )
    ]
    await cursor.close()
    return refused


async def chaining_after_an_empty_result(t: Target) -> Any:
    """A cursor that has found nothing has started all the same."""
    cursor = t.coll.find()
    await cursor.to_list()
    return await outcome(done, cursor.sort, "x")


async def chaining_after_the_end(t: Target) -> Any:
    cursor = t.coll.find()
    await cursor.to_list()
    return await outcome(done, cursor.limit, 1)


async def chaining_after_close(t: Target) -> Any:
    cursor = t.coll.find()
    await cursor.close()
    return await outcome(done, cursor.limit, 1)


CASES = [
    # Documents.
    *for_each(NO_MAPPINGS, "insert_one", lambda t, v: t.coll.insert_one(v)),
    *for_each(
        (None, 5, "x", "", {}, {"x": 1}, [], (), [None], [5], ["x"], [{}, 5], [[{}]], object, True),
        "insert_many",
        lambda t, v: t.coll.insert_many(v),
    ),
    # Filters.
    *for_each(NO_MAPPINGS, "find", lambda t, v: t.coll.find(v)),
    *for_each(NO_MAPPINGS, "count_documents", lambda t, v: t.coll.count_documents(v)),
    *for_each(NO_MAPPINGS, "delete_one", lambda t, v: t.coll.delete_one(v)),
    *for_each(NO_MAPPINGS, "delete_many", lambda t, v: t.coll.delete_many(v)),
    *for_each(NO_MAPPINGS, "update_one", lambda t, v: t.coll.update_one(v, SET)),
    *for_each(NO_MAPPINGS, "update_many", lambda t, v: t.coll.update_many(v, SET)),
    *for_each(NO_MAPPINGS, "replace_one", lambda t, v: t.coll.replace_one(v, {"y": 1})),
    *for_each(NO_MAPPINGS, "find_one_and_update", lambda t, v: t.coll.find_one_and_update(v, SET)),
    *for_each(NO_MAPPINGS, "find_one_and_delete", lambda t, v: t.coll.find_one_and_delete(v)),
    *for_each(NO_MAPPINGS, "distinct filter", lambda t, v: t.coll.distinct("x", v)),
    *for_each(NO_MAPPINGS, "find_one", lambda t, v: t.coll.find_one(v)),
    # Updates and replacements.
    *for_each(
        (*NO_MAPPINGS, {}, {"x": 1}, {"x": 1, "$set": {"y": 1}}, {"$set": {"y": 1}, "x": 1}, [{}]),
        "update",
        lambda t, v: everywhere(
            lambda t: t.coll.update_one({}, v),
            lambda t: t.coll.update_many({}, v),
            lambda t: t.coll.find_one_and_update({}, v),
            lambda t: t.coll.bulk_write([UpdateOne({}, v)]),
            lambda t: t.coll.bulk_write([UpdateMany({}, v)]),
        )(t),
    ),
    *for_each(
        (*NO_MAPPINGS, {"$set": {"y": 1}}, {"$set": {"y": 1}, "x": 1}, {"x": 1, "$set": 1}),
        "replacement",
        lambda t, v: everywhere(
            lambda t: t.coll.replace_one({}, v),
            lambda t: t.coll.find_one_and_replace({}, v),
            lambda t: t.coll.bulk_write([ReplaceOne({}, v)]),
        )(t),
    ),
    # Pipelines.
    *for_each((*NO_LISTS, None), "aggregate", lambda t, v: t.coll.aggregate(v)),
    *for_each((*NO_LISTS, None), "database aggregate", lambda t, v: t.db.aggregate(v)),
    *for_each(([5], ["x"], [None], [[]], [{}]), "stage", lambda t, v: t.coll.aggregate(v)),
    *for_each(
        (*NO_LISTS, [5]),
        "array_filters",
        lambda t, v: everywhere(
            lambda t: t.coll.update_one({}, SET, array_filters=v),
            lambda t: t.coll.update_many({}, SET, array_filters=v),
            lambda t: t.coll.find_one_and_update({}, SET, array_filters=v),
            lambda t: UpdateOne({}, SET, array_filters=v),
        )(t),
    ),
    # Options that several operations share.
    *for_each(
        (5, [], "x", object, {"locale": 5}),
        "collation",
        lambda t, v: everywhere(
            lambda t: t.coll.find(collation=v),
            lambda t: t.coll.find().collation(v),
            lambda t: t.coll.aggregate([], collation=v),
            lambda t: t.coll.count_documents({}, collation=v),
            lambda t: t.coll.distinct("x", collation=v),
            lambda t: t.coll.update_one({}, SET, collation=v),
            lambda t: t.coll.delete_one({}, collation=v),
            lambda t: t.coll.find_one_and_delete({}, collation=v),
            lambda t: t.coll.bulk_write([DeleteOne({}, collation=v)]),
            lambda t: t.coll.create_index("x", collation=v),
            lambda t: t.db.create_collection("made", collation=v),
        )(t),
    ),
    *for_each(
        (5, [], {}, [5], [("x",)], [("x", None)], [(5, 1)], 1.5),
        "hint",
        lambda t, v: everywhere(
            lambda t: t.coll.find(hint=v),
            lambda t: t.coll.find().hint(v),
            lambda t: t.coll.count_documents({}, hint=v),
            lambda t: t.coll.distinct("x", hint=v),
            lambda t: t.coll.update_one({}, SET, hint=v),
            lambda t: t.coll.replace_one({}, {}, hint=v),
            lambda t: t.coll.delete_one({}, hint=v),
            lambda t: t.coll.find_one_and_delete({}, hint=v),
            lambda t: t.coll.aggregate([], hint=v),
        )(t),
    ),
    *for_each(
        (5, "x", [], [("v", 1)], object),
        "let",
        lambda t, v: everywhere(
            lambda t: t.coll.find({}, let=v),
            lambda t: t.coll.aggregate([], let=v),
            lambda t: t.coll.update_one({}, SET, let=v),
            lambda t: t.coll.replace_one({}, {}, let=v),
            lambda t: t.coll.delete_one({}, let=v),
            lambda t: t.coll.find_one_and_delete({}, let=v),
            lambda t: t.coll.bulk_write([DeleteOne({})], let=v),
        )(t),
    ),
    *for_each(
        (5, "x", [("x", 1)], 1.5),
        "sort of an update",
        lambda t, v: everywhere(
            lambda t: t.coll.update_one({}, SET, sort=v),
            lambda t: t.coll.replace_one({}, {}, sort=v),
            lambda t: t.coll.bulk_write([UpdateOne({}, SET, sort=v)]),
        )(t),
    ),
    *for_each(
        (5, [5], [("x",)], [("x", None)], [("x", "nonsense")], "x", {}),
        "sort",
        lambda t, v: everywhere(
            lambda t: t.coll.find(sort=v),
            lambda t: t.coll.find_one(sort=v),
            lambda t: t.coll.find_one_and_update({}, SET, sort=v),
        )(t),
    ),
    *for_each(
        (5, "x", [5], [None], True, b"x"),
        "projection",
        lambda t, v: everywhere(
            lambda t: t.coll.find({}, v),
            lambda t: t.coll.find_one({}, v),
            lambda t: t.coll.find_one_and_update({}, SET, v),
        )(t),
    ),
    *for_each(
        (5, "x", None, [], "yes"),
        "upsert",
        lambda t, v: everywhere(
            lambda t: t.coll.update_one({"_id": 9}, SET, upsert=v),
            lambda t: t.coll.update_many({"_id": 9}, SET, upsert=v),
            lambda t: t.coll.replace_one({"_id": 9}, {}, upsert=v),
            lambda t: t.coll.find_one_and_update({"_id": 9}, SET, upsert=v),
            lambda t: t.coll.bulk_write([UpdateOne({"_id": 9}, SET, upsert=v)]),
        )(t),
    ),
    *for_each(
        ("x", 5, object),
        "session",
        # Writes and lists are left out: PyMongo stumbles there with an AttributeError.
        lambda t, v: everywhere(
            lambda t: t.coll.aggregate([], session=v),
            lambda t: t.coll.count_documents({}, session=v),
            lambda t: t.coll.distinct("x", session=v),
        )(t),
    ),
    *for_each(
        (5, "yes", None, [], 0),
        "ordered",
        lambda t, v: everywhere(
            lambda t: t.coll.insert_many([{"_id": 9}], ordered=v),
            lambda t: t.coll.bulk_write([InsertOne({"_id": 8})], ordered=v),
        )(t),
    ),
    *for_each(
        (5, "yes", [], {}),
        "bypass_document_validation",
        lambda t, v: everywhere(
            lambda t: t.coll.insert_one({"_id": 9}, bypass_document_validation=v),
            lambda t: t.coll.update_one({}, SET, bypass_document_validation=v),
            lambda t: t.coll.bulk_write([DeleteOne({})], bypass_document_validation=v),
        )(t),
    ),
    # Find's own.
    *for_each(NO_NUMBERS, "find skip", lambda t, v: t.coll.find(skip=v)),
    *for_each(NO_NUMBERS[:-1], "find limit", lambda t, v: t.coll.find(limit=v)),
    *for_each(NO_NUMBERS, "find batch_size", lambda t, v: t.coll.find(batch_size=v)),
    *for_each(("5", 1.5, [], -1), "find max_time_ms", lambda t, v: t.coll.find(max_time_ms=v)),
    *for_each((5, "x", None), "find no_cursor_timeout", lambda t, v: t.coll.find(no_cursor_timeout=v)),
    *for_each((5, "x", None), "find allow_partial_results", lambda t, v: t.coll.find(allow_partial_results=v)),
    *for_each((5, "x", None), "find oplog_replay", lambda t, v: t.coll.find(oplog_replay=v)),
    *for_each((5, "x"), "find allow_disk_use", lambda t, v: t.coll.find(allow_disk_use=v)),
    *for_each((5, "x"), "find return_key", lambda t, v: t.coll.find(return_key=v)),
    *for_each((5, "x"), "find show_record_id", lambda t, v: t.coll.find(show_record_id=v)),
    *for_each((1, 99, "x", None), "find cursor_type", lambda t, v: t.coll.find(cursor_type=v)),
    *for_each((5, "x"), "find max", lambda t, v: t.coll.find(max=v, hint="_id_")),
    Case("find, unknown option", lambda t: t.coll.find(nonsense=1)),
    Case("find_one, unknown option", lambda t: t.coll.find_one({}, nonsense=1)),
    # Cursors.
    chained("sort", 5, [5], [("x",)], [("x", None)], [], {}, None, [(5, 1)]),
    Case("cursor.sort, direction of a list", lambda t: t.coll.find().sort([("x", 1)], 1)),
    Case("cursor.sort, bad direction", lambda t: t.coll.find().sort("x", 1.5)),
    Case("cursor.sort, no key", lambda t: t.coll.find().sort()),
    chained("limit", None, "5", 1.5, []),
    chained("skip", None, "5", 1.5, [], -1),
    chained("batch_size", None, "5", 1.5, [], -1),
    chained("hint", 5, [], [5], {}, 1.5),
    chained("max", 5, "x", {}, {"x": 1}, [5]),
    chained("min", 5, "x", {}, {"x": 1}, [5]),
    chained("where", 5, None, [], b"x"),
    chained("collation", 5, "x", []),
    chained("max_time_ms", "5", 1.5, []),
    chained("max_await_time_ms", "5", 1.5, []),
    chained("allow_disk_use", None, 1, "x"),
    chained("add_option", None, "x", 1.5),
    chained("remove_option", None, "x", 1.5),
    Case("where with scope", lambda t: t.coll.find().where(Code("this.x > y", {"y": 1})), THREE),
    Case("chaining after the start", chaining_after_the_start, TEN),
    Case("chaining after an empty result", chaining_after_an_empty_result),
    Case("chaining after the end", chaining_after_the_end, ONE),
    Case("chaining after close", chaining_after_close, ONE),
    Case("cursor.distinct", everywhere(lambda t: t.coll.find().distinct(5), lambda t: t.coll.find().distinct(None))),
    # Others.
    *for_each((*NO_NUMBERS, 5), "aggregate batchSize", lambda t, v: t.coll.aggregate([], batchSize=v)),
    *for_each((5, "x", []), "aggregate cursor", cursor_option),
    *for_each((5, None, [], {}), "distinct key", lambda t, v: t.coll.distinct(v)),
    *for_each(("x", -1, 1.5, []), "count_documents skip", lambda t, v: t.coll.count_documents({}, skip=v)),
    *for_each(("x", -1, 0, []), "count_documents limit", lambda t, v: t.coll.count_documents({}, limit=v)),
    *for_each(
        (1, "after", None), "return_document", lambda t, v: t.coll.find_one_and_update({}, SET, return_document=v)
    ),
    *for_each(
        (None, 5, "x", {}, [], [5], [{}], [InsertOne], [InsertOne({}), 5], [None]),
        "bulk_write",
        lambda t, v: t.coll.bulk_write(v),
    ),
    *for_each((None, 5, "x", {}, [], [5], ["x"], [{}]), "create_indexes", lambda t, v: t.coll.create_indexes(v)),
    *for_each(
        (None, 5, [], {}, [5], [("x",)], [("x", None)], 1.5), "create_index", lambda t, v: t.coll.create_index(v)
    ),
    *for_each((None, 5, {}, {"x": 1}, 1.5), "drop_index", lambda t, v: t.coll.drop_index(v)),
    *for_each((None, 5, {}, [], 1.5, ""), "command", lambda t, v: t.db.command(v)),
    *for_each((5, "x", []), "list_collection_names filter", lambda t, v: t.db.list_collection_names(filter=v)),
    *for_each((5, "x", []), "list_collections filter", lambda t, v: t.db.list_collections(filter=v)),
    *for_each((5, "x", None, {}), "dereference", lambda t, v: t.db.dereference(v)),
    *for_each((5, "x", []), "list_databases filter", lambda t, v: t.client.list_databases(filter=v)),
    *for_each(
        (5, "x", {}, True),
        "with_options",
        lambda t, v: everywhere(
            lambda t: t.coll.with_options(codec_options=v),
            lambda t: t.coll.with_options(read_preference=v),
            lambda t: t.coll.with_options(write_concern=v),
            lambda t: t.coll.with_options(read_concern=v),
            lambda t: t.db.with_options(codec_options=v),
            lambda t: t.db.get_collection("x", read_preference=v),
            lambda t: t.client.get_database("x", write_concern=v),
        )(t),
    ),
    Case(
        "models",
        everywhere(
            lambda t: t.coll.bulk_write([InsertOne(NUMBER)]),
            lambda t: t.coll.bulk_write([InsertOne(NOTHING)]),
            lambda t: t.coll.bulk_write([DeleteOne(NOTHING)]),
            lambda t: t.coll.bulk_write([DeleteMany(NOTHING)]),
            lambda t: t.coll.bulk_write([UpdateOne(NOTHING, SET)]),
            lambda t: t.coll.bulk_write([ReplaceOne(NOTHING, {})]),
            lambda t: t.coll.bulk_write([UpdateOne({}, SET, collation=Collation("nonsense"))]),
        ),
        THREE,
    ),
    Case(
        "missing arguments",
        everywhere(
            lambda t: t.coll.insert_one(),
            lambda t: t.coll.insert_many(),
            lambda t: t.coll.update_one({}),
            lambda t: t.coll.replace_one({}),
            lambda t: t.coll.delete_one(),
            lambda t: t.coll.aggregate(),
            lambda t: t.coll.count_documents(),
            lambda t: t.coll.distinct(),
            lambda t: t.coll.find_one_and_update({}),
            lambda t: t.coll.create_index(),
            lambda t: t.coll.rename(),
            lambda t: t.db.command(),
            lambda t: t.db.create_collection(),
            lambda t: t.client.drop_database(),
        ),
    ),
    Case(
        "unknown arguments",
        everywhere(
            lambda t: t.coll.insert_one({}, nonsense=1),
            lambda t: t.coll.insert_many([{}], let={}),
            lambda t: t.coll.update_many({}, SET, sort={}),
            lambda t: t.coll.delete_one({}, sort={}),
            lambda t: t.coll.drop(nonsense=1),
            lambda t: t.coll.list_indexes(nonsense=1),
            lambda t: t.coll.options(nonsense=1),
            lambda t: t.client.server_info(nonsense=1),
            lambda t: t.client.list_database_names(nonsense=1),
        ),
    ),
    Case("unacknowledged, bad filter", lambda t: unacknowledged(t).update_one(5, SET)),
]
