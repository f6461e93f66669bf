"""A transaction whose command was given up is aborted without waiting for that command, but not before it has ended."""

from __future__ import annotations

import asyncio

import pymongo
import pytest
from pymongo.errors import NetworkTimeout

from tests.driver.inside import at_rest, pool_of
from tests.driver.scripted import when


@pytest.mark.parametrize("how", ["cancelled", "its time is over"])
async def test_aborted_in_the_background(server, connect, how):
    client = connect(server)
    release = asyncio.Event()
    server.script("insert", when(release))

    async def work() -> None:
        async with await client.start_session() as session:
            with pymongo.timeout(None if how == "cancelled" else 0.05):
                async with session.start_transaction():
                    await client.db.c.insert_one({}, session=session)

    working = asyncio.ensure_future(work())
    await server.until(lambda: "insert" in server.names)
    if how == "cancelled":
        working.cancel()
    with pytest.raises(asyncio.CancelledError if how == "cancelled" else NetworkTimeout):
        await working
    # It is done, and the server has not answered yet.
    assert not release.is_set()
    assert "abortTransaction" not in server.names
    release.set()
    await server.until(lambda: "abortTransaction" in server.names and at_rest(pool_of(client)))
    (inserting,) = [request for request in server.requests if request.name == "insert"]
    (aborting,) = [request for request in server.requests if request.name == "abortTransaction"]
    assert [aborting.command[name] for name in ("lsid", "txnNumber")] == [
        inserting.command[name] for name in ("lsid", "txnNumber")
    ]


async def test_the_session_goes_on(server, connect):
    """In a transaction of its own, while the other is still to be aborted."""
    client = connect(server)
    release = asyncio.Event()
    server.script("insert", when(release))
    async with await client.start_session() as session:
        with pymongo.timeout(0.05), pytest.raises(NetworkTimeout):
            async with session.start_transaction():
                await client.db.c.insert_one({}, session=session)
        async with session.start_transaction():
            await client.db.c.insert_one({}, session=session)
        release.set()
        await server.until(lambda: "abortTransaction" in server.names)
    first, second = (request for request in server.requests if request.name == "insert")
    assert first.command["lsid"] != second.command["lsid"] or first.command["txnNumber"] < second.command["txnNumber"]
    (committing,) = [request for request in server.requests if request.name == "commitTransaction"]
    assert committing.command["lsid"] == second.command["lsid"]
