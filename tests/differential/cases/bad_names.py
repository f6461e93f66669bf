"""Names that no database, collection or index may have, and how handles are not to be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo import IndexModel

from ..harness import Case, Target, got, outcome
from .data import ONE

DATABASE_NAMES: tuple[Any, ...] = (
    "",
    " ",
    "a b",
    "a.b",
    ".",
    "a$b",
    "$",
    "a/b",
    "a\\b",
    'a"b',
    "a\0b",
    "x" * 64,
    "ü" * 40,
    5,
    None,
    b"bytes",
    ["a"],
)
COLLECTION_NAMES: tuple[Any, ...] = (
    "",
    ".",
    "..",
    "a..b",
    ".a",
    "a.",
    "a$b",
    "$",
    "$cmd",
    "oplog.$main",
    "a\0b",
    "a b",
    "system.x",
    "x" * 300,
    5,
    None,
    b"bytes",
    ["a"],
)


def everywhere(*steps: Callable[[Target], Any]) -> Callable[[Target], Any]:
    """Each way that the name can be given, and what each comes to."""

    async def call(t: Target) -> Any:
        return [await outcome(step, t) for step in steps]

    return call


def bad_database(name: Any) -> Case:
    return Case(
        f"database {str(name)[:20]!a} ({type(name).__name__})",
        everywhere(
            lambda t: t.client[name],
            lambda t: t.client[name].c.find_one(),
            lambda t: t.client.get_database(name),
            lambda t: t.client.get_default_database(name),
            lambda t: t.client.drop_database(name),
        ),
    )


def bad_collection(name: Any) -> Case:
    return Case(
        f"collection {str(name)[:20]!a} ({type(name).__name__})",
        everywhere(
            lambda t: t.db[name],
            lambda t: t.db[name].insert_one({"_id": 1}),
            lambda t: t.db[name].find_one(),
            lambda t: t.db.get_collection(name),
            lambda t: t.coll[name],
            lambda t: t.db.create_collection(name),
            lambda t: t.db.drop_collection(name),
            lambda t: t.db.validate_collection(name),
            lambda t: t.coll.rename(name),
        ),
    )


async def for_loop(handle: Any) -> None:
    for _ in handle:
        pass


async def async_for_loop(handle: Any) -> None:
    async for _ in handle:
        pass


def misused(pick: Callable[[Target], Any]) -> Callable[[Target], Any]:
    return everywhere(
        lambda t: bool(pick(t)),
        lambda t: for_loop(pick(t)),
        lambda t: async_for_loop(pick(t)),
        lambda t: next(pick(t)),
        lambda t: pick(t).next(),
        lambda t: pick(t)._private,
        lambda t: pick(t)["_private"].name,
        lambda t: pick(t) < pick(t),
        lambda t: "x" in pick(t),
        lambda t: len(pick(t)),
    )


CASES = [
    *[bad_database(name) for name in DATABASE_NAMES],
    *[bad_collection(name) for name in COLLECTION_NAMES],
    Case(
        "attributes",
        everywhere(
            lambda t: getattr(t.client, "a b"),
            lambda t: getattr(t.db, "a$b"),
            lambda t: getattr(t.coll, "b."),
            lambda t: t.client.__private__,
            lambda t: t.db._c,
            lambda t: t.coll._c,
        ),
    ),
    Case("no default database", lambda t: t.client.get_default_database()),
    Case("no default database to get", lambda t: t.client.get_database()),
    Case("rename to another database's name", lambda t: t.coll.rename("other.c"), ONE),
    Case("rename to nothing", lambda t: t.coll.rename(None), ONE),
    Case(
        "drop_database of no database",
        everywhere(
            lambda t: t.client.drop_database(t.coll),
            lambda t: t.client.drop_database(5),
        ),
    ),
    Case(
        "index names",
        everywhere(
            lambda t: t.coll.create_index("x", name=""),
            lambda t: t.coll.create_index("x", name=5),
            lambda t: t.coll.create_index("x", name="a\0b"),
            lambda t: t.coll.create_index(""),
            lambda t: t.coll.create_index("$x"),
            lambda t: t.coll.create_indexes([IndexModel("x", name="*")]),
        ),
        ONE,
    ),
    Case("client misused", misused(lambda t: t.client)),
    Case("database misused", misused(lambda t: t.db)),
    Case("collection misused", misused(lambda t: t.coll)),
    Case("subcollection misused", misused(lambda t: t.coll.sub)),
    Case(
        "methods that do not exist",
        everywhere(
            # Not on the client: Motor's databases say more than Python's own message.
            lambda t: t.db.no_such(),
            lambda t: t.db.no_such(1, x=2),
            lambda t: t.coll.no_such(),
            lambda t: t.coll.save({"x": 1}),
            lambda t: t.coll(),
        ),
    ),
    Case("a closed cursor's collection", lambda t: got(t.coll.find().collection.find_one()), ONE),
]
