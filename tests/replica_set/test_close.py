"""`close()` in the midst of anything: everything under way ends, no task, socket or warning is left (see conftest)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo.errors import ConnectionFailure, InvalidOperation, NotPrimaryError

from tests.replica_set.conftest import Connect
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found
from tests.support.waiting import until

ENOUGH = 10.0
"""Seconds after which something hangs."""

Situation = Callable[[ReplicaSet, Any], Awaitable[None]]


async def nothing(replica_set: ReplicaSet, client: Any) -> None:
    """Discovery has not even begun."""


async def discovery(replica_set: ReplicaSet, client: Any) -> None:
    await until(lambda: replica_set.hellos)


async def all_known(replica_set: ReplicaSet, client: Any) -> None:
    await found(client, replica_set.primary, *replica_set.secondaries)
    await asyncio.sleep(0.05)


async def no_primary(replica_set: ReplicaSet, client: Any) -> None:
    await found(client, replica_set.primary, *replica_set.secondaries)
    replica_set.step_down()
    await asyncio.sleep(0.05)


async def just_elected(replica_set: ReplicaSet, client: Any) -> None:
    await found(client, replica_set.primary, *replica_set.secondaries)
    replica_set.elect()


async def dead_primary(replica_set: ReplicaSet, client: Any) -> None:
    await found(client, replica_set.primary, *replica_set.secondaries)
    await replica_set.kill(replica_set.primary)


async def silent_from_the_start(replica_set: ReplicaSet, client: Any) -> None:
    for member in replica_set.members:
        replica_set.partition(member)
    await until(lambda: any(member.peers for member in replica_set.members))


async def silent_later(replica_set: ReplicaSet, client: Any) -> None:
    await found(client, replica_set.primary, *replica_set.secondaries)
    for member in replica_set.members:
        replica_set.partition(member)
    await asyncio.sleep(0.6)


async def slow(replica_set: ReplicaSet, client: Any) -> None:
    await found(client, replica_set.primary, *replica_set.secondaries)
    for member in replica_set.members:
        replica_set.slow(member, 0.3)


async def garbage(replica_set: ReplicaSet, client: Any) -> None:
    await found(client, replica_set.primary, *replica_set.secondaries)
    for member in replica_set.members:
        replica_set.garbage(member, b"\0" * 100)


SITUATIONS: list[Situation] = [
    nothing,
    discovery,
    all_known,
    no_primary,
    just_elected,
    dead_primary,
    silent_from_the_start,
    silent_later,
    slow,
    garbage,
]


@pytest.mark.parametrize("turns", [0, 20])
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__)
async def test_close_under_load(
    replica_set: ReplicaSet, connect_motor: Connect, situation: Situation, turns: int
) -> None:
    client = connect_motor(replica_set.uri, maxPoolSize=10)
    starting = asyncio.ensure_future(client.db.command("ping"))
    await situation(replica_set, client)
    operations = [asyncio.ensure_future(client.db.test.insert_one({"_id": number})) for number in range(30)]
    for _ in range(turns):
        await asyncio.sleep(0)
    await client.close()
    ended, still_running = await asyncio.wait([starting, *operations], timeout=ENOUGH)
    assert not still_running
    errors = [task.exception() for task in ended if task.exception() is not None]
    expected = (ConnectionFailure, InvalidOperation, NotPrimaryError)
    if situation is not garbage:
        assert all(isinstance(error, expected) for error in errors), errors
    await until(lambda: not any(member.peers for member in replica_set.members), "the end of every connection")
    with pytest.raises(InvalidOperation):
        await client.db.command("ping")


async def test_a_client_that_is_forgotten(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    """Cancelling everything under way, and closing after that."""
    client = connect_motor(replica_set.uri, maxPoolSize=10)
    await found(client, replica_set.primary, *replica_set.secondaries)
    replica_set.slow(replica_set.primary, 0.05)
    operations = [asyncio.ensure_future(client.db.test.insert_one({"_id": number})) for number in range(30)]
    await asyncio.sleep(0.02)
    replica_set.elect()
    for operation in operations:
        operation.cancel()
    await asyncio.gather(*operations, return_exceptions=True)
    await client.close()
