"""What a server may cost that has not proven who it is: the size of what it says, and how many others it names."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import ReadPreference
from pymongo.errors import AutoReconnect, ProtocolError, ServerSelectionTimeoutError

from motor.driver.cmap.hello import MOST_MEMBERS, read_hello
from motor.driver.wire.reader import STRANGERS_MESSAGE_SIZE
from tests.support.envelope import wrap
from tests.support.inside import server_of, servers_of, topology_of
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, reply, send
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("impatient_monitors")

ADDRESS = ("127.0.0.1", 27017)
TOO_LARGE = {"ok": 1, "text": "x" * STRANGERS_MESSAGE_SIZE}
SECONDARY = {"isWritablePrimary": False, "ismaster": False, "secondary": True}


def is_monitors(request: Request) -> bool:
    """Whether a greeting comes from a monitor: those never compress."""
    return "compression" not in request.command


def greeting_of_operations(server: ScriptedServer, greet: Any) -> None:
    """Monitors are greeted as usual, the connections of operations by `greet`."""

    async def on_hello(request: Request) -> None:
        await (server.greet if is_monitors(request) else greet)(request)

    server.on_hello = on_hello


async def test_a_hello_is_of_a_bounded_size(connect):
    async with ScriptedServer(hello=TOO_LARGE) as server:
        client = connect(server, serverSelectionTimeoutMS=200)
        with pytest.raises(ServerSelectionTimeoutError, match="larger than 1000000, the most before authentication"):
            await client.db.c.find_one()
        assert server.names == []
        server.fields = {"text": "x" * (STRANGERS_MESSAGE_SIZE - 2000)}
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        client.close()


async def test_so_is_that_of_an_operations_connection(server, connect):
    greeting_of_operations(server, reply(TOO_LARGE))
    client = connect(server, serverSelectionTimeoutMS=200)
    with pytest.raises(ProtocolError, match=f"^{server.address}: .*the most before authentication"):
        await client.db.c.find_one()


async def test_and_all_of_an_authentication(server, connect):
    server.script("saslStart", reply({"conversationId": 1, "payload": b"x" * STRANGERS_MESSAGE_SIZE, "ok": 1}))
    client = connect(server, username="ann", password="secret", authMechanism="SCRAM-SHA-256")
    with pytest.raises((ProtocolError, AutoReconnect), match="the most before authentication"):
        await client.db.c.find_one()


async def test_a_known_server_may_say_more(server, connect):
    client = connect(server)
    document = {"_id": 1, "text": "x" * 3 * STRANGERS_MESSAGE_SIZE}
    server.script("find", reply({"cursor": {"id": 0, "ns": "db.c", "firstBatch": [document]}, "ok": 1}))
    assert await client.db.c.find_one({"_id": 1}) == document


@pytest.mark.parametrize("whose", ["the monitor's", "an operation's"])
async def test_no_greeting_is_compressed(whose, server, connect):
    compressed = send(lambda request: wrap(message(server.hello(), request.id), "zlib"))
    if whose == "the monitor's":
        server.on_hello = compressed
    else:
        greeting_of_operations(server, compressed)
    client = connect(server, serverSelectionTimeoutMS=200, compressors="zlib")
    with pytest.raises((ServerSelectionTimeoutError, ProtocolError), match="no compression was negotiated"):
        await client.db.c.find_one()


@pytest.mark.parametrize("name", ["hosts", "passives", "arbiters"])
def test_no_more_members_than_there_can_be(name):
    def told(count: int) -> dict[str, Any]:
        return {"ok": 1, "setName": "rs", name: [f"host{number}:1" for number in range(count)]}

    assert len(read_hello(told(MOST_MEMBERS), ADDRESS).all_hosts) == MOST_MEMBERS
    with pytest.raises(ProtocolError, match=f"127.0.0.1:27017 described itself with {MOST_MEMBERS + 1} {name}"):
        read_hello(told(MOST_MEMBERS + 1), ADDRESS)


async def test_nobody_asks_those_whom_such_a_hello_names(connect):
    async with ScriptedServer() as other, ScriptedServer() as server:
        server.fields = {"hosts": [server.address, *[other.address] * MOST_MEMBERS]}
        client = connect(f"mongodb://{server.address}/?replicaSet=rs", serverSelectionTimeoutMS=200)
        with pytest.raises(ServerSelectionTimeoutError, match="a replica set has 50 members at most"):
            await client.db.c.find_one()
        assert other.opened == 0
        client.close()


async def test_hello_after_hello_names_others(connect):
    """A secondary's hosts are added to those that are known: not for ever."""
    named = 0

    async with ScriptedServer(hello=SECONDARY) as server:

        async def greet(request: Request) -> None:
            nonlocal named
            named += 1
            hosts = [server.address, *(f"127.0.0.1:{named * 100 + number}" for number in range(MOST_MEMBERS - 1))]
            server.fields = {**SECONDARY, "primary": hosts[1], "hosts": hosts}
            await server.greet(request)

        server.on_hello = greet
        client = connect(f"mongodb://{server.address}/?replicaSet=rs")
        await client.get_database("db", read_preference=ReadPreference.SECONDARY).c.find_one()
        topology = topology_of(client)
        known = ("127.0.0.1", server.port)

        def refused() -> bool:
            topology.request_check_all()
            return isinstance(topology.description.server_descriptions()[known].error, ProtocolError)

        await until(refused, "a hello that names too many")
        assert "More than 150 servers" in str(topology.description.server_descriptions()[known].error)
        assert 2 * MOST_MEMBERS < len(servers_of(client)) <= 3 * MOST_MEMBERS
        client.close()


