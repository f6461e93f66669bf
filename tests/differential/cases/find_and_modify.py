"""find_one_and_update, find_one_and_replace, find_one_and_delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import SON
from pymongo import DESCENDING, ReturnDocument
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target
from .data import FOLDED, POINTS, THREE, index_on_x, unique_x, x_must_be_positive
from .insert import then_find, unacknowledged
from .update import SET, USES_LET

AFTER = ReturnDocument.AFTER


def update(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.find_one_and_update(*args, **options))


def replace(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.find_one_and_replace(*args, **options))


def delete(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.find_one_and_delete(*args, **options))


def majority(t: Target) -> Any:
    return t.coll.with_options(write_concern=WriteConcern(w="majority", wtimeout=5000))


CASES = [
    Case("update", update({"_id": 2}, SET), THREE),
    Case("update, nothing matches", update({"_id": 9}, SET), THREE),
    Case("update, no such collection", update({}, SET)),
    Case("update, after", update({"_id": 2}, SET, return_document=AFTER), THREE),
    Case("update, before", update({"_id": 2}, SET, return_document=ReturnDocument.BEFORE), THREE),
    Case("update, projection a dict", update({"_id": 2}, SET, {"x": 1, "_id": 0}), THREE),
    Case("update, projection a list", update({"_id": 2}, SET, projection=["x"]), THREE),
    Case("update, projection empty", update({"_id": 2}, SET, projection=[]), THREE),
    Case("update, sort a list", update({}, SET, sort=[("x", DESCENDING)]), THREE),
    Case("update, sort a dict", update({}, SET, sort={"x": -1}), THREE),
    Case("update, sort names", update({}, SET, sort=["s", "x"]), THREE),
    Case("update, upsert", update({"_id": 9}, SET, upsert=True), THREE),
    Case("update, upsert, after", update({"x": 9}, SET, upsert=True, return_document=AFTER), THREE),
    Case("update, upsert None", update({"_id": 1}, SET, upsert=None), THREE),
    Case("update, positional", update({"_id": 1}, SET, {"x": 1}, [("x", 1)], True, True), THREE),
    Case(
        "update, array_filters",
        update({}, {"$set": {"points.$[i].y": 5}}, array_filters=[{"i.x": {"$gt": 0}}]),
        POINTS,
    ),
    Case("update, array_filters a tuple", update({}, SET, array_filters=({"i.x": 1},)), POINTS),
    Case("update, array_filters empty", update({}, SET, array_filters=[]), POINTS),
    Case("update, hint a name", update({"x": 2}, SET, hint="by_x"), THREE, index_on_x),
    Case("update, hint a list", update({"x": 2}, SET, hint=[("x", 1)]), THREE, index_on_x),
    Case("update, hint a dict", update({"x": 2}, SET, hint={"x": 1}), THREE, index_on_x),
    Case("update, let", update(USES_LET, SET, let={"wanted": 2}), THREE),
    Case("update, comment", update({}, SET, comment="why"), THREE),
    Case("update, comment a document", update({}, SET, comment={"a": 1}), THREE),
    Case("update, collation", update({"s": "b"}, SET, collation=FOLDED), THREE),
    Case("update, collation a dict", update({"s": "b"}, SET, collation={"locale": "en"}), THREE),
    Case("update, maxTimeMS", update({}, SET, maxTimeMS=9000), THREE),
    Case("update, writeConcern", update({}, SET, writeConcern={"w": 1}), THREE),
    Case("update, pipeline", update({"_id": 1}, [{"$set": {"y": "$x"}}]), THREE),
    Case(
        "update, bypassDocumentValidation",
        update({"_id": 1}, {"$set": {"x": 0}}, upsert=True, bypassDocumentValidation=True),
        prepare=x_must_be_positive,
    ),
    Case(
        "update, invalid",
        update({"_id": 1}, {"$set": {"x": 0}}, upsert=True),
        prepare=x_must_be_positive,
    ),
    Case("update, duplicate", update({"_id": 1}, {"$set": {"x": 2}}), THREE, unique_x),
    Case("update, write error", update({"_id": 1}, {"$inc": {"s": 1}}), THREE),
    Case("update, unknown option", update({}, SET, nonsense=1), THREE),
    Case("update, write concern", lambda t: majority(t).find_one_and_update({}, SET), THREE),
    Case("update, w=0", lambda t: unacknowledged(t).find_one_and_update({}, SET), THREE),
    Case(
        "update, w=0, array_filters",
        lambda t: unacknowledged(t).find_one_and_update({}, SET, array_filters=[{"i": 1}]),
        THREE,
    ),
    Case(
        "update, w=0, collation",
        lambda t: unacknowledged(t).find_one_and_update({}, SET, collation=FOLDED),
        THREE,
    ),
    Case("replace", replace({"_id": 2}, {"y": 1}), THREE),
    Case("replace, nothing matches", replace({"_id": 9}, {"y": 1}), THREE),
    Case("replace, with nothing", replace({"_id": 1}, {}), THREE),
    Case("replace, in order", replace({"_id": 1}, SON([("z", 1), ("a", 2)])), THREE),
    Case("replace, after", replace({"_id": 2}, {"y": 1}, return_document=AFTER), THREE),
    Case("replace, projection", replace({"_id": 2}, {"y": 1}, ["x"]), THREE),
    Case("replace, sort", replace({}, {"y": 1}, sort=[("x", -1)]), THREE),
    Case("replace, upsert", replace({"_id": 9}, {"y": 1}, upsert=True), THREE),
    Case("replace, positional", replace({}, {"y": 1}, ["x"], [("x", -1)], True, True), THREE),
    Case("replace, hint a name", replace({"x": 2}, {"y": 1}, hint="by_x"), THREE, index_on_x),
    Case("replace, hint a list", replace({"x": 2}, {"y": 1}, hint=[("x", 1)]), THREE, index_on_x),
    Case("replace, let", replace(USES_LET, {"y": 1}, let={"wanted": 2}), THREE),
    Case("replace, comment", replace({}, {"y": 1}, comment="why"), THREE),
    Case("replace, collation", replace({"s": "b"}, {"y": 1}, collation=FOLDED), THREE),
    Case("replace, maxTimeMS", replace({}, {"y": 1}, maxTimeMS=9000), THREE),
    Case("replace, w=0", lambda t: unacknowledged(t).find_one_and_replace({}, {"y": 1}), THREE),
    Case("delete", delete({"_id": 2}), THREE),
    Case("delete, nothing matches", delete({"_id": 9}), THREE),
    Case("delete, projection a dict", delete({"_id": 2}, {"x": 1, "_id": 0}), THREE),
    Case("delete, projection a list", delete({"_id": 2}, projection=["x"]), THREE),
    Case("delete, sort", delete({}, sort=[("x", -1)]), THREE),
    Case("delete, hint a name", delete({"x": 2}, hint="by_x"), THREE, index_on_x),
    Case("delete, hint a list", delete({"x": 2}, None, None, [("x", 1)]), THREE, index_on_x),
    Case("delete, let", delete(USES_LET, let={"wanted": 2}), THREE),
    Case("delete, comment", delete({}, comment="why"), THREE),
    Case("delete, collation", delete({"s": "b"}, collation=FOLDED), THREE),
    Case("delete, maxTimeMS", delete({}, maxTimeMS=9000), THREE),
    Case("delete, unknown operator", delete({"$nonsense": 1}), THREE),
    Case("delete, write concern", lambda t: majority(t).find_one_and_delete({}), THREE),
    Case("delete, w=0", lambda t: unacknowledged(t).find_one_and_delete({}), THREE),
]
