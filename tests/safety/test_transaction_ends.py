"""How a transaction ends on the server when its task is cancelled in the wrong moment: it never stays open.

The server is a scripted one, which does nothing before a test lets it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from tests.support.inside import at_rest, pool_of, waiters
from tests.support.listener import Request
from tests.support.server import ScriptedServer, when
from tests.support.waiting import PATIENCE, until


async def cancelled(task: asyncio.Future[Any]) -> None:
    """Cancel `task` and wait for it."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def ends(server: ScriptedServer) -> list[Request]:
    """What came to end a transaction."""
    return [request for request in server.requests if request.name in ("commitTransaction", "abortTransaction")]


def transaction_of(request: Request) -> tuple[bytes, int]:
    """Which transaction a command belongs to."""
    return bytes(request.command["lsid"]["id"]), request.command["txnNumber"]


async def test_an_abort_does_not_overtake_what_it_aborts(server, connect):
    """The server would start the transaction after it was aborted, and nobody would end it."""
    client = connect(server, maxPoolSize=2)
    await asyncio.gather(client.db.c.find_one({"_id": 1}), client.db.c.find_one({"_id": 2}))
    release = asyncio.Event()
    server.script("update", when(release))

    async def work() -> None:
        async with client.start_session() as session, session.start_transaction():
            await client.db.c.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)

    task = asyncio.ensure_future(work())
    await until(lambda: "update" in server.names)
    task.cancel()
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert "abortTransaction" not in server.names
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: ends(server))
    assert server.names[2:] == ["update", "abortTransaction"]
    assert transaction_of(server.requests[2]) == transaction_of(server.requests[3])


@pytest.mark.parametrize("end", ["commit_transaction", "abort_transaction", "end_session"])
async def test_cancelled_before_the_end_is_sent(end, server, connect):
    """The only connection is busy, so that the end of the transaction waits for it, and is cancelled there."""
    client = connect(server, maxPoolSize=1)
    session = client.start_session()
    session.start_transaction()
    await client.db.c.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
    release = asyncio.Event()
    server.script("find", when(release))
    finding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: "find" in server.names)
    ending = asyncio.ensure_future(getattr(session, end)())
    await until(lambda: len(waiters(pool_of(client))) == 1)
    await cancelled(ending)
    await session.end_session()
    release.set()
    await finding
    await until(lambda: ends(server), "the server hears of the end")
    assert transaction_of(ends(server)[0]) == transaction_of(server.requests[0])
    await until(lambda: at_rest(pool_of(client)))


@pytest.mark.parametrize("end", ["commit_transaction", "abort_transaction", "end_session"])
async def test_late_before_the_end_is_sent(end, server, connect):
    """The same, but for a deadline, in which the connection doesn't become free."""
    client = connect(server, maxPoolSize=1)
    session = client.start_session()
    session.start_transaction()
    await client.db.c.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
    release = asyncio.Event()
    server.script("find", when(release))
    finding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: "find" in server.names)
    with contextlib.suppress(PyMongoError), pymongo.timeout(0.05):
        await getattr(session, end)()
    with pymongo.timeout(0.05):
        await session.end_session()
    release.set()
    await finding
    await until(lambda: ends(server), "the server hears of the end")
    assert transaction_of(ends(server)[0]) == transaction_of(server.requests[0])
    await until(lambda: at_rest(pool_of(client)))


async def test_cancelled_while_it_aborts(server, connect):
    """As by an application that shuts down while an error is being dealt with."""
    client = connect(server, maxPoolSize=1)
    await client.db.c.find_one({"_id": 1})
    release = asyncio.Event()
    server.script("abortTransaction", when(release))

    async def work() -> None:
        async with client.start_session() as session, session.start_transaction():
            await client.db.c.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
            raise LookupError

    task = asyncio.ensure_future(work())
    await until(lambda: ends(server))
    await cancelled(task)
    release.set()
    await until(lambda: len(ends(server)) == 2, "the server hears of the end once more")
    assert transaction_of(ends(server)[1]) == transaction_of(server.requests[1])
    await until(lambda: at_rest(pool_of(client)))


async def test_a_session_with_an_abandoned_command_is_not_used_again(server, connect):
    client = connect(server, maxPoolSize=2)
    release = asyncio.Event()
    server.script("commitTransaction", when(release))
    async with client.start_session() as session:
        session.start_transaction()
        await client.db.c.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        committing = asyncio.ensure_future(session.commit_transaction())
        await until(lambda: "commitTransaction" in server.names)
        await cancelled(committing)
    release.set()
    spoilt = transaction_of(server.requests[0])[0]
    for number in range(3):
        await client.db.c.find_one({"_id": number})
    finds = [request for request in server.requests if request.name == "find"]
    assert spoilt not in [bytes(request.command["lsid"]["id"]) for request in finds]


async def test_an_abort_does_not_wait_for_what_somebody_else_does(server, connect):
    """The abandoned reply has come, and the next in the queue has got the connection and is at work on it."""
    client = connect(server, maxPoolSize=1)
    await client.db.c.find_one({"_id": 1})
    first, second = asyncio.Event(), asyncio.Event()
    server.script("update", when(first))
    server.script("find", when(second))
    session = client.start_session()
    session.start_transaction()
    updating = asyncio.ensure_future(client.db.c.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session))
    await until(lambda: "update" in server.names)
    await cancelled(updating)
    finding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: len(waiters(pool_of(client))) == 1)
    first.set()
    await until(lambda: server.names.count("find") == 2)
    ending = asyncio.ensure_future(session.end_session())
    for _ in range(20):
        await asyncio.sleep(0.001)
    second.set()
    await finding
    await asyncio.wait_for(ending, PATIENCE)
    assert server.names[-1] == "abortTransaction"