async def test_a_primary_whose_set_is_another_each_time(connect):
    """Those whom it named before leave: the others are still connected to, one after the other."""
    created: set[object] = set()

    async with ScriptedServer() as server:

        async def greet(request: Request) -> None:
            number = len(created) * 100
            hosts = [server.address, *(f"127.0.0.1:{number + port}" for port in range(1, MOST_MEMBERS))]
            server.fields = {"hosts": hosts}
            await server.greet(request)

        server.on_hello = greet
        client = connect(f"mongodb://{server.address}/?replicaSet=rs")
        await client.db.c.find_one()
        topology = topology_of(client)
        known = ("127.0.0.1", server.port)

        def refused() -> bool:
            created.update(one.description.address for one in servers_of(client))
            topology.request_check_all()
            return isinstance(topology.description.server_descriptions()[known].error, ProtocolError)

        await until(refused, "a hello that names too many")
        assert len(servers_of(client)) == MOST_MEMBERS
        assert 2 * MOST_MEMBERS < len(created) <= 3 * MOST_MEMBERS + 1
        client.close()


async def test_as_many_seeds_as_one_likes(server, connect):
    """They are the application's, not the server's."""
    seeds = [f"127.0.0.1:{port}" for port in range(1, 4 * MOST_MEMBERS)]
    uri = f"mongodb://{server.address},{','.join(seeds)}/?replicaSet=rs"
    client = connect(uri)
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    assert server_of(client).description.address == ("127.0.0.1", server.port)
    # A secondary adds to them.
    server.fields = {**SECONDARY, "primary": "127.0.0.1:999", "hosts": [server.address, "127.0.0.1:999"]}
    other = connect(uri).get_database("db", read_preference=ReadPreference.SECONDARY)
    assert await other.c.find_one({"_id": 1}) == {"_id": 1}
    assert len(servers_of(other.client)) == 4 * MOST_MEMBERS + 1


async def test_the_error_of_a_greeting_is_cut(connect):
    """A failed selection tells of each server's."""
    refusal = {"ok": 0, "code": 13, "errmsg": "go away " + "x" * 100_000, "more": ["y"] * 10_000}
    async with ScriptedServer() as server:
        server.on_hello = reply(refusal)
        client = connect(server, serverSelectionTimeoutMS=200)
        with pytest.raises(ServerSelectionTimeoutError, match="go away") as raised:
            await client.db.c.find_one()
        assert len(str(raised.value)) < 10_000
        client.close()
