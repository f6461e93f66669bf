"""Cursors that come from a command: awaited or not, they read the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bson import SON
from pymongo.errors import InvalidOperation, OperationFailure

from motor.core import AgnosticCommandCursor, AgnosticLatentCommandCursor
from tests.support.families import in_every_family


@in_every_family
async def test_aggregate(collection):
    await collection.insert_many([{"_id": number, "x": number % 3} for number in range(10)])
    pipeline = [{"$match": {"x": 1}}, {"$sort": {"_id": -1}}, {"$project": {"x": 0}}]
    expected = [{"_id": 7}, {"_id": 4}, {"_id": 1}]
    assert await collection.aggregate(pipeline).to_list() == expected
    assert await collection.aggregate(pipeline).to_list(2) == expected[:2]
    assert [document async for document in collection.aggregate(pipeline)] == expected
    assert await collection.aggregate(pipeline).next() == expected[0]
    assert await (await collection.aggregate(pipeline)).to_list() == expected
    assert [document async for document in await collection.aggregate(pipeline, batchSize=1)] == expected
    async with collection.aggregate(pipeline, batchSize=1) as cursor:
        assert await cursor.next() == expected[0]
    async with await collection.aggregate(pipeline, batchSize=1) as cursor:
        assert await cursor.next() == expected[0]


async def test_awaiting_sends_the_command(watched, commands):
    cursor = watched.aggregate([], batchSize=2)
    assert isinstance(cursor, AgnosticLatentCommandCursor)
    assert not cursor.started
    assert commands.names == []
    awaited = await cursor
    assert awaited is cursor
    assert isinstance(awaited, AgnosticCommandCursor)
    assert awaited.started
    assert awaited.cursor_id
    assert await cursor is cursor
    assert commands.names == ["aggregate"]
    assert len(await cursor.to_list()) == 10


async def test_awaited_through_tasks(watched, commands):
    """Whatever takes an awaitable takes a cursor."""
    cursors = await asyncio.gather(watched.aggregate([]), watched.aggregate([{"$limit": 2}]))
    assert [len(await cursor.to_list()) for cursor in cursors] == [10, 2]
    assert len(await (await asyncio.wait_for(watched.aggregate([]), 60)).to_list()) == 10
    assert commands.names == ["aggregate"] * 3


async def test_batch_sizes(watched, commands):
    for cursor in (
        watched.aggregate([], batchSize=3),
        watched.aggregate([]).batch_size(3),
        await watched.aggregate([], batchSize=3),
    ):
        commands.clear()
        assert [document["_id"] async for document in cursor] == list(range(10))
        assert all(more["batchSize"] == 3 for more in commands.of("getMore"))
    with pytest.raises(TypeError):
        watched.aggregate([]).batch_size("3")
    with pytest.raises(ValueError, match="batch_size must be >= 0"):
        watched.aggregate([]).batch_size(-1)


async def test_batch_size_before_and_after_the_start(watched, commands):
    cursor = watched.aggregate([]).batch_size(2)
    await cursor.next()
    cursor.batch_size(5)
    await cursor.to_list()
    assert commands.of("aggregate")[0]["cursor"] == {"batchSize": 2}
    assert [more["batchSize"] for more in commands.of("getMore")][:1] == [5]


async def test_an_empty_first_batch(watched):
    cursor = await watched.aggregate([], batchSize=0)
    assert cursor.alive
    assert await cursor.try_next() is not None
    assert len(await cursor.to_list()) == 9
    assert [document["_id"] async for document in watched.aggregate([], batchSize=0)] == list(range(10))
    assert len(await watched.aggregate([], batchSize=0).to_list(4)) == 4


@in_every_family
async def test_try_next(collection):
    await collection.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3}])
    cursor = collection.aggregate([{"$sort": {"_id": 1}}], batchSize=2)
    assert [await cursor.try_next() for _ in range(5)] == [{"_id": 1}, {"_id": 2}, {"_id": 3}, None, None]
    assert not cursor.alive
    assert await collection.aggregate([{"$match": {"x": 1}}]).try_next() is None


@in_every_family
async def test_out_and_merge_run_when_read(collection):
    await collection.insert_many([{"_id": 1}, {"_id": 2}])
    out = collection.aggregate([{"$out": "copied"}])
    assert await collection.database.copied.count_documents({}) == 0
    assert await out.to_list() == []
    assert await collection.database.copied.count_documents({}) == 2
    await collection.aggregate([{"$match": {"_id": 1}}, {"$merge": {"into": "merged"}}])
    assert await collection.database.merged.find().to_list() == [{"_id": 1}]
    async for _ in collection.aggregate([{"$out": "again"}]):
        raise AssertionError("no document comes back")
    assert await collection.database.again.count_documents({}) == 2


@in_every_family
async def test_errors(collection):
    with pytest.raises(OperationFailure):
        await collection.aggregate([{"$nonsense": 1}])
    with pytest.raises(OperationFailure):
        await collection.aggregate([{"$nonsense": 1}]).to_list()
    with pytest.raises(OperationFailure):
        async for _ in collection.aggregate([{"$nonsense": 1}]):
            pass
    not_pipelines: tuple[Any, ...] = (5, None, "x", {})
    for pipeline in not_pipelines:
        cursor = collection.aggregate(pipeline)
        with pytest.raises(TypeError):
            await cursor.to_list()
        with pytest.raises(TypeError):
            await collection.aggregate(pipeline)
    with pytest.raises(ValueError, match="session"):
        await collection.aggregate([], session=5)
    with pytest.raises(ValueError, match="session"):
        await collection.list_indexes(session=5).to_list()


@in_every_family
async def test_list_indexes(collection):
    assert await collection.list_indexes().to_list() == []
    await collection.create_index([("x", 1), ("y", -1)], name="mine", unique=True)
    found = [index async for index in collection.list_indexes()]
    assert [index["name"] for index in found] == ["_id_", "mine"]
    assert found[1]["key"] == SON([("x", 1), ("y", -1)])
    assert found[1]["unique"]
    assert [index["name"] for index in await (await collection.list_indexes()).to_list()] == ["_id_", "mine"]
    assert (await collection.list_indexes().next())["name"] == "_id_"


@in_every_family
async def test_list_collections(collection):
    await collection.insert_one({})
    await collection.database.create_collection("capped", capped=True, size=4096)
    listed = {found["name"]: found async for found in collection.database.list_collections()}
    assert {"test", "capped"} <= set(listed)
    assert listed["capped"]["options"]["capped"]
    (one,) = await collection.database.list_collections(filter={"name": "test"}).to_list()
    assert one["type"] == "collection"
    awaited = await collection.database.list_collections()
    assert {found["name"] for found in await awaited.to_list()} == set(listed)


@in_every_family
async def test_list_databases(collection):
    await collection.insert_one({})
    client = collection.database.client
    (one,) = await client.list_databases(filter={"name": collection.database.name}).to_list()
    assert one["empty"] is False
    assert collection.database.name in [found["name"] async for found in client.list_databases()]
    assert collection.database.name in [found["name"] for found in await (await client.list_databases()).to_list()]


@in_every_family
async def test_cursor_command(collection):
    await collection.insert_many([{"_id": number} for number in range(5)])
    cursor = await collection.database.cursor_command("find", "test", batchSize=2)
    assert isinstance(cursor, AgnosticCommandCursor)
    assert (cursor.alive, cursor.started) == (True, True)
    assert cursor.cursor_id
    assert [document["_id"] async for document in cursor] == list(range(5))
    cursor = await collection.database.cursor_command(SON([("aggregate", "test"), ("pipeline", []), ("cursor", {})]))
    assert len(await cursor.to_list()) == 5
    with pytest.raises(InvalidOperation):
        await collection.database.cursor_command("ping")
    with pytest.raises(OperationFailure):
        await collection.database.cursor_command("nonsense")


@in_every_family
async def test_database_aggregate(collection):
    operations = await collection.database.client.admin.aggregate([{"$currentOp": {}}]).to_list()
    assert operations
    async for operation in collection.database.client.admin.aggregate([{"$currentOp": {}}, {"$limit": 1}]):
        assert operation


async def test_a_command_cursor_has_no_query_to_change(watched):
    cursor = watched.aggregate([])
    for name in ("sort", "limit", "skip", "clone", "rewind", "explain", "distinct"):
        assert not hasattr(cursor, name)
    with pytest.raises(TypeError):
        cursor[1]
