"""What applications write, for the type checker: nothing here has to run, all of it has to check.

`assert_type` says what the checker must have worked out; the rest must merely be allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, TypedDict

from bson import SON, CodecOptions, ObjectId
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import (
    DeleteOne,
    IndexModel,
    InsertOne,
    MongoClient,
    ReadPreference,
    ReturnDocument,
    UpdateOne,
    WriteConcern,
)
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.driver_info import DriverInfo
from pymongo.read_concern import ReadConcern
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult
from tornado import gen
from tornado.ioloop import IOLoop
from typing_extensions import assert_type

from motor.core import AgnosticClient, AgnosticClientSession, AgnosticCollection, AgnosticCursor, AgnosticDatabase
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorCommandCursor,
    AsyncIOMotorCursor,
    AsyncIOMotorDatabase,
    AsyncIOMotorLatentCommandCursor,
)
from motor.motor_tornado import MotorClient, MotorClientSession, MotorCollection, MotorCursor, MotorDatabase

Document = dict[str, Any]


class Movie(TypedDict):
    """A document with known fields."""

    name: str
    year: int


class Repository:
    """Annotations as most applications have them: the family's own names, with and without parameters."""

    client: AsyncIOMotorClient[Document]
    bare: AsyncIOMotorClient
    movies: AsyncIOMotorCollection[Movie] | None = None

    def __init__(self, uri: str) -> None:
        self.client = AsyncIOMotorClient(uri)
        self.bare = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=100, maxPoolSize=10)
        self.db: AsyncIOMotorDatabase[Document] = self.client.get_default_database("shop")
        self.other: AsyncIOMotorDatabase = self.bare["other"]

    async def add(self, document: Document) -> ObjectId:
        result = await self.db["orders"].insert_one(document)
        assert_type(result, InsertOneResult)
        identifier: ObjectId = result.inserted_id
        return identifier

    async def find(self, query: Mapping[str, Any], limit: int | None = None) -> list[Document]:
        return await self.db.orders.find(query).sort("year", -1).to_list(limit)

    async def get(self, identifier: ObjectId) -> Document | None:
        return await self.db.orders.find_one({"_id": identifier})


async def databases_and_collections(uri: str) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
    db: AsyncIOMotorDatabase[dict[str, Any]] = client.db
    coll: AsyncIOMotorCollection[dict[str, Any]] = db.coll
    assert_type(client["db"], AsyncIOMotorDatabase[dict[str, Any]])
    assert_type(client.get_database("db"), AsyncIOMotorDatabase[dict[str, Any]])
    assert_type(client.get_default_database(), AsyncIOMotorDatabase[dict[str, Any]])
    assert_type(db.coll, AsyncIOMotorCollection[dict[str, Any]])
    assert_type(db["coll"], AsyncIOMotorCollection[dict[str, Any]])
    assert_type(db.get_collection("coll"), AsyncIOMotorCollection[dict[str, Any]])
    assert_type(coll.sub, AsyncIOMotorCollection[dict[str, Any]])
    assert_type(coll["sub"], AsyncIOMotorCollection[dict[str, Any]])
    assert_type(coll.with_options(write_concern=WriteConcern(w=1)), AsyncIOMotorCollection[dict[str, Any]])
    assert_type(db.with_options(read_preference=ReadPreference.NEAREST), AsyncIOMotorDatabase[dict[str, Any]])
    assert_type(await db.create_collection("new", capped=True, size=4096), AsyncIOMotorCollection[dict[str, Any]])
    assert_type(coll.database, AsyncIOMotorDatabase[dict[str, Any]])
    assert_type(db.client, AsyncIOMotorClient[dict[str, Any]])
    assert_type((db.name, coll.name, coll.full_name), tuple[str, str, str])
    async with client as entered:
        assert_type(entered, AsyncIOMotorClient[dict[str, Any]])


