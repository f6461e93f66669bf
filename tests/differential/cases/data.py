"""Documents that many cases find in their collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.collation import Collation
from pymongo.database import Database

from ..harness import COLLECTION

Documents = Sequence[Mapping[str, Any]]

ONE: Documents = [{"_id": 1, "x": 1, "s": "a"}]
THREE: Documents = [
    {"_id": 1, "x": 1, "s": "a", "tags": ["p", "q"]},
    {"_id": 2, "x": 2, "s": "B", "tags": ["q"]},
    {"_id": 3, "x": 3, "s": "c", "tags": []},
]
TEN: Documents = [{"_id": i, "x": i % 4, "s": "abcdefghij"[i]} for i in range(10)]
POINTS: Documents = [{"_id": 1, "points": [{"x": -1, "y": 0}, {"x": 1, "y": 0}, {"x": 2, "y": 0}]}]

# Letters of either case are equal.
FOLDED = Collation(locale="en", strength=2)


def index_on_x(db: Database[Any]) -> None:
    db[COLLECTION].create_index("x", name="by_x")


def unique_x(db: Database[Any]) -> None:
    db[COLLECTION].create_index("x", unique=True)


def x_must_be_positive(db: Database[Any]) -> None:
    db.create_collection(COLLECTION, validator={"x": {"$gt": 0}})
