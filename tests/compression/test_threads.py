"""Large messages are compressed and expanded in threads, and whoever gives up meanwhile leaves everything in order."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pymongo
import pytest
from pymongo.errors import ConnectionFailure, InvalidOperation

from motor.driver.timeouts import LATE_TIMER_GRACE
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from tests.compression.proxy import CompressingProxy
from tests.compression.watched import Watched
from tests.support.inside import at_rest, check_books, connections, pool_of
from tests.support.loops import on_every_loop
from tests.support.waiting import PATIENCE, until

LARGE = "0123456789" * 100_000
SMALL = "x"


@asynccontextmanager
async def _collection(proxy: CompressingProxy) -> AsyncIterator[AsyncIOMotorCollection]:
    """A collection with a large and a small document, through the one connection of a client."""
    async with AsyncIOMotorClient(proxy.uri, compressors="zlib", maxPoolSize=1) as client:
        database = client[f"motor_test_{uuid.uuid4().hex}"]
        await database["test"].insert_many([{"_id": "large", "text": LARGE}, {"_id": "small", "text": SMALL}])
        yield database["test"]
        await client.drop_database(database.name)


async def _at_work(watched: Watched) -> None:
    await until(lambda: watched.waiting, "a thread at work")


@on_every_loop
async def test_what_is_large_goes_to_a_thread(target, compressing, expanding):
    """A reply is large that becomes large, however small it comes."""
    async with CompressingProxy(target) as proxy, _collection(proxy) as collection:
        assert (compressing.in_threads, expanding.in_threads) == (1, 0)
        for _ in range(3):
            await collection.find_one({"_id": "small"})
        assert (compressing.in_threads, expanding.in_threads) == (1, 0)
        assert compressing.on_loop >= 3
        assert expanding.on_loop >= 3
        for _ in range(3):
            document = await collection.find_one({"_id": "large"})
            assert document == {"_id": "large", "text": LARGE}
        assert (compressing.in_threads, expanding.in_threads) == (1, 3)


@on_every_loop
async def test_no_thread_is_the_loops_own(target):
    """An application may fill the default executor with calls that wait for this very client."""
    async with CompressingProxy(target) as proxy, _collection(proxy) as collection:
        loop = asyncio.get_running_loop()

        async def insert_and_find(number: int) -> Any:
            await collection.insert_one({"_id": number, "text": LARGE})
            return await collection.find_one({"_id": number}, {"text": 1})

        def in_a_thread(number: int) -> Any:
            return asyncio.run_coroutine_threadsafe(insert_and_find(number), loop).result(PATIENCE)

        with ThreadPoolExecutor(2) as few:
            loop.set_default_executor(few)
            found = await asyncio.gather(*(loop.run_in_executor(None, in_a_thread, number) for number in range(4)))
        assert found == [{"_id": number, "text": LARGE} for number in range(4)]


@on_every_loop
async def test_the_loop_goes_on_meanwhile(target, compressing, expanding):
    async with CompressingProxy(target) as proxy, _collection(proxy) as collection:
        for held, start in (
            (compressing, lambda: collection.insert_one({"text": LARGE})),
            (expanding, lambda: collection.find_one({"_id": "large"})),
        ):
            held.hold()
            waiting = start()
            await _at_work(held)
            assert not waiting.done()
            held.release()
            await waiting


@on_every_loop
async def test_cancelled_while_it_is_compressed(target, compressing):
    """Nothing was sent: the connection is free at once, and what is compressed too late is never sent."""
    async with CompressingProxy(target) as proxy, _collection(proxy) as collection:
        compressing.hold()
        inserting = asyncio.ensure_future(collection.insert_one({"_id": "late", "text": LARGE}))
        await _at_work(compressing)
        inserting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await inserting
        pool = pool_of(collection.database.client)
        await until(lambda: at_rest(pool), "the connection given back")
        opened = proxy.opened
        assert await collection.find_one({"_id": "small"}) == {"_id": "small", "text": SMALL}
        compressing.release()
        await until(lambda: not compressing.waiting, "the thread done")
        assert await collection.find_one({"_id": "late"}) is None
        assert len(proxy.of("insert")) == 1
        assert proxy.opened == opened


@pytest.mark.parametrize("way", ["cancelled", "late"])
@on_every_loop
async def test_given_up_while_it_is_expanded(target, expanding, way):
    """The connection goes to the next when the reply has been expanded and thrown away: each gets its own."""
    async with CompressingProxy(target) as proxy, _collection(proxy) as collection:
        expanding.hold()
        opened = proxy.opened
        if way == "late":
            with pytest.raises(ConnectionFailure) as late, pymongo.timeout(0.1):
                await collection.find_one({"_id": "large"})
            assert late.value.timeout
        else:
            finding = asyncio.ensure_future(collection.find_one({"_id": "large"}))
            await _at_work(expanding)
            finding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await finding
        others = [asyncio.ensure_future(collection.find_one({"_id": "small"})) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(other.done() for other in others)
        expanding.release()
        assert await asyncio.gather(*others) == [{"_id": "small", "text": SMALL}] * 3
        assert proxy.opened == opened
        check_books(pool_of(collection.database.client))


@on_every_loop
async def test_a_reply_that_is_being_expanded_is_not_late(target, expanding):
    async with CompressingProxy(target) as proxy, _collection(proxy) as collection:
        expanding.hold()
        finding = asyncio.ensure_future(collection.find_one({"_id": "large"}))
        await _at_work(expanding)
        (connection,) = connections(pool_of(collection.database.client))
        connection.time_out()
        await asyncio.sleep(3 * LATE_TIMER_GRACE)
        assert not connection.closed
        expanding.release()
        assert await finding == {"_id": "large", "text": LARGE}


@on_every_loop
async def test_closed_while_it_is_expanded(target, expanding):
    async with CompressingProxy(target) as proxy:
        async with _collection(proxy) as collection:
            uri, name = proxy.uri, collection.database.name
            client: AsyncIOMotorClient = AsyncIOMotorClient(uri, compressors="zlib")
            await client.admin.command("ping")
            expanding.hold()
            finding = asyncio.ensure_future(client[name]["test"].find_one({"_id": "large"}))
            await _at_work(expanding)
            await client.close()
            with pytest.raises((ConnectionFailure, InvalidOperation)):
                await finding
            expanding.release()
            await until(lambda: not expanding.waiting, "the thread done")
        await proxy.all_closed()


@on_every_loop
async def test_each_gets_its_own(target, compressing, expanding):
    """Large and small ones by turns on a few connections, some of them given up."""
    async with CompressingProxy(target) as proxy:
        async with AsyncIOMotorClient(proxy.uri, compressors="zlib", maxPoolSize=3) as client:
            database = client[f"motor_test_{uuid.uuid4().hex}"]
            texts = {number: str(number) * (1 if number % 3 else 200_000) for number in range(24)}
            await database["test"].insert_many([{"_id": number, "text": text} for number, text in texts.items()])
            finding = [
                (number, asyncio.ensure_future(database["test"].find_one({"_id": number}))) for number in [*texts] * 2
            ]
            for position in (0, 4, 9, 16):
                await asyncio.sleep(0.001)
                finding.pop(position)[1].cancel()
            for number, found in finding:
                assert await found == {"_id": number, "text": texts[number]}
            await until(lambda: at_rest(pool_of(client)), "the pool at rest")
            assert expanding.in_threads
            await client.drop_database(database.name)
        await proxy.all_closed()
