"""Writes without a reply, to a server that does not read: they end in time, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pymongo
import pytest
from pymongo import WriteConcern
from pymongo.errors import NetworkTimeout

from tests.support.inside import at_rest, connections, pool_of, unsent
from tests.support.server import ScriptedServer
from tests.support.waiting import until

LARGE = b"x" * 4_000_000

BRIEF_MS = 200


@asynccontextmanager
async def not_reading(server: ScriptedServer) -> AsyncIterator[None]:
    """The server reads nothing of what comes."""
    server.reading.clear()
    for peer in server.peers:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a whole transport
    try:
        yield
    finally:
        server.reading.set()
        for peer in server.peers:
            peer.writer.transport.resume_reading()  # type: ignore[attr-defined]


def unacknowledged(client: Any) -> Any:
    """A collection that nobody answers for."""
    return client.db.get_collection("c", write_concern=WriteConcern(0))


async def fill(client: Any) -> None:
    """Write more than the buffers of two systems hold."""
    for _ in range(30):
        await unacknowledged(client).insert_one({"x": LARGE})


@pytest.mark.parametrize("limit", ["timeoutMS", "socketTimeoutMS", "pymongo.timeout"])
async def test_a_write_ends_in_time(limit, server, connect):
    client = connect(server, **({} if limit == "pymongo.timeout" else {limit: BRIEF_MS}))
    await client.admin.command("ping")
    (connection,) = connections(pool_of(client))
    async with not_reading(server):
        with pytest.raises(NetworkTimeout, match="timed out") as raised:
            if limit == "pymongo.timeout":
                with pymongo.timeout(BRIEF_MS / 1000):
                    await fill(client)
            else:
                await fill(client)
        assert raised.value.timeout
        assert connection.closed
        assert not unsent(connection)
        assert at_rest(pool_of(client))


async def test_one_that_is_given_up_leaves_nothing_behind(server, connect):
    """Neither its bytes, nor a connection that seems idle and has others wait behind them."""
    client = connect(server, maxPoolSize=1)
    await client.admin.command("ping")
    (connection,) = connections(pool_of(client))
    async with not_reading(server):
        writing = asyncio.ensure_future(fill(client))
        await until(lambda: unsent(connection), "the buffers full")
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert connection.closed
        assert not unsent(connection)
        assert pool_of(client).size == 0
    assert (await client.admin.command("ping"))["ok"] == 1
    assert at_rest(pool_of(client))


async def test_one_that_is_sent_keeps_its_connection(server, connect):
    client = connect(server, timeoutMS=60_000)
    await client.admin.command("ping")
    for _ in range(3):
        await unacknowledged(client).insert_one({"x": LARGE})
    await client.admin.command("ping")
    assert server.names.count("insert") == 3
    assert server.opened == 2
