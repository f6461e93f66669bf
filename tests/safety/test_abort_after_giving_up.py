"""A transaction whose command was given up is aborted, but not before that command has ended; whoever has cancelled it
need not wait for that. With a deadline the abort has the whole time once more.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.support.inside import at_rest, pool_of
from tests.support.server import when
from tests.support.waiting import until


async def test_aborted_in_the_background(server, connect):
    client = connect(server)
    release = asyncio.Event()
    server.script("insert", when(release))

    async def work() -> None:
        async with client.start_session() as session, session.start_transaction():
            await client.db.c.insert_one({}, session=session)

    working = asyncio.ensure_future(work())
    await until(lambda: "insert" in server.names)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    # It is done, and the server has not answered yet.
    assert not release.is_set()
    assert "abortTransaction" not in server.names
    release.set()
    await until(lambda: "abortTransaction" in server.names and at_rest(pool_of(client)))
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
    async with client.start_session() as session:
        session.start_transaction()
        inserting = asyncio.ensure_future(client.db.c.insert_one({}, session=session))
        await until(lambda: "insert" in server.names)
        inserting.cancel()
        await asyncio.wait([inserting])
        await session.abort_transaction()
        async with session.start_transaction():
            await client.db.c.insert_one({}, session=session)
        release.set()
        await until(lambda: "abortTransaction" in server.names)
    first, second = (request for request in server.requests if request.name == "insert")
    assert first.command["lsid"] != second.command["lsid"]
    (committing,) = [request for request in server.requests if request.name == "commitTransaction"]
    assert committing.command["lsid"] == second.command["lsid"]
