"""The pool, as CMAP has it: reuse, limits, order, waiting, clearing."""

from __future__ import annotations

import asyncio
import time

import pytest
from pymongo.errors import (
    AutoReconnect,
    InvalidOperation,
    NetworkTimeout,
    PyMongoError,
    WaitQueueTimeoutError,
)

import motor.embedded
from tests.support.fixtures import ONCE
from tests.support.inside import at_rest, check_books, generation_of, idle, opening, pool_of, server_of, waiters
from tests.support.listener import Request
from tests.support.server import ScriptedServer, answer, close, silence, when
from tests.support.waiting import until


async def test_one_connection_is_enough_for_one_after_the_other(server, connect):
    client = connect(server)
    for number in range(20):
        assert await client.db.c.find_one({"_id": number}) == {"_id": number}
    assert len({request.peer for request in server.requests}) == 1
    assert server.opened == 2


async def test_the_fast_path_waits_for_nothing(server, connect):
    client = connect(server)
    await client.db.command("ping")
    pool = pool_of(client)
    connection = pool.take()
    assert connection is not None
    assert pool.take() is None
    pool.check_in(connection)
    assert idle(pool) == [connection]


async def test_the_connection_used_last_is_used_next(server, connect):
    client = connect(server)
    release = asyncio.Event()
    server.script("find", when(release), when(release))
    both = asyncio.gather(client.db.c.find_one({"_id": 1}), client.db.c.find_one({"_id": 2}))
    await until(lambda: len(server.requests) == 2)
    release.set()
    await both
    pool = pool_of(client)
    assert len(idle(pool)) == 2
    last = idle(pool)[-1]
    await client.db.command("ping")
    assert idle(pool)[-1] is last


@pytest.mark.parametrize("maximum", [1, 2, 5])
async def test_never_more_than_max_pool_size(maximum, server, connect):
    client = connect(server, maxPoolSize=maximum)
    results = await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(60)))
    assert results == [{"_id": number} for number in range(60)]
    pool = pool_of(client)
    assert at_rest(pool)
    assert pool.size <= maximum
    assert server.most_open <= maximum + 1
    assert server.opened <= maximum + 1


async def test_max_pool_size_zero_is_no_limit(server, connect):
    client = connect(server, maxPoolSize=0)
    release = asyncio.Event()
    server.default = when(release)
    finding = asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(110)))
    await until(lambda: len(server.requests) == 110)
    release.set()
    assert await finding == [{"_id": number} for number in range(110)]


@pytest.mark.parametrize("maximum", [1, 2, 4])
async def test_never_more_than_max_connecting_at_once(maximum, server, connect):
    client = connect(server, maxConnecting=maximum)
    await client.db.command("ping")
    server.most_greeting = 0

    async def slowly(request: Request) -> None:
        await asyncio.sleep(0.01)
        await server.greet(request)

    server.on_hello = slowly
    release = asyncio.Event()
    server.default = when(release)
    finding = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(12)]
    await until(lambda: len(server.requests) == 13)
    release.set()
    await asyncio.gather(*finding)
    # The monitor may say hello at the same time.
    assert maximum <= server.most_greeting <= maximum + 1


async def test_first_come_first_served(server, connect):
    client = connect(server, maxPoolSize=1)
    await client.db.command("ping")
    release = asyncio.Event()
    server.script("find", when(release))
    finding = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(30)]
    await until(lambda: len(server.requests) == 2)
    release.set()
    await asyncio.gather(*finding)
    assert [request.command["filter"]["_id"] for request in server.requests[1:]] == list(range(30))


async def test_one_who_asks_later_does_not_jump_the_queue(server, connect):
    client = connect(server, maxPoolSize=1)
    pool = None
    await client.db.command("ping")
    pool = pool_of(client)
    held = pool.take()
    assert held is not None
    waiting = asyncio.ensure_future(client.db.c.find_one({"_id": "waited"}))
    await until(lambda: len(waiters(pool)) == 1)
    pool.check_in(held)
    assert pool.take() is None
    assert await waiting == {"_id": "waited"}


async def test_waiting_too_long_for_a_connection(server, connect):
    client = connect(server, maxPoolSize=1, waitQueueTimeoutMS=80)
    await client.db.command("ping")
    release = asyncio.Event()
    server.script("find", when(release))
    holding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: len(server.requests) == 2)
    with pytest.raises(
        WaitQueueTimeoutError,
        match=r"Timed out while checking out a connection from connection pool. maxPoolSize: 1, timeout: 0.08",
    ):
        await client.db.c.find_one({"_id": 2})
    release.set()
    assert await holding == {"_id": 1}
    assert await client.db.c.find_one({"_id": 3}) == {"_id": 3}
    assert at_rest(pool_of(client))


