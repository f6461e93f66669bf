"""Reads that are sent again: on the next primary, on another secondary, on another mongos."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Any

import pymongo
import pytest
from pymongo import ReadPreference
from pymongo.errors import AutoReconnect, NotPrimaryError, OperationFailure, PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.support.replica_set import faults
from tests.support.replica_set.faults import Exchange
from tests.support.replica_set.fixtures import Deploy
from tests.support.replica_set.scripted_set import ReplicaSet, ShardedCluster
from tests.support.replica_set.seen import found, kinds
from tests.support.waiting import until


@pytest.fixture
async def client(replica_set: ReplicaSet, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client that knows every member, of a collection with five documents."""
    replica_set.data.write({"insert": "test", "documents": [{"_id": number} for number in range(5)]}, "db.test", "")
    client: AsyncIOMotorClient = connect_motor(replica_set.uri)
    await found(client, *replica_set.members)
    return client


READS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "find_one": ("find", lambda c: c.find_one({"_id": 1})),
    "find": ("find", lambda c: c.find({}).to_list()),
    "aggregate": ("aggregate", lambda c: c.aggregate([]).to_list()),
    "count_documents": ("aggregate", lambda c: c.count_documents({})),
    "estimated_document_count": ("count", lambda c: c.estimated_document_count()),
}
FAULTS = {
    "close": faults.close_before,
    "shutdown": faults.error(91),
    "state change": faults.error(11602),
    "network": faults.error(89),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", READS)
async def test_each_kind_of_read(replica_set: ReplicaSet, client: Any, name: str, fault: str) -> None:
    command, read = READS[name]
    expected = await read(client.db.test)
    replica_set.fail_next(None, command, FAULTS[fault])
    assert await read(client.db.test) == expected
    _, first, second = replica_set.called(command)
    assert first.session == second.session
    assert first.txn_number is second.txn_number is None


async def test_across_an_election(replica_set: ReplicaSet, client: Any) -> None:
    old = replica_set.primary

    async def die(exchange: Exchange) -> None:
        replica_set.before_each(None)
        await replica_set.kill(exchange.member)
        replica_set.elect()

    replica_set.before_each(die)
    results = await asyncio.gather(*(client.db.test.find_one({"_id": 1}) for _ in range(30)))
    assert results == [{"_id": 1}] * 30
    assert {find.member for find in replica_set.called("find")} == {old, replica_set.primary}


async def test_a_secondary_dies(replica_set: ReplicaSet, client: Any) -> None:
    async def die(exchange: Exchange) -> None:
        replica_set.before_each(None)
        await replica_set.kill(exchange.member)

    replica_set.before_each(die)
    secondaries = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)
    results = await asyncio.gather(*(secondaries.find_one({"_id": 1}) for _ in range(30)))
    assert results == [{"_id": 1}] * 30
    assert {find.member for find in replica_set.called("find")} == set(replica_set.members[1:])


async def test_a_cursor_is_opened_again_and_not_read_on(replica_set: ReplicaSet, client: Any) -> None:
    """A getMore that fails is the end of its cursor."""
    replica_set.fail_next(None, "find", faults.close_before)
    cursor = client.db.test.find({}, batch_size=2)
    assert await cursor.next() == {"_id": 0}
    assert len(replica_set.called("find")) == 2
    replica_set.fail_next(None, "getMore", faults.close_before)
    with pytest.raises(AutoReconnect):
        await cursor.to_list()
    assert len(replica_set.called("getMore")) == 1


async def test_once_and_no_more(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "find", faults.error(91, "the first"))
    replica_set.fail_next(None, "find", faults.error(91, "the second"))
    with pytest.raises(NotPrimaryError, match="the second"):
        await client.db.test.find_one()
    assert len(replica_set.called("find")) == 2


async def test_errors_that_would_be_the_same_again(replica_set: ReplicaSet, client: Any) -> None:
    for code in (2, 8, 50, 43):
        replica_set.fail_next(None, "find", faults.error(code))
        with pytest.raises(OperationFailure):
            await client.db.test.find_one()
    assert len(replica_set.called("find")) == 4


@pytest.mark.parametrize("option", ["retryReads=false", "retryReads=false&retryWrites=false"])
async def test_switched_off(replica_set: ReplicaSet, connect_motor: Connect, option: str) -> None:
    client = connect_motor(f"{replica_set.uri}&{option}")
    await found(client, *replica_set.members)
    replica_set.fail_next(None, "find", faults.close_before)
    with pytest.raises(AutoReconnect):
        await client.db.test.find_one()
    assert len(replica_set.called("find")) == 1


async def test_what_the_application_wrote_is_not_retried(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "find", faults.close_before)
    with pytest.raises(AutoReconnect):
        await client.db.command({"find": "test"})
    assert len(replica_set.called("find")) == 1


async def test_no_server_is_found_for_the_retry(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    client = connect_motor(replica_set.uri, serverSelectionTimeoutMS=300)
    await found(client, *replica_set.members)

    async def die(exchange: Exchange) -> None:
        await replica_set.kill(exchange.member)

    replica_set.fail_next(None, "find", die)
    with pytest.raises(AutoReconnect, match=f"connection closed|{os.strerror(errno.ECONNRESET)}"):
        await client.db.test.find_one()


async def test_under_a_deadline_more_often_than_once(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "find", faults.error(262), times=5)
    with pymongo.timeout(10):
        await client.db.test.find_one()
    assert len(replica_set.called("find")) == 6


async def test_up_to_the_deadline(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "find", faults.error(262), times=100_000)
    with pymongo.timeout(0.3), pytest.raises(PyMongoError) as raised:
        await client.db.test.find_one()
    assert raised.value.timeout
    assert len(replica_set.called("find")) > 2
    replica_set.script.faults.clear()


async def test_a_deadline_does_not_prolong_the_search_for_a_server(
    replica_set: ReplicaSet, connect_motor: Connect
) -> None:
    """No longer than serverSelectionTimeoutMS, as the specification has it."""
    client = connect_motor(replica_set.uri, serverSelectionTimeoutMS=200)
    await found(client, *replica_set.members)
    replica_set.step_down()
    await until(lambda: "RSPrimary" not in kinds(client).values())
    with pymongo.timeout(60), pytest.raises(PyMongoError, match="No replica set members match") as raised:
        await asyncio.wait_for(client.db.test.find_one(), 20)
    assert raised.value.timeout


async def test_another_mongos(sharded_cluster: ShardedCluster, connect_motor: Connect) -> None:
    client = connect_motor(sharded_cluster.uri)
    await client.db.command("ping")
    await until(lambda: list(kinds(client).values()) == ["Mongos"] * 3)
    for _ in range(10):
        sharded_cluster.fail_next(None, "find", faults.error(6))
        done = len(sharded_cluster.called("find"))
        await client.db.test.find_one()
        *_, first, second = sharded_cluster.called("find")[done:]
        assert first.member is not second.member
        await until(lambda: list(kinds(client).values()) == ["Mongos"] * 3)


async def test_the_only_mongos(deploy: Deploy, connect_motor: Connect) -> None:
    """Better the one that failed than none."""
    cluster = await deploy(ShardedCluster(1))
    client = connect_motor(cluster.uri)
    cluster.fail_next(None, "find", faults.error(6))
    cluster.fail_next(None, "insert", faults.close_after)
    assert await client.db.test.find_one() is None
    await client.db.test.insert_one({"_id": 1})
    assert cluster.data.times_applied("insert", 1) == 1
