"""The writes that may be sent twice, each done so that doing it twice shows.

An operation has a number, which it also carries as its comment, and one or several statements. Each statement has a
document of its own, in which can be read how often it was done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne, ReturnDocument, UpdateOne

INSERT, UPDATE, REPLACE, DELETE = "insert", "update", "replace", "delete"

_ROOM = 100
"""Ids for the statements of one operation."""


def identity(number: int, statement: int = 0) -> int:
    """The ``_id`` of a statement's document."""
    return number * _ROOM + statement


def before(number: int, statement: int = 0) -> dict[str, Any]:
    """Selects a statement's document, if the statement was not done yet."""
    return {"_id": identity(number, statement), "n": 0}


class Write(ABC):
    """A kind of write; `statements` are what each operation consists of, `commands` is in how many it is sent.

    That is for a server that takes two statements at a time. The operations are spread over so many `collections`,
    because it takes the embedded server long to find and modify a document of many.
    """

    name: str
    statements: tuple[str, ...]
    commands = 1
    collections = 1

    def documents(self, number: int) -> list[dict[str, Any]]:
        """What has to be there before."""
        return [before(number, index) for index, kind in enumerate(self.statements) if kind != INSERT]

    @abstractmethod
    async def run(self, collection: Any, number: int) -> None:
        """Do it once. Raises AssertionError for a result that says anything else."""

    def times(self, number: int, found: Mapping[int, Mapping[str, Any]]) -> list[int]:
        """How often each statement was done, as the documents that were `found` by their ``_id`` say."""
        return [self._times(kind, found.get(identity(number, index))) for index, kind in enumerate(self.statements)]

    def _times(self, kind: str, document: Mapping[str, Any] | None) -> int:
        if kind == INSERT:
            return int(document is not None)
        if kind == DELETE:
            return int(document is None)
        assert document is not None
        return int(document["n"])


class InsertsOne(Write):
    """insert_one."""

    name = "insert_one"
    statements = (INSERT,)

    async def run(self, collection: Any, number: int) -> None:
        """A second insert would be a duplicate key."""
        result = await collection.insert_one({"_id": identity(number)}, comment=number)
        assert result.inserted_id == identity(number)


class UpdatesOne(Write):
    """update_one."""

    name = "update_one"
    statements = (UPDATE,)

    async def run(self, collection: Any, number: int) -> None:
        """A second one would count to two."""
        result = await collection.update_one({"_id": identity(number)}, {"$inc": {"n": 1}}, comment=number)
        assert (result.matched_count, result.modified_count) == (1, 1)


class ReplacesOne(Write):
    """replace_one."""

    name = "replace_one"
    statements = (REPLACE,)

    async def run(self, collection: Any, number: int) -> None:
        """A second one would match nothing."""
        result = await collection.replace_one(before(number), {"n": 1}, comment=number)
        assert (result.matched_count, result.modified_count) == (1, 1)


class DeletesOne(Write):
    """delete_one."""

    name = "delete_one"
    statements = (DELETE,)

    async def run(self, collection: Any, number: int) -> None:
        """A second one would find nothing to delete."""
        result = await collection.delete_one({"_id": identity(number)}, comment=number)
        assert result.deleted_count == 1


class FindsAndUpdates(Write):
    """find_one_and_update."""

    name = "find_one_and_update"
    statements = (UPDATE,)
    collections = 8

    async def run(self, collection: Any, number: int) -> None:
        """A second one would return a 2."""
        found = await collection.find_one_and_update(
            {"_id": identity(number)}, {"$inc": {"n": 1}}, comment=number, return_document=ReturnDocument.AFTER
        )
        assert found == {"_id": identity(number), "n": 1}


class FindsAndReplaces(Write):
    """find_one_and_replace."""

    name = "find_one_and_replace"
    statements = (REPLACE,)
    collections = 8

    async def run(self, collection: Any, number: int) -> None:
        """A second one would find nothing."""
        found = await collection.find_one_and_replace(before(number), {"n": 1}, comment=number)
        assert found == before(number)


class FindsAndDeletes(Write):
    """find_one_and_delete."""

    name = "find_one_and_delete"
    statements = (DELETE,)
    collections = 8

    async def run(self, collection: Any, number: int) -> None:
        """A second one would find nothing."""
        found = await collection.find_one_and_delete({"_id": identity(number)}, comment=number)
        assert found == before(number)


class InsertsMany(Write):
    """insert_many, in several batches."""

    name = "insert_many"
    statements = (INSERT,) * 6
    commands = 3

    async def run(self, collection: Any, number: int) -> None:
        """A second insert would be a duplicate key."""
        documents = [{"_id": identity(number, index)} for index in range(len(self.statements))]
        result = await collection.insert_many(documents, comment=number)
        assert result.inserted_ids == [document["_id"] for document in documents]


class WritesInBulk(Write):
    """bulk_write of all that there is, in several batches."""

    statements = (INSERT, INSERT, UPDATE, REPLACE, UPDATE, DELETE, DELETE, INSERT)

    commands = 5

    def __init__(self, ordered: bool) -> None:
        self.name = "ordered bulk_write" if ordered else "unordered bulk_write"
        self._ordered = ordered

    async def run(self, collection: Any, number: int) -> None:
        """The numbers of the result are those of each statement done once."""
        requests = list(self._requests(number))
        result = await collection.bulk_write(requests, ordered=self._ordered, comment=number)
        counts = (result.inserted_count, result.matched_count, result.modified_count, result.deleted_count)
        assert counts == (3, 3, 3, 2)

    def _requests(self, number: int) -> Iterable[Any]:
        for index, kind in enumerate(self.statements):
            selector = {"_id": identity(number, index)}
            if kind == INSERT:
                yield InsertOne(selector)
            elif kind == UPDATE:
                yield UpdateOne(selector, {"$inc": {"n": 1}})
            elif kind == REPLACE:
                yield ReplaceOne(before(number, index), {"n": 1})
            else:
                yield DeleteOne(selector)


WRITES: dict[str, Write] = {
    write.name: write
    for write in (
        InsertsOne(),
        InsertsMany(),
        UpdatesOne(),
        ReplacesOne(),
        DeletesOne(),
        FindsAndUpdates(),
        FindsAndReplaces(),
        FindsAndDeletes(),
        WritesInBulk(ordered=True),
        WritesInBulk(ordered=False),
    )
}
