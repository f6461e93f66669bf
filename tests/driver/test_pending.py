"""Connections that are being opened: for those who wait, for minPoolSize, and by nobody's fault for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import bson
import pytest
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import AutoReconnect, NotPrimaryError, PyMongoError

from tests.support.events import PoolEvents
from tests.support.fixtures import ONCE
from tests.support.inside import (
    at_rest,
    check_books,
    generation_of,
    maintain,
    opening,
    pool_of,
    replace,
    timers_of,
    topology_of,
)
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, reply
from tests.support.waiting import PATIENCE, until


class Greeting:
    """How a server greets: some of the connections for operations are left without an answer."""

    def __init__(self, server: ScriptedServer, hangs: Callable[[int], bool]) -> None:
        self.hung: list[Request] = []
        self._server = server
        self._hangs = hangs
        self._count = 0
        server.on_hello = self

    async def __call__(self, request: Request) -> None:
        if "compression" not in request.command:
            # A monitor's.
            await self._server.greet(request)
            return
        self._count += 1
        if self._hangs(self._count):
            self.hung.append(request)
        else:
            await self._server.greet(request)

    async def let_go(self) -> None:
        """Answer those that hang."""
        for request in self.hung:
            await self._server.greet(request)


async def in_time(operation: Any) -> Any:
    """The result of what must not hang, nor wait for what does."""
    return await asyncio.wait_for(operation, PATIENCE)


async def test_who_comes_after_somebody_who_gave_up_gets_an_opening_of_his_own(server, connect):
    greeting = Greeting(server, lambda count: count == 1)
    client = connect(server)
    first = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: greeting.hung)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await in_time(client.db.c.find_one({"_id": 2})) == {"_id": 2}
    # What hangs may still be of use.
    await greeting.let_go()
    pool = pool_of(client)
    await until(lambda: at_rest(pool))
    assert pool.size == 2


async def test_who_comes_while_somebody_waits_gets_an_opening_of_his_own(server, connect):
    greeting = Greeting(server, lambda count: count == 1)
    client = connect(server)
    first = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: greeting.hung)
    await asyncio.sleep(0.05)
    both = asyncio.gather(first, client.db.c.find_one({"_id": 2}))
    assert await in_time(both) == [{"_id": 1}, {"_id": 2}]
    assert await in_time(client.db.c.find_one({"_id": 3})) == {"_id": 3}
    check_books(pool_of(client))


async def test_one_who_waits_alone_does_not_count_for_ever_on_what_is_slow(server, connect, monkeypatch):
    replace(monkeypatch, "pending.SLOW", 0.02)
    greeting = Greeting(server, lambda count: count == 1)
    client = connect(server)
    assert await in_time(client.db.c.find_one({"_id": 1})) == {"_id": 1}
    assert len(greeting.hung) == 1


@pytest.mark.parametrize("maximum", [1, 2, 3])
async def test_those_that_hang_for_nobody_make_way(maximum, server, connect, monkeypatch):
    replace(monkeypatch, "pending.SLOW", 0.05)
    greeting = Greeting(server, lambda count: count <= maximum)
    events = PoolEvents()
    client = connect(server, maxConnecting=maximum, event_listeners=[events])
    gone = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(maximum)]
    await until(lambda: len(greeting.hung) == maximum)
    for operation in gone:
        operation.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    assert await in_time(client.db.c.find_one({"_id": "next"})) == {"_id": "next"}
    pool = pool_of(client)
    assert events.closed == [(1, "error")], "as many as needed, the oldest first"
    assert len(opening(pool)) == maximum - 1
    client.close()
    await until(lambda: not server.peers and len(events.closed) == events.names.count("connection_created"))
    events.check()


async def test_what_somebody_waits_for_does_not_make_way(server, connect, monkeypatch):
    """However slow it is: whoever comes later would only have to wait as long."""
    replace(monkeypatch, "pending.SLOW", 0.0)
    replace(monkeypatch, "pool.PATIENCE", 0.001)
    greeting = Greeting(server, lambda count: count == 1)
    client = connect(server, maxConnecting=1)
    finding = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(3)]
    await until(lambda: greeting.hung)
    await asyncio.sleep(0.05)
    assert len(greeting.hung) == 1
    await greeting.let_go()
    assert await in_time(asyncio.gather(*finding)) == [{"_id": number} for number in range(3)]
    assert opening(pool_of(client)) or pool_of(client).size


async def test_who_comes_later_does_not_get_the_error_of_what_was_given_up(server, connect):
    greeting = Greeting(server, lambda count: count <= 2)
    client = connect(server, **ONCE)
    first = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: len(greeting.hung) == 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.ensure_future(client.db.c.find_one({"_id": 2}))
    await until(lambda: len(greeting.hung) == 2)
    greeting.hung.pop(0).peer.close()
    pool = pool_of(client)
    await until(lambda: len(opening(pool)) == 1)
    assert not second.done()
    await greeting.let_go()
    assert await in_time(second) == {"_id": 2}


async def test_what_was_opened_before_the_pool_was_cleared_serves_nobody_after(server, connect):
    greeting = Greeting(server, lambda count: count == 1)
    client = connect(server, **ONCE)
    first = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: greeting.hung)
    pool = pool_of(client)
    pool.clear()
    with pytest.raises(AutoReconnect, match="connection pool paused"):
        await first
    pool.ready()
    assert await in_time(client.db.c.find_one({"_id": 2})) == {"_id": 2}


async def test_min_pool_size_needs_no_timer(server, connect, monkeypatch):
    replace(monkeypatch, "pool.MAINTENANCE_INTERVAL", 1000.0)
    client = connect(server, minPoolSize=20)
    await client.db.command("ping")
    pool = pool_of(client)
    await until(lambda: at_rest(pool) and pool.size == 20, "minPoolSize")
    assert server.most_greeting <= 3, "more than maxConnecting, and the monitor"


async def test_min_pool_size_while_nothing_can_be_opened(server, connect, monkeypatch):
    """A failure is followed by a pause, and not by the next attempt at once."""
    replace(monkeypatch, "pool.MAINTENANCE_INTERVAL", 1000.0)
    client = connect(server, minPoolSize=5)
    await client.db.command("ping")
    pool = pool_of(client)
    await until(lambda: at_rest(pool) and pool.size == 5)
    attempts = 0

    async def refuse(request: Request) -> None:
        nonlocal attempts
        attempts += 1
        request.peer.close()

    server.on_hello = refuse
    for peer in {request.peer for request in server.requests}:
        peer.close()
    await until(lambda: pool.size == 4)
    maintain(pool)
    await until(lambda: attempts and not opening(pool))
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert attempts <= 3


async def test_maintenance_has_one_timer(server, connect):
    client = connect(server, minPoolSize=1)
    await client.db.command("ping")
    pool = pool_of(client)
    for _ in range(50):
        pool.clear()
        pool.ready()
    assert len(timers_of(pool)) == 1
    pool.clear()
    assert timers_of(pool) == []


USER = {"username": "u", "password": "p", "authMechanism": "PLAIN"}


async def test_a_server_that_closes_the_connection_when_it_knows_who_it_is(server, connect):
    async def goodbye(request: Request) -> None:
        request.peer.writer.write(message({"ok": 1, "conversationId": 1, "done": True, "payload": b""}, request.id))
        request.peer.writer.close()

    server.script("saslStart", *[goodbye] * 50)
    events = PoolEvents()
    client = connect(server, event_listeners=[events], **USER, **ONCE)
    with pytest.raises(AutoReconnect, match="connection closed"):
        await in_time(client.db.command("ping"))
    assert events.names == [
        *("pool_created", "pool_ready", "connection_check_out_started", "connection_created"),
        *("connection_closed", "pool_cleared", "connection_check_out_failed"),
    ]
    assert server.names == ["saslStart"]


@pytest.mark.parametrize("failure", ["network", "shutdown", "refused"])
async def test_behind_a_load_balancer_a_failed_authentication_clears_its_service(failure, connect):
    services = [bson.ObjectId(), bson.ObjectId()]

    async def alternate(request: Request) -> None:
        await request.peer.send(message({**server.hello(), "serviceId": services[server.opened - 1]}, request.id))

    async def act(request: Request) -> None:
        if failure == "network":
            request.peer.close()
        else:
            code = 11600 if failure == "shutdown" else 18
            await request.peer.send(message({"ok": 0, "code": code, "errmsg": "no"}, request.id))

    async with ScriptedServer(hello={"msg": "isdbgrid"}, replica_set=None) as server:
        server.on_hello = alternate
        accepted = {"ok": 1, "conversationId": 1, "done": True, "payload": b""}
        server.script("saslStart", reply(accepted), act)
        events = PoolEvents()
        uri = f"mongodb://{server.address}/?loadBalanced=true"
        client = connect(uri, event_listeners=[events], **USER, **ONCE)
        await client.db.command("ping")
        pool = pool_of(client)
        held = await pool.check_out()
        with pytest.raises(PyMongoError):
            await client.db.command("ping")
        cleared = [event.service_id for name, event in events.events if name == "pool_cleared"]
        assert cleared == [services[1]]
        assert not pool.generations.is_stale(held.generation, held.service_id)
        pool.check_in(held)
        client.close()


async def test_what_the_server_says_in_the_handshake_is_no_sign_of_overload(server, connect):
    async def shutting_down(request: Request) -> None:
        if "compression" in request.command:
            await request.peer.send(message({"ok": 0, "code": 91, "errmsg": "shutting down"}, request.id))
        else:
            await server.greet(request)

    server.on_hello = shutting_down
    client = connect(server, **ONCE)
    pool = None
    with pytest.raises(NotPrimaryError) as raised:
        await client.db.c.update_many({}, {"$set": {"a": 1}})
    assert not raised.value.has_error_label("SystemOverloadedError")
    assert not raised.value.has_error_label("RetryableError")
    pool = pool_of(client)
    await until(lambda: generation_of(pool) >= 1)


async def test_an_election_is_no_matter_of_the_connections_there_are(connect):
    """Also unacknowledged writes go over the connections that were opened while the server was a secondary."""
    secondary = {"isWritablePrimary": False, "ismaster": False, "secondary": True}
    async with ScriptedServer(hello=secondary) as server:
        client = connect(f"mongodb://{server.address}/?replicaSet=rs", heartbeatFrequencyMS=500)
        await client.get_database("db", read_preference=ReadPreference.SECONDARY_PREFERRED).c.find_one({"_id": 1})
        server.fields = {}
        await client.db.c.insert_one({"_id": 1})
        unacknowledged = client.db.get_collection("c", write_concern=WriteConcern(0))
        for number in range(3):
            await unacknowledged.insert_one({"_id": number})
        await until(lambda: len(server.requests) == 5)
        assert len({request.peer for request in server.requests}) == 1
        assert topology_of(client).description.has_writable_server()
        # And the other way round, as soon as it is known.
        server.fields = {**secondary, "primary": "127.0.0.1:1"}
        await until(lambda: not topology_of(client).description.has_writable_server())
        client.close()


@pytest.mark.parametrize("told", [{"lastWrite": {}}, {"lastWrite": {"lastWriteDate": None}}, {"topologyVersion": None}])
async def test_what_a_hello_may_lack(told, connect):
    async with ScriptedServer(hello=told) as server:
        client = connect(server)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        client.close()
