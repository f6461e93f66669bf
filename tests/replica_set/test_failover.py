"""The primary fails while 200 operations run. PyMongo does it, too, which shows that the script asks nothing odd."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from tests.replica_set.conftest import Connect
from tests.support.replica_set.faults import Exchange
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found, members
from tests.support.waiting import until

OPERATIONS = 200
FAILS_AT = 60
ENOUGH = 20.0
"""Seconds after which something hangs."""


@pytest.mark.parametrize("failure", ["dies", "ends", "steps down", "falls silent", "recovers"])
async def test_the_primary_fails_under_load(replica_set: ReplicaSet, connect: Connect, failure: str) -> None:
    client = connect(replica_set.uri, maxPoolSize=20, socketTimeoutMS=1000)
    old = replica_set.primary
    await found(client, old, *replica_set.secondaries)
    collection = client.db.test
    await collection.insert_one({"_id": "counter", "n": 0})
    came = 0

    async def fail(exchange: Exchange) -> None:
        nonlocal came
        came += 1
        if came != FAILS_AT:
            return
        replica_set.before_each(None)
        if failure in ("dies", "ends"):
            await replica_set.kill(old, cleanly=failure == "ends")
        elif failure == "steps down":
            replica_set.step_down()
        elif failure == "falls silent":
            replica_set.partition(old)
        else:
            replica_set.recover(old, 11600)

    async def operate(number: int) -> Any:
        if number % 4 == 0:
            return await collection.find_one({"_id": "counter"})
        if number % 4 == 1:
            return await collection.update_one({"_id": "counter"}, {"$inc": {"n": 1}})
        return await collection.insert_one({"_id": number})

    replica_set.before_each(fail)
    tasks = [asyncio.ensure_future(operate(number)) for number in range(OPERATIONS)]
    await until(lambda: came == FAILS_AT)
    await asyncio.sleep(0.1)
    new = replica_set.elect(replica_set.members[1])
    ended, still_running = await asyncio.wait(tasks, timeout=ENOUGH)
    assert not still_running
    errors = [task.exception() for task in ended if task.exception() is not None]
    assert all(isinstance(error, PyMongoError) for error in errors), errors

    await until(lambda: members(client, "RSPrimary") == {new.address})
    await asyncio.wait_for(collection.insert_one({"_id": "next"}), ENOUGH)
    assert replica_set.called("insert")[-1].member is new

    # Nothing was lost, nothing applied twice; what failed may or may not have been applied.
    data = replica_set.data
    increments = data.times_applied("update", "counter")
    acknowledged = sum(tasks[number].exception() is None for number in range(1, OPERATIONS, 4))
    assert acknowledged <= increments <= OPERATIONS // 4
    (counter,) = [document for document in data.documents("db.test") if document["_id"] == "counter"]
    assert counter["n"] == increments
    for number in range(OPERATIONS):
        if number % 4 > 1:
            applied = data.times_applied("insert", number)
            assert applied <= 1
            assert applied == 1 or tasks[number].exception() is not None


async def test_elections_in_a_row(replica_set: ReplicaSet, connect: Connect) -> None:
    """Writes go on through five elections; each lands once or fails, and the last ones succeed."""
    client = connect(replica_set.uri, socketTimeoutMS=2000)
    await found(client, replica_set.primary, *replica_set.secondaries)
    stop = asyncio.Event()
    written: list[int] = []
    failed: list[int] = []

    async def write(worker: int) -> None:
        number = worker
        while not stop.is_set():
            number += 10
            try:
                await client.db.test.insert_one({"_id": number})
                written.append(number)
            except PyMongoError:
                failed.append(number)
                await asyncio.sleep(0.01)
            # The whole loop belongs to the script, too.
            await asyncio.sleep(0.002)

    writers = [asyncio.ensure_future(write(worker)) for worker in range(10)]
    for turn in range(5):
        await asyncio.sleep(0.1)
        replica_set.elect(replica_set.members[(turn + 1) % 3])
        count = len(written)
        await until(lambda count=count: len(written) > count + 10)  # type: ignore[misc]
    stop.set()
    await asyncio.wait_for(asyncio.gather(*writers), ENOUGH)
    assert all(replica_set.data.times_applied("insert", number) == 1 for number in written)
    assert all(replica_set.data.times_applied("insert", number) <= 1 for number in failed)
