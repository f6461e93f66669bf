"""The server that holds a cursor gets its getMore and its killCursors, whatever the others do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, CursorNotFound
from pymongo.read_preferences import ReadPreference

from tests.support.inside import topology_of
from tests.support.replica_set.fixtures import (
    connect_motor,
    deploy,
    load_balancer,
    nothing_left,
    replica_set,
    sharded_cluster,
)
from tests.support.replica_set.scripted_set import Deployment, LoadBalancer, ReplicaSet, ShardedCluster
from tests.support.replica_set.seen import found
from tests.support.waiting import until

__all__ = ["connect_motor", "deploy", "load_balancer", "nothing_left", "replica_set", "sharded_cluster"]

SIZE = {"batch_size": 5}


async def fill(collection: Any) -> None:
    await collection.insert_many([{"_id": number} for number in range(30)])


def holders(deployment: Deployment, *names: str) -> set[Any]:
    """The servers that got such commands."""
    return {command.member for name in names for command in deployment.called(name)}


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("preference", [ReadPreference.PRIMARY, ReadPreference.SECONDARY, ReadPreference.NEAREST])
async def test_of_a_replica_set(replica_set: ReplicaSet, connect_motor: Any, preference: Any, ahead: bool) -> None:
    client = connect_motor(replica_set.uri, read_ahead=ahead)
    await found(client, replica_set.primary, *replica_set.secondaries)
    await fill(client.db.test)
    collection = client.db.test.with_options(read_preference=preference)
    for cursor in [collection.find(**SIZE) for _ in range(6)]:
        replica_set.commands.clear()
        assert len([document async for document in cursor]) == 30
        (member,) = holders(replica_set, "find", "getMore")
        assert cursor.address == ("127.0.0.1", int(member.address.rpartition(":")[2]))
        assert (member is replica_set.primary) or preference != ReadPreference.PRIMARY
        assert len(replica_set.called("getMore")) == 5


async def test_killed_where_it_is(replica_set: ReplicaSet, connect_motor: Any) -> None:
    client = connect_motor(replica_set.uri)
    await found(client, replica_set.primary, *replica_set.secondaries)
    await fill(client.db.test)
    collection = client.db.test.with_options(read_preference=ReadPreference.SECONDARY)
    for number in range(6):
        replica_set.commands.clear()
        cursor = collection.aggregate([], batchSize=5) if number % 2 else collection.find(**SIZE)
        await cursor.next()
        await cursor.close()
        assert len(holders(replica_set, "find", "aggregate", "killCursors")) == 1
        assert len(replica_set.called("killCursors")) == 1


async def test_after_an_election(replica_set: ReplicaSet, connect_motor: Any) -> None:
    """The member that was primary still has the cursor, and a getMore asks for no particular state."""
    client = connect_motor(replica_set.uri)
    await found(client, replica_set.primary, *replica_set.secondaries)
    await fill(client.db.test)
    old = replica_set.primary
    cursor = client.db.test.find(**SIZE)
    await cursor.next()
    new = replica_set.elect()
    await until(lambda: topology_of(client).select_now(ReadPreference.PRIMARY) is not None)
    assert len(await cursor.to_list()) == 29
    assert holders(replica_set, "find", "getMore") == {old}
    assert new is not old


async def test_its_holder_is_gone(replica_set: ReplicaSet, connect_motor: Any) -> None:
    """No other server has it: that is an error, and neither waiting nor retrying helps."""
    client = connect_motor(replica_set.uri, serverSelectionTimeoutMS=2000)
    await found(client, replica_set.primary, *replica_set.secondaries)
    await fill(client.db.test)
    old = replica_set.primary
    cursor = client.db.test.find(**SIZE)
    await cursor.next()
    await replica_set.kill(old)
    replica_set.elect()
    for _ in range(2):
        with pytest.raises(AutoReconnect):
            await cursor.to_list()
    assert holders(replica_set, "getMore") <= {old}


async def test_its_holder_was_restarted(replica_set: ReplicaSet, connect_motor: Any) -> None:
    client = connect_motor(replica_set.uri)
    await found(client, replica_set.primary, *replica_set.secondaries)
    await fill(client.db.test)
    old = replica_set.primary
    cursor = client.db.test.find(**SIZE)
    await cursor.next()
    await replica_set.restart(old)
    replica_set.elect(old)
    for _ in range(2):
        with pytest.raises((AutoReconnect, CursorNotFound)):
            await cursor.to_list()


@pytest.mark.parametrize("ahead", [False, True])
async def test_of_several_mongos(sharded_cluster: ShardedCluster, connect_motor: Any, ahead: bool) -> None:
    client = connect_motor(sharded_cluster.uri, read_ahead=ahead)
    await fill(client.db.test)
    cursors = [client.db.test.find(**SIZE) for _ in range(12)]
    lists = await asyncio.gather(*(cursor.to_list() for cursor in cursors))
    # Each mongos knows its own cursors only, and says so of any other.
    assert [len(each) for each in lists] == [30] * 12
    assert len({cursor.address for cursor in cursors}) > 1


async def test_behind_a_load_balancer(load_balancer: LoadBalancer, connect_motor: Any) -> None:
    """Only the connection leads to the server that holds it; there is no reading ahead over it."""
    client = connect_motor(load_balancer.uri, read_ahead=True)
    await fill(client.db.test)
    load_balancer.commands.clear()
    cursors = [client.db.test.find(**SIZE) for _ in range(4)]
    for cursor in cursors:
        await cursor.next()
    await asyncio.sleep(0.02)
    assert [command.name for command in load_balancer.commands] == ["find"] * 4
    assert len({command.connection for command in load_balancer.commands}) == 4
    lists = await asyncio.gather(*(cursor.to_list() for cursor in cursors[:3]))
    assert [len(each) for each in lists] == [29] * 3
    await cursors[3].close()
    for lsid in {command.session for command in load_balancer.commands}:
        mine = [command for command in load_balancer.commands if command.session == lsid]
        assert len({command.connection for command in mine}) == 1
    assert load_balancer.called("killCursors")[0].connection == load_balancer.called("find")[3].connection
