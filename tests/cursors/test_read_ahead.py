"""Read-ahead: the next batch is on its way while the application works through this one, and never more than that."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Callable
from typing import Any

import pymongo
import pytest
from pymongo import CursorType
from pymongo.errors import AutoReconnect, CursorNotFound, NetworkTimeout, OperationFailure, PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.cursors import Holder
from tests.support.inside import at_rest, pool_of
from tests.support.leaks import drivers_tasks
from tests.support.server import close, failure, silence
from tests.support.waiting import until

MOMENT = 0.02
"""Seconds in which something happens that is about to happen, if it is to be shown that nothing happens."""

CURSORS: dict[str, Callable[[Any], Any]] = {
    "find": lambda collection: collection.find(),
    "aggregate": lambda collection: collection.aggregate([]),
    "find_raw_batches": lambda collection: collection.find_raw_batches(),
    "list_indexes": lambda collection: collection.list_indexes(),
}


@pytest.mark.parametrize("latency", [0, 0.005])
async def test_the_next_batch_is_on_its_way(server, connect, holder, latency):
    """Counted: when the first document of a batch is here, the next batch is asked for before the second is read."""
    holder.latency = latency
    cursor = connect(server).db.c.find().read_ahead()
    for read in range(40):
        assert await cursor.next() == {"_id": read}
        expected = min(read // 10 + 1, 3)
        await until(lambda expected=expected: server.names.count("getMore") == expected)  # type: ignore[misc]
    assert server.names == ["find", "getMore", "getMore", "getMore"]


async def test_it_is_sent_before_the_application_works(numbers, commands):
    """It may work without a pause, in which no other task would have a turn."""
    cursor = numbers.find(batch_size=3).read_ahead()
    for number in range(9):
        await cursor.next()
        assert len(commands.of("getMore")) == number // 3 + 1


async def test_a_batch_ahead_at_most(server, connect, holder):
    """However long the application takes."""
    cursor = connect(server).db.c.find().read_ahead()
    await cursor.next()
    await until(lambda: holder.sent == 2)
    await asyncio.sleep(MOMENT)
    assert server.names == ["find", "getMore"]
    most = 0
    for read in range(1, 40):
        await cursor.next()
        most = max(most, holder.sent * 10 - read)
        await asyncio.sleep(0.001)
    # Two batches are here at most: the one that is read, and the next.
    assert most <= 20


async def test_without_it_nothing_is_ahead(server, connect, holder):
    cursor = connect(server).db.c.find()
    for read in range(40):
        assert await cursor.next() == {"_id": read}
        await asyncio.sleep(0.001)
        assert holder.sent == read // 10 + 1


@pytest.mark.parametrize("name", ["find", "aggregate"])
@pytest.mark.parametrize("way", ["async for", "to_list", "each", "fetch_next"])
@pytest.mark.filterwarnings("ignore:The (fetch_next|next_object)")
async def test_the_same_documents_by_the_same_commands(server, connect, holder, name, way):
    collection = connect(server).db.c
    lists = []
    names = []
    for ahead in (False, True):
        server.requests.clear()
        cursor = CURSORS[name](collection).read_ahead(ahead)
        lists.append(await read(cursor, way))
        names.append(list(server.names))
    assert lists[0] == lists[1] == holder.documents
    assert names[0] == names[1]


async def read(cursor: Any, way: str) -> list[Any]:
    if way == "async for":
        return [document async for document in cursor]
    if way == "to_list":
        found: list[Any] = await cursor.to_list()
        return found
    found = []
    if way == "each":
        ended = asyncio.Event()

        def note(document: Any, error: Exception | None) -> None:
            assert error is None
            if document is None:
                ended.set()
            else:
                found.append(document)

        cursor.each(note)
        await asyncio.wait_for(ended.wait(), 10)
        return found
    while await cursor.fetch_next:
        found.append(cursor.next_object())
    return found


async def test_for_a_whole_client(server, connect, holder):
    collection = connect(server, read_ahead=True).db.c
    for cursor in (collection.find(), collection.aggregate([]), collection.find_raw_batches()):
        server.requests.clear()
        await cursor.next()
        await until(lambda: server.names.count("getMore") == 1)
        await cursor.close()
    server.requests.clear()
    cursor = collection.find().read_ahead(False)
    await cursor.next()
    await asyncio.sleep(MOMENT)
    assert server.names == ["find"]
    await cursor.close()


async def test_a_clone_reads_ahead_as_well(server, connect, holder):
    cursor = connect(server).db.c.find().read_ahead().clone()
    await cursor.next()
    await until(lambda: server.names == ["find", "getMore"])
    await cursor.close()


@pytest.mark.parametrize("kind", [CursorType.TAILABLE, CursorType.TAILABLE_AWAIT, CursorType.EXHAUST])
async def test_never_for_such_cursors(server, connect, holder, kind):
    cursor = connect(server).db.c.find(cursor_type=kind).read_ahead()
    for _ in range(3):
        await cursor.next()
        await asyncio.sleep(MOMENT)
    assert server.names == ["find"]
    await cursor.close()


@pytest.mark.parametrize("transaction", [False, True])
async def test_never_in_a_session_of_the_applications(server, connect, holder, transaction):
    """Another command of the session's may come before the next batch is read: it would find the session taken."""
    client = connect(server)
    async with await client.start_session() as session:
        if transaction:
            session.start_transaction()
        cursor = client.db.c.find(session=session).read_ahead()
        for _ in range(3):
            await cursor.next()
            await asyncio.sleep(MOMENT)
        assert server.names == ["find"]
        assert len(await cursor.to_list()) == 37
        if transaction:
            await session.abort_transaction()


