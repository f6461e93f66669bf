"""Tasks that are cancelled within a transaction, at every single await, in the middle of it and while it ends.

Nothing is left behind: no connection in use, no transaction that is open on the server, no session that has seen half a
command and is used again, no task, no output. All of the transaction was done, or none.
"""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pymongo import InsertOne, UpdateOne

from motor.motor_asyncio import AsyncIOMotorClient
from tests.safety.cancelling import Waits, watch
from tests.support.events import Sessions
from tests.support.inside import at_rest, pool_of
from tests.support.loops import RUNS
from tests.support.waiting import until

MOST_WAITS = 200

PATIENCE = 5.0
"""Seconds in which a write comes through that nothing is in the way of."""

Scenario = Callable[[Any, Any, list[Any]], Coroutine[Any, Any, None]]


async def change(collection: Any, session: Any) -> None:
    """Two writes that belong together."""
    await collection.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=session)
    await collection.update_one({"_id": "b"}, {"$inc": {"n": 1}}, session=session)


async def in_a_block(client: Any, collection: Any, sessions: list[Any]) -> None:
    """The usual way."""
    async with client.start_session() as session:
        sessions.append(session)
        async with session.start_transaction():
            await change(collection, session)


async def committed(client: Any, collection: Any, sessions: list[Any]) -> None:
    """A commit by hand."""
    async with client.start_session() as session:
        sessions.append(session)
        session.start_transaction()
        await change(collection, session)
        await session.commit_transaction()


async def aborted(client: Any, collection: Any, sessions: list[Any]) -> None:
    """An abort by hand."""
    async with client.start_session() as session:
        sessions.append(session)
        session.start_transaction()
        await change(collection, session)
        await session.abort_transaction()


async def not_ended(client: Any, collection: Any, sessions: list[Any]) -> None:
    """A session that ends before its transaction does."""
    async with client.start_session() as session:
        sessions.append(session)
        session.start_transaction()
        await change(collection, session)


async def with_transaction(client: Any, collection: Any, sessions: list[Any]) -> None:
    """The convenient way."""
    async with client.start_session() as session:
        sessions.append(session)
        await session.with_transaction(lambda session: change(collection, session))


async def in_bulk(client: Any, collection: Any, sessions: list[Any]) -> None:
    """Several commands in one call."""
    async with client.start_session() as session:
        sessions.append(session)
        async with session.start_transaction():
            changes = [UpdateOne({"_id": name}, {"$inc": {"n": 1}}) for name in "ab"]
            await collection.bulk_write([changes[0], InsertOne({}), changes[1]], session=session)


async def with_a_cursor(client: Any, collection: Any, sessions: list[Any]) -> None:
    """A cursor of several batches, in the middle of which something is written."""
    async with client.start_session() as session:
        sessions.append(session)
        async with session.start_transaction():
            async for document in collection.find({"_id": {"$in": ["a", "b"]}}, batch_size=1, session=session):
                await collection.update_one({"_id": document["_id"]}, {"$inc": {"n": 1}}, session=session)


SCENARIOS: list[Scenario] = [
    in_a_block,
    committed,
    aborted,
    not_ended,
    with_transaction,
    in_bulk,
    with_a_cursor,
]


class Bench:
    """A client whose tasks are cancelled, one that isn't bothered, and what they look at."""

    def __init__(self, uri: str, pool_size: int) -> None:
        self.sessions = Sessions()
        self.client: AsyncIOMotorClient = AsyncIOMotorClient(
            uri, maxPoolSize=pool_size, event_listeners=[self.sessions], retryReads=False
        )
        self.other: AsyncIOMotorClient = AsyncIOMotorClient(uri)
        self.printed: list[dict[str, Any]] = []
        name = f"motor_test_{uuid.uuid4().hex}"
        self.collection = self.client[name].c
        self.others = self.other[name].c
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.printed.append(context))

    async def prepare(self) -> None:
        """Both documents at zero."""
        await self.others.drop()
        await self.others.insert_many([{"_id": "a", "n": 0}, {"_id": "b", "n": 0}])
        await self.collection.find_one()

    async def check(self, before: int) -> int:
        """Raises AssertionError for what was left behind. How often the documents were changed."""
        await until(lambda: at_rest(pool_of(self.client)), "every connection idle again")
        assert pool_of(self.client).in_use == 0
        found = {document["_id"]: document["n"] async for document in self.others.find({"n": {"$exists": True}})}
        assert found["a"] == found["b"] in (before, before + 1), found
        for name in "ab":
            # It waits for the end of a transaction that is still open.
            await asyncio.wait_for(self.others.update_one({"_id": name}, {"$inc": {"other": 1}}), PATIENCE)
        spoilt = set(self.sessions.given_up)
        self.sessions.sent.clear()
        await asyncio.gather(*(self.collection.find_one() for _ in range(3)))
        assert not {session for _, session in self.sessions.sent} & spoilt
        return int(found["a"])

    async def close(self) -> None:
        """No task is left, and nothing is printed when all is collected."""
        await self.other.drop_database(self.others.database)
        await self.client.close()
        await self.other.close()
        gc.collect()
        await until(lambda: len(asyncio.all_tasks()) == 1, "the end of every task")
        assert not self.printed


async def cancel_everywhere(uri: str, scenario: Scenario, late: bool, pool_size: int, waits: list[Waits]) -> int:
    """Cancel at the first await, then at the second, and so on, until there are no more; how many there are."""
    bench = Bench(uri, pool_size)
    await bench.prepare()
    changed = 0
    number = 0
    through = False
    try:
        while not through:
            number += 1
            assert number < MOST_WAITS, "never got through"
            waits.append(Waits(number, late))
            sessions: list[Any] = []
            through = await waits[-1].run(scenario(bench.client, bench.collection, sessions))
            waits.clear()
            assert all(session.has_ended for session in sessions)
            changed = await bench.check(changed)
    except Exception as error:
        await bench.other.admin.command("killAllSessions", [])
        raise AssertionError(f"cancelled at await {number}: {error!r}") from error
    finally:
        await bench.close()
    assert bench.sessions.given_up
    return number


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as it comes"])
@pytest.mark.parametrize(("loop", "pool_size"), [("asyncio", 1), ("asyncio", 2), ("uvloop", 2)])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cancelled_at_every_await(scenario, loop, pool_size, late, server_uri, monkeypatch):
    waits: list[Waits] = []
    watch(monkeypatch, waits)
    count = RUNS[loop](cancel_everywhere(server_uri, scenario, late, pool_size, waits))
    assert count > 5
