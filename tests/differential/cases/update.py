"""update_one, update_many, replace_one."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from typing import Any

import bson
from bson import SON
from bson.raw_bson import RawBSONDocument
from pymongo.collation import Collation

from ..harness import Case, Target
from .data import FOLDED, ONE, POINTS, THREE, index_on_x, unique_x, x_must_be_positive
from .insert import then_find, unacknowledged

SET = {"$set": {"y": 1}}
USES_LET = {"$expr": {"$eq": ["$x", "$$wanted"]}}


def one(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.update_one(*args, **options))


def many(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.update_many(*args, **options))


def replace(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.replace_one(*args, **options))


CASES = [
    Case("one", one({"_id": 2}, SET), THREE),
    Case("one, nothing matches", one({"_id": 9}, SET), THREE),
    Case("one, nothing changes", one({"_id": 1}, {"$set": {"x": 1}}), THREE),
    Case("one, empty filter", one({}, SET), THREE),
    Case("one, filter and update in order", one(SON(s="a", x=1), {"$set": SON(z=1, y=2)}), THREE),
    Case("one, mappings", one(UserDict(_id=1), UserDict({"$set": {"y": 1}})), THREE),
    Case("one, raw filter", one(RawBSONDocument(bson.encode({"_id": 1})), SET), THREE),
    Case("one, upsert", one({"_id": 9}, SET, upsert=True), THREE),
    Case("one, upsert, positional", one({"_id": 9}, SET, True), THREE),
    Case("one, upsert, no _id", one({"x": 9}, SET, upsert=True), THREE),
    Case("one, upsert, matched", one({"_id": 1}, SET, upsert=True), THREE),
    Case("one, upsert, _id falsy", one({"_id": 0}, SET, upsert=True), THREE),
    Case(
        "one, bypass",
        one({"_id": 1}, {"$set": {"x": 0}}, upsert=True, bypass_document_validation=True),
        prepare=x_must_be_positive,
    ),
    Case("one, bypass False", one({"_id": 1}, SET, bypass_document_validation=False), THREE),
    Case(
        "one, invalid",
        one({"_id": 1}, {"$set": {"x": 0}}, upsert=True),
        prepare=x_must_be_positive,
    ),
    Case("one, collation", one({"s": "b"}, SET, collation=FOLDED), THREE),
    Case("one, collation a dict", one({"s": "b"}, SET, collation={"locale": "en"}), THREE),
    Case(
        "one, collation in full",
        one(
            {"s": "b"},
            SET,
            collation=Collation("en", True, "upper", 2, True, "shifted", "punct", False, True),
        ),
        THREE,
    ),
    Case(
        "one, array_filters",
        one({"_id": 1}, {"$set": {"points.$[i].y": 5}}, array_filters=[{"i.x": {"$gt": 0}}]),
        POINTS,
    ),
    Case(
        "one, array_filters, two",
        one(
            {"_id": 1},
            {"$set": {"points.$[i].y": 5, "points.$[j].z": 6}},
            array_filters=[{"i.x": 1}, {"j.x": 2}],
        ),
        POINTS,
    ),
    Case("one, array_filters empty", one({"_id": 1}, SET, array_filters=[]), POINTS),
    Case("one, array_filters unused", one({"_id": 1}, SET, array_filters=[{"i.x": 1}]), POINTS),
    Case("one, array_filters missing", one({"_id": 1}, {"$set": {"points.$[i].y": 5}}), POINTS),
    Case("one, hint a name", one({"x": 2}, SET, hint="by_x"), THREE, index_on_x),
    Case("one, hint a list", one({"x": 2}, SET, hint=[("x", 1)]), THREE, index_on_x),
    Case("one, hint a dict", one({"x": 2}, SET, hint={"x": 1}), THREE, index_on_x),
    Case("one, hint a list of names", one({"x": 2}, SET, hint=["x"]), THREE, index_on_x),
    Case("one, hint unknown", one({"x": 2}, SET, hint="no_such"), THREE),
    Case("one, let", one(USES_LET, SET, let={"wanted": 2}), THREE),
    Case("one, let in a pipeline", one({}, [{"$set": {"y": "$$v"}}], let={"v": 5}), THREE),
    Case("one, sort", one({}, SET, sort={"x": -1}), THREE),
    Case("one, sort by two", one({}, SET, sort=SON([("s", 1), ("x", -1)])), THREE),
    Case("one, sort empty", one({}, SET, sort={}), THREE),
    Case("one, comment", one({"_id": 1}, SET, comment="why"), THREE),
    Case("one, comment a document", one({"_id": 1}, SET, comment={"a": 1}), THREE),
    Case("one, comment empty", one({"_id": 1}, SET, comment=""), THREE),
    Case("one, pipeline", one({"_id": 1}, [{"$set": {"y": "$x"}}, {"$unset": "s"}]), THREE),
    Case(
        "one, all options",
        one(
            {"x": {"$gte": 1}},
            SET,
            upsert=True,
            bypass_document_validation=True,
            collation=FOLDED,
            array_filters=[],
            hint="by_x",
            let={"wanted": 2},
            sort={"x": 1},
            comment="why",
        ),
        THREE,
        index_on_x,
    ),
    Case("one, write error", one({"_id": 1}, {"$inc": {"s": 1}}), THREE),
    Case("one, change of _id", one({"_id": 1}, {"$set": {"_id": 2}}), THREE),
    Case("one, unknown operator", one({"_id": 1}, {"$nonsense": {"x": 1}}), THREE),
    Case("one, unknown operator in the filter", one({"x": {"$nonsense": 1}}, SET), THREE),
    Case("one, conflict", one({"_id": 1}, {"$set": {"x": 1}, "$inc": {"x": 1}}), THREE),
    Case("one, duplicate", one({"_id": 1}, {"$set": {"x": 2}}), THREE, unique_x),
    Case("one, w=0", lambda t: unacknowledged(t).update_one({"_id": 1}, SET), THREE),
    Case("one, w=0, hint", lambda t: unacknowledged(t).update_one({}, SET, hint="_id_"), THREE),
    Case("one, w=0, sort", lambda t: unacknowledged(t).update_one({}, SET, sort={"x": 1}), THREE),
    Case("one, w=0, let", lambda t: unacknowledged(t).update_one({}, SET, let={"v": 1}), THREE),
    Case(
        "one, w=0, collation",
        lambda t: unacknowledged(t).update_one({}, SET, collation=FOLDED),
        THREE,
    ),
    Case(
        "one, w=0, array_filters",
        lambda t: unacknowledged(t).update_one({}, SET, array_filters=[{"i": 1}]),
        THREE,
    ),
    Case("many", many({"x": {"$gt": 1}}, SET), THREE),
    Case("many, nothing matches", many({"x": 9}, SET), THREE),
    Case("many, upsert", many({"_id": 9}, SET, upsert=True), THREE),
    Case("many, upsert, positional array_filters", many({"_id": 9}, SET, True, []), THREE),
    Case("many, upsert, matched", many({}, SET, upsert=True), THREE),
    Case(
        "many, array_filters",
        many({}, {"$inc": {"points.$[i].y": 5}}, array_filters=[{"i.x": {"$gt": 0}}]),
        POINTS,
    ),
    Case("many, bypass", many({}, {"$set": {"x": 0}}, bypass_document_validation=True), THREE),
    Case("many, bypass False", many({}, SET, bypass_document_validation=False), THREE),
    Case("many, collation", many({"s": "b"}, SET, collation=FOLDED), THREE),
    Case("many, hint a name", many({"x": 2}, SET, hint="by_x"), THREE, index_on_x),
    Case("many, hint a list", many({"x": 2}, SET, hint=[("x", 1)]), THREE, index_on_x),
    Case("many, let", many(USES_LET, SET, let={"wanted": 2}), THREE),
    Case("many, comment", many({}, SET, comment=[1, 2]), THREE),
    Case("many, pipeline", many({}, [{"$set": {"y": {"$add": ["$x", 1]}}}]), THREE),
    Case("many, write error", many({}, {"$inc": {"s": 1}}), THREE),
    Case("many, w=0", lambda t: unacknowledged(t).update_many({}, SET), THREE),
    Case(
        "many, w=0, collation",
        lambda t: unacknowledged(t).update_many({}, SET, collation=FOLDED),
        THREE,
    ),
    Case(
        "many, w=0, array_filters",
        lambda t: unacknowledged(t).update_many({}, SET, array_filters=[{"i": 1}]),
        THREE,
    ),
    Case("replace", replace({"_id": 2}, {"y": 1}), THREE),
    Case("replace, nothing matches", replace({"_id": 9}, {"y": 1}), THREE),
    Case("replace, with nothing", replace({"_id": 1}, {}), THREE),
    Case("replace, same _id", replace({"x": 1}, {"_id": 1, "y": 1}), THREE),
    Case("replace, other _id", replace({"_id": 1}, {"_id": 2, "y": 1}), THREE),
    Case("replace, SON", replace({"_id": 1}, SON([("z", 1), ("a", 2)])), THREE),
    Case("replace, raw", replace({"_id": 1}, RawBSONDocument(bson.encode({"y": 1}))), THREE),
    Case("replace, upsert", replace({"_id": 9}, {"y": 1}, upsert=True), THREE),
    Case("replace, upsert, no _id", replace({"x": 9}, {"y": 1}, True), THREE),
    Case(
        "replace, bypass",
        replace({"_id": 1}, {"x": 0}, upsert=True, bypass_document_validation=True),
        prepare=x_must_be_positive,
    ),
    Case("replace, invalid", replace({}, {"x": 0}, True), prepare=x_must_be_positive),
    Case("replace, collation", replace({"s": "b"}, {"y": 1}, collation=FOLDED), THREE),
    Case("replace, hint a name", replace({"x": 2}, {"y": 1}, hint="by_x"), THREE, index_on_x),
    Case("replace, hint a list", replace({"x": 2}, {"y": 1}, hint=[("x", 1)]), THREE, index_on_x),
    Case("replace, let", replace(USES_LET, {"y": 1}, let={"wanted": 2}), THREE),
    Case("replace, sort", replace({}, {"y": 1}, sort={"x": -1}), THREE),
    Case("replace, comment", replace({}, {"y": 1}, comment="why"), THREE),
    Case("replace, duplicate", replace({"_id": 1}, {"x": 2}), THREE, unique_x),
    Case("replace, w=0", lambda t: unacknowledged(t).replace_one({"_id": 1}, {"y": 1}), ONE),
    Case("replace, w=0, hint", lambda t: unacknowledged(t).replace_one({}, {}, hint="_id_"), ONE),
    Case("replace, w=0, sort", lambda t: unacknowledged(t).replace_one({}, {}, sort={"x": 1}), ONE),
    Case(
        "replace, w=0, collation",
        lambda t: unacknowledged(t).replace_one({}, {}, collation=FOLDED),
        ONE,
    ),
]
