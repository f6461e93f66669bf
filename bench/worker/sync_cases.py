"""The cases that PyMongo's sync client can run, on one thread: its `for` stands where the others have `async for`."""

from collections.abc import Callable
from typing import Any

from .cases import Case
from .documents import ID, MANY, unsaved

Timed = Callable[[], None]


def prepare(database: Any, case: Case, operations: int) -> Timed:
    name, _, _ = case.name.partition("@")
    return _PREPARE[name](database, operations)


def _find_one(database: Any, operations: int) -> Timed:
    collection = database["one"]

    def timed() -> None:
        for _ in range(operations):
            if collection.find_one({"_id": ID}) is None:
                raise RuntimeError("find_one found nothing")

    return timed


def _for(database: Any, operations: int) -> Timed:
    collection = database["many"]

    def timed() -> None:
        for _ in range(operations):
            count = 0
            for _ in collection.find({}):
                count += 1
            if count != MANY:
                raise RuntimeError(f"{count} documents instead of {MANY}")

    return timed


def _to_list(database: Any, operations: int) -> Timed:
    collection = database["many"]

    def timed() -> None:
        for _ in range(operations):
            count = len(collection.find({}).to_list(None))
            if count != MANY:
                raise RuntimeError(f"{count} documents instead of {MANY}")

    return timed


def _insert_many(database: Any, operations: int) -> Timed:
    collection = database["many"]
    batches = [[unsaved(number) for number in range(MANY)] for _ in range(operations)]

    def timed() -> None:
        for batch in batches:
            collection.insert_many(batch)

    return timed


_PREPARE: dict[str, Callable[[Any, int], Timed]] = {
    "find_one": _find_one,
    "async_for": _for,
    "to_list": _to_list,
    "insert_many": _insert_many,
}
