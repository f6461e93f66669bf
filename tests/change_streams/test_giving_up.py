"""A next() that was given up misses nothing, and two readers of one stream get each change once."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.change_streams.feed import take
from tests.support.families import in_every_family
from tests.support.inside import at_rest, pool_of
from tests.support.listener import Request
from tests.support.waiting import until

CHANGES = 1500


async def write(collection: Any, dice: random.Random) -> None:
    """Insert the numbers in order, a few at a time."""
    number = 0
    while number < CHANGES:
        count = min(dice.randrange(1, 20), CHANGES - number)
        await collection.insert_many([{"_id": number + each} for each in range(count)])
        number += count
        await asyncio.sleep(dice.random() * 0.003)


async def next_or_give_up(stream: Any, dice: random.Random) -> Any:
    """The next change, or ``None`` if it was cancelled before one came, after some turns of the loop or some time."""
    asking = asyncio.ensure_future(stream.next())
    if dice.random() < 0.5:
        for _ in range(dice.randrange(8)):
            await asyncio.sleep(0)
    else:
        await asyncio.wait([asking], timeout=dice.random() * 0.002)
    asking.cancel()
    try:
        return await asking
    except asyncio.CancelledError:
        return None


@in_every_family
async def test_given_up_at_random(collection):
    dice = random.Random(5)
    seen: list[int] = []
    given_up = 0
    async with collection.watch(max_await_time_ms=50) as stream:
        writing = asyncio.ensure_future(write(collection, dice))
        while len(seen) < CHANGES:
            change = await next_or_give_up(stream, dice)
            if change is None:
                given_up += 1
            else:
                seen.append(change["documentKey"]["_id"])
        await writing
    assert seen == list(range(CHANGES))
    assert given_up > 20
    await until(lambda: at_rest(pool_of(collection.database.client)))


async def test_wait_for(watched):
    """As applications do it that have something else to do, too."""
    seen: list[int] = []
    async with watched.watch() as stream:
        writing = asyncio.ensure_future(write(watched, random.Random(6)))
        while len(seen) < CHANGES:
            try:
                change = await asyncio.wait_for(stream.next(), 0.002)
            except asyncio.TimeoutError:
                continue
            seen.append(change["documentKey"]["_id"])
        await writing
    assert seen == list(range(CHANGES))


async def test_one_reader_after_the_other(server, connect, feed):
    """Each reads on without a pause until it is cancelled, after some turns of the loop: nobody gets an error."""
    dice = random.Random(9)
    seen: list[int] = []

    async def read(stream: Any) -> None:
        while True:
            seen.extend(await take(stream, 1))

    async with connect(server).db.c.watch() as stream:
        for number in range(1, 1000):
            reading = asyncio.ensure_future(read(stream))
            if dice.random() < 0.5:
                feed.emit(number)
            else:
                asyncio.get_running_loop().call_soon(feed.emit, number)
            for _ in range(dice.randrange(1, 12)):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()
        reading = asyncio.ensure_future(read(stream))
        await until(lambda: len(seen) == 999)
        reading.cancel()
    assert seen == list(range(1, 1000))


async def test_the_fetch_goes_on(server, connect, feed):
    """Who gives up leaves the server's cursor as it is: the next call waits for the same reply."""
    async with connect(server).db.c.watch() as stream:
        for _ in range(5):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.next(), 0.005)
        assert server.names == ["aggregate", "getMore"]
        feed.emit(1, 2)
        assert await take(stream, 2) == [1, 2]
        assert server.names == ["aggregate", "getMore"]


async def test_given_up_while_it_is_opened(server, connect, feed):
    """It goes on being opened, and what changes from then on is the stream's."""
    answering = asyncio.Event()

    async def open_and_wait(request: Request) -> None:
        feed.prepare(request)
        await answering.wait()
        await feed(request)

    server.script("aggregate", open_and_wait)
    stream = connect(server).db.c.watch()
    opening = asyncio.ensure_future(stream.next())
    await until(lambda: server.names == ["aggregate"])
    opening.cancel()
    await asyncio.wait([opening])
    feed.emit(1)
    answering.set()
    assert (await asyncio.wait_for(stream.next(), 5))["documentKey"] == {"_id": 1}
    assert server.names.count("aggregate") == 1
    await stream.close()
    await until(lambda: not feed.open)


async def test_given_up_while_it_resumes(server, connect, feed):
    async with connect(server).db.c.watch() as stream:
        feed.emit(1)
        assert await take(stream, 1) == [1]
        for number in range(2, 30):
            feed.lose_cursors()
            feed.emit(number)
            asking = asyncio.ensure_future(stream.next())
            for _ in range(number):
                await asyncio.sleep(0)
            asking.cancel()
            try:
                change = await asking
            except asyncio.CancelledError:
                change = await stream.next()
            assert change["documentKey"] == {"_id": number}
    await until(lambda: not feed.open)


async def test_two_tasks_read_one_stream(watched):
    seen: list[tuple[str, int]] = []

    async def read(name: str, stream: Any) -> None:
        async for change in stream:
            seen.append((name, change["documentKey"]["_id"]))
            if len(seen) == CHANGES:
                await stream.close()
            await asyncio.sleep(0)

    async with watched.watch() as stream:
        readers = [asyncio.ensure_future(read(name, stream)) for name in "ab"]
        await write(watched, random.Random(7))
        await asyncio.gather(*readers)
    assert [number for _, number in seen] == list(range(CHANGES))
    assert {name for name, _ in seen} == {"a", "b"}


async def test_one_of_two_readers_gives_up(server, connect, feed):
    """The other gets the change for which both have waited."""
    async with connect(server).db.c.watch() as stream:
        first = asyncio.ensure_future(stream.next())
        second = asyncio.ensure_future(stream.next())
        await feed.until_waiting()
        first.cancel()
        await asyncio.wait([first])
        feed.emit(1)
        assert (await second)["documentKey"] == {"_id": 1}
        assert server.names == ["aggregate", "getMore"]
