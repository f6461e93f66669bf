"""The largest documents that are written without a reply: those that the server takes, for it would not say no.

The limits are PyMongo's, without a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bson
import pymongo
import pytest
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import DocumentTooLarge

from tests.differential.conftest import REFERENCE
from tests.support.server import ScriptedServer

LIMIT = 2000
OVERHEAD = 16 * 1024 - 2
"""How much longer than a document a command may be that is no write of statements."""

WRITES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any], int]] = {
    "insert_one": (lambda c, document: c.insert_one(document), lambda document: document, LIMIT),
    "insert_many": (lambda c, document: c.insert_many([document]), lambda document: document, LIMIT),
    "insert_many, unordered": (
        lambda c, document: c.insert_many([document], ordered=False),
        lambda document: document,
        LIMIT,
    ),
    # The whole statement counts.
    "update_one": (
        lambda c, document: c.update_one({"_id": 1}, {"$set": document}),
        lambda document: {"q": {"_id": 1}, "u": {"$set": document}, "multi": False, "upsert": False},
        LIMIT,
    ),
    "replace_one": (
        lambda c, document: c.replace_one({"_id": 1}, document),
        lambda document: {"q": {"_id": 1}, "u": document, "multi": False, "upsert": False},
        LIMIT,
    ),
    "delete_one": (lambda c, document: c.delete_one(document), lambda document: {"q": document, "limit": 1}, LIMIT),
    # The whole command counts, and may be longer than a document.
    "find_one_and_replace": (
        lambda c, document: c.find_one_and_replace({}, document),
        lambda document: find_and_modify(update=document),
        LIMIT + OVERHEAD,
    ),
    "find_one_and_update": (
        lambda c, document: c.find_one_and_update({}, {"$set": document}),
        lambda document: find_and_modify(update={"$set": document}),
        LIMIT + OVERHEAD,
    ),
}
"""How each writes a document, what of it counts, and how long that may be."""


def find_and_modify(**change: Any) -> dict[str, Any]:
    command = {"findAndModify": "c", "query": {}, "new": False, **change, "upsert": False}
    return {**command, "writeConcern": {"w": 0}, "$db": "db"}


def of_size(size: int) -> dict[str, Any]:
    """A document of that many bytes of BSON."""
    document = {"_id": 1, "s": "x" * (size - len(bson.encode({"_id": 1, "s": ""})))}
    assert len(bson.encode(document)) == size
    return document


async def largest(collection: Any, write: Callable[[Any, Any], Any]) -> int:
    """The size of the largest document that is sent."""
    fits, too_large = 100, 2 * (LIMIT + OVERHEAD)
    while too_large - fits > 1:
        size = (fits + too_large) // 2
        try:
            await write(collection, of_size(size))
            fits = size
        except DocumentTooLarge:
            too_large = size
    return fits


def unacknowledged(client: Any) -> Any:
    return client.db.get_collection("c", write_concern=WriteConcern(0))


@pytest.mark.parametrize("name", WRITES)
async def test_the_largest(connect, name):
    write, counted, limit = WRITES[name]
    async with ScriptedServer(hello={"maxBsonObjectSize": LIMIT}) as server:
        size = await largest(unacknowledged(connect(server)), write)
        assert len(bson.encode(counted(of_size(size)))) == limit
        if pymongo.version_tuple >= REFERENCE:
            theirs: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(server.uri)
            async with theirs as client:
                assert await largest(unacknowledged(client), write) == size


async def test_none_of_those_that_are_too_large_is_sent(connect):
    """Neither is what goes with them, in one call."""
    async with ScriptedServer(hello={"maxBsonObjectSize": LIMIT}) as server:
        collection = unacknowledged(connect(server))
        for write, _, limit in WRITES.values():
            with pytest.raises(DocumentTooLarge):
                await write(collection, of_size(limit + 1))
        with pytest.raises(DocumentTooLarge, match=f"{LIMIT + 1} bytes"):
            await collection.insert_many([{"_id": 2}, of_size(LIMIT + 1)], ordered=False)
        await collection.database.client.admin.command("ping")
        assert server.names == ["ping"]
