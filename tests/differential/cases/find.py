"""find and find_one with every option, as an argument and as a method of the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bson
from bson import SON, Code, ObjectId
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex
from pymongo import ASCENDING, DESCENDING, CursorType
from pymongo.collation import Collation

from ..harness import Case, Target, got
from .data import FOLDED, TEN, THREE, index_on_x
from .update import USES_LET


def find(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.coll.find(*args, **options)


def find_one(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.coll.find_one(*args, **options)


def chain(*steps: tuple[Any, ...]) -> Callable[[Target], Any]:
    """`find()`, then each step: a method's name and its arguments."""

    async def call(t: Target) -> Any:
        cursor = t.coll.find()
        for method, *arguments in steps:
            assert await got(getattr(cursor, method)(*arguments)) is cursor
        return cursor

    return call


OID = ObjectId("00000000aaaaaaaaaaaaaaaa")


async def explained(cursor: Any) -> Any:
    """The fields of the plan, which comes as the only document of the cursor."""
    plans = [document async for document in cursor]
    return [sorted(plan) for plan in plans], cursor.alive, cursor.cursor_id


async def one_explained(t: Target) -> Any:
    plan = await t.coll.find_one({"$query": {"x": 1}, "$explain": True})
    return sorted(plan)


CASES = [
    Case("everything", find(), THREE),
    Case("no such collection", find({"x": 1})),
    Case("filter", find({"x": {"$gt": 1}}), THREE),
    Case("filter in order", find(SON([("s", {"$gt": "a"}), ("x", {"$lt": 9})])), THREE),
    Case("filter None", find(None), THREE),
    Case("filter empty", find({}), THREE),
    Case("filter by keyword", find(filter={"x": 1}), THREE),
    Case("filter raw", find(RawBSONDocument(bson.encode({"x": 1}))), THREE),
    Case("filter with a field named query", find({"query": 1}), [{"query": 1, "_id": 1}]),
    Case("filter with fields query and more", find({"query": 1, "a": 1}), THREE),
    Case("filter with $query", find({"$query": {"x": 1}}), THREE),
    Case(
        "filter with $query and $orderby",
        find({"$query": {}, "$orderby": {"x": -1}}),
        THREE,
    ),
    Case("filter with $query, sorted", find({"$query": {"x": 1}}, sort=[("x", 1)]), THREE),
    Case("filter with $comment", find({"x": 1, "$comment": "why"}), THREE),
    Case("filter unknown operator", find({"x": {"$nonsense": 1}}), THREE),
    Case("filter unknown operator on top", find({"$nonsense": 1}), THREE),
    Case("filter with a regex", find({"s": Regex("^b", "i")}), THREE),
    Case("projection a dict", find({}, {"x": 1, "_id": 0}), THREE),
    Case("projection a list", find({}, ["s", "x"]), THREE),
    Case("projection a tuple", find({}, ("s",)), THREE),
    Case("projection a set", find({}, {"s"}), THREE),
    Case("projection an empty list", find({}, []), THREE),
    Case("projection an empty dict", find({}, {}), THREE),
    Case("projection by keyword", find(projection={"tags": {"$slice": 1}}), THREE),
    Case("projection an expression", find({}, {"y": {"$add": ["$x", 1]}}), THREE),
    Case("projection refused", find({}, {"x": 1, "s": 0}), THREE),
    Case("skip", find(skip=1), THREE),
    Case("skip, beyond", find(skip=10), THREE),
    Case("skip, negative", find(skip=-1), THREE),
    Case("skip, positional", find({}, None, 1, 1), THREE),
    Case("limit", find(limit=2), THREE),
    Case("limit, negative", find(limit=-2), THREE),
    Case("limit 1", find(limit=1), THREE),
    Case("limit True", find(limit=True), THREE),
    Case("no_cursor_timeout", find(no_cursor_timeout=True), THREE),
    Case("no_cursor_timeout False", find(no_cursor_timeout=False), THREE),
    Case("allow_partial_results", find(allow_partial_results=True), THREE),
    Case("oplog_replay", find(oplog_replay=True), THREE),
    Case("sort a list", find(sort=[("x", DESCENDING)]), THREE),
    Case("sort by two", find(sort=[("s", 1), ("x", -1)]), THREE),
    Case("sort a dict", find(sort={"x": -1}), THREE),
    Case("sort a list of names", find(sort=["s", "x"]), THREE),
    Case("sort an empty list", find(sort=[]), THREE),
    Case("sort, natural", find(sort=[("$natural", -1)]), THREE),
    Case("batch_size", find(batch_size=3), TEN),
    Case("batch_size 1", find(batch_size=1), THREE),
    Case("batch_size True", find(batch_size=True), THREE),
    Case("collation", find({"s": "b"}, collation=FOLDED), THREE),
    Case("collation a dict", find({"s": "b"}, collation={"locale": "en", "strength": 2}), THREE),
    Case("collation refused", find({}, collation=Collation(locale="nonsense")), THREE),
    Case("hint a name", find({"x": 1}, hint="by_x"), THREE, index_on_x),
    Case("hint a list", find({"x": 1}, hint=[("x", 1)]), THREE, index_on_x),
    Case("hint a dict", find({"x": 1}, hint={"x": 1}), THREE, index_on_x),
    Case("hint natural", find({"x": 1}, hint=[("$natural", -1)]), THREE, index_on_x),
    Case("hint unknown", find({"x": 1}, hint="no_such"), THREE),
    Case("max_scan", find(max_scan=2), THREE),
    Case("max_time_ms", find(max_time_ms=5000), THREE),
    Case("max_time_ms 0", find(max_time_ms=0), THREE),
    Case("max", find(max=[("x", 3)], hint="by_x"), THREE, index_on_x),
    Case("max a dict", find(max={"x": 3}, hint="by_x"), THREE, index_on_x),
    Case("min", find(min=[("x", 2)], hint="by_x"), THREE, index_on_x),
    Case("min without hint", find(min=[("x", 2)]), THREE, index_on_x),
    Case("return_key", find({"x": 1}, return_key=True, hint="by_x"), THREE, index_on_x),
    Case("return_key False", find(return_key=False), THREE),
    Case("show_record_id", find(show_record_id=True), THREE),
    Case("show_record_id False", find(show_record_id=False), THREE),
    Case("snapshot", find(snapshot=True), THREE),
    Case("comment", find(comment="why"), THREE),
    Case("comment a document", find(comment={"a": 1}), THREE),
    Case("comment empty", find(comment=""), THREE),
    Case("comment, on every batch", find(comment="why", batch_size=4), TEN),
    Case("comment a document, on every batch", find(comment={"a": 1}, batch_size=4), TEN),
    Case("allow_disk_use", find(allow_disk_use=True, sort={"x": 1}), THREE),
    Case("allow_disk_use False", find(allow_disk_use=False), THREE),
    Case("let", find(USES_LET, let={"wanted": 2}), THREE),
    Case("let empty", find({}, let={}), THREE),
    Case("cursor_type tailable, not capped", find(cursor_type=CursorType.TAILABLE), THREE),
    Case("cursor_type exhaust", find(cursor_type=CursorType.EXHAUST, batch_size=3), TEN),
    Case("cursor_type exhaust with limit", find(cursor_type=CursorType.EXHAUST, limit=1), THREE),
    Case(
        "all options",
        find(
            {"x": {"$gte": 0}},
            {"x": 1},
            skip=1,
            limit=5,
            no_cursor_timeout=True,
            sort=[("x", ASCENDING)],
            allow_partial_results=True,
            batch_size=2,
            collation=FOLDED,
            hint="by_x",
            max_time_ms=9000,
            max={"x": 9},
            min={"x": 0},
            return_key=False,
            show_record_id=True,
            comment="why",
            allow_disk_use=True,
            let={"v": 1},
        ),
        TEN,
        index_on_x,
    ),
    Case("chain sort", chain(("sort", "x", DESCENDING)), THREE),
    Case("chain sort, no direction", chain(("sort", "x")), THREE),
    Case("chain sort a list", chain(("sort", [("s", -1), ("x", 1)])), THREE),
    Case("chain sort a dict", chain(("sort", {"x": -1})), THREE),
    Case("chain sort a list of names", chain(("sort", ["s", ("x", -1)])), THREE),
    Case("chain sort twice", chain(("sort", "x", -1), ("sort", "s", 1)), THREE),
    Case("chain sort by score", chain(("sort", [("score", {"$meta": "textScore"})])), THREE),
    Case("chain limit", chain(("limit", 2)), THREE),
    Case("chain limit negative", chain(("limit", -2)), THREE),
    Case("chain limit 0", chain(("limit", 2), ("limit", 0)), THREE),
    Case("chain skip", chain(("skip", 1)), THREE),
    Case("chain skip 0", chain(("skip", 1), ("skip", 0)), THREE),
    Case("chain batch_size", chain(("batch_size", 4)), TEN),
    Case("chain hint a name", chain(("hint", "by_x")), THREE, index_on_x),
    Case("chain hint a list", chain(("hint", [("x", 1)])), THREE, index_on_x),
    Case("chain hint None", chain(("hint", "by_x"), ("hint", None)), THREE, index_on_x),
    Case("chain comment", chain(("comment", "why")), THREE),
    Case("chain max", chain(("max", [("x", 3)]), ("hint", "by_x")), THREE, index_on_x),
    Case("chain min", chain(("min", [("x", 2)]), ("hint", "by_x")), THREE, index_on_x),
    Case(
        "chain min and max",
        chain(("min", [("x", 2)]), ("max", [("x", 3)]), ("hint", [("x", 1)])),
        THREE,
        index_on_x,
    ),
    Case("chain min without hint", chain(("min", [("x", 2)])), THREE, index_on_x),
    Case("chain where", chain(("where", "this.x > 1")), THREE),
    Case("chain where Code", chain(("where", Code("this.x > 1"))), THREE),
    Case("chain where twice", chain(("where", "this.x > 1"), ("where", "this.x > 2")), THREE),
    Case("where beside a filter", lambda t: t.coll.find({"x": 2}).where("this.x > 1"), THREE),
    Case("chain collation", chain(("collation", FOLDED), ("sort", "s")), THREE),
    Case("chain collation None", chain(("collation", FOLDED), ("collation", None)), THREE),
    Case("chain max_scan", chain(("max_scan", 2)), THREE),
    Case("chain max_time_ms", chain(("max_time_ms", 9000)), THREE),
    Case("chain max_time_ms None", chain(("max_time_ms", 1), ("max_time_ms", None)), THREE),
    Case("chain max_await_time_ms", chain(("max_await_time_ms", 10)), THREE),
    Case("chain allow_disk_use", chain(("allow_disk_use", True)), THREE),
    Case("chain add_option no timeout", chain(("add_option", 16)), THREE),
    Case("chain add_option partial", chain(("add_option", 128)), THREE),
    Case("chain add_option exhaust", chain(("add_option", 64), ("batch_size", 3)), TEN),
    Case("chain add_option exhaust with limit", chain(("limit", 1), ("add_option", 64)), THREE),
    Case("chain limit on exhaust", chain(("add_option", 64), ("limit", 1)), THREE),
    Case("chain remove_option", chain(("add_option", 144), ("remove_option", 16)), THREE),
    Case(
        "chain of many",
        chain(
            ("sort", "x", -1),
            ("skip", 1),
            ("limit", 7),
            ("batch_size", 3),
            ("comment", "why"),
            ("hint", "by_x"),
            ("collation", {"locale": "simple"}),
            ("max_time_ms", 9000),
        ),
        TEN,
        index_on_x,
    ),
    Case("one", find_one({"x": 2}), THREE),
    Case("one, no filter", find_one(), THREE),
    Case("one, nothing matches", find_one({"x": 9}), THREE),
    Case("one, no such collection", find_one({"x": 9})),
    Case("one, an id", find_one(2), THREE),
    Case("one, an ObjectId", find_one(OID), [{"_id": OID}]),
    Case("one, a string id", find_one("a"), [{"_id": "a"}]),
    Case("one, id 0", find_one(0), TEN),
    Case("one, a list id", find_one([1])),
    Case("one, None", find_one(None), THREE),
    Case("one, projection", find_one({}, {"x": 1, "_id": 0}), THREE),
    Case("one, projection a list", find_one(2, ["s"]), THREE),
    Case("one, sort", find_one({}, sort=[("x", -1)]), THREE),
    Case("one, skip", find_one({}, skip=1), THREE),
    Case("one, limit ignored", find_one({}, limit=5), THREE),
    Case("one, batch_size", find_one({}, batch_size=5), THREE),
    Case("one, batch_size 1", find_one({}, batch_size=1), THREE),
    Case("one, hint", find_one({"x": 1}, hint="by_x"), THREE, index_on_x),
    Case("one, collation", find_one({"s": "b"}, collation=FOLDED), THREE),
    Case("one, comment", find_one({}, comment="why"), THREE),
    Case("one, max_time_ms", find_one({}, max_time_ms=9000), THREE),
    Case("one, let", find_one(USES_LET, let={"wanted": 3}), THREE),
    Case("one, show_record_id", find_one({}, show_record_id=True), THREE),
    Case("one, allow_disk_use", find_one({}, allow_disk_use=False), THREE),
    Case("one, no_cursor_timeout", find_one({}, no_cursor_timeout=True), THREE),
    Case("one, min", find_one({}, min={"x": 2}, hint="by_x"), THREE, index_on_x),
    Case("one, exhaust", find_one({}, cursor_type=CursorType.EXHAUST), THREE),
    Case("wrapped, $explain", lambda t: explained(t.coll.find({"$query": {"x": 1}, "$explain": True})), THREE),
    Case("wrapped, $explain 0", lambda t: explained(t.coll.find({"$query": {"x": 1}, "$explain": 0})), THREE),
    Case(
        "wrapped, $explain, with options",
        lambda t: explained(
            t.coll.find(
                {"$query": {"x": 1}, "$orderby": {"s": 1}, "$explain": True}, {"x": 1}, limit=2, skip=1, batch_size=3
            )
        ),
        THREE,
    ),
    Case("$explain without $query", lambda t: explained(t.coll.find({"$explain": True})), THREE),
    Case("one, $explain", one_explained, THREE),
    Case("one, unknown operator", find_one({"x": {"$nonsense": 1}}), THREE),
]
