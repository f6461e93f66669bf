"""A member that leaves the set: what is under way on it ends, who waits for a connection to it goes elsewhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo import ReadPreference
from pymongo.errors import AutoReconnect
from pymongo.monitoring import ConnectionClosedReason

from tests.replica_set.conftest import Connect
from tests.support.events import PoolEvents
from tests.support.inside import topology_of
from tests.support.replica_set.faults import Exchange, Fault
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found, kinds
from tests.support.waiting import until


def held(release: asyncio.Event) -> Fault:
    """The command is applied, and answered when the test says so."""

    async def hold(exchange: Exchange) -> dict[str, Any]:
        await release.wait()
        return await exchange.apply()

    return hold


@pytest.mark.usefixtures("lets_go")
async def test_what_is_under_way_ends_and_who_waits_goes_elsewhere(replica_set: ReplicaSet, connect: Connect) -> None:
    _, leaving, *_ = replica_set.members
    client = connect(replica_set.uri, maxPoolSize=1)
    await found(client, *replica_set.members)
    await client.db.test.insert_one({"_id": 1})
    release = asyncio.Event()
    for member in replica_set.secondaries:
        replica_set.fail_next(member, "find", held(release))
    reading = client.get_database("db", read_preference=ReadPreference.SECONDARY).test
    finding = [asyncio.ensure_future(reading.find_one()) for _ in range(6)]
    await until(lambda: len(replica_set.called("find")) == 2)
    replica_set.remove(leaving)
    await until(lambda: leaving.address not in kinds(client))
    # One reading is under way on it. Those that waited for its connection wait for another member's now.
    await asyncio.sleep(0.1)
    assert not any(operation.done() for operation in finding)
    release.set()
    assert await asyncio.gather(*finding) == [{"_id": 1}] * 6
    assert sum(find.member is leaving for find in replica_set.called("find")) == 1
    assert await client.db.command("ping")


async def test_what_comes_back_to_the_pool_of_a_member_that_has_left(
    replica_set: ReplicaSet, connect_motor: Connect
) -> None:
    _, leaving, *_ = replica_set.members
    events = PoolEvents()
    client = connect_motor(replica_set.uri, event_listeners=[events])
    await found(client, *replica_set.members)
    topology = topology_of(client)
    server = topology.server_at(address(leaving))
    assert server is not None
    first, second = await server.pool.check_out(), await server.pool.check_out()
    replica_set.remove(leaving)
    await until(lambda: topology.server_at(address(leaving)) is None)
    assert not first.closed
    with pytest.raises(AutoReconnect, match="the server has left the deployment"):
        await server.pool.check_out()
    server.pool.check_in(first)
    assert first.closed
    assert events.closed == [(first.id, ConnectionClosedReason.POOL_CLOSED)]
    # Whatever is still in use when the client is closed is closed with it.
    client.close()
    assert second.closed
    assert events.names.count("pool_closed") == len(replica_set.members)
    server.pool.check_in(second)
    assert events.closed[-1] == (second.id, ConnectionClosedReason.POOL_CLOSED)


def address(member: Any) -> tuple[str, int]:
    """As the driver has it."""
    host, port = member.address.split(":")
    return host, int(port)