@pytest.mark.parametrize("how", ["timed out", "cancelled"])
async def test_no_connection_is_opened_for_those_who_gave_up(how, server, connect):
    options = {"waitQueueTimeoutMS": 50} if how == "timed out" else {}
    client = connect(server, maxPoolSize=1, **options, **ONCE)
    await client.db.command("ping")
    server.script("find", silence)
    holding = asyncio.ensure_future(client.db.c.find_one({"_id": 0}))
    await until(lambda: len(server.requests) == 2)
    waiting = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(1, 20)]
    pool = pool_of(client)
    await until(lambda: len(waiters(pool)) >= 19 or all(task.done() for task in waiting))
    if how == "cancelled":
        for task in waiting:
            task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, WaitQueueTimeoutError | asyncio.CancelledError) for result in results)
    opened = server.opened
    server.requests[1].peer.close()
    with pytest.raises(AutoReconnect):
        await holding
    for _ in range(20):
        await asyncio.sleep(0.002)
    assert pool.size == 0
    assert server.opened == opened


async def test_the_queue_does_not_grow_with_those_who_gave_up(server, connect):
    client = connect(server, maxPoolSize=1)
    await client.db.command("ping")
    pool = pool_of(client)
    held = pool.take()
    assert held is not None
    for _ in range(5):
        waiting = [asyncio.ensure_future(client.db.c.find_one({"_id": 1})) for _ in range(100)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert len(waiters(pool)) <= 100
    pool.check_in(held)
    assert await client.db.c.find_one({"_id": 2}) == {"_id": 2}


async def test_idle_too_long(server, connect, monkeypatch):
    client = connect(server, maxIdleTimeMS=60_000)
    await client.db.command("ping")
    await client.db.command("ping")
    assert server.requests[0].peer is server.requests[1].peer
    now = time.monotonic()
    pool = pool_of(client)
    idle(pool)[0].idle_since = now - 61
    await client.db.command("ping")
    assert server.requests[2].peer is not server.requests[1].peer
    await until(lambda: server.requests[1].peer not in server.peers)
    assert at_rest(pool)


async def test_clearing_closes_what_is_idle_and_refuses_who_waits(server, connect):
    client = connect(server, maxPoolSize=2, **ONCE)
    release = asyncio.Event()
    server.script("find", answer, when(release))
    await client.db.c.find_one({"_id": 0})
    using = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: len(server.requests) == 2)
    server.script("find", when(release))
    using_too = asyncio.ensure_future(client.db.c.find_one({"_id": 2}))
    await until(lambda: len(server.requests) == 3)
    waiting = asyncio.ensure_future(client.db.c.find_one({"_id": 3}))
    pool = pool_of(client)
    await until(lambda: len(waiters(pool)) == 1)
    generation = generation_of(pool)
    pool.clear()
    assert generation_of(pool) == generation + 1
    with pytest.raises(AutoReconnect, match=f"{server.address}: connection pool paused"):
        await waiting
    with pytest.raises(AutoReconnect, match="connection pool paused"):
        await pool.check_out()
    # What is in use goes on, and is closed when it comes back.
    release.set()
    assert await using == {"_id": 1}
    assert await using_too == {"_id": 2}
    await until(lambda: pool.size == 0)
    pool.ready()
    assert await client.db.c.find_one({"_id": 4}) == {"_id": 4}
    assert server.requests[-1].peer not in {request.peer for request in server.requests[:-1]}
    assert at_rest(pool)


async def test_clearing_closes_idle_connections(server, connect):
    client = connect(server)
    await client.db.command("ping")
    pool = pool_of(client)
    pool.clear()
    assert pool.size == 0
    await until(lambda: server.requests[0].peer not in server.peers)


async def test_a_connection_that_was_being_opened_while_the_pool_was_cleared_is_not_used(server, connect):
    client = connect(server, **ONCE)
    await client.db.command("ping")
    pool = pool_of(client)
    held = pool.take()
    release = asyncio.Event()
    server.on_hello = when(release, server.greet)
    waiting = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: server.opened == 3)
    pool.clear()
    with pytest.raises(AutoReconnect):
        await waiting
    pool.ready()
    release.set()
    await until(lambda: not opening(pool))
    assert held is not None
    pool.check_in(held)
    assert pool.size == 0
    assert await client.db.c.find_one({"_id": 2}) == {"_id": 2}


async def test_a_failure_of_an_old_generation_does_not_clear_the_new(server, connect):
    client = connect(server, **ONCE)
    release = asyncio.Event()
    server.script("find", when(release, close))
    failing = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: len(server.requests) == 1)
    pool = pool_of(client)
    pool.clear()
    pool.ready()
    assert await client.db.c.find_one({"_id": 2}) == {"_id": 2}
    generation = generation_of(pool)
    release.set()
    with pytest.raises(AutoReconnect):
        await failing
    assert generation_of(pool) == generation
    assert server_of(client).description.is_server_type_known
    assert len(idle(pool)) == 1


