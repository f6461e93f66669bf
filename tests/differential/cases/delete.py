"""delete_one, delete_many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import SON

from ..harness import Case, Target
from .data import FOLDED, THREE, index_on_x
from .insert import then_find, unacknowledged
from .update import USES_LET


def one(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.delete_one(*args, **options))


def many(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: then_find(t, t.coll.delete_many(*args, **options))


CASES = [
    Case("one", one({"_id": 2}), THREE),
    Case("one, nothing matches", one({"_id": 9}), THREE),
    Case("one, empty filter", one({}), THREE),
    Case("one, filter in order", one(SON([("s", "a"), ("x", 1)])), THREE),
    Case("one, collation", one({"s": "b"}, collation=FOLDED), THREE),
    Case("one, collation a dict", one({"s": "b"}, collation={"locale": "en"}), THREE),
    Case("one, collation, positional", one({"s": "b"}, FOLDED, "_id_"), THREE),
    Case("one, hint a name", one({"x": 2}, hint="by_x"), THREE, index_on_x),
    Case("one, hint a list", one({"x": 2}, hint=[("x", 1)]), THREE, index_on_x),
    Case("one, hint a dict", one({"x": 2}, hint={"x": 1}), THREE, index_on_x),
    Case("one, hint unknown", one({"x": 2}, hint="no_such"), THREE),
    Case("one, let", one(USES_LET, let={"wanted": 2}), THREE),
    Case("one, comment", one({"_id": 1}, comment="why"), THREE),
    Case("one, comment a document", one({"_id": 1}, comment={"a": 1}), THREE),
    Case("one, unknown operator", one({"x": {"$nonsense": 1}}), THREE),
    Case("one, w=0", lambda t: unacknowledged(t).delete_one({"_id": 1}), THREE),
    Case("one, w=0, hint", lambda t: unacknowledged(t).delete_one({}, hint="_id_"), THREE),
    Case("one, w=0, let", lambda t: unacknowledged(t).delete_one({}, let={"v": 1}), THREE),
    Case("one, w=0, collation", lambda t: unacknowledged(t).delete_one({}, FOLDED), THREE),
    Case("many", many({"x": {"$gt": 1}}), THREE),
    Case("many, nothing matches", many({"x": 9}), THREE),
    Case("many, empty filter", many({}), THREE),
    Case("many, collation", many({"s": "b"}, collation=FOLDED), THREE),
    Case("many, hint a name", many({"x": 2}, hint="by_x"), THREE, index_on_x),
    Case("many, hint a list", many({"x": 2}, hint=[("x", 1)]), THREE, index_on_x),
    Case("many, let", many(USES_LET, let={"wanted": 2}), THREE),
    Case("many, comment", many({}, comment="why"), THREE),
    Case("many, unknown operator", many({"$nonsense": 1}), THREE),
    Case("many, w=0", lambda t: unacknowledged(t).delete_many({}), THREE),
    Case("many, w=0, collation", lambda t: unacknowledged(t).delete_many({}, FOLDED), THREE),
]
