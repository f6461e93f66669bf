"""Time limits: the caller's ends his call and not the stream, and nothing is missed by it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.change_streams.feed import take, token
from tests.change_streams.test_giving_up import CHANGES, write
from tests.support.inside import at_rest, pool_of
from tests.support.waiting import until


async def timed_out(call: Any) -> None:
    """It ends with an error that says it was the time limit."""
    with pytest.raises(PyMongoError) as caught:
        await call
    assert caught.value.timeout


async def test_pymongos_timeout_ends_the_call_only(watched):
    async with watched.watch() as stream:
        for number in range(3):
            with pymongo.timeout(0.03):
                await timed_out(stream.next())
            assert stream.alive
            await watched.insert_one({"_id": number})
            assert await take(stream, 1) == [number]


async def test_timeout_ms_ends_the_call_only(uri, db):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, timeoutMS=500)
    async with client[db.name].watched.watch() as stream:
        await timed_out(stream.next())
        assert stream.alive
        await db.watched.insert_one({"_id": 1})
        assert await take(stream, 1) == [1]
        await timed_out(stream.next())
        assert stream.alive
    await until(lambda: at_rest(pool_of(client)))
    client.close()


async def test_it_resumes_from_where_it_was(server, connect, feed):
    """As the specification "Client Side Operations Timeout" says: the next call opens the stream anew."""
    stream = await connect(server).db.c.watch()
    feed.emit(1)
    assert await take(stream, 1) == [1]
    with pymongo.timeout(0.05):
        await timed_out(stream.next())
    feed.emit(2)
    assert await take(stream, 1) == [2]
    assert feed.stages()[-1] in ({}, {"resumeAfter": token(1.5)})
    await stream.close()
    await until(lambda: not feed.open, "the end of both cursors")


async def test_no_cursor_is_left_by_many_timeouts(server, connect, feed):
    client = connect(server)
    stream = await client.db.c.watch()
    for _ in range(5):
        with pymongo.timeout(0.02):
            await timed_out(stream.next())
        await asyncio.sleep(0.005)
    feed.emit(1)
    assert await take(stream, 1) == [1]
    await until(lambda: len(feed.open) == 1, "the end of every cursor but the last")
    await stream.close()
    assert not feed.open
    await until(lambda: at_rest(pool_of(client)))


async def test_the_limit_of_one_caller_is_not_the_next_ones(server, connect, feed):
    """A fetch that was started by a caller in a hurry serves one who has time, and does not time out for him."""
    stream = await connect(server).db.c.watch()
    with pymongo.timeout(0.2), pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(stream.next(), 0.02)
    waiting = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0.3)
    feed.emit(1)
    assert (await waiting)["documentKey"] == {"_id": 1}
    await stream.close()
    await until(lambda: not feed.open)


async def test_nothing_is_missed(watched):
    dice = random.Random(8)
    seen: list[int] = []
    timeouts = 0
    async with watched.watch(max_await_time_ms=50) as stream:
        writing = asyncio.ensure_future(write(watched, dice))
        while len(seen) < CHANGES:
            try:
                with pymongo.timeout(0.0005 + dice.random() * 0.005):
                    change = await stream.next()
            except PyMongoError as error:
                if not error.timeout:
                    raise
                timeouts += 1
                continue
            seen.append(change["documentKey"]["_id"])
        await writing
    assert seen == list(range(CHANGES))
    assert timeouts
    await until(lambda: at_rest(pool_of(watched.database.client)))


async def test_how_long_the_server_waits(watched, commands):
    async with watched.watch(max_await_time_ms=20) as stream, watched.watch() as patient:
        assert await stream.try_next() is None
        assert await patient.try_next() is None
    assert [command.get("maxTimeMS") for command in commands.of("getMore")] == [20, None]
    assert all("maxTimeMS" not in command for command in commands.of("aggregate"))
