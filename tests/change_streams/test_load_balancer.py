"""Streams behind a load balancer: each keeps the one connection that leads to its cursor."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.change_streams.deployed_streams import Streams
from tests.change_streams.feed import take
from tests.support.inside import generation_of, pool_of
from tests.support.replica_set.fixtures import connect_motor, deploy, load_balancer, nothing_left
from tests.support.replica_set.scripted_set import LoadBalancer
from tests.support.waiting import until

__all__ = ["connect_motor", "deploy", "load_balancer", "nothing_left"]

ENOUGH = 10.0


async def test_each_stream_has_its_connection(load_balancer: LoadBalancer, connect_motor: Any) -> None:
    Streams(load_balancer)
    client = connect_motor(load_balancer.uri)
    streams = [await client.db.test.watch() for _ in range(4)]
    for number in range(5):
        await client.db.test.insert_one({"_id": number})
        assert [await take(stream, 1) for stream in streams] == [[number]] * 4
    opened = [command.connection for command in load_balancer.called("aggregate")]
    assert len(set(opened)) == 4
    assert {command.connection for command in load_balancer.called("getMore")} == set(opened)
    assert pool_of(client).in_use == 4
    for stream in streams:
        await stream.close()
    assert {command.connection for command in load_balancer.called("killCursors")} == set(opened)
    await until(lambda: pool_of(client).in_use == 0)


async def test_closed_while_it_waits(load_balancer: LoadBalancer, connect_motor: Any) -> None:
    """Its connection is closed: it leads to nothing any more, and it says nothing about the others."""
    Streams(load_balancer)
    client = connect_motor(load_balancer.uri)
    other, stream = await client.db.test.watch(), await client.db.test.watch()
    waiting = asyncio.ensure_future(stream.next())
    await until(lambda: load_balancer.called("getMore"))
    await asyncio.wait_for(stream.close(), ENOUGH)
    await asyncio.wait([waiting], timeout=ENOUGH)
    assert isinstance(waiting.exception(), StopAsyncIteration)
    await until(lambda: pool_of(client).in_use == 1)
    await client.db.test.insert_one({"_id": 1})
    assert await asyncio.wait_for(take(other, 1), ENOUGH) == [1]
    assert generation_of(pool_of(client)) == 0
    assert len(load_balancer.called("aggregate")) == 2
    await other.close()


@pytest.mark.parametrize("cleanly", [False, True])
async def test_its_mongos_ends(load_balancer: LoadBalancer, connect_motor: Any, cleanly: bool) -> None:
    """It resumes on another connection, which may lead to another mongos."""
    streams = Streams(load_balancer)
    client = connect_motor(load_balancer.uri)
    stream = await client.db.test.watch()
    await client.db.test.insert_one({"_id": 1})
    assert await take(stream, 1) == [1]
    waiting = asyncio.ensure_future(stream.next())
    await until(lambda: len(load_balancer.called("getMore")) == 2)
    await load_balancer.kill(streams.opened_on[0], cleanly=cleanly)
    await client.db.test.insert_one({"_id": 2})
    change = await asyncio.wait_for(waiting, ENOUGH)
    assert change["documentKey"] == {"_id": 2}
    assert streams.opened_on[0] is not streams.opened_on[1]
    await stream.close()
    await until(lambda: pool_of(client).in_use == 0)
