"""Several mongos, and a load balancer."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from pymongo.errors import AutoReconnect, ConfigurationError, CursorNotFound, NotPrimaryError, OperationFailure

from tests.replica_set.conftest import Connect
from tests.support.replica_set import faults
from tests.support.replica_set.scripted_set import LoadBalancer, ShardedCluster
from tests.support.replica_set.seen import kinds, members, preference
from tests.support.waiting import until


async def discovered(client: object, cluster: ShardedCluster) -> None:
    """Wait until the client knows every mongos that is up."""
    alive = {member.address for member in cluster.members if member.alive}
    await until(lambda: members(client, "Mongos") == alive)


async def test_operations_are_spread(sharded_cluster: ShardedCluster, connect: Connect) -> None:
    client = connect(sharded_cluster.uri)
    await client.db.command("ping")
    await discovered(client, sharded_cluster)
    assert client.topology_description.topology_type_name == "Sharded"
    for number in range(100):
        await client.db.test.insert_one({"_id": number})
    for member in sharded_cluster.members:
        assert 10 < sum(insert.member is member for insert in sharded_cluster.called("insert")) < 60
    assert await client.db.test.count_documents({}) == 100


async def test_the_slowest_window_is_left_out(sharded_cluster: ShardedCluster, connect: Connect) -> None:
    far = sharded_cluster.members[0]
    sharded_cluster.slow(far, 0.4)
    client = connect(sharded_cluster.uri, localThresholdMS=150)
    await client.db.command("ping")
    await discovered(client, sharded_cluster)
    done = len(sharded_cluster.commands)
    for _ in range(30):
        await client.db.command("ping")
    assert far not in {command.member for command in sharded_cluster.commands[done:]}


async def test_a_cursor_stays_with_its_mongos(sharded_cluster: ShardedCluster, connect: Connect) -> None:
    client = connect(sharded_cluster.uri)
    await client.db.command("ping")
    await discovered(client, sharded_cluster)
    await client.db.test.insert_many([{"_id": number} for number in range(30)])
    cursors = [client.db.test.find({}, batch_size=4) for _ in range(12)]
    for cursor in cursors:
        await cursor.next()
    for cursor in cursors:
        assert len(await cursor.to_list(None)) == 29
    assert len({get.member for get in sharded_cluster.called("getMore")}) > 1


async def test_a_mongos_fails_and_returns(sharded_cluster: ShardedCluster, connect: Connect) -> None:
    client = connect(sharded_cluster.uri)
    await client.db.command("ping")
    await discovered(client, sharded_cluster)
    lost = sharded_cluster.members[1]
    await sharded_cluster.kill(lost)
    await discovered(client, sharded_cluster)
    assert kinds(client)[lost.address] == "Unknown"
    done = len(sharded_cluster.commands)
    for _ in range(20):
        await client.db.command("ping")
    assert lost not in {command.member for command in sharded_cluster.commands[done:]}
    await sharded_cluster.restart(lost)
    await discovered(client, sharded_cluster)
    for _ in range(50):
        await client.db.command("ping")
    assert sharded_cluster.commands[-1].member.alive
    assert lost in {command.member for command in sharded_cluster.commands[done:]}


async def test_a_mongos_is_told_the_read_preference(sharded_cluster: ShardedCluster, connect: Connect) -> None:
    client = connect(sharded_cluster.uri)
    await client.get_database("db", read_preference=preference("nearest", [{"dc": "east"}])).test.find_one()
    assert sharded_cluster.called("find")[-1].read_preference == {"mode": "nearest", "tags": [{"dc": "east"}]}


async def test_a_load_balancer_is_not_monitored(load_balancer: LoadBalancer, connect: Connect) -> None:
    client = connect(load_balancer.uri)
    for number in range(10):
        await client.db.test.insert_one({"_id": number})
    assert client.topology_description.topology_type_name == "LoadBalanced"
    assert all("client" in hello.command and hello.command["loadBalanced"] for hello in load_balancer.hellos)
    assert len(load_balancer.peers) == 1


async def test_a_cursor_keeps_its_connection_to_a_load_balancer(load_balancer: LoadBalancer, connect: Connect) -> None:
    client = connect(load_balancer.uri)
    await client.db.test.insert_many([{"_id": number} for number in range(30)])
    cursors = [client.db.test.find({}, batch_size=4) for _ in range(6)]
    for cursor in cursors:
        await cursor.next()
    assert {find.member for find in load_balancer.called("find")} == set(load_balancer.members)
    for cursor in cursors:
        assert len(await cursor.to_list(None)) == 29
    for find in load_balancer.called("find"):
        read_on = [get for get in load_balancer.called("getMore") if get.session == find.session]
        assert {(get.connection, get.member) for get in read_on} == {(find.connection, find.member)}
    # One that is not read to its end is killed where it is, and gives its connection back.
    cursor = client.db.test.find({}, batch_size=4)
    await cursor.next()
    await cursor.close()
    find, killed = load_balancer.called("find")[-1], load_balancer.called("killCursors")[-1]
    assert (killed.connection, killed.member) == (find.connection, find.member)


async def test_a_service_fails_behind_a_load_balancer(load_balancer: LoadBalancer, connect: Connect) -> None:
    client = connect(load_balancer.uri, retryReads=False)
    first, second = load_balancer.members
    for member in load_balancer.members:
        load_balancer.slow(member, 0.1)
    await asyncio.gather(*(client.db.command("ping") for _ in range(8)))
    for member in load_balancer.members:
        load_balancer.slow(member, 0)
    kept, lost = load_balancer.peers_of(second), load_balancer.peers_of(first)
    assert kept
    assert lost
    # A state change error of one service clears the connections to that service only.
    load_balancer.fail_next(first, "ping", faults.error(91))
    results = await asyncio.gather(*(client.db.command("ping") for _ in range(8)), return_exceptions=True)
    assert not load_balancer.script.faults
    assert sum(isinstance(result, NotPrimaryError) for result in results) == 1
    await until(lambda: not set(lost) & set(load_balancer.peers), "the end of the connections to the lost service")
    assert set(kept) <= set(load_balancer.peers)
    await asyncio.gather(*(client.db.command("ping") for _ in range(8)))
    # A mongos that is gone takes its connections with it. The others go on.
    await load_balancer.kill(first)
    for _ in range(12):
        with contextlib.suppress(AutoReconnect):
            await client.db.command("ping")
    done = len(load_balancer.commands)
    for _ in range(8):
        await client.db.command("ping")
    assert {command.member for command in load_balancer.commands[done:]} == {second}
    service_id = first.service_id
    await load_balancer.restart(first)
    assert first.service_id != service_id


async def test_a_load_balancer_needs_to_be_told(load_balancer: LoadBalancer, connect: Connect) -> None:
    client = connect(load_balancer.uri.partition("?")[0], serverSelectionTimeoutMS=700)
    with pytest.raises(Exception, match="did not say loadBalanced"):
        await client.db.command("ping")


async def test_what_is_no_load_balancer(sharded_cluster: ShardedCluster, connect: Connect) -> None:
    client = connect(f"mongodb://{sharded_cluster.members[0].address}/?loadBalanced=true")
    with pytest.raises(ConfigurationError):
        await client.db.command("ping")


async def test_a_mongos_has_cursors_of_its_own(sharded_cluster: ShardedCluster, connect_pymongo: Connect) -> None:
    here, there = (
        connect_pymongo(f"mongodb://{member.address}/?directConnection=true") for member in sharded_cluster.members[:2]
    )
    await here.db.test.insert_many([{"_id": number} for number in range(5)])
    reply = await here.db.command({"find": "test", "batchSize": 2})
    with pytest.raises(CursorNotFound):
        await there.db.command({"getMore": reply["cursor"]["id"], "collection": "test"})
    with pytest.raises(OperationFailure, match="does not know these options"):
        await here.db.command({"find": "test", "sort": {"x": 1}})