async def test_a_limit(server, connect, holder):
    """No more is asked for than what is missing."""
    cursor = connect(server).db.c.find(limit=25, batch_size=10).read_ahead()
    assert [document["_id"] async for document in cursor] == list(range(25))
    assert [request.command.get("batchSize") for request in server.requests[:3]] == [10, 10, 5]


async def test_a_limit_and_batches_that_are_decoded_piece_by_piece(server, connect):
    """What has come counts, whether it has been decoded or not."""
    holder = Holder(server, 0, 1000)
    holder.documents = [{"_id": number, "text": "x" * 1000} for number in range(3000)]
    for ahead in (False, True):
        server.requests.clear()
        cursor = connect(server).db.c.find(limit=2500, batch_size=1000).read_ahead(ahead)
        found = [document["_id"] async for document in cursor]
        sizes = [request.command.get("batchSize") for request in server.requests if request.name != "killCursors"]
        assert (found, sizes) == (list(range(2500)), [1000, 1000, 500])


async def test_a_limit_that_one_large_batch_reaches(server, connect):
    """On a server that leaves it to the driver to know when there are enough."""
    holder = Holder(server, 0, 1000)
    holder.documents = [{"_id": number, "text": "x" * 1000} for number in range(3000)]
    for ahead in (False, True):
        server.requests.clear()
        found = await connect(server).db.c.find(limit=1000).read_ahead(ahead).to_list()
        await until(lambda: not holder.open)
        assert (len(found), server.names) == (1000, ["find", "killCursors"])


@pytest.mark.parametrize("way", ["close", "block", "drop", "rewind"])
@pytest.mark.parametrize("arrived", [False, True])
async def test_it_ends_early(server, connect, holder, way, arrived):
    """The batch that is on its way or has come is dropped, and the cursor is killed, once."""
    client = connect(server)
    if not arrived:
        holder.latency = 0.02
    cursor: Any = client.db.c.find().read_ahead()
    await cursor.next()
    await until(lambda: server.names.count("getMore") == 1)
    if arrived:
        await until(lambda: holder.sent == 2)
        await asyncio.sleep(MOMENT)
    if way == "close":
        await cursor.close()
        assert not cursor.alive or len(await cursor.to_list()) == 9
    elif way == "block":
        async with cursor:
            pass
    elif way == "drop":
        del cursor
        gc.collect()
    else:
        cursor.rewind()
    await until(lambda: holder.killed, "the end of the cursor")
    await asyncio.sleep(MOMENT)
    assert holder.killed == [1]
    assert server.names.count("getMore") == 1
    await until(lambda: at_rest(pool_of(client)))
    await until(lambda: not [task for task in drivers_tasks() if "read-ahead" in task.get_name()])