async def reading(coll: AsyncIOMotorCollection[dict[str, Any]]) -> None:
    cursor: AsyncIOMotorCursor[dict[str, Any]] = coll.find()
    assert_type(coll.find({"x": 1}, {"_id": 0}).sort("x").skip(1).limit(2), AsyncIOMotorCursor[dict[str, Any]])
    assert_type(cursor.clone().rewind()[2:5], AsyncIOMotorCursor[dict[str, Any]])
    async for document in cursor:
        assert_type(document, dict[str, Any])
    assert_type(await coll.find_one(), dict[str, Any] | None)
    assert_type(await coll.find_one(ObjectId()), dict[str, Any] | None)
    assert_type(await cursor.to_list(None), list[dict[str, Any]])
    assert_type(await cursor.to_list(), list[dict[str, Any]])
    assert_type(await cursor.next(), dict[str, Any])
    assert_type([found["x"] async for found in coll.find()], list[Any])
    async with coll.find() as entered:
        assert_type(entered, AsyncIOMotorCursor[dict[str, Any]])
    assert_type(await cursor.distinct("x"), list[Any])
    plan: Mapping[str, Any] = await cursor.explain()
    assert plan
    assert_type((cursor.alive, cursor.cursor_id), tuple[bool, int | None])
    assert_type(cursor.collection, AsyncIOMotorCollection[dict[str, Any]])
    assert_type(await coll.count_documents({}), int)
    assert_type(await coll.estimated_document_count(), int)
    assert_type(await coll.distinct("x"), list[Any])
    while await cursor.fetch_next:
        fetched = cursor.next_object()
        print(fetched["x"])
    cursor.each(lambda document, error: None)
    await cursor.close()


async def writing(coll: AsyncIOMotorCollection[dict[str, Any]]) -> None:
    assert_type(await coll.insert_one({"x": 1}), InsertOneResult)
    assert_type(await coll.insert_many([{"x": 1}, {"x": 2}], ordered=False), InsertManyResult)
    assert_type(await coll.update_one({}, {"$set": {"x": 1}}, upsert=True), UpdateResult)
    assert_type(await coll.update_many({}, [{"$set": {"x": 1}}]), UpdateResult)
    assert_type(await coll.replace_one({}, {"x": 1}), UpdateResult)
    assert_type(await coll.delete_one({}), DeleteResult)
    assert_type(await coll.delete_many({}), DeleteResult)
    assert_type(
        await coll.bulk_write([InsertOne({"x": 1}), UpdateOne({}, {"$inc": {"x": 1}}), DeleteOne({})]), BulkWriteResult
    )
    assert_type(
        await coll.find_one_and_update({}, {"$set": {"x": 1}}, return_document=ReturnDocument.AFTER),
        dict[str, Any] | None,
    )
    assert_type(await coll.create_index([("x", 1)], unique=True), str)
    assert_type(await coll.create_indexes([IndexModel("x")]), list[str])
    await coll.update_one({"_id": 1}, {"$set": {"points.$[i].y": 5}}, array_filters=[{"i.x": {"$gt": 0}}])
    future: asyncio.Future[InsertOneResult] = coll.insert_one({"x": 1})
    future.add_done_callback(lambda done: done.result())
    await asyncio.gather(coll.find_one(), coll.count_documents({}))
    assert_type(await asyncio.wait_for(coll.count_documents({}), 5), int)
    assert_type(await asyncio.shield(coll.count_documents({})), int)


async def aggregating(client: AsyncIOMotorClient[dict[str, Any]]) -> None:
    coll = client.db.coll
    cursor = coll.aggregate([{"$match": {"x": 1}}], allowDiskUse=True)
    assert_type(cursor, AsyncIOMotorLatentCommandCursor[dict[str, Any]])
    any_of_them: AsyncIOMotorCommandCursor[dict[str, Any]] = cursor
    async for document in any_of_them:
        assert_type(document, dict[str, Any])
    awaited: AsyncIOMotorCommandCursor[dict[str, Any]] = await coll.aggregate([])
    assert_type(await awaited.to_list(5), list[dict[str, Any]])
    assert_type(await awaited.try_next(), dict[str, Any] | None)
    async for index in coll.list_indexes():
        assert_type(index, MutableMapping[str, Any])
    assert_type(await client.list_database_names(), list[str])
    assert_type(await client.db.list_collection_names(), list[str])
    reply: Mapping[str, Any] = await client.admin.command("ping")
    assert reply["ok"]
    info: Mapping[str, Any] = await client.server_info()
    assert info["version"]


