"""What servers say of themselves, and what is made of it: by monitors, by selection, by the error when none is left."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from bson.int64 import Int64
from bson.objectid import ObjectId
from pymongo.errors import AutoReconnect, NotPrimaryError, ServerSelectionTimeoutError

from motor.driver.cmap.handshake import shake_hands
from tests.spec.topologies import idle_topology, respond, server_at
from tests.support.events import Heartbeats
from tests.support.inside import replace, server_of
from tests.support.server import ScriptedServer, close, reply, silence, when
from tests.support.waiting import until

VERSION = {"processId": ObjectId("6f0000000000000000000001"), "counter": Int64(1)}


async def test_a_heartbeat_that_succeeded_is_not_reported_failed(server, connect, monkeypatch):
    """Its check is cancelled in the very turn in which the reply is there."""
    heartbeats = Heartbeats()
    client = connect(server, event_listeners=[heartbeats])

    async def cancelled_meanwhile(*arguments: Any) -> Any:
        hello = await shake_hands(*arguments)
        server_of(client).cancel_check()
        return hello

    replace(monkeypatch, "monitor.shake_hands", cancelled_meanwhile)
    client.aconnect()
    await until(lambda: heartbeats.seen)
    assert "failed" not in heartbeats.seen


REFUSALS = {
    "closes": close,
    "an error": reply({"ok": 0, "code": 1, "errmsg": "no"}),
    "nonsense": reply({"ok": 1, "setName": 7}),
}
POLLING = {"serverMonitoringMode": "poll", "heartbeatFrequencyMS": 500, "connectTimeoutMS": 100, "retryReads": False}


@pytest.mark.usefixtures("impatient_monitors")
async def test_a_server_that_does_not_answer_its_monitor_is_not_waited_for(server, connect):
    client = connect(server, **POLLING)
    server.script("find", silence)
    finding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: server.names == ["find"])
    server.on_hello = silence
    await until(finding.done, "the end of what nobody waits for")
    with pytest.raises(AutoReconnect, match="connection pool cleared while the operation ran"):
        await finding


@pytest.mark.usefixtures("impatient_monitors")
@pytest.mark.parametrize("trouble", REFUSALS.values(), ids=REFUSALS)
async def test_a_server_that_refuses_its_monitor_may_end_what_it_has_begun(trouble, server, connect):
    client = connect(server, **POLLING)
    await client.db.command("ping")
    (before,) = (peer for peer in server.peers if server.requests[-1].peer is peer)
    released = asyncio.Event()
    server.script("find", when(released))
    finding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: "find" in server.names)
    server.on_hello = trouble
    await until(lambda: not client.nodes, "a check that fails")
    released.set()
    assert await finding == {"_id": 1}
    # Nobody uses its connection after that.
    await until(lambda: before not in server.peers)


async def test_a_check_of_a_server_that_has_left_says_nothing_of_the_one_that_came_to_its_address():
    primary = {"ok": 1, "isWritablePrimary": True, "setName": "rs", "maxWireVersion": 21}
    secondary = {"ok": 1, "secondary": True, "setName": "rs", "maxWireVersion": 21, "hosts": ["a:1", "b:1"]}
    with idle_topology("mongodb://a:1/?replicaSet=rs") as topology:
        respond(topology, "a:1", {**primary, "hosts": ["a:1", "b:1"]})
        former = server_at(topology, "b:1")
        respond(topology, "a:1", {**primary, "hosts": ["a:1"]})
        respond(topology, "a:1", {**primary, "hosts": ["a:1", "b:1"]})
        respond(topology, "b:1", secondary)
        present = server_at(topology, "b:1")
        for server, remains_known in ((former, True), (present, False)):
            topology.check_failed(server, AutoReconnect("gone"))
            assert present.description.is_server_type_known == remains_known


@pytest.mark.parametrize(
    "fields", [{"lastWrite": {}}, {"lastWrite": {"lastWriteDate": None}}, {"topologyVersion": None}], ids=str
)
async def test_a_hello_that_lacks_what_pymongo_does_without(fields, connect):
    async with ScriptedServer(hello=fields) as server:
        client = connect(server)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        client.close()


@pytest.mark.parametrize(
    "told", [None, {}, {"processId": VERSION["processId"]}, {"counter": 1}, [1], {**VERSION, "counter": "1"}], ids=str
)
async def test_an_error_is_the_servers_whatever_it_says_of_its_topology(told, connect):
    async with ScriptedServer(hello={"topologyVersion": VERSION}) as server:
        server.script("find", *[reply({"ok": 0, "code": 10107, "errmsg": "not primary", "topologyVersion": told})] * 2)
        client = connect(server, serverMonitoringMode="poll", retryReads=False)
        for _ in range(2):
            with pytest.raises(NotPrimaryError, match="not primary"):
                await client.db.c.find_one({"_id": 1})
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        client.close()


async def test_a_server_selector_of_the_applications_is_asked_each_time(connect):
    router: dict[str, Any] = {"replica_set": None, "hello": {"msg": "isdbgrid"}}
    async with ScriptedServer(**router) as one, ScriptedServer(**router) as other:
        wanted = [one]

        def turns(servers: list[Any]) -> list[Any]:
            return [server for server in servers if server.address[1] == wanted[0].port] or servers

        uri = f"mongodb://{one.address},{other.address}/"
        client = connect(uri, server_selector=turns, localThresholdMS=60_000)
        client.aconnect()
        await until(lambda: len(client.nodes) == 2)
        for number in range(10):
            wanted[0] = (one, other)[number % 2]
            await client.db.command("ping")
        assert one.names == other.names == ["ping"] * 5
        client.close()


async def test_a_server_that_was_reached_and_stops_has_no_wrong_name(connect):
    """The set's name for it is not the one that the application has, but was good enough to reach it."""
    async with ScriptedServer() as server:
        client = connect(f"mongodb://localhost:{server.port}/?replicaSet=rs", serverSelectionTimeoutMS=300)
        await client.db.command("ping")
    with pytest.raises(ServerSelectionTimeoutError) as caught:
        while True:
            with contextlib.suppress(AutoReconnect) if client.nodes else contextlib.nullcontext():
                await client.db.command("ping")
    assert "internal hostnames" not in str(caught.value)
    assert str(caught.value).startswith(f"{server.address}: ")


async def test_every_server_has_its_say(connect):
    """One refuses, the other is silent: the error has both."""

    async with ScriptedServer() as refusing, ScriptedServer() as silent:
        silent.on_hello = silence
        await refusing.close()
        client = connect(f"mongodb://{refusing.address},{silent.address}/", serverSelectionTimeoutMS=200)
        with pytest.raises(ServerSelectionTimeoutError) as caught:
            await client.db.command("ping")
        assert f"{refusing.address}: " in str(caught.value)
        assert f"{silent.address}: no answer yet" in str(caught.value)
        client.close()