async def test_what_has_come_can_be_read_after_close(server, connect, holder):
    """As without it: the documents of the batch that was being read, and not those of the next."""
    cursor = connect(server).db.c.find().read_ahead()
    await cursor.next()
    await until(lambda: holder.sent == 2)
    await cursor.close()
    assert [document["_id"] for document in await cursor.to_list()] == list(range(1, 10))


async def test_close_does_not_wait_for_the_batch_ahead(server, connect, holder):
    server.script("getMore", silence)
    cursor = connect(server).db.c.find().read_ahead()
    await cursor.next()
    await until(lambda: server.names.count("getMore") == 1)
    await asyncio.wait_for(cursor.close(), 5)
    assert holder.killed == [1]


@pytest.mark.parametrize("turns", range(12))
async def test_cancelled_while_it_waits_for_the_batch_ahead(server, connect, holder, turns):
    """The cursor can be read on; one that nobody has any more is killed once."""
    client = connect(server)
    server.script("getMore", silence)
    cursor = client.db.c.find().read_ahead()
    reading = asyncio.ensure_future(cursor.to_list())
    await until(lambda: server.names.count("getMore") == 1)
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()
    assert cursor.alive
    assert not holder.killed
    del cursor, reading
    gc.collect()
    await until(lambda: holder.killed)
    await asyncio.sleep(MOMENT)
    assert holder.killed == [1]


ERRORS = {
    "not found": (failure(43), CursorNotFound, False),
    "an error": (failure(2), OperationFailure, True),
    "the connection fails": (close, AutoReconnect, False),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("ahead", [False, True])
async def test_an_error_comes_in_its_turn(server, connect, holder, name, ahead):
    """After the documents that came before it."""
    action, kind, killed = ERRORS[name]
    server.script("getMore", holder, action)
    client = connect(server)
    cursor = client.db.c.find().read_ahead(ahead)
    found = []
    with pytest.raises(kind):
        while True:
            found.append((await cursor.next())["_id"])
            await asyncio.sleep(0.001)
    assert found == list(range(20))
    assert not cursor.alive
    with pytest.raises(kind):
        await cursor.next()
    await asyncio.sleep(MOMENT)
    assert holder.killed == ([1] if killed else [])
    assert (await client.admin.command("ping"))["ok"] == 1


async def test_an_error_that_nobody_waits_for(server, connect, holder):
    """The cursor is closed before its turn comes: nothing is raised and nothing printed."""
    server.script("getMore", failure(2))
    cursor = connect(server).db.c.find().read_ahead()
    await cursor.next()
    await until(lambda: server.names.count("getMore") == 1)
    await asyncio.sleep(MOMENT)
    await cursor.close()
    assert len(await cursor.to_list()) == 9


async def test_a_time_limit(server, connect, holder):
    """It is the reader's, and not that of the batch ahead, which may have had any time."""
    client = connect(server)
    server.script("getMore", silence)
    cursor = client.db.c.find().read_ahead()
    await cursor.next()
    with pymongo.timeout(0.05), pytest.raises(NetworkTimeout) as caught:
        await cursor.to_list()
    assert caught.value.timeout
    # What has come can be had all the same, and then the failure once more.
    assert len(await cursor.to_list(9)) == 9
    assert not cursor.alive
    with pytest.raises(NetworkTimeout):
        await cursor.to_list()
    await until(lambda: holder.killed)
    assert holder.killed == [1]


async def test_its_client_is_closed(server, connect, holder):
    client = connect(server)
    server.script("getMore", silence)
    cursor = client.db.c.find().read_ahead()
    await cursor.next()
    await until(lambda: server.names.count("getMore") == 1)
    client.close()
    with pytest.raises(PyMongoError):
        await cursor.to_list()


async def test_on_a_real_server(uri, numbers):
    """Many at a time, each read to its end or given up at some place."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, read_ahead=True)
    collection = client[numbers.database.name].many
    await collection.insert_many([{"_id": number} for number in range(500)])

    async def some(stop: int) -> list[int]:
        found = []
        async with collection.find({}, batch_size=7).sort("_id") as cursor:
            async for document in cursor:
                found.append(document["_id"])
                if len(found) == stop:
                    break
        return found

    stops = list(itertools.chain(range(1, 60, 3), [500] * 5))
    assert await asyncio.gather(*map(some, stops)) == [list(range(stop)) for stop in stops]
    await until(lambda: at_rest(pool_of(client)))
    client.close()
