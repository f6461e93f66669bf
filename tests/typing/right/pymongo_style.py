"""What applications on PyMongo Async write, with nothing but the client's class changed: all of it has to check.

There, aggregate, list_indexes and their like are coroutines; here their results may be awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import pymongo
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateOne
from pymongo.driver_info import DriverInfo
from pymongo.errors import ConnectionFailure
from pymongo.operations import SearchIndexModel
from pymongo.read_concern import ReadConcern
from pymongo.results import BulkWriteResult, ClientBulkWriteResult, InsertOneResult, UpdateResult
from pymongo.server_api import ServerApi
from pymongo.write_concern import WriteConcern
from typing_extensions import assert_type

from motor.motor_asyncio import (
    AsyncIOMotorChangeStream,
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorCommandCursor,
    AsyncIOMotorCursor,
    AsyncIOMotorDatabase,
    AsyncIOMotorLatentCommandCursor,
)

Document = dict[str, Any]


async def connecting(uri: str) -> AsyncIOMotorClient[Document]:
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        uri, server_api=ServerApi("1"), maxPoolSize=10, event_listeners=[]
    )
    client.append_metadata(DriverInfo("Library", "1.0"))
    with suppress(ConnectionFailure):
        await client.admin.command("ping")
    async with client as entered:
        assert_type(entered, AsyncIOMotorClient[Document])
    assert_type(client.get_database("shop"), AsyncIOMotorDatabase[Document])
    assert_type(client.shop.orders, AsyncIOMotorCollection[Document])
    assert_type(client["shop"]["orders"]["archive"], AsyncIOMotorCollection[Document])
    await client.aconnect()
    assert_type(await client.address, tuple[str, int | None] | None)
    assert_type(await client.primary, tuple[str, int | None] | None)
    assert_type(await client.secondaries, set[tuple[str, int | None]])
    assert_type(await client.is_mongos, bool)
    await client.close()
    return client


async def awaited_cursors(client: AsyncIOMotorClient[Document]) -> None:
    orders = client.shop.orders
    cursor = await orders.aggregate([{"$group": {"_id": "$x"}}], allowDiskUse=True)
    assert_type(cursor, AsyncIOMotorLatentCommandCursor[Document])
    same: AsyncIOMotorCommandCursor[Document] = cursor
    assert_type(await same.to_list(), list[Document])
    assert_type([order async for order in await orders.aggregate([])], list[Document])
    async with await orders.aggregate([]) as entered:
        assert_type(await entered.try_next(), Document | None)
    async for index in await orders.list_indexes():
        assert_type(index, MutableMapping[str, Any])
    async for collection in await client.shop.list_collections():
        assert_type(collection, MutableMapping[str, Any])
    async for database in await client.list_databases():
        assert_type(database, Document)
    async for search_index in await orders.list_search_indexes():
        assert_type(search_index, MutableMapping[str, Any])
    async for now in await client.admin.aggregate([{"$currentOp": {}}]):
        assert_type(now, Document)
    replies = await client.shop.cursor_command("find", "orders")
    assert_type(replies, AsyncIOMotorCommandCursor[Document])
    await cursor.close()


async def reading(orders: AsyncIOMotorCollection[Document]) -> None:
    cursor = orders.find({"x": {"$gt": 1}}, {"_id": False}, sort=[("x", pymongo.DESCENDING)], limit=5, batch_size=2)
    assert_type(cursor, AsyncIOMotorCursor[Document])
    assert_type(await anext(aiter(cursor)), Document)
    assert_type(await cursor.next(), Document)
    assert_type(cursor.sort({"x": 1}).hint("x_1").max_time_ms(100), AsyncIOMotorCursor[Document])
    assert_type(cursor.sort("x", pymongo.ASCENDING).sort([("y", "text"), "z"]), AsyncIOMotorCursor[Document])
    assert_type(await orders.find_one({"_id": ObjectId()}, sort=[("x", 1)]), Document | None)
    async for batch in orders.find_raw_batches({"x": 1}, batch_size=2):
        assert_type(batch, bytes)
    assert_type(await (await orders.aggregate_raw_batches([])).to_list(), list[bytes])
    with pymongo.timeout(5):
        assert_type(await orders.count_documents({}), int)


async def writing(client: AsyncIOMotorClient[Document]) -> None:
    orders = client.shop.orders
    assert_type(await orders.insert_one({"x": 1}), InsertOneResult)
    assert_type(await orders.update_one({}, {"$set": {"x": 1}}, sort={"x": 1}, hint=[("x", 1)]), UpdateResult)
    requests: list[InsertOne[Document] | ReplaceOne[Document] | UpdateOne | DeleteMany] = [
        InsertOne({"x": 1}),
        ReplaceOne({}, {"x": 2}),
        UpdateOne({}, [{"$set": {"x": 3}}]),
        DeleteMany({}),
    ]
    assert_type(await orders.bulk_write(requests, ordered=False), BulkWriteResult)
    assert_type(await orders.bulk_write([InsertOne({"x": 1}), DeleteMany({})]), BulkWriteResult)
    typed = InsertOne({"x": 1}, namespace="shop.orders")
    raw = InsertOne(RawBSONDocument(b""), namespace="shop.raw")
    assert_type(await client.bulk_write([typed, raw], verbose_results=True), ClientBulkWriteResult)
    assert_type(await orders.create_search_index(SearchIndexModel({"mappings": {}})), str)
    created = await client.shop.create_collection("new", check_exists=False)
    assert_type(created, AsyncIOMotorCollection[Document])
    found = await orders.find_one_and_delete({"x": 1}, sort=[("x", 1)])
    assert_type(found, Document | None)


async def sessions(client: AsyncIOMotorClient[Document]) -> None:
    orders = client.shop.orders

    async def transfer(session: AsyncIOMotorClientSession) -> str:
        await orders.insert_one({"x": 1}, session=session)
        return "done"

    async with client.start_session(causal_consistency=True) as session:
        assert_type(session, AsyncIOMotorClientSession)
        assert_type(await session.with_transaction(transfer, read_concern=ReadConcern("majority")), str)
        async with await session.start_transaction(write_concern=WriteConcern("majority")):
            async for order in orders.find({}, session=session):
                assert_type(order, Document)
            async for order in await orders.aggregate([], session=session):
                assert_type(order, Document)
    assert_type(session.client, AsyncIOMotorClient[Any])
    async with client.start_session().bind() as bound:
        assert_type(bound, AsyncIOMotorClientSession)
        assert_type(await bound.with_transaction(callback=transfer), str)


async def watching(client: AsyncIOMotorClient[Document]) -> None:
    async with await client.shop.orders.watch([{"$match": {}}], full_document="updateLookup") as stream:
        assert_type(stream, AsyncIOMotorChangeStream[Document])
        async for change in stream:
            assert_type(change, Document)
        assert_type(await stream.try_next(), Document | None)
        token: Mapping[str, Any] | None = stream.resume_token
    async with client.shop.watch(resume_after=token, start_at_operation_time=Timestamp(1, 1)) as stream:
        assert_type(await stream.next(), Document)
    assert_type(await client.watch(batch_size=2), AsyncIOMotorChangeStream[Document])


async def at_once(orders: AsyncIOMotorCollection[Document]) -> None:
    first, count, everything = await asyncio.gather(
        orders.find_one(), orders.count_documents({}), orders.find().to_list()
    )
    assert_type(first, Document | None)
    assert_type(count, int)
    assert_type(everything, list[Document])
    task = asyncio.ensure_future(orders.find_one())
    assert_type(await task, Document | None)
