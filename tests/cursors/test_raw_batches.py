"""Batches as bytes: those that PyMongo gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import bson
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, InvalidOperation

from tests.support.waiting import until

Open = Callable[[Any], Any]

PIPELINE: list[dict[str, Any]] = [{"$sort": {"_id": 1}}]

FIND: dict[str, Open] = {
    "all": lambda c: c.find_raw_batches(),
    "a filter": lambda c: c.find_raw_batches({"x": {"$gte": 3}}, {"x": 1}),
    "nothing": lambda c: c.find_raw_batches({"x": -1}),
    "batch_size": lambda c: c.find_raw_batches(batch_size=3),
    "batch_size 1": lambda c: c.find_raw_batches(batch_size=1),
    "a limit": lambda c: c.find_raw_batches(limit=5),
    "a limit and batches": lambda c: c.find_raw_batches(limit=5, batch_size=2),
    "a negative limit": lambda c: c.find_raw_batches(limit=-4),
    "methods": lambda c: c.find_raw_batches().sort("_id", -1).skip(2).limit(6).batch_size(4),
    "a clone": lambda c: c.find_raw_batches(batch_size=4).sort("_id").clone(),
}

AGGREGATE: dict[str, Open] = {
    "all": lambda c: c.aggregate_raw_batches(PIPELINE),
    "nothing": lambda c: c.aggregate_raw_batches([{"$match": {"x": -1}}]),
    "batches": lambda c: c.aggregate_raw_batches(PIPELINE, batchSize=3),
    "batches of one": lambda c: c.aggregate_raw_batches(PIPELINE, batchSize=1),
    "batches of none": lambda c: c.aggregate_raw_batches(PIPELINE, batchSize=0),
    "a comment": lambda c: c.aggregate_raw_batches(PIPELINE, comment="mine"),
}

CASES = {f"find, {name}": case for name, case in FIND.items()} | {
    f"aggregate, {name}": case for name, case in AGGREGATE.items()
}


@pytest.fixture
async def theirs(uri: str, numbers: Any) -> AsyncIterator[Any]:
    """The same collection through PyMongo."""
    client: AsyncMongoClient[Any] = AsyncMongoClient(uri)
    async with client:
        yield client[numbers.database.name][numbers.name]


async def read(cursor: Any) -> list[bytes]:
    cursor = await cursor if hasattr(cursor, "__await__") else cursor
    return [batch async for batch in cursor]


# PyMongo sends a first batch of none, and a batch of one becomes one of two on a getMore.
@pytest.mark.parametrize("name", [name for name in CASES if name != "aggregate, batches of one"])
async def test_the_bytes_of_pymongo(numbers, theirs, name):
    ours = await read(CASES[name](numbers))
    assert ours == await read(CASES[name](theirs))
    assert all(type(batch) is bytes for batch in ours)


@pytest.mark.parametrize("name", CASES)
async def test_the_documents(numbers, name):
    """Put together they are what the ordinary cursor gives."""
    batches = await CASES[name](numbers).to_list()
    documents = [document for batch in batches for document in bson.decode_all(batch)]
    assert documents == sorted(documents, key=lambda document: document["_id"], reverse="methods" in name)
    assert len(documents) <= 10
    assert bool(documents) == ("nothing" not in name)


async def test_large_batches(numbers, theirs):
    """Larger than what is decoded in one go."""
    await numbers.insert_many([{"_id": number, "text": "x" * 1000} for number in range(100, 3000)])
    ours = await read(numbers.find_raw_batches({"_id": {"$gte": 100}}, batch_size=2000))
    assert ours == await read(theirs.find_raw_batches({"_id": {"$gte": 100}}, batch_size=2000))
    assert sum(len(bson.decode_all(batch)) for batch in ours) == 2900


async def test_in_a_session(numbers, commands):
    async with await numbers.database.client.start_session() as session:
        await numbers.find_raw_batches(batch_size=4, session=session).to_list()
        await numbers.aggregate_raw_batches(PIPELINE, batchSize=4, session=session).to_list()
        assert all(command["lsid"] == session.session_id for command in commands.sent)
        assert commands.names[:2] == ["find", "getMore"]


async def test_in_a_transaction(numbers, commands):
    async with await numbers.database.client.start_session() as session, session.start_transaction():
        await numbers.insert_one({"_id": 10}, session=session)
        (batch,) = await numbers.find_raw_batches({"_id": 10}, session=session).to_list()
        assert bson.decode_all(batch) == [{"_id": 10}]
        assert commands.of("find")[0]["autocommit"] is False


async def test_explain(numbers):
    plan = await numbers.find_raw_batches({"x": 1}).explain()
    assert "queryPlanner" in plan or "stages" in plan or plan["ok"] == 1


async def test_what_cannot_be(numbers):
    with pytest.raises(InvalidOperation, match="__getitem__"):
        numbers.find_raw_batches()[0]
    with pytest.raises(InvalidOperation, match="__getitem__"):
        numbers.find_raw_batches()[0:2]
    with pytest.raises(ConfigurationError, match="explain"):
        await numbers.aggregate_raw_batches([], explain=True).to_list()


async def test_closed_early(numbers, commands):
    async with numbers.find_raw_batches(batch_size=2) as cursor:
        assert len(bson.decode_all(await cursor.next())) == 2
    assert commands.names == ["find", "killCursors"]
    cursor = numbers.aggregate_raw_batches(PIPELINE, batchSize=2)
    await cursor.next()
    del cursor
    await until(lambda: commands.names.count("killCursors") == 2)


async def test_rewind(numbers):
    cursor = numbers.find_raw_batches(batch_size=4).sort("_id")
    first = await cursor.next()
    assert await cursor.rewind().next() == first
    await cursor.close()