async def test_a_network_error_clears_the_pool_once(server, connect):
    client = connect(server, **ONCE)
    release = asyncio.Event()
    server.script("find", *[when(release, close)] * 5)
    failing = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(5)]
    await until(lambda: len(server.requests) == 5)
    pool = pool_of(client)
    generation = generation_of(pool)
    release.set()
    results = await asyncio.gather(*failing, return_exceptions=True)
    assert all(isinstance(result, AutoReconnect) for result in results)
    assert generation_of(pool) == generation + 1
    assert await client.db.c.find_one({"_id": 6}) == {"_id": 6}


async def test_a_timeout_does_not_clear_the_pool(server, connect):
    client = connect(server, socketTimeoutMS=100, **ONCE)
    await client.db.command("ping")
    pool = pool_of(client)
    generation = generation_of(pool)
    server.script("find", silence)
    with pytest.raises(NetworkTimeout):
        await client.db.c.find_one({"_id": 1})
    assert generation_of(pool) == generation
    assert server_of(client).description.is_server_type_known


async def test_a_closed_pool_refuses(server, connect):
    client = connect(server, maxPoolSize=1, **ONCE)
    await client.db.command("ping")
    release = asyncio.Event()
    server.script("find", when(release))
    using = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: len(server.requests) == 2)
    waiting = asyncio.ensure_future(client.db.c.find_one({"_id": 2}))
    pool = pool_of(client)
    await until(lambda: len(waiters(pool)) == 1)
    client.close()
    with pytest.raises(InvalidOperation, match="Cannot use MongoClient after close"):
        await waiting
    with pytest.raises(AutoReconnect):
        await using
    with pytest.raises(InvalidOperation):
        await pool.check_out()
    with pytest.raises(InvalidOperation):
        await client.db.c.find_one({"_id": 3})
    await until(lambda: not server.peers)
    assert pool.size == 0


async def test_an_idle_connection_that_the_server_closes_is_not_used(server, connect):
    client = connect(server)
    await client.db.command("ping")
    server.requests[0].peer.close()
    pool = pool_of(client)
    await until(lambda: pool.size == 0)
    assert idle(pool) == []
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


async def test_opening_fails_for_some(server, connect):
    """Each who waits gets a connection or an error; none is left to wait for ever."""
    client = connect(server, maxConnecting=2)
    await client.db.command("ping")
    count = 0

    async def every_third(request: Request) -> None:
        nonlocal count
        count += 1
        await (close if count % 3 == 0 else server.greet)(request)

    server.on_hello = every_third
    finding = asyncio.gather(*(client.db.c.find_one({"_id": n}) for n in range(40)), return_exceptions=True)
    results = await asyncio.wait_for(finding, 20)
    assert all(result == {"_id": n} or isinstance(result, PyMongoError) for n, result in enumerate(results))
    server.on_hello = server.greet
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    await until(lambda: at_rest(pool_of(client)))


async def test_a_server_that_restarts(connect):
    async with motor.embedded.Server() as first:
        client = connect(first.uri, serverSelectionTimeoutMS=2000)
        await client.db.c.insert_one({"_id": 1})
        port = first.port
        pool = pool_of(client)
    with pytest.raises(PyMongoError) as raised:
        await asyncio.wait_for(_until_it_fails(client), 20)
    assert isinstance(raised.value, AutoReconnect)
    async with motor.embedded.Server(port):
        # Selection waits until the monitor has found it.
        assert await asyncio.wait_for(_until_it_works(client), 20) == {"ok": 1.0}
        assert pool.size == 1
        check_books(pool)
        client.close()


async def _until_it_fails(client):
    while True:
        await client.db.command("ping")
        await asyncio.sleep(0)


async def _until_it_works(client):
    while True:
        try:
            reply = await client.db.command("ping")
        except AutoReconnect:
            continue
        return {"ok": reply["ok"]}


async def test_a_scripted_server_that_restarts(connect):
    server = ScriptedServer()
    await server.open()
    client = connect(server, serverSelectionTimeoutMS=300)
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    await server.close()
    with pytest.raises(AutoReconnect):
        await client.db.c.find_one({"_id": 2})
    with pytest.raises(AutoReconnect, match=server.address):
        await client.db.c.find_one({"_id": 3})
    await server.open()
    await _until_it_works(client)
    assert await client.db.c.find_one({"_id": 4}) == {"_id": 4}
    client.close()
    await until(lambda: not server.peers)
    await server.close()
