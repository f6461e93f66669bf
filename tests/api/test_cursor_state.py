"""What a cursor says of itself, and that none is left behind on the server."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from pymongo.errors import InvalidOperation, OperationFailure
from pymongo.uri_parser import parse_uri

from tests.support.families import in_every_family
from tests.support.waiting import until


def state(cursor: Any) -> tuple[Any, ...]:
    return cursor.alive, cursor.cursor_id, cursor.address, cursor.session, cursor.started


async def gone(collection: Any, cursor_id: int) -> bool:
    """Whether the server has no such cursor."""
    try:
        await collection.database.command("getMore", cursor_id, collection=collection.name, batchSize=1)
    except OperationFailure as error:
        return error.code == 43
    return False


async def is_killed(collection: Any, cursor_id: int) -> None:
    for _ in range(300):
        if (await collection.database.command("killCursors", collection.name, cursors=[cursor_id]))["cursorsNotFound"]:
            break
        await asyncio.sleep(0.01)
    assert await gone(collection, cursor_id)


@in_every_family
async def test_from_start_to_end(collection):
    await collection.insert_many([{"_id": number} for number in range(5)])
    cursor = collection.find(batch_size=2)
    assert state(cursor) == (True, None, None, None, False)
    await cursor.next()
    address = cursor.address
    assert address in collection.database.client.nodes
    assert cursor.cursor_id
    assert state(cursor) == (True, cursor.cursor_id, address, None, True)
    opened = cursor.cursor_id
    await cursor.to_list(2)
    assert state(cursor) == (True, opened, address, None, True)
    await cursor.to_list(1)
    # The last batch has come, and one of its documents is left.
    assert cursor.alive
    await cursor.to_list()
    assert state(cursor) == (False, 0, address, None, True)
    assert cursor.collection is collection


async def test_the_address(watched, uri):
    cursor = watched.find()
    await cursor.next()
    assert cursor.address == parse_uri(uri)["nodelist"][0]


@in_every_family
async def test_a_command_cursor(collection):
    await collection.insert_many([{"_id": number} for number in range(5)])
    cursor = collection.aggregate([], batchSize=2)
    assert state(cursor) == (True, None, None, None, False)
    await cursor.next()
    assert cursor.cursor_id
    assert cursor.address in collection.database.client.nodes
    assert cursor.started
    assert len(await cursor.to_list()) == 4
    assert (cursor.alive, cursor.cursor_id) == (False, 0)


@in_every_family
async def test_one_batch(collection):
    await collection.insert_many([{"_id": 1}, {"_id": 2}])
    cursor = collection.find()
    await cursor.next()
    assert (cursor.alive, cursor.cursor_id, cursor.started) == (True, 0, True)
    await cursor.next()
    assert not cursor.alive


@in_every_family
async def test_nothing_found(collection):
    cursor = collection.find()
    assert await cursor.to_list() == []
    assert (cursor.alive, cursor.cursor_id, cursor.started) == (False, 0, True)


@in_every_family
async def test_after_an_error(collection):
    cursor = collection.find({"$nonsense": 1})
    with pytest.raises(OperationFailure):
        await cursor.to_list()
    assert not cursor.alive
    assert cursor.started


@in_every_family
async def test_close(collection):
    await collection.insert_many([{"_id": number} for number in range(10)])
    for find in (lambda: collection.find(batch_size=2), lambda: collection.aggregate([], batchSize=2)):
        cursor = find()
        assert await cursor.next() == {"_id": 0}
        opened = cursor.cursor_id
        assert not await gone(collection, opened)
        assert await cursor.close() is None
        assert await gone(collection, opened)
        await cursor.close()
        assert await cursor.close() is None
        # What has come may still be read, and then it has ended.
        assert await cursor.to_list() in ([], [{"_id": 1}])
        assert not cursor.alive
        with pytest.raises(StopAsyncIteration):
            await cursor.next()


@in_every_family
async def test_close_is_not_awaited(collection):
    await collection.insert_many([{"_id": number} for number in range(10)])
    cursor = collection.find(batch_size=2)
    await cursor.next()
    cursor.close()
    await is_killed(collection, cursor.cursor_id)


async def test_what_closing_sends(watched, commands):
    cursor = watched.find(batch_size=2)
    await cursor.next()
    await cursor.close()
    (kill,) = commands.of("killCursors")
    assert kill["killCursors"] == watched.name
    assert kill["cursors"] == [cursor.cursor_id]
    assert kill["lsid"] == commands.of("find")[0]["lsid"]


async def test_closing_what_the_server_has_closed_sends_nothing(watched, commands):
    for cursor in (
        watched.find(),
        watched.find(limit=3, batch_size=2),
        watched.find(limit=-3),
        watched.find({"x": "nothing"}),
        watched.aggregate([]),
    ):
        await cursor.to_list()
        await cursor.close()
    never_read = watched.find()
    await never_read.close()
    assert await never_read.to_list() == []
    assert not never_read.alive
    assert "killCursors" not in commands.names
    assert len(commands.of("find")) == 4


@in_every_family
async def test_a_block(collection):
    await collection.insert_many([{"_id": number} for number in range(10)])
    async with collection.find(batch_size=2) as cursor:
        assert await cursor.next() == {"_id": 0}
        opened = cursor.cursor_id
    assert await gone(collection, opened)
    async with collection.aggregate([], batchSize=2) as cursor:
        assert await cursor.next() == {"_id": 0}
        opened = cursor.cursor_id
    assert await gone(collection, opened)
    with pytest.raises(KeyError):
        async with collection.find(batch_size=2) as cursor:
            await cursor.next()
            opened = cursor.cursor_id
            raise KeyError("mine")
    assert await gone(collection, opened)
    async with collection.find() as cursor:
        assert len(await cursor.to_list()) == 10


@in_every_family
async def test_dropped_early(collection):
    await collection.insert_many([{"_id": number} for number in range(10)])
    for find in (
        lambda: collection.find(batch_size=2),
        lambda: collection.find().batch_size(2).limit(7),
        lambda: collection.aggregate([], batchSize=2),
    ):
        cursor = find()
        await cursor.next()
        opened = cursor.cursor_id
        del cursor
        gc.collect()
        await is_killed(collection, opened)


async def test_a_for_loop_left_early(watched, commands):
    async for _ in watched.find(batch_size=2):
        break
    gc.collect()
    await until(lambda: commands.of("killCursors"))


async def test_rewound_early(watched, commands):
    cursor = watched.find(batch_size=2)
    await cursor.next()
    opened = cursor.cursor_id
    cursor.rewind()
    await until(lambda: commands.of("killCursors"))
    assert commands.of("killCursors")[0]["cursors"] == [opened]
    await is_killed(watched, opened)


async def test_a_clone_does_not_close_the_original(watched):
    cursor = watched.find(batch_size=2)
    await cursor.next()
    twin = cursor.clone()
    await twin.next()
    await twin.close()
    del twin
    gc.collect()
    assert len(await cursor.to_list()) == 9


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("how", ["cancel", "close", "drop"])
async def test_given_up_while_it_opens(watched, turns, how):
    """Whatever the server has opened, or will have, is closed."""
    before = await open_cursors(watched)
    cursor = watched.find(batch_size=2)
    reading = asyncio.ensure_future(cursor.next())
    for _ in range(turns):
        await asyncio.sleep(0)
    if how == "close":
        await cursor.close()
    else:
        reading.cancel()
    await asyncio.wait([reading])
    if how == "drop":
        del cursor
        gc.collect()
    else:
        await cursor.close()
    await nothing_is_left_open(watched, before)


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("how", ["cancel", "close"])
async def test_given_up_between_batches(watched, turns, how):
    before = await open_cursors(watched)
    cursor = watched.find(batch_size=2)
    await cursor.to_list(2)
    reading = asyncio.ensure_future(cursor.next())
    for _ in range(turns):
        await asyncio.sleep(0)
    if how == "close":
        await cursor.close()
    else:
        reading.cancel()
    await asyncio.wait([reading])
    await cursor.close()
    await nothing_is_left_open(watched, before)


async def open_cursors(collection: Any) -> int:
    """How many there are on the server, by its own account."""
    status = await collection.database.command("serverStatus")
    count: int = status["metrics"]["cursor"]["open"]["total"]
    return count


async def nothing_is_left_open(collection: Any, before: int) -> None:
    """There are no more than there were before, at once or soon."""
    count = before + 1
    for _ in range(100):
        count = await open_cursors(collection)
        if count <= before:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{count - before} cursors are left open")


async def test_many_dropped_at_once(watched, commands):
    cursors = [watched.find(batch_size=2) for _ in range(20)]
    await asyncio.gather(*(cursor.next() for cursor in cursors))
    del cursors
    gc.collect()
    await until(lambda: len(commands.of("killCursors")) == 20)
    await until(lambda: commands.answered == len(commands.names))


async def test_sessions_are_used_again(watched, commands):
    """A cursor gives its session back when it ends: one after the other, they need one."""
    for _ in range(3):
        await watched.find(batch_size=3).to_list()
        cursor = watched.find(batch_size=3)
        await cursor.next()
        await cursor.close()
        await watched.find_one()
    assert len({command["lsid"]["id"] for command in commands.sent}) == 1


async def test_two_cursors_have_two_sessions(watched, commands):
    one, two = watched.find(batch_size=2), watched.find(batch_size=2)
    await one.next()
    await two.next()
    assert len({find["lsid"]["id"] for find in commands.of("find")}) == 2
    await one.close()
    await two.close()


async def test_a_closed_client_under_a_cursor(uri, db):
    from motor.motor_asyncio import AsyncIOMotorClient

    await db.c.insert_many([{"_id": number} for number in range(10)])
    client = AsyncIOMotorClient(uri)
    cursor = client[db.name].c.find(batch_size=2)
    await cursor.next()
    client.close()
    assert await cursor.next() == {"_id": 1}
    with pytest.raises(InvalidOperation, match="after close"):
        await cursor.next()
    await cursor.close()
