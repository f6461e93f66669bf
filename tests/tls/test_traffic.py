"""What goes through TLS connections: large and small, alone and at once, asked for and streamed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pymongo
from pymongo.cursor import CursorType

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from tests.support.certificates import Certificates
from tests.support.loops import on_every_loop

MEGABYTE = 1024 * 1024


@asynccontextmanager
async def _collection(certificates: Certificates, port: int) -> AsyncIterator[AsyncIOMotorCollection]:
    async with AsyncIOMotorClient(f"mongodb://127.0.0.1:{port}/?{certificates.options()}") as client:
        database = client[f"motor_test_{uuid.uuid4().hex}"]
        yield database["test"]
        await client.drop_database(database.name)


@on_every_loop
async def test_large(certificates, port):
    """A document of 16 MB, and 48 MB of them at once, there and back; meanwhile the connections of others go on."""
    async with _collection(certificates, port) as collection:
        largest = {"_id": 0, "data": bytes(range(256)) * (64 * 1024 - 1)}
        await collection.insert_one(largest)
        assert await collection.find_one({"_id": 0}) == largest
        documents = [{"_id": number, "data": bytes([number]) * (MEGABYTE - 100)} for number in range(1, 48)]
        inserting = asyncio.ensure_future(collection.insert_many(documents))
        pings = 0
        while not inserting.done():
            await collection.database.command("ping")
            pings += 1
        assert pings
        await inserting
        assert await collection.find({"_id": {"$gt": 0}}, batch_size=48).sort("_id").to_list() == documents


@on_every_loop
async def test_many_small_ones_at_once(certificates, port):
    async with _collection(certificates, port) as collection:
        numbers = range(500)
        await asyncio.gather(*(collection.insert_one({"_id": number, "square": number * number}) for number in numbers))
        found = await asyncio.gather(*(collection.find_one({"_id": number}) for number in numbers))
        assert [document["square"] for document in found if document] == [number * number for number in numbers]


@on_every_loop
async def test_exhaust(certificates, port):
    """The server sends batch after batch without being asked, of sizes that end within records and at their ends."""
    async with _collection(certificates, port) as collection:
        documents = [{"_id": number, "text": "x" * (number * 37 % 9000)} for number in range(400)]
        await collection.insert_many(documents)
        cursor = collection.find(cursor_type=CursorType.EXHAUST, batch_size=7).sort("_id")
        assert await cursor.to_list() == documents
        assert (await collection.database.command("ping"))["ok"] == 1


@on_every_loop
async def test_a_change_stream(certificates, port):
    async with _collection(certificates, port) as collection, collection.watch() as stream:
        await collection.insert_many([{"_id": number} for number in range(20)])
        seen = [(await stream.next())["documentKey"]["_id"] for _ in range(20)]
        assert seen == list(range(20))


@on_every_loop
async def test_a_transaction(certificates, port):
    async with _collection(certificates, port) as collection:
        await collection.insert_one({"_id": 1, "n": 0})
        async with collection.database.client.start_session() as session, session.start_transaction():
            with pymongo.timeout(10):
                await collection.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        assert await collection.find_one() == {"_id": 1, "n": 1}


@on_every_loop
async def test_replies_of_every_size_around_a_record(certificates, port):
    """A TLS record holds 16 KB, as our buffer for small messages does."""
    sizes = (*range(16_180, 16_400, 11), 32_600, 49_000, 65_400, 65_536, 262_144, 524_288)
    async with _collection(certificates, port) as collection:
        await collection.insert_many([{"_id": size, "text": "x" * size} for size in sizes])
        for size in sizes:
            document = await collection.find_one({"_id": size})
            assert document is not None
            assert len(document["text"]) == size
