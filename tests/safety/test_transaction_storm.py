"""Many transactions at once, cancelled and timed out at random moments: each is done whole or not at all, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import at_rest, pool_of
from tests.support.loops import RUNS
from tests.support.waiting import until

TRANSACTIONS = 300


class Storm:
    """The tasks, what they change, and how they end."""

    def __init__(self, client: Any, name: str, seed: int) -> None:
        self.outcomes = {"done": 0, "cancelled": 0, "late": 0}
        self._client = client
        self._collection = client[name].c
        self._dice = random.Random(seed)

    async def _change(self, session: Any, number: int) -> None:
        for half in (0, 1):
            await self._collection.update_one({"_id": [number, half]}, {"$inc": {"n": 1}}, session=session)

    async def _transact(self, number: int) -> None:
        async with self._client.start_session() as session:
            if number % 2:
                await session.with_transaction(lambda session: self._change(session, number))
            else:
                async with session.start_transaction():
                    await self._change(session, number)

    async def _limited(self, number: int, seconds: float) -> None:
        with pymongo.timeout(seconds):
            await self._transact(number)

    async def one(self, number: int) -> None:
        """One transaction: left alone, or ended by one of the ways in which applications do that."""
        await asyncio.sleep(self._dice.random() / 5)
        delay = self._dice.random() / 20
        way = self._dice.choice(["cancel", "wait_for", "deadline", "nothing", "nothing"])
        task = asyncio.ensure_future(self._limited(number, delay) if way == "deadline" else self._transact(number))
        if way == "cancel":
            asyncio.get_running_loop().call_later(delay, task.cancel)
        try:
            await (asyncio.wait_for(task, delay) if way == "wait_for" else task)
            self.outcomes["done"] += 1
        except (asyncio.CancelledError, asyncio.TimeoutError):
            self.outcomes["cancelled"] += 1
        except PyMongoError as error:
            if way != "deadline" or not error.timeout:
                raise
            self.outcomes["late"] += 1


async def storm(uri: str, seed: int) -> dict[str, int]:
    """All of them. Raises AssertionError for what must not be."""
    name = f"motor_test_{uuid.uuid4().hex}"
    direct: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, maxPoolSize=10)
    numbers = range(TRANSACTIONS)
    await direct[name].c.insert_many([{"_id": [number, half], "n": 0} for number in numbers for half in (0, 1)])
    storm = Storm(client, name, seed)
    await asyncio.gather(*(storm.one(number) for number in numbers))
    await until(lambda: at_rest(pool_of(client)), "every connection idle again")
    await check(direct[name].c, storm.outcomes["done"])
    await client.close()
    await direct.drop_database(name)
    await direct.close()
    return storm.outcomes


async def check(collection: Any, done: int) -> None:
    """Each transaction was done whole, or not at all, and none is open still."""
    # It waits for the end of every transaction that has changed one of them.
    written = collection.update_many({}, {"$inc": {"other": 1}})
    try:
        await asyncio.wait_for(written, 10)
    except asyncio.TimeoutError:
        with contextlib.suppress(PyMongoError):
            await collection.database.client.admin.command("killAllSessions", [])
        raise AssertionError("a transaction is open still") from None
    halves: dict[int, list[int]] = {}
    async for document in collection.find():
        halves.setdefault(document["_id"][0], []).append(document["n"])
    assert all(pair in ([0, 0], [1, 1]) for pair in halves.values())
    assert sum(pair[0] for pair in halves.values()) >= done


@pytest.mark.parametrize("loop", RUNS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_of_transactions(loop, seed, server_uri):
    outcomes = RUNS[loop](storm(server_uri, seed))
    print(f"{loop}: {outcomes}")
    assert all(outcomes.values())
