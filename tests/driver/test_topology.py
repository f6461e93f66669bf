"""Finding servers: what is tried, what is said when none is found, and what is left when a client goes."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest
from pymongo import ReadPreference
from pymongo.errors import AutoReconnect, ConfigurationError, ServerSelectionTimeoutError
from pymongo.topology_description import TOPOLOGY_TYPE

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import look_again_soon, monitor_of, pool_of, replace, server_of, task_of, topology_of
from tests.support.leaks import drivers_tasks
from tests.support.server import ScriptedServer
from tests.support.waiting import until


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def test_what_suits_is_found_once(server, connect, monkeypatch):
    """Until the topology changes: to find it each time costs as much as to send a command."""
    client = connect(server)
    await client.db.c.insert_one({})
    await client.db.c.find_one()

    def found_anew(*arguments: object) -> None:
        raise AssertionError(arguments)

    replace(monkeypatch, "topology.suitable_addresses", found_anew)
    for _ in range(3):
        await client.db.c.insert_one({})
        await client.db.c.find_one()


async def test_no_server_at_the_address(connect):
    port = free_port()
    client = connect(f"mongodb://127.0.0.1:{port}", serverSelectionTimeoutMS=100)
    with pytest.raises(ServerSelectionTimeoutError) as raised:
        await client.db.c.find_one()
    text = str(raised.value)
    assert f"127.0.0.1:{port}: " in text
    assert "Errno" in text
    assert "Timeout: 0.1s" in text
    assert "Topology Description" in text


async def test_a_refused_connection_is_called_that(connect):
    client = connect(f"mongodb://127.0.0.1:{free_port()}", serverSelectionTimeoutMS=100)
    with pytest.raises(ServerSelectionTimeoutError, match=os.strerror(errno.ECONNREFUSED)):
        await client.db.c.find_one()


async def test_several_servers_and_none_of_them_there(connect):
    ports = [free_port() for _ in range(3)]
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    client = connect(f"mongodb://{hosts}/?replicaSet=rs", serverSelectionTimeoutMS=100)
    with pytest.raises(ServerSelectionTimeoutError) as raised:
        await client.db.c.insert_one({})
    assert all(f"127.0.0.1:{port}" in str(raised.value) for port in ports)


async def test_a_name_that_does_not_resolve(connect):
    client = connect("mongodb://nowhere.invalid:1", serverSelectionTimeoutMS=300)
    with pytest.raises(ServerSelectionTimeoutError, match=r"nowhere\.invalid:1: "):
        await client.db.c.find_one()


async def test_a_timeout_of_zero_fails_at_once(connect):
    client = connect(f"mongodb://127.0.0.1:{free_port()}", serverSelectionTimeoutMS=0)
    with pytest.raises(ServerSelectionTimeoutError, match="No servers found yet"):
        await asyncio.wait_for(client.db.c.find_one(), 5)


async def test_one_that_hangs_and_one_that_answers(server, connect):
    """A seed that accepts and says nothing holds nobody up."""
    async with ScriptedServer() as silent:
        silent.on_hello = lambda request: asyncio.sleep(3600)
        hosts = f"{silent.address},{server.address}"
        client = connect(f"mongodb://{hosts}/?replicaSet=rs")
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert topology_of(client).description.topology_type == TOPOLOGY_TYPE.ReplicaSetWithPrimary
        assert client.nodes == frozenset([("127.0.0.1", server.port)])
        client.close()


async def test_seeds_that_do_not_belong_are_dropped(connect):
    async with ScriptedServer() as member, ScriptedServer(replica_set="other") as stranger:
        client = connect(f"mongodb://{stranger.address},{member.address}/?replicaSet=rs")
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        await until(lambda: client.nodes == frozenset([("127.0.0.1", member.port)]))
        await until(lambda: not stranger.peers, "no connection to the stranger left")
        client.close()


async def test_a_standalone(connect):
    async with ScriptedServer(replica_set=None) as server:
        client = connect(f"mongodb://{server.address}")
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert topology_of(client).description.topology_type_name == "Single"
        # A server that is alone knows nothing of read preferences.
        secondary = client.db.c.with_options(read_preference=ReadPreference.SECONDARY)
        assert await secondary.find_one({"_id": 2}) == {"_id": 2}
        assert "$readPreference" not in server.requests[-1].command


async def test_a_real_standalone(connect):
    async with motor.embedded.Server(arguments=["--standalone"]) as server:
        client = connect(server.uri)
        await client.db.c.insert_one({"_id": 1})
        assert await client.db.c.find_one() == {"_id": 1}
        assert topology_of(client).description.topology_type_name == "Single"
        assert server_of(client).description.server_type_name == "Standalone"
        client.close()


async def test_a_real_replica_set(uri, connect):
    client = connect(uri)
    await client.admin.command("ping")
    assert topology_of(client).description.topology_type_name in ("ReplicaSetWithPrimary", "Single", "Sharded")


async def test_a_replica_set_of_one(server, connect):
    client = connect(f"mongodb://{server.address}/?replicaSet=rs")
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    assert topology_of(client).description.topology_type_name == "ReplicaSetWithPrimary"
    assert server_of(client).description.server_type_name == "RSPrimary"
    secondary = client.db.c.with_options(read_preference=ReadPreference.SECONDARY_PREFERRED)
    assert await secondary.find_one({"_id": 2}) == {"_id": 2}
    assert server.requests[-1].command["$readPreference"] == {"mode": "secondaryPreferred"}


async def test_no_member_suits(server, connect):
    client = connect(f"mongodb://{server.address}/?replicaSet=rs", serverSelectionTimeoutMS=100)
    collection = client.db.c.with_options(read_preference=ReadPreference.SECONDARY)
    with pytest.raises(ServerSelectionTimeoutError, match='No replica set members match selector "Secondary'):
        await collection.find_one()


async def test_a_secondary_takes_no_writes(connect):
    hello = {"isWritablePrimary": False, "ismaster": False, "secondary": True, "primary": "127.0.0.1:1"}
    async with ScriptedServer(hello=hello) as server:
        client = connect(f"mongodb://{server.address}/?replicaSet=rs", serverSelectionTimeoutMS=100)
        with pytest.raises(ServerSelectionTimeoutError, match="No primary available for writes"):
            await client.db.c.insert_one({})
        client.close()


async def test_a_direct_connection_to_a_secondary(connect):
    hello = {"isWritablePrimary": False, "ismaster": False, "secondary": True, "primary": "127.0.0.1:1"}
    async with ScriptedServer(hello=hello) as server:
        client = connect(server)
        assert topology_of(client).description.topology_type_name == "Single"
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert server.requests[-1].command["$readPreference"] == {"mode": "primaryPreferred"}
        client.close()


@pytest.mark.parametrize("direct", ["", "&directConnection=true"])
async def test_the_wrong_replica_set_name(direct, server, connect):
    client = connect(f"mongodb://{server.address}/?replicaSet=wrong{direct}", serverSelectionTimeoutMS=200)
    with pytest.raises(ServerSelectionTimeoutError) as raised:
        await client.db.c.find_one()
    assert "wrong" in str(raised.value)


async def test_a_standalone_where_a_replica_set_is_wanted(connect):
    async with ScriptedServer(replica_set=None) as server:
        client = connect(f"mongodb://{server.address}/?replicaSet=rs", serverSelectionTimeoutMS=200)
        with pytest.raises(ServerSelectionTimeoutError, match='available for replica set name "rs"'):
            await client.db.c.find_one()
        client.close()


@pytest.mark.parametrize(
    ("hello", "text"),
    [
        ({"maxWireVersion": 2}, "requires at least"),
        ({"minWireVersion": 999, "maxWireVersion": 1000}, "requires wire version 999"),
    ],
)
async def test_a_server_too_old_or_too_new(hello, text, connect):
    async with ScriptedServer(hello=hello) as server:
        client = connect(server, serverSelectionTimeoutMS=500)
        with pytest.raises(ConfigurationError, match=text):
            await client.db.c.find_one()
        client.close()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix domain sockets here")
async def test_a_unix_domain_socket(tmp_path, connect):
    path = str(tmp_path / "mongodb-27017.sock")
    async with ScriptedServer(path=path, replica_set=None) as server:
        client = connect("mongodb://" + path.replace("/", "%2F"))
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert server.opened == 2
        client.close()
        await until(lambda: not server.peers)
    client = connect("mongodb://" + str(tmp_path / "none.sock").replace("/", "%2F"), serverSelectionTimeoutMS=100)
    with pytest.raises(ServerSelectionTimeoutError, match=r"none\.sock: "):
        await client.db.c.find_one()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
async def test_ipv6(connect):
    async with ScriptedServer(host="::1", replica_set=None) as server:
        client = connect(server)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert client.nodes == frozenset([("::1", server.port)])
        client.close()


async def test_localhost_by_name(server, connect):
    client = connect(f"mongodb://localhost:{server.port}/?directConnection=true")
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


async def test_nothing_is_left_after_close(server, connect):
    before = drivers_tasks()
    client = connect(server)
    await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(5)))
    pool = pool_of(client)
    client.close()
    assert pool.size == 0
    for _ in range(20):
        await asyncio.sleep(0)
    assert not drivers_tasks() - before
    await until(lambda: not server.peers)


async def test_the_monitor_is_woken_by_who_waits(server, connect):
    """A server that comes back is found at once, not after heartbeatFrequencyMS."""
    client = connect(server, heartbeatFrequencyMS=600_000)
    await client.db.command("ping")
    topology_of(client).check_failed(server_of(client), AutoReconnect("gone"))
    assert client.nodes == frozenset()
    assert await asyncio.wait_for(client.db.c.find_one({"_id": 1}), 20) == {"_id": 1}


@pytest.mark.parametrize("turns", range(5))
async def test_a_monitor_that_is_closed_right_after_it_was_woken_ends(turns, server, monkeypatch):
    look_again_soon(monkeypatch)
    client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri)
    await client.db.command("ping")
    monitor = monitor_of(client)
    await asyncio.sleep(0.05)
    monitor.request_check()
    for _ in range(turns):
        await asyncio.sleep(0)
    client.close()
    task = task_of(monitor)
    await asyncio.wait([task], timeout=1)
    ended = task.done()
    # So that a monitor that runs on doesn't disturb other tests.
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert ended
