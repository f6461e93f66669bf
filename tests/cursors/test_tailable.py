"""Tailable cursors on capped collections: at the end they wait for more, or say that there is none for now."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo import CursorType
from pymongo.errors import InvalidOperation, OperationFailure

from motor.motor_asyncio import AsyncIOMotorCollection
from tests.support.inside import at_rest, pool_of
from tests.support.server import failure
from tests.support.waiting import until

TAILABLE: dict[str, Any] = {"cursor_type": CursorType.TAILABLE}
AWAIT: dict[str, Any] = {"cursor_type": CursorType.TAILABLE_AWAIT}


@pytest.fixture
async def capped(numbers: AsyncIOMotorCollection) -> AsyncIOMotorCollection:
    """Three documents in a capped collection, through the client whose commands are recorded."""
    collection = await numbers.database.create_collection("capped", capped=True, size=100_000, max=1000)
    await collection.insert_many([{"_id": number} for number in range(3)])
    return collection


async def drain(cursor: Any) -> list[int]:
    """What there is now."""
    return [document["_id"] async for document in cursor]


@pytest.mark.parametrize("options", [TAILABLE, AWAIT], ids=["tailable", "await"])
async def test_it_goes_on_after_the_end(capped, commands, options):
    cursor = capped.find({}, **options)
    if options is AWAIT:
        cursor.max_await_time_ms(10)
    assert await drain(cursor) == [0, 1, 2]
    for number in range(10, 13):
        assert cursor.alive
        with pytest.raises(StopAsyncIteration):
            await cursor.next()
        await capped.insert_one({"_id": number})
        assert await cursor.next() == {"_id": number}
    await cursor.close()
    assert not cursor.alive
    assert commands.names.count("killCursors") == 1
    (find,) = commands.of("find")
    assert find["tailable"] is True
    assert find.get("awaitData") == (True if options is AWAIT else None)


async def test_how_long_the_server_waits(capped, commands):
    cursor = capped.find({}, **AWAIT).max_await_time_ms(15)
    assert await drain(cursor) == [0, 1, 2]
    assert await drain(cursor) == []
    assert "maxTimeMS" not in commands.of("find")[0]
    assert [command["maxTimeMS"] for command in commands.of("getMore")] == [15] * len(commands.of("getMore"))
    assert len(commands.of("getMore")) >= 2
    await cursor.close()


async def test_a_waiting_time_without_awaiting(numbers, commands):
    """It means nothing to a cursor that doesn't wait: it isn't sent."""
    assert len(await numbers.find(batch_size=4).max_await_time_ms(15).to_list()) == 10
    assert all("maxTimeMS" not in command for command in commands.sent)
    with pytest.raises(TypeError):
        numbers.find(**AWAIT).max_await_time_ms("15")


async def test_one_that_waits_gets_what_comes(capped):
    """Without polling: the server answers when there is something."""
    cursor = capped.find({}, **AWAIT).max_await_time_ms(60_000)
    for _ in range(3):
        await cursor.next()
    waiting = asyncio.ensure_future(cursor.next())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await capped.insert_one({"_id": 9})
    assert await asyncio.wait_for(waiting, 20) == {"_id": 9}
    await cursor.close()


async def test_each_and_fetch_next(capped):
    cursor = capped.find({}, **AWAIT).max_await_time_ms(10)
    with pytest.warns(DeprecationWarning, match="fetch_next"):
        assert [await cursor.fetch_next for _ in range(1)] == [True]
    found: list[Any] = []
    ended = asyncio.Event()

    def note(document: Any, error: Exception | None) -> None:
        assert error is None
        found.append(document)
        if document is None:
            ended.set()

    cursor.each(note)
    await asyncio.wait_for(ended.wait(), 20)
    assert found == [{"_id": 0}, {"_id": 1}, {"_id": 2}, None]
    assert cursor.alive
    await cursor.close()


async def test_no_list_of_what_never_ends(capped):
    cursor = capped.find({}, **TAILABLE)
    with pytest.raises(InvalidOperation, match="tailable"):
        await cursor.to_list()
    await cursor.close()


async def test_its_collection_is_dropped(capped):
    """The server kills the cursor: that is its end, and no error."""
    cursor = capped.find({}, **AWAIT).max_await_time_ms(10)
    await cursor.next()
    await capped.drop()
    assert await drain(cursor) == [1, 2]
    assert not cursor.alive
    with pytest.raises(StopAsyncIteration):
        await cursor.next()


async def test_an_empty_collection(numbers):
    """A tailable cursor on nothing is dead at once."""
    collection = await numbers.database.create_collection("empty", capped=True, size=10_000)
    cursor = collection.find({}, **TAILABLE)
    assert await drain(cursor) == []
    assert not cursor.alive or cursor.cursor_id
    await cursor.close()


async def test_not_on_an_ordinary_collection(numbers):
    with pytest.raises(OperationFailure, match="capped"):
        await numbers.find({}, **TAILABLE).next()


@pytest.mark.parametrize("code", [43, 136, 175, 237])
async def test_the_server_has_lost_the_cursor(server, connect, holder, code):
    server.script("getMore", failure(code))
    cursor = connect(server).db.c.find(**TAILABLE)
    assert len(await drain(cursor)) == 10
    assert not cursor.alive
    assert server.names == ["find", "getMore"]


@pytest.mark.parametrize("code", [2, 11601])
async def test_another_error(server, connect, holder, code):
    server.script("getMore", failure(code))
    cursor = connect(server).db.c.find(**TAILABLE)
    with pytest.raises(OperationFailure):
        await drain(cursor)
    assert not cursor.alive
    assert holder.killed == [1]


async def test_closed_while_it_waits(capped, commands):
    client = capped.database.client
    cursor = capped.find({}, **AWAIT).max_await_time_ms(60_000)
    for _ in range(3):
        await cursor.next()
    waiting = asyncio.ensure_future(cursor.next())
    await until(lambda: "getMore" in commands.names)
    await asyncio.wait_for(cursor.close(), 5)
    await asyncio.wait([waiting], timeout=5)
    assert isinstance(waiting.exception(), StopAsyncIteration)
    assert commands.names.count("killCursors") == 1
    await until(lambda: at_rest(pool_of(client)))


async def test_given_up_while_it_waits(capped, commands):
    """It waits on, for whoever reads on; nothing is missed."""
    cursor = capped.find({}, **AWAIT).max_await_time_ms(60_000)
    for _ in range(3):
        await cursor.next()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(cursor.next(), 0.02)
    await capped.insert_one({"_id": "late"})
    assert (await cursor.next())["_id"] == "late"
    assert commands.names.count("getMore") == 1
    await cursor.close()
    await until(lambda: at_rest(pool_of(capped.database.client)))
