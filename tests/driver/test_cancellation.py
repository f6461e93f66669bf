"""Operations cancelled at every await: no connection lost, no reply for the wrong caller, no session shared."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo.errors import NetworkTimeout, PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.cursors import Cursors
from tests.support.inside import at_rest, check_books, draining, idle, pool_of, replace, waiters
from tests.support.leaks import drivers_tasks
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, answer, answer_to, close, later, silence, when
from tests.support.waiting import PATIENCE, until

MOST_TURNS = 400


async def find_one(client, mark):
    assert await client.db.c.find_one({"_id": mark}) == {"_id": mark}


async def insert_one(client, mark):
    assert (await client.db.c.insert_one({"_id": mark})).inserted_id == mark


async def insert_many(client, mark):
    documents = [{"_id": f"{mark}-{number}"} for number in range(10)]
    assert len((await client.db.c.insert_many(documents)).inserted_ids) == 10


async def next_of_find(client, mark):
    cursor = client.db.c.find({"_id": mark})
    found = [await cursor.next() for _ in range(6)]
    assert found == [{"_id": mark, "n": number} for number in range(6)]
    with pytest.raises(StopAsyncIteration):
        await cursor.next()


async def to_list(client, mark):
    found = await client.db.c.find({"_id": mark}).to_list()
    assert found == [{"_id": mark, "n": number} for number in range(6)]


async def aggregate(client, mark):
    found = [document async for document in client.db.c.aggregate([{"$match": {"_id": mark}}])]
    assert found == [{"_id": mark, "n": number} for number in range(6)]


async def half_a_cursor_in_a_block(client, mark):
    async with client.db.c.find({"_id": mark}) as cursor:
        assert await cursor.next() == {"_id": mark, "n": 0}
        assert await cursor.next() == {"_id": mark, "n": 1}
        assert await cursor.next() == {"_id": mark, "n": 2}


OPERATIONS: list[Callable[[Any, Any], Awaitable[None]]] = [
    find_one,
    insert_one,
    insert_many,
    next_of_find,
    to_list,
    aggregate,
    half_a_cursor_in_a_block,
]


async def after(turns: int, operation: Awaitable[None]) -> bool:
    """Cancel `operation` after so many turns of the loop; whether it was through before."""
    task = asyncio.ensure_future(operation)
    for _ in range(turns):
        if task.done():
            break
        await asyncio.sleep(0)
    if task.done():
        await task
        return True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return False


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fresh", [False, True], ids=["connected", "fresh"])
async def test_cancelled_at_every_await(operation, fresh, connect):
    async with ScriptedServer(hello={"maxWriteBatchSize": 3}) as server:
        cursors = Cursors()
        server.default = cursors
        client = connect(server, maxPoolSize=2)
        through = False
        turns = -1
        while not through:
            turns += 1
            assert turns < MOST_TURNS, "never got through"
            if fresh:
                client.close()
                client = connect(server, maxPoolSize=2)
            else:
                await find_one(client, "before")
            through = await after(turns, operation(client, f"cancelled-{turns}"))
            await asyncio.gather(*(find_one(client, f"{turns}-{number}") for number in range(3)))
            check_books(pool_of(client))
        assert turns > 3
        pool = pool_of(client)
        await until(lambda: at_rest(pool), "every connection idle again")
        assert 1 <= pool.size <= 2
        client.close()
        await until(lambda: not server.peers, "every connection closed")


@pytest.mark.parametrize("operation", [next_of_find, to_list, aggregate, half_a_cursor_in_a_block])
async def test_a_cancelled_cursor_is_killed_on_the_server(operation, server, connect):
    """Also one whose id the client learned only from the reply that it had given up waiting for."""
    cursors = server.default = Cursors()
    client = connect(server)
    await find_one(client, "before")
    for turns in range(MOST_TURNS):
        if await after(turns, operation(client, turns)):
            break
    await until(lambda: at_rest(pool_of(client)))
    for _ in range(100):
        await asyncio.sleep(0.001)
    assert not cursors.open


async def test_an_abandoned_reply_is_read_before_its_connection_is_used_again(server, connect):
    client = connect(server, maxPoolSize=1)
    await find_one(client, "before")
    release = asyncio.Event()
    server.script("find", when(release))
    task = asyncio.ensure_future(find_one(client, "abandoned"))
    await until(lambda: len(server.requests) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pool = pool_of(client)
    assert idle(pool) == []
    assert len(draining(pool)) == 1
    waiting = asyncio.ensure_future(find_one(client, "next"))
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert len(server.requests) == 2
    release.set()
    await waiting
    assert server.requests[2].peer is server.requests[1].peer
    assert server.opened == 2
    assert at_rest(pool)


async def test_another_connection_is_opened_while_one_drains(server, connect):
    client = connect(server)
    await find_one(client, "before")
    release = asyncio.Event()
    server.script("find", when(release))
    assert not await after(30, find_one(client, "abandoned"))
    await find_one(client, "next")
    assert server.requests[2].peer is not server.requests[1].peer
    release.set()
    pool = pool_of(client)
    await until(lambda: at_rest(pool))
    assert pool.size == 2


async def half(request: Request) -> None:
    """The beginning of an answer, and no end."""
    await request.peer.send(message(answer_to(request.command), request.id)[:30])


@pytest.mark.parametrize("act", [silence, half])
async def test_a_reply_that_never_comes_is_waited_for_so_long(act, server, connect, monkeypatch):
    replace(monkeypatch, "pool.DRAIN_TIMEOUT", 0.1)
    client = connect(server, maxPoolSize=1)
    await find_one(client, "before")
    server.script("find", act)
    task = asyncio.ensure_future(find_one(client, "abandoned"))
    await until(lambda: len(server.requests) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pool = pool_of(client)
    (connection,) = draining(pool)
    await find_one(client, "next")
    assert connection.closed
    assert server.requests[2].peer is not server.requests[1].peer
    assert server.requests[1].peer not in server.peers
    assert not draining(pool)
    assert at_rest(pool)


async def test_a_connection_that_drained_in_time_is_not_closed_later(server, connect, monkeypatch):
    replace(monkeypatch, "pool.DRAIN_TIMEOUT", 0.05)
    client = connect(server, maxPoolSize=1)
    await find_one(client, "before")
    assert not await after(2, find_one(client, "abandoned"))
    await find_one(client, "next")
    await asyncio.sleep(0.1)
    await find_one(client, "last")
    assert server.opened == 2


async def test_a_draining_connection_that_breaks(server, connect):
    client = connect(server, maxPoolSize=1)
    await find_one(client, "before")
    server.script("find", silence)
    task = asyncio.ensure_future(find_one(client, "abandoned"))
    await until(lambda: len(server.requests) == 2)
    task.cancel()
    waiting = asyncio.ensure_future(find_one(client, "next"))
    await asyncio.sleep(0)
    server.requests[1].peer.close()
    await waiting
    assert at_rest(pool_of(client))


async def test_a_draining_connection_when_the_client_closes(server, connect):
    client = connect(server)
    await find_one(client, "before")
    server.script("find", silence)
    assert not await after(30, find_one(client, "abandoned"))
    client.close()
    await until(lambda: not server.peers)


async def test_cancelled_in_the_queue(server, connect):
    client = connect(server, maxPoolSize=1)
    await find_one(client, "before")
    release = asyncio.Event()
    server.script("find", when(release))
    holding = asyncio.ensure_future(find_one(client, "holding"))
    await until(lambda: len(server.requests) == 2)
    waiting = [asyncio.ensure_future(find_one(client, number)) for number in range(10)]
    pool = pool_of(client)
    await until(lambda: len(waiters(pool)) == 10)
    for task in waiting[::2]:
        task.cancel()
    release.set()
    await holding
    results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), PATIENCE)
    assert [type(result) for result in results] == [asyncio.CancelledError, type(None)] * 5
    assert [request.command["filter"]["_id"] for request in server.requests[2:]] == [1, 3, 5, 7, 9]
    assert at_rest(pool)


async def test_cancelled_in_the_moment_when_its_turn_comes(server, connect):
    """The connection has been promised to the waiter, who is cancelled before it runs: it goes to the next one."""
    client = connect(server, maxPoolSize=1)
    await find_one(client, "before")
    pool = pool_of(client)
    held = pool.take()
    assert held is not None
    waiting = [asyncio.ensure_future(find_one(client, number)) for number in range(3)]
    await until(lambda: len(waiters(pool)) == 3)
    pool.check_in(held)
    waiting[0].cancel()
    results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), PATIENCE)
    assert [type(result) for result in results] == [asyncio.CancelledError, type(None), type(None)]
    assert at_rest(pool)


async def test_cancelled_while_the_connection_is_opened(server, connect):
    client = connect(server, maxPoolSize=1)
    await find_one(client, "before")
    server.requests[0].peer.close()
    pool = pool_of(client)
    await until(lambda: pool.size == 0)
    release = asyncio.Event()
    server.on_hello = when(release, server.greet)
    task = asyncio.ensure_future(find_one(client, "abandoned"))
    await until(lambda: server.opened == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await find_one(client, "next")
    assert server.opened == 3
    assert at_rest(pool)


async def test_cancelled_during_server_selection(server, connect):
    release = asyncio.Event()
    server.on_hello = when(release, server.greet)
    client = connect(server)
    task = asyncio.ensure_future(find_one(client, "abandoned"))
    await until(lambda: server.opened == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await find_one(client, "next")


async def test_wait_for_and_its_timeout(server, connect):
    client = connect(server, maxPoolSize=2)
    await find_one(client, "before")
    server.script("find", later(0.2), later(0.2))
    for _ in range(2):
        with pytest.raises((TimeoutError, asyncio.TimeoutError)):
            await asyncio.wait_for(client.db.c.find_one({"_id": "slow"}), 0.03)
    await asyncio.gather(*(find_one(client, number) for number in range(10)))
    await until(lambda: at_rest(pool_of(client)))
    # The monitor's, two, and two in place of those whose replies took too long for who waited.
    assert server.opened <= 5


async def test_the_session_of_a_cancelled_operation_is_not_used_again(server, connect):
    client = connect(server)
    await find_one(client, "before")
    server.script("find", silence)
    task = asyncio.ensure_future(find_one(client, "abandoned"))
    await until(lambda: len(server.requests) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for number in range(3):
        await find_one(client, number)
    sessions = [request.command["lsid"]["id"] for request in server.requests]
    assert sessions[0] == sessions[1]
    assert sessions[1] not in sessions[2:]
    assert len(set(sessions[2:])) == 1


async def test_operations_at_the_same_time_have_sessions_of_their_own(server, connect):
    client = connect(server)
    release = asyncio.Event()
    server.default = when(release)
    finding = asyncio.gather(*(find_one(client, number) for number in range(20)))
    await until(lambda: len(server.requests) == 20)
    release.set()
    await finding
    assert len({request.command["lsid"]["id"] for request in server.requests}) == 20


async def at_random(client: Any, seed: int, count: int) -> int:
    """Many operations at once, some cancelled, some timed out; how many were."""
    chance = random.Random(seed)

    async def one(number: int) -> bool:
        await asyncio.sleep(chance.random() / 50)
        mark = f"{seed}-{number}"
        operation = client.db.c.find_one({"_id": mark}, {"_id": 1})
        choice = chance.random()
        try:
            if choice < 0.3:
                found = await asyncio.wait_for(operation, chance.random() / 100)
            elif choice < 0.6:
                asyncio.get_running_loop().call_later(chance.random() / 100, operation.cancel)
                found = await operation
            else:
                found = await operation
        except (TimeoutError, asyncio.TimeoutError, asyncio.CancelledError):
            return True
        assert found == {"_id": mark}
        return False

    return sum(await asyncio.gather(*(one(number) for number in range(count))))


@pytest.mark.parametrize("seed", range(4))
async def test_hundreds_cancelled_at_random(seed, server, connect):
    chance = random.Random(seed)

    async def act(request: Request) -> None:
        await asyncio.sleep(chance.random() / 200)
        await answer(request)

    server.default = act
    client = connect(server, maxPoolSize=3)
    cancelled = await at_random(client, seed, 400)
    assert 0 < cancelled < 400
    pool = pool_of(client)
    await until(lambda: at_rest(pool))
    assert server.most_open <= 4
    assert len(server.peers) == pool.size + 1
    await asyncio.gather(*(find_one(client, number) for number in range(20)))


async def test_hundreds_cancelled_at_random_on_a_real_server(uri, connect):
    client = connect(uri, maxPoolSize=3)
    collection = client.db.c
    try:
        for seed in range(3):
            await collection.insert_many([{"_id": f"{seed}-{number}"} for number in range(300)])
            await at_random(client, seed, 300)
            await until(lambda: at_rest(pool_of(client)))
            assert pool_of(client).size <= 3
    finally:
        await client.drop_database("db")


async def test_hundreds_cancelled_while_connections_break(server, connect):
    """All at once: cancellations, slow replies, closed connections; then all is well again."""
    chance = random.Random(5)

    async def act(request: Request) -> None:
        await asyncio.sleep(chance.random() / 200)
        await (close if chance.random() < 0.05 else answer)(request)

    server.default = act
    client = connect(server, maxPoolSize=3)

    async def one(number: int) -> None:
        await asyncio.sleep(chance.random() / 20)
        task = asyncio.ensure_future(find_one(client, number))
        if chance.random() < 0.3:
            asyncio.get_running_loop().call_later(chance.random() / 100, task.cancel)
        with contextlib.suppress(PyMongoError, asyncio.CancelledError):
            await task

    await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(300))), 30)
    server.default = answer
    await find_one(client, "after")
    pool = pool_of(client)
    await until(lambda: at_rest(pool))
    await until(lambda: len(server.peers) == pool.size + 1)


async def test_closing_the_client_at_any_moment(server):
    """Whatever is under way: it ends, and no connection and no task is left."""
    before = drivers_tasks()
    for turns in range(60):
        client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri, maxPoolSize=2)
        tasks = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        client.close()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        for number, result in enumerate(results):
            assert result == {"_id": number} or isinstance(result, PyMongoError)
        await until(lambda: not server.peers, f"nothing open, closed after {turns} turns")
    await asyncio.sleep(0.05)
    assert not drivers_tasks() - before


async def test_a_socket_timeout_and_a_cancellation_at_the_same_time(server, connect, monkeypatch):
    replace(monkeypatch, "pool.DRAIN_TIMEOUT", 0.1)
    client = connect(server, socketTimeoutMS=50, maxPoolSize=1)
    await find_one(client, "before")
    server.default = silence
    for delay in (0.045, 0.05, 0.055):
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError, NetworkTimeout):
            await asyncio.wait_for(client.db.c.find_one({"_id": 1}), delay)
    server.default = answer
    await find_one(client, "after")
