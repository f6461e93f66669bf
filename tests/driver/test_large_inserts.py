"""insert_many of very many documents: the event loop gets turns, and what is large in the message is there once."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from typing import Any

import bson
import pytest
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

from motor.driver.bulk import bulk
from motor.motor_asyncio import AsyncIOMotorClient

COUNT = 100_000


class Turns:
    """Counts the turns of the event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._counting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Turns:
        self._counting = asyncio.ensure_future(self._count())
        await asyncio.sleep(0)
        self.count = 0
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._counting is not None
        self._counting.cancel()
        await asyncio.wait([self._counting])

    async def _count(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)


async def test_turns_while_documents_get_their_ids(server, connect):
    """Nothing is encoded or sent yet: the last one is no document, and nothing is sent at all."""
    client = connect(server)
    await client.admin.command("ping")
    documents: list[Any] = [{"n": number} for number in range(COUNT)]
    documents.append(5)
    async with Turns() as turns:
        with pytest.raises(TypeError):
            await client.db.c.insert_many(documents)
    assert turns.count >= COUNT // bulk._TURN
    assert server.names == ["ping"]
    assert all("_id" in document for document in documents[:-1])


async def test_turns_while_documents_are_encoded(server, connect):
    """They have ids, and one of them cannot be encoded: nothing is sent."""
    client = connect(server)
    await client.admin.command("ping")
    documents: list[Any] = [{"_id": number, "text": "x" * 200} for number in range(COUNT)]
    documents[-1]["text"] = object()
    size = sum(len(bson.encode(document)) for document in documents[:-1])
    async with Turns() as turns:
        with pytest.raises(bson.errors.InvalidDocument):
            await client.db.c.insert_many(documents)
    # Once for each 256 KiB, beside those for the ids: the pieces may come to somewhat more.
    assert turns.count >= COUNT // bulk._TURN + size // (2 * 256 * 1024)
    assert server.names == ["ping"]


@pytest.mark.parametrize("place", [0, COUNT // 2, COUNT - 1])
async def test_one_that_is_no_document(server, connect, place):
    client = connect(server)
    documents: list[Any] = [{"_id": number} for number in range(COUNT)]
    documents[place] = [1]
    with pytest.raises(TypeError):
        await client.db.c.insert_many(documents)
    assert server.names == []


async def test_ids_in_order(server, connect):
    """Those that were given, and those that were made; BSON has its own."""
    client = connect(server)
    raw = RawBSONDocument(bson.encode({"a": 1}))
    given = {7: "seven", bulk._TURN: 0, COUNT - 1: None}
    documents: list[Any] = [{"n": number} for number in range(COUNT)]
    for place, key in given.items():
        documents[place]["_id"] = key
    with_raw = [*documents[:2500], raw, *documents[2500:], raw]
    result = await client.db.c.insert_many(with_raw)
    assert result.inserted_ids == [document["_id"] for document in documents]
    assert {place: result.inserted_ids[place] for place in given} == given
    made = [key for place, key in enumerate(result.inserted_ids) if place not in given]
    assert {type(key) for key in made} == {ObjectId}
    counters = [int.from_bytes(key.binary[9:], "big") for key in made]
    assert all((later - earlier) % 2**24 == 1 for earlier, later in itertools.pairwise(counters))
    sent = list(itertools.chain.from_iterable(request.command["documents"] for request in server.requests))
    assert len(sent) == COUNT + 2
    assert [document["n"] for document in sent if "n" in document] == list(range(COUNT))
    assert [place for place, document in enumerate(sent) if "n" not in document] == [2500, COUNT + 1]


async def test_what_is_encoded_is_not_copied(uri, db):
    """To a server that is elsewhere: its memory is not counted."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    await client.admin.command("ping")
    documents = [{"_id": number, "text": "x" * 3000} for number in range(10_000)]
    size = len(documents) * len(bson.encode(documents[0]))
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        await client[db.name].c.insert_many(documents)
        _, most = tracemalloc.get_traced_memory()
    finally:
        if not tracing:
            tracemalloc.stop()
    client.close()
    assert size < most - before < 1.5 * size
