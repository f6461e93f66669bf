"""A stream goes on across elections: from where it was, on the member that leads now."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from tests.change_streams.deployed_streams import Streams
from tests.change_streams.feed import take
from tests.support.replica_set.fixtures import connect_motor, deploy, nothing_left, replica_set
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found, members
from tests.support.waiting import until

__all__ = ["connect_motor", "deploy", "nothing_left", "replica_set"]

WRITES = 30
ENOUGH = 20.0


@pytest.mark.parametrize("failure", ["dies", "ends", "steps down", "falls silent"])
async def test_across_an_election(replica_set: ReplicaSet, connect_motor: Any, failure: str) -> None:
    streams = Streams(replica_set)
    client = connect_motor(replica_set.uri, socketTimeoutMS=1000)
    old = replica_set.primary
    await found(client, old, *replica_set.secondaries)
    seen: list[int] = []
    stream = await client.db.test.watch()

    async def watch() -> None:
        while True:
            seen.extend(await take(stream, 1))

    watching = asyncio.ensure_future(watch())
    await client.db.test.insert_one({"_id": 0})
    await until(lambda: seen == [0])
    if failure in ("dies", "ends"):
        await replica_set.kill(old, cleanly=failure == "ends")
    elif failure == "steps down":
        replica_set.step_down()
    else:
        replica_set.partition(old)
    await asyncio.sleep(0.05)
    new = replica_set.elect(replica_set.members[1])
    for number in range(1, WRITES):
        await asyncio.wait_for(client.db.test.insert_one({"_id": number}), ENOUGH)
    await until(lambda: len(seen) >= WRITES or watching.done(), "every change")
    assert seen == list(range(WRITES))
    assert streams.opened_on == [old, new]
    await stream.close()
    await asyncio.wait([watching], timeout=ENOUGH)
    assert isinstance(watching.exception(), StopAsyncIteration | RuntimeError)


async def test_five_elections_in_a_row(replica_set: ReplicaSet, connect_motor: Any) -> None:
    streams = Streams(replica_set)
    client = connect_motor(replica_set.uri, socketTimeoutMS=2000)
    await found(client, replica_set.primary, *replica_set.secondaries)
    stream = await client.db.test.watch()
    for number in range(5):
        waiting = asyncio.ensure_future(stream.next())
        await asyncio.sleep(0)
        new = replica_set.elect(replica_set.members[(number + 1) % 3])
        await until(lambda new=new: members(client, "RSPrimary") == {new.address})  # type: ignore[misc]
        await client.db.test.insert_one({"_id": number})
        change = await asyncio.wait_for(waiting, ENOUGH)
        assert change["documentKey"] == {"_id": number}
        assert streams.opened_on[-1] is new
    assert len(streams.opened_on) == 6
    await stream.close()


async def test_no_primary_for_longer_than_the_caller_waits(replica_set: ReplicaSet, connect_motor: Any) -> None:
    """The resume fails, the stream doesn't: it goes on when there is a primary again."""
    Streams(replica_set)
    client = connect_motor(replica_set.uri, serverSelectionTimeoutMS=300)
    await found(client, replica_set.primary, *replica_set.secondaries)
    stream = await client.db.test.watch()
    await client.db.test.insert_one({"_id": 1})
    assert (await stream.next())["documentKey"] == {"_id": 1}
    replica_set.step_down()
    with pytest.raises(PyMongoError):
        await asyncio.wait_for(stream.next(), ENOUGH)
    assert stream.alive
    replica_set.elect(replica_set.members[2])
    with contextlib.suppress(Exception):
        await client.db.test.insert_one({"_id": 2})
    await until(lambda: members(client, "RSPrimary"))
    if not replica_set.data.times_applied("insert", 2):
        await client.db.test.insert_one({"_id": 2})
    assert (await asyncio.wait_for(stream.next(), ENOUGH))["documentKey"] == {"_id": 2}
    await stream.close()