async def sessions(client: AsyncIOMotorClient[Document], other: MotorClient[Document]) -> None:
    coll = client.db.coll
    session = client.start_session(causal_consistency=True)
    assert_type(session, AsyncIOMotorClientSession)
    assert_type(other.start_session(snapshot=True), MotorClientSession)
    assert_type(await session, AsyncIOMotorClientSession)
    with await client.start_session() as s:
        assert_type(s, AsyncIOMotorClientSession)
        assert_type(await coll.insert_one({}, session=s), InsertOneResult)
    async with await client.start_session() as s:
        assert_type(s, AsyncIOMotorClientSession)
        async with s.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"), max_commit_time_ms=100):
            assert_type(await coll.find_one({}, session=s), dict[str, Any] | None)
    async with client.start_session() as s:
        assert_type(s, AsyncIOMotorClientSession)
        await s.start_transaction()
        assert_type(await s.commit_transaction(), None)
        assert_type(await s.abort_transaction(), None)
    assert_type((session.has_ended, session.in_transaction), tuple[bool, bool])
    assert_type(session.operation_time, Timestamp | None)
    if session.cluster_time is not None and session.operation_time is not None:
        session.advance_cluster_time(session.cluster_time)
        session.advance_operation_time(session.operation_time)
    identifier: Mapping[str, Any] = session.session_id
    assert identifier

    async def transfer(session: AsyncIOMotorClientSession, amount: int = 1) -> int:
        await coll.update_one({}, {"$inc": {"balance": amount}}, session=session)
        return amount

    assert_type(await session.with_transaction(transfer), int)
    assert_type(await session.with_transaction(lambda s: transfer(s, 5), write_concern=WriteConcern("majority")), int)
    assert_type(await session.end_session(), None)


async def either_familys_session(client: AgnosticClient[Document], session: AgnosticClientSession) -> None:
    async with client.start_session() as own, own.start_transaction():
        await client.db.coll.insert_one({}, session=own)
    await client.db.coll.insert_one({}, session=session)


async def typed_documents(client: AsyncIOMotorClient) -> None:
    movies: AsyncIOMotorCollection[Movie] = client.db.movies
    await movies.insert_one({"name": "Metropolis", "year": 1927})
    await movies.insert_one(Movie(name="Metropolis", year=1927))
    await movies.insert_many([Movie(name="Metropolis", year=1927)])
    await movies.replace_one({"name": "Metropolis"}, Movie(name="Metropolis", year=1927))
    movie = await movies.find_one({"name": "Metropolis"})
    assert_type(movie, Movie | None)
    if movie is not None:
        assert_type(movie["year"], int)
    cursor: AsyncIOMotorCursor[Movie] = movies.find()
    async for found in cursor:
        assert_type(found["name"], str)
    assert_type(await movies.find().to_list(), list[Movie])
    raw: AsyncIOMotorClient[RawBSONDocument] = AsyncIOMotorClient(document_class=RawBSONDocument)
    assert_type(await raw.db.c.find_one(), RawBSONDocument | None)
    ordered: AsyncIOMotorClient[SON[str, Any]] = AsyncIOMotorClient("mongodb://localhost", document_class=SON)
    assert_type(await ordered.db.c.find().to_list(), list[SON[str, Any]])
    inferred = AsyncIOMotorClient(document_class=RawBSONDocument)
    assert_type(inferred, AsyncIOMotorClient[RawBSONDocument])


async def either_family(
    client: AgnosticClient[Document], db: AgnosticDatabase[Document], coll: AgnosticCollection[Document]
) -> Document | None:
    """Libraries that work with both annotate with the names of motor.core."""
    cursor: AgnosticCursor[Document] = coll.find()
    async for document in cursor:
        assert_type(document, dict[str, Any])
    async for document in db.coll.aggregate([]):
        assert_type(document, dict[str, Any])
    client.append_metadata(DriverInfo("Library", "1.0"))
    return await client["db"]["coll"].find_one()


async def a_family_where_either_will_do(
    coll: AsyncIOMotorCollection[Document], other: MotorCollection[Document]
) -> None:
    await either_family(coll.database.client, coll.database, coll)
    await either_family(other.database.client, other.database, other)


@gen.coroutine
def tornados_coroutine(client: MotorClient[Document]) -> Any:
    yield client.db.coll.insert_one({"x": 1})
    raise gen.Return((yield client.db.coll.find().to_list(100)))


async def tornado_native(uri: str) -> None:
    client: MotorClient[Document] = MotorClient(uri, io_loop=IOLoop.current())
    db: MotorDatabase[Document] = client.db
    coll: MotorCollection[Document] = db.coll
    cursor: MotorCursor[Document] = coll.find()
    async for document in cursor:
        assert_type(document, dict[str, Any])
    assert_type(await coll.find_one(), dict[str, Any] | None)
    assert_type(coll.database.client, MotorClient[Document])
    await client.close()


def synchronous(client: AsyncIOMotorClient[Document]) -> None:
    """For libraries that take nothing but PyMongo's own objects."""
    assert_type(client.delegate, MongoClient[Document])
    assert_type(client.db.delegate, Database[Document])
    assert_type(client.db.coll.delegate, Collection[Document])


def options(client: AsyncIOMotorClient[Document]) -> None:
    strict: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument)
    client.db.with_options(codec_options=strict)
    client.close()
