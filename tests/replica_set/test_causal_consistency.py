"""A session sees what it has done, on whichever member it reads, however far that one lags."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import ReadPreference
from pymongo.errors import ExecutionTimeout

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found

LAG = 0.4


@pytest.fixture
async def client(replica_set: ReplicaSet, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client that knows every member. The secondaries lag."""
    client: AsyncIOMotorClient = connect_motor(replica_set.uri)
    await found(client, *replica_set.members)
    for secondary in replica_set.secondaries:
        replica_set.lag(secondary, LAG)
    return client


async def test_a_secondary_shows_the_sessions_own_write(replica_set: ReplicaSet, client: Any) -> None:
    """The announced example."""
    collection = client.db.test
    secondary = collection.with_options(read_preference=ReadPreference.SECONDARY)
    with await client.start_session() as s:
        await collection.insert_one({'_id': 1}, session=s)  # fmt: skip
        assert [document async for document in secondary.find()] == []
        assert [document async for document in secondary.find(session=s)] == [{"_id": 1}]
    without, within = replica_set.called("find")
    assert within.member in replica_set.secondaries
    assert within.read_concern == {"afterClusterTime": replica_set.data.time}
    assert within.session == replica_set.called("insert")[0].session
    assert without.read_concern is None
    assert replica_set.called("insert")[0].read_concern is None


async def test_every_read_waits_and_no_getmore(replica_set: ReplicaSet, client: Any) -> None:
    secondary = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)
    async with client.start_session() as session:
        await client.db.test.insert_many([{"_id": number} for number in range(5)], session=session)
        time = replica_set.data.time
        assert await secondary.find_one({"_id": 4}, session=session) == {"_id": 4}
        assert await secondary.count_documents({}, session=session) == 5
        assert len(await secondary.find({}, batch_size=2, session=session).to_list()) == 5
        assert len(await secondary.aggregate([], batchSize=2, session=session).to_list()) == 5
    for name in ("find", "aggregate"):
        assert {read.read_concern["afterClusterTime"] for read in replica_set.called(name) if read.read_concern} == {
            time
        }
        assert all(read.read_concern for read in replica_set.called(name))
    assert replica_set.called("getMore")
    assert not any(read_on.read_concern for read_on in replica_set.called("getMore"))


async def test_reads_take_their_order_from_reads(replica_set: ReplicaSet, client: Any) -> None:
    """What was read once is still there on a member that lags even more."""
    await client.db.test.insert_one({"_id": 1})
    async with client.start_session() as session:
        assert await client.db.test.find_one(session=session) == {"_id": 1}
        secondary = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)
        assert await secondary.find_one(session=session) == {"_id": 1}
    first, second = replica_set.called("find")
    assert first.read_concern is None
    assert second.read_concern == {"afterClusterTime": replica_set.data.time}


async def test_without_causal_consistency(replica_set: ReplicaSet, client: Any) -> None:
    async with client.start_session(causal_consistency=False) as session:
        await client.db.test.insert_one({"_id": 1}, session=session)
        secondary = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)
        assert await secondary.find_one(session=session) is None
    assert replica_set.called("find")[-1].read_concern is None


async def test_from_one_session_to_another(replica_set: ReplicaSet, connect_motor: Connect, client: Any) -> None:
    """Of another client, whose clock has not heard of the write."""
    other = connect_motor(replica_set.uri)
    await found(other, *replica_set.members)
    secondary = other.db.test.with_options(read_preference=ReadPreference.SECONDARY)
    async with client.start_session() as writing, other.start_session() as reading:
        await client.db.test.insert_one({"_id": 1}, session=writing)
        assert await secondary.find_one(session=reading) is None
        reading.advance_cluster_time(writing.cluster_time)
        reading.advance_operation_time(writing.operation_time)
        assert await secondary.find_one(session=reading) == {"_id": 1}
        read = replica_set.called("find")[-1]
        assert read.read_concern == {"afterClusterTime": writing.operation_time}
        assert read.command["$clusterTime"] == writing.cluster_time
        reading.advance_operation_time(Timestamp(1, 1))
        assert reading.operation_time > Timestamp(1, 1)


async def test_a_failed_write_counts_too(replica_set: ReplicaSet, client: Any) -> None:
    async with client.start_session() as session:
        await client.db.test.insert_one({"_id": 1})
        with pytest.raises(Exception, match="duplicate key"):
            await client.db.test.insert_one({"_id": 1}, session=session)
        assert session.operation_time == replica_set.data.time
        secondary = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)
        assert await secondary.find_one(session=session) == {"_id": 1}


async def test_a_read_waits_no_longer_than_it_may(replica_set: ReplicaSet, client: Any) -> None:
    for member in replica_set.secondaries:
        replica_set.lag(member, 100)
    secondary = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)
    async with client.start_session() as session:
        await client.db.test.insert_one({"_id": 1}, session=session)
        with pytest.raises(ExecutionTimeout):
            await secondary.find_one(session=session, max_time_ms=50)


async def test_many_sessions_at_once(replica_set: ReplicaSet, client: Any) -> None:
    """Each sees its own write, and waits for no other's."""
    secondary = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)

    async def write_and_read(number: int) -> None:
        async with client.start_session() as session:
            await client.db.test.insert_one({"_id": number}, session=session)
            assert await secondary.find_one({"_id": number}, session=session) == {"_id": number}

    await asyncio.gather(*(write_and_read(number) for number in range(20)))
    for read in replica_set.called("find"):
        (insert,) = [write for write in replica_set.data.applied if bytes((write.lsid or {})["id"]) == read.session]
        assert read.read_concern == {"afterClusterTime": insert.time}
