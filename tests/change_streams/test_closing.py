"""The end of a stream: at once, for everybody who waits for it, on the server too, and nothing is left of it."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from tests.change_streams.feed import number_of, take
from tests.support.inside import at_rest, pool_of
from tests.support.leaks import drivers_tasks
from tests.support.server import failure, silence, when
from tests.support.waiting import until

ENOUGH = 5.0
"""Seconds in which what happens at once has happened. A getMore of these tests would wait for thirty."""


def tasks() -> set[str]:
    """What runs on behalf of a stream."""
    return {task.get_name() for task in drivers_tasks() if "change stream" in task.get_name()}


async def ended(waiter: asyncio.Future[object]) -> bool:
    """Whether it gets to know that there are no more changes."""
    # A Future cannot carry a StopAsyncIteration out of an `await` of another coroutine's, so it is looked at.
    await asyncio.wait([waiter], timeout=ENOUGH)
    return waiter.done() and isinstance(waiter.exception(), StopAsyncIteration)


async def test_while_it_waits_for_a_change(server, connect, feed):
    client = connect(server)
    stream = await client.db.c.watch()
    waiter = asyncio.ensure_future(stream.next())
    await feed.until_waiting()
    await asyncio.wait_for(stream.close(), ENOUGH)
    assert await ended(waiter)
    assert not stream.alive
    assert server.names == ["aggregate", "getMore", "killCursors"]
    assert not feed.open
    assert not tasks()
    await until(lambda: at_rest(pool_of(client)))


async def test_on_a_real_server(watched, commands):
    stream = await watched.watch(max_await_time_ms=60_000)
    waiter = asyncio.ensure_future(stream.next())
    await until(lambda: "getMore" in commands.names)
    await asyncio.wait_for(stream.close(), ENOUGH)
    assert await ended(waiter)
    assert commands.names == ["aggregate", "getMore", "killCursors"]
    assert not tasks()
    # The server ends the getMore as well: its connection is of use again.
    await until(lambda: at_rest(pool_of(watched.database.client)))


@pytest.mark.parametrize("readers", [2, 5])
async def test_everybody_who_waits(server, connect, feed, readers):
    stream = await connect(server).db.c.watch()
    waiters = [asyncio.ensure_future(stream.next()) for _ in range(readers)]
    trying = asyncio.ensure_future(stream.try_next())
    await feed.until_waiting()
    await asyncio.wait_for(stream.close(), ENOUGH)
    assert [await ended(waiter) for waiter in waiters] == [True] * readers
    assert await asyncio.wait_for(trying, ENOUGH) is None


async def test_a_loop_over_it_ends(server, connect, feed):
    stream = connect(server).db.c.watch()
    seen: list[int] = []

    async def read() -> None:
        async for change in stream:
            seen.insert(0, number_of(change))

    reading = asyncio.ensure_future(read())
    await feed.until_waiting()
    feed.emit(1)
    await until(lambda: seen == [1])
    await stream.close()
    await asyncio.wait_for(reading, ENOUGH)


async def test_while_it_is_opened(server, connect, feed):
    """Its cursor has no id yet that could be killed: it is killed as soon as it has one."""
    answering = asyncio.Event()
    server.script("aggregate", when(answering, feed))
    stream = connect(server).db.c.watch()
    waiter = asyncio.ensure_future(stream.next())
    await until(lambda: server.names == ["aggregate"])
    await asyncio.wait_for(stream.close(), ENOUGH)
    answering.set()
    assert await ended(waiter)
    await until(lambda: server.names == ["aggregate", "killCursors"])
    assert not feed.open


async def test_while_it_is_opened_by_a_server_that_is_silent(server, connect, feed):
    server.script("aggregate", silence)
    stream = connect(server).db.c.watch()
    waiter = asyncio.ensure_future(stream.next())
    await until(lambda: server.names == ["aggregate"])
    await asyncio.wait_for(stream.close(), ENOUGH)
    assert await ended(waiter)


async def test_while_it_resumes(server, connect, feed):
    """There may be no server to resume on for half a minute: who waits is told without it."""
    stream = await connect(server, retryReads=False).db.c.watch()
    server.script("getMore", failure(43))
    server.script("aggregate", silence)
    waiter = asyncio.ensure_future(stream.next())
    await until(lambda: server.names.count("aggregate") == 2)
    await asyncio.wait_for(stream.close(), ENOUGH)
    assert await ended(waiter)


async def test_before_it_is_opened(server, connect, feed):
    stream = connect(server).db.c.watch()
    await stream.close()
    assert not stream.alive
    with pytest.raises(StopAsyncIteration):
        await stream.next()
    assert await stream.try_next() is None
    assert await stream is stream
    assert server.names == []


async def test_twice(server, connect, feed):
    stream = await connect(server).db.c.watch()
    await stream.close()
    await stream.close()
    assert server.names == ["aggregate", "killCursors"]


async def test_with_changes_that_were_not_read(server, connect, feed):
    """They are gone: a change stream that is closed has no next change."""
    feed.emit(1)
    stream = connect(server).db.c.watch()
    await stream
    feed.emit(2, 3)
    assert await take(stream, 1) == [2]
    await stream.close()
    with pytest.raises(StopAsyncIteration):
        await stream.next()
    assert not feed.open


async def test_the_future_of_close_need_not_be_awaited(server, connect, feed):
    stream = await connect(server).db.c.watch()
    stream.close()
    await until(lambda: not feed.open)


async def test_leaving_its_block_closes_it(server, connect, feed):
    async def leave_by(error: type[BaseException] | None) -> None:
        async with connect(server).db.c.watch() as stream:
            assert stream.alive
            if error is not None:
                raise error

    await leave_by(None)
    with pytest.raises(ZeroDivisionError):
        await leave_by(ZeroDivisionError)
    assert not feed.open


async def test_it_is_dropped(server, connect, feed):
    client = connect(server)
    stream = await client.db.c.watch()
    gone = weakref.ref(stream)
    del stream
    gc.collect()
    assert gone() is None
    await until(lambda: "killCursors" in server.names)
    assert not feed.open


async def test_it_is_dropped_while_a_change_is_fetched(server, connect, feed):
    """Nobody can ask for that change any more; the fetch ends by itself, and so does the cursor."""
    feed.patience = 0.1
    client = connect(server)
    stream = await client.db.c.watch()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(stream.next(), 0.02)
    del stream
    gc.collect()
    await until(lambda: not feed.open)
    await until(lambda: not tasks())
    await until(lambda: at_rest(pool_of(client)))


async def test_its_client_is_closed(server, connect, feed):
    client = connect(server)
    stream = await client.db.c.watch()
    waiter = asyncio.ensure_future(stream.next())
    await feed.until_waiting()
    client.close()
    await asyncio.wait([waiter], timeout=ENOUGH)
    assert waiter.done()
    assert waiter.exception() is not None
    await until(lambda: not server.peers)
    await stream.close()
    assert not tasks()


async def test_an_invalidate_ends_it(server, connect, feed):
    async with connect(server).db.c.watch() as stream:
        feed.emit(1)
        feed.add(
            {"_id": {"_data": 2.0}, "operationType": "drop"}, {"_id": {"_data": 3.0}, "operationType": "invalidate"}
        )
        assert [change["operationType"] async for change in stream] == ["insert", "drop", "invalidate"]
        assert not stream.alive
        assert await stream.try_next() is None
    # The server has closed its cursor itself.
    assert server.names == ["aggregate", "getMore"]
