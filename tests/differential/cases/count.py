"""count_documents, estimated_document_count, distinct."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import SON

from ..harness import Case, Target
from .data import FOLDED, TEN, THREE, index_on_x


def count(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.coll.count_documents(*args, **options)


def estimate(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.coll.estimated_document_count(*args, **options)


def distinct(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.coll.distinct(*args, **options)


CASES = [
    Case("count", count({"x": 1}), TEN),
    Case("count, empty filter", count({}), TEN),
    Case("count, nothing matches", count({"x": 9}), TEN),
    Case("count, no such collection", count({})),
    Case("count, filter in order", count(SON([("x", 1), ("s", "b")])), TEN),
    Case("count, skip", count({}, skip=3), TEN),
    Case("count, skip 0", count({}, skip=0), TEN),
    Case("count, limit", count({}, limit=4), TEN),
    Case("count, limit 0", count({}, limit=0), TEN),
    Case("count, skip and limit", count({}, skip=8, limit=4), TEN),
    Case("count, skip negative", count({}, skip=-1), TEN),
    Case("count, maxTimeMS", count({}, maxTimeMS=9000), TEN),
    Case("count, collation", count({"s": "b"}, collation=FOLDED), THREE),
    Case("count, collation a dict", count({"s": "b"}, collation={"locale": "en"}), THREE),
    Case("count, hint a name", count({"x": 1}, hint="by_x"), TEN, index_on_x),
    Case("count, hint a list", count({"x": 1}, hint=[("x", 1)]), TEN, index_on_x),
    Case("count, hint a dict", count({"x": 1}, hint={"x": 1}), TEN, index_on_x),
    Case("count, hint unknown", count({"x": 1}, hint="no_such"), TEN),
    Case("count, comment", count({}, comment="why"), TEN),
    Case("count, comment a document", count({}, comment={"a": 1}), TEN),
    Case("count, let", count({"$expr": {"$eq": ["$x", "$$v"]}}, let={"v": 1}), TEN),
    Case("count, allowDiskUse", count({}, allowDiskUse=True), TEN),
    Case("count, session None", count({}, None), TEN),
    Case("count, unknown operator", count({"$nonsense": 1}), TEN),
    Case("count, unknown option", count({}, nonsense=1), TEN),
    Case("count, $where", count({"$where": "this.x"}), TEN),
    Case("estimate", estimate(), TEN),
    Case("estimate, no such collection", estimate()),
    Case("estimate, comment", estimate(comment="why"), TEN),
    Case("estimate, comment, positional", estimate("why"), TEN),
    Case("estimate, maxTimeMS", estimate(maxTimeMS=9000), TEN),
    Case("estimate, unknown option", estimate(nonsense=1), TEN),
    Case("estimate, session refused", estimate(session=None), TEN),
    Case("distinct", distinct("x"), TEN),
    Case("distinct, in arrays", distinct("tags"), THREE),
    Case("distinct, nested", distinct("a.b"), [{"a": {"b": 1}, "_id": 1}, {"a": {"b": {"c": 2}}}]),
    Case("distinct, no such field", distinct("nope"), TEN),
    Case("distinct, no such collection", distinct("x")),
    Case("distinct, filter", distinct("s", {"x": 1}), TEN),
    Case("distinct, filter empty", distinct("s", {}), TEN),
    Case("distinct, query", distinct("s", query={"x": 1}), TEN),
    Case("distinct, filter and query", distinct("s", {"x": 1}, query={"x": 1}), TEN),
    Case("distinct, comment", distinct("x", comment="why"), TEN),
    Case("distinct, hint a name", distinct("x", {"x": 1}, hint="by_x"), TEN, index_on_x),
    Case("distinct, hint a list", distinct("x", hint=[("x", 1)]), TEN, index_on_x),
    Case("distinct, hint a dict", distinct("x", hint={"x": 1}), TEN, index_on_x),
    Case("distinct, maxTimeMS", distinct("x", maxTimeMS=9000), TEN),
    Case("distinct, collation", distinct("s", collation=FOLDED), THREE),
    Case("distinct, collation a dict", distinct("s", collation={"locale": "en"}), THREE),
    Case("distinct, unknown operator", distinct("s", {"$nonsense": 1}), TEN),
    Case("distinct, unknown option", distinct("s", nonsense=1), TEN),
]
