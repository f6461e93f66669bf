"""Many transactions while everything fails that can: each is applied as a whole, once or not at all."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from tests.replica_set.conftest import Connect
from tests.replica_set.test_transactions import TRANSIENT
from tests.support.inside import at_rest, servers_of
from tests.support.replica_set import faults
from tests.support.replica_set.errors import OVERLOADED
from tests.support.replica_set.faults import Exchange
from tests.support.replica_set.fixtures import Deploy
from tests.support.replica_set.scripted_set import Deployment, LoadBalancer, ReplicaSet, ShardedCluster
from tests.support.waiting import until

TRANSACTIONS = 60

FAULTS: tuple[tuple[str, faults.Fault], ...] = (
    ("insert", faults.close_before),
    ("insert", faults.close_after),
    ("insert", faults.error(112, labels=[TRANSIENT])),
    ("insert", faults.error(11602)),
    ("insert", faults.error(OVERLOADED, labels=["SystemOverloadedError", "RetryableError"])),
    ("find", faults.close_before),
    ("find", faults.error(112, labels=[TRANSIENT])),
    ("commitTransaction", faults.close_before),
    ("commitTransaction", faults.close_after),
    ("commitTransaction", faults.error(91)),
    ("commitTransaction", faults.write_concern_error(64)),
    ("abortTransaction", faults.close_before),
    ("abortTransaction", faults.close_after),
)
DEPLOYMENTS: dict[str, type[Deployment]] = {
    "replica set": ReplicaSet,
    "sharded": ShardedCluster,
    "load balanced": LoadBalancer,
}


@pytest.mark.parametrize("kind", DEPLOYMENTS)
async def test_storm(deploy: Deploy, connect_motor: Connect, kind: str) -> None:
    deployment = await deploy(DEPLOYMENTS[kind]())
    client = connect_motor(deployment.uri, maxPoolSize=5)
    await client.db.test.insert_one({"_id": "x"})
    chance = random.Random(11)

    async def disturb(exchange: Exchange) -> None:
        if chance.random() < 0.1:
            deployment.fail_next(None, *chance.choice(FAULTS))
        if isinstance(deployment, ReplicaSet) and chance.random() < 0.01:
            deployment.elect()

    async def transact(number: int) -> None:
        async def callback(session: Any) -> None:
            await client.db.test.insert_one({"_id": number}, session=session)
            assert await client.db.test.find_one({"_id": "x"}, session=session) == {"_id": "x"}
            await client.db.test.insert_one({"_id": -number}, session=session)

        async with client.start_session() as session:
            await session.with_transaction(callback)

    deployment.before_each(disturb)
    numbers = range(1, TRANSACTIONS + 1)
    results = await asyncio.gather(*(transact(number) for number in numbers), return_exceptions=True)
    deployment.before_each(None)
    deployment.script.faults.clear()
    applied = {number: deployment.data.times_applied("insert", number) for number in (*numbers, *(-n for n in numbers))}
    for number, result in zip(numbers, results, strict=True):
        assert applied[number] == applied[-number] <= 1
        if result is None:
            assert applied[number] == 1
        else:
            assert isinstance(result, PyMongoError), result
    assert results.count(None) > TRANSACTIONS // 2
    await until(lambda: all(at_rest(server.pool) for server in servers_of(client)))
