"""Two hundred quiet streams: no thread, a connection each at most, and the loop is free."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tests.change_streams.feed import take
from tests.support.inside import at_rest, pool_of
from tests.support.waiting import until

STREAMS = 200


async def test_quiet_streams_leave_the_loop_free(server, connect, feed):
    client = connect(server, maxPoolSize=STREAMS + 10)
    threads = threading.active_count()
    streams = [client.db.c.watch() for _ in range(STREAMS)]
    waiting = [asyncio.ensure_future(stream.next()) for stream in streams]
    await until(lambda: server.names.count("getMore") == STREAMS)
    assert threading.active_count() == threads
    assert pool_of(client).size <= STREAMS + 1

    # Nothing happens while nothing changes: no command, no timer that goes off, no turn of a task of ours.
    commands = len(server.requests)
    steps = await steps_of_others(0.3)
    assert len(server.requests) == commands
    assert steps < STREAMS / 4

    feed.emit(1)
    changes = await asyncio.gather(*waiting)
    assert [change["documentKey"]["_id"] for change in changes] == [1] * STREAMS
    await asyncio.gather(*(stream.close() for stream in streams))
    assert not feed.open
    await until(lambda: at_rest(pool_of(client)))


async def steps_of_others(seconds: float) -> int:
    """How many callbacks the loop runs meanwhile, this one's aside."""
    loop: Any = asyncio.get_running_loop()
    ready = loop._ready
    count = 0
    ends = loop.time() + seconds
    while loop.time() < ends:
        await asyncio.sleep(0.005)
        count += len(ready)
    return count


async def test_a_connection_for_each_that_waits(watched):
    """On a real server; other operations go on beside them."""
    client = watched.database.client
    streams = [await watched.watch(max_await_time_ms=60_000) for _ in range(30)]
    waiting = [asyncio.ensure_future(stream.next()) for stream in streams]
    for _ in range(20):
        assert await watched.count_documents({}) == 0
    assert pool_of(client).size <= len(streams) + 1
    await watched.insert_one({"_id": 1})
    changes = await asyncio.wait_for(asyncio.gather(*waiting), 20)
    assert len(changes) == 30
    await asyncio.gather(*(stream.close() for stream in streams))


async def test_more_streams_than_connections(server, connect, feed):
    """They take turns: a stream holds its connection only while the server looks for changes."""
    feed.patience = 0.01
    client = connect(server, maxPoolSize=3)
    streams = [client.db.c.watch() for _ in range(10)]
    waiting = [asyncio.ensure_future(take(stream, 2)) for stream in streams]
    await until(lambda: len(feed.open) == 10)
    feed.emit(1, 2)
    assert await asyncio.gather(*waiting) == [[1, 2]] * 10
    assert server.most_open <= 5
    await asyncio.gather(*(stream.close() for stream in streams))


async def test_a_large_batch_leaves_the_loop_free(server, connect, feed):
    """Thousands of changes in one batch: others have their turns meanwhile."""
    turns = 0
    done = False

    async def tick() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    async with connect(server).db.c.watch() as stream:
        feed.add(*(_large(number) for number in range(1, 4001)))
        ticking = asyncio.ensure_future(tick())
        await stream.next()
        before = turns
        assert await take(stream, 3999) == list(range(2, 4001))
        done = True
        await ticking
        # A turn for each piece of the batch that is decoded, of some 128 KiB.
        assert turns - before > 10


def _large(number: int) -> dict[str, Any]:
    document = {"_id": number, "text": "x" * 1000}
    key = {"_id": number}
    token = {"_data": float(number)}
    return {"_id": token, "operationType": "insert", "documentKey": key, "fullDocument": document}
