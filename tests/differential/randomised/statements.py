"""Random statements of bulk writes, which the scenes of `bulk.py`, `client_bulk.py` and `splitting.py` share."""

from __future__ import annotations

from random import Random
from typing import Any

from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne

SET = {"$set": {"a": 1}}
INC = {"$inc": {"n": 1}}


def statement(dice: Random, number: int, *, multi: bool, **where: Any) -> Any:
    """One of any kind. `where` may hold a namespace."""
    kinds = ["insert", "insert", "update", "update", "replace", "delete"]
    kind = dice.choice([*kinds, "update many", "delete many"] if multi else kinds)
    upsert = dice.random() < 0.5
    return {
        "insert": lambda: InsertOne({"_id": number}, **where),
        "update": lambda: UpdateOne({"_id": number + 3}, INC, upsert=upsert, **where),
        "replace": lambda: ReplaceOne({"_id": number}, {"b": number}, upsert=upsert, **where),
        "delete": lambda: DeleteOne({"_id": number}, **where),
        "update many": lambda: UpdateMany({"x": number % 4}, SET, upsert=upsert, **where),
        "delete many": lambda: DeleteMany({"x": number % 4}, **where),
    }[kind]()


def statements(dice: Random, *, multi: bool, namespaces: tuple[str, ...] = ()) -> list[Any]:
    """Some, with numbers that meet one another."""
    made = []
    for _ in range(dice.randint(1, 14)):
        where = {"namespace": dice.choice(namespaces)} if namespaces else {}
        made.append(statement(dice, dice.randint(0, 14), multi=multi, **where))
    return made
