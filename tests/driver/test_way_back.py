"""A connection at rest, and the one way back into the pool: whoever had it, and whatever has happened meanwhile."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import bson
import pytest
from bson.int64 import Int64
from pymongo.errors import AutoReconnect
from pymongo.monitoring import ConnectionClosedReason

from motor._pymongo import add_error_label
from motor.driver.cmap.connection import Connection
from motor.driver.wire import op_msg
from motor.driver.wire.header import next_request_id
from tests.support.events import PoolEvents
from tests.support.fixtures import ONCE
from tests.support.inside import (
    at_rest,
    awaited_reply,
    check_books,
    connections,
    draining,
    idle,
    pool_of,
    replace,
    streamed,
    waiters,
)
from tests.support.listener import Peer
from tests.support.messages import message
from tests.support.server import ScriptedServer, silence, when
from tests.support.waiting import PATIENCE, until

PING = {"ping": 1, "$db": "db"}


async def given_up(server: ScriptedServer, operation: asyncio.Future[Any]) -> None:
    """Cancel it once the server has its command."""
    before = len(server.requests)
    await until(lambda: len(server.requests) > before)
    operation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await operation


def receive(connection: Connection, data: bytes) -> None:
    """Have bytes come over `connection` now, and not in some turn of the loop."""
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


async def test_who_waits_does_not_wait_for_an_abandoned_reply(server, connect, monkeypatch):
    replace(monkeypatch, "pool.DRAIN_TIMEOUT", 1000.0)
    events = PoolEvents()
    client = connect(server, maxPoolSize=3, event_listeners=[events])
    server.script("find", *[silence] * 3)
    for number in range(3):
        await given_up(server, client.db.c.find_one({"_id": number}))
    pool = pool_of(client)
    oldest = next(iter(draining(pool)))
    assert len(draining(pool)) == 3
    assert await asyncio.wait_for(client.db.c.find_one({"_id": "next"}), PATIENCE) == {"_id": "next"}
    assert oldest.closed
    assert len(draining(pool)) == 2, "more were closed than somebody needed"
    assert events.closed == [(oldest.id, ConnectionClosedReason.ERROR)]
    assert pool.size == 3
    check_books(pool)
    client.close()
    await until(lambda: not server.peers)
    events.check()


async def test_as_many_make_way_as_there_are_who_wait(server, connect, monkeypatch):
    replace(monkeypatch, "pool.DRAIN_TIMEOUT", 1000.0)
    client = connect(server, maxPoolSize=4)
    server.script("find", *[silence] * 4)
    for number in range(4):
        await given_up(server, client.db.c.find_one({"_id": number}))
    release = asyncio.Event()
    server.default = when(release)
    finding = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(3)]
    await until(lambda: len(server.requests) == 7)
    assert len(draining(pool_of(client))) == 1
    release.set()
    await asyncio.gather(*finding)
    check_books(pool_of(client))


async def test_abandoned_replies_that_come_soon_cost_no_connections(server, connect, monkeypatch):
    replace(monkeypatch, "pool.PATIENCE", PATIENCE)
    client = connect(server, maxPoolSize=2)
    for number in range(50):
        operation = asyncio.ensure_future(client.db.c.find_one({"_id": number}))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        operation.cancel()
        await asyncio.gather(operation, return_exceptions=True)
    assert await client.db.c.find_one({"_id": "next"}) == {"_id": "next"}
    assert server.opened <= 3


async def test_what_a_transaction_waits_for_does_not_make_way(server, connect, monkeypatch):
    """Its end has to come after its commands, and closing a connection does not take back what was sent."""
    replace(monkeypatch, "pool.PATIENCE", 0.0)
    client = connect(server, maxPoolSize=1)
    release = asyncio.Event()
    server.script("insert", when(release))
    async with client.start_session() as session:
        session.start_transaction()
        await given_up(server, client.db.c.insert_one({"_id": 1}, session=session))
        waiting = asyncio.ensure_future(client.db.c.find_one({"_id": 2}))
        aborting = asyncio.ensure_future(session.abort_transaction())
        for _ in range(50):
            await asyncio.sleep(0)
        assert server.names == ["insert"]
        release.set()
        await asyncio.gather(waiting, aborting)
    await until(lambda: sorted(server.names[1:]) == ["abortTransaction", "find"])
    assert server.opened == 2


@pytest.mark.parametrize("turns", range(3))
async def test_no_connection_keeps_an_abandoned_reply(turns, server, connect):
    """Also if it comes in the very turn in which it is given up, before that is known."""
    client = connect(server, **ONCE)
    await client.db.command("ping")
    server.script("ping", silence)
    operation = asyncio.ensure_future(client.db.command("ping"))
    await until(lambda: len(server.requests) == 2)
    pool = pool_of(client)
    (connection,) = connections(pool)
    operation.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    receive(connection, message({"ok": 1, "x": "x" * 1000}, server.requests[1].id))
    with pytest.raises(asyncio.CancelledError):
        await operation
    del operation
    await until(lambda: at_rest(pool))
    assert idle(pool) == [connection]
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, op_msg.Message)]


async def test_of_a_reply_that_comes_as_it_is_given_up_the_cursor_is_killed(server, connect):
    client = connect(server, **ONCE)
    await client.db.command("ping")
    server.script("find", silence)
    operation = asyncio.ensure_future(client.db.c.find().to_list(None))
    await until(lambda: len(server.requests) == 2)
    (connection,) = connections(pool_of(client))
    operation.cancel()
    # It is cancelled, but has had no turn to say what is to become of its reply.
    reply = awaited_reply(connection)
    assert reply is not None
    assert reply.cancelled()
    cursor = {"id": Int64(77), "ns": "db.c", "firstBatch": []}
    receive(connection, message({"ok": 1, "cursor": cursor}, server.requests[1].id))
    with pytest.raises(asyncio.CancelledError):
        await operation
    await until(lambda: "killCursors" in server.names)
    assert server.requests[-1].command["cursors"] == [77]


async def test_another_reply_to_what_was_given_up_is_refused(server, connect):
    client = connect(server, **ONCE)
    await client.db.command("ping")
    server.script("ping", silence)
    operation = asyncio.ensure_future(client.db.command("ping"))
    await until(lambda: len(server.requests) == 2)
    pool = pool_of(client)
    (connection,) = connections(pool)
    operation.cancel()
    receive(connection, message({"ok": 1}, server.requests[1].id) * 2)
    assert connection.closed
    with pytest.raises(asyncio.CancelledError):
        await operation
    assert pool.size == 0


async def test_what_is_given_up_half_sent_goes_to_nobody(server, connect):
    client = connect(server, **ONCE)
    await client.db.command("ping")
    pool = pool_of(client)
    connection = pool.take()
    assert connection is not None
    server.reading.clear()
    request_id = next_request_id()
    sending = asyncio.ensure_future(
        connection.send_unacknowledged(
            op_msg.encode(request_id, bson.encode({**PING, "x": b"x" * 20_000_000}), op_msg.MORE_TO_COME)
        )
    )
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    # Nobody is to wait behind what is unsent, and the server throws half a message away.
    assert connection.closed
    pool.check_in(connection)
    assert not idle(pool)
    assert not draining(pool)
    server.reading.set()
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    assert server.opened == 3


async def test_a_stream_that_nobody_reads_is_closed(server, connect):
    events = PoolEvents()
    client = connect(server, event_listeners=[events], **ONCE)
    await client.db.command("ping")
    pool = pool_of(client)
    connection = await pool.check_out()

    async def stream(request):
        await request.peer.send(message({"ok": 1}, request.id, flags=op_msg.MORE_TO_COME) + message({"ok": 1}, 4711))

    server.script("ping", stream)
    request_id = next_request_id()
    await connection.send_exhaust(op_msg.encode(request_id, bson.encode(PING), op_msg.EXHAUST_ALLOWED), request_id)
    await until(lambda: streamed(connection), "the last reply of the stream")
    pool.check_in(connection)
    assert idle(pool) == []
    assert events.closed == [(connection.id, ConnectionClosedReason.ERROR)]
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


async def test_given_back_by_somebody_who_had_gone(server, connect):
    """A waiter gets a connection, and is cancelled in the turn in which the pool is cleared or removed or it breaks."""
    for what, reason in (
        ("clear", ConnectionClosedReason.STALE),
        ("remove", ConnectionClosedReason.POOL_CLOSED),
        ("break", ConnectionClosedReason.ERROR),
    ):
        events = PoolEvents()
        client = connect(server, maxPoolSize=1, event_listeners=[events], **ONCE)
        await client.db.command("ping")
        pool = pool_of(client)
        held = await pool.check_out()
        waiting = asyncio.ensure_future(client.db.command("ping"))
        await until(lambda pool=pool: len(waiters(pool)) == 1)  # type: ignore[misc]
        pool.check_in(held)
        if what == "break":
            held.connection_lost(None)
        else:
            getattr(pool, what)()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert idle(pool) == []
        assert pool.size == 0
        assert events.closed == [(held.id, reason)]
        client.close()
    await until(lambda: not server.peers)


async def test_a_connection_that_drains_while_the_pool_is_removed(server, connect):
    events = PoolEvents()
    client = connect(server, event_listeners=[events], **ONCE)
    server.script("find", silence)
    await given_up(server, client.db.c.find_one({"_id": 1}))
    pool = pool_of(client)
    (connection,) = draining(pool)
    pool.remove()
    assert events.closed == [(connection.id, ConnectionClosedReason.POOL_CLOSED)]
    assert events.names[-1] == "pool_closed"
    client.close()
    assert events.names.count("pool_closed") == 1


async def test_each_who_waits_and_each_who_is_interrupted_gets_an_exception_of_its_own(server, connect):
    client = connect(server, maxPoolSize=3, **ONCE)
    await client.db.command("ping")
    server.script("find", *[silence] * 3)
    finding = [asyncio.ensure_future(client.db.c.find_one({"_id": number})) for number in range(6)]
    pool = pool_of(client)
    await until(lambda: len(server.requests) == 4 and len(waiters(pool)) == 3)
    pool.clear(interrupt=True)
    results = await asyncio.gather(*finding, return_exceptions=True)
    errors = [result for result in results if isinstance(result, AutoReconnect)]
    assert len({id(error) for error in errors}) == 6
    add_error_label(errors[0], "mine")
    assert not any(error.has_error_label("mine") for error in errors[1:])


async def test_each_who_uses_a_dead_connection_gets_an_exception_of_its_own(server, connect):
    client = connect(server)
    await client.db.command("ping")
    connection = pool_of(client).take()
    assert connection is not None
    reply = connection.send(op_msg.encode(1, bson.encode(PING)), 1)
    connection.connection_lost(ConnectionResetError(104, "reset"))
    with pytest.raises(AutoReconnect) as first:
        await reply
    errors = [first.value]
    for _ in range(2):
        with pytest.raises(AutoReconnect, match=str(first.value).partition(" (")[0].replace("[", r"\[")) as again:
            connection.send(op_msg.encode(1, bson.encode(PING)), 1)
        errors.append(again.value)
    with pytest.raises(AutoReconnect) as unacknowledged:
        await connection.send_unacknowledged(op_msg.encode(1, bson.encode(PING), op_msg.MORE_TO_COME))
    errors.append(unacknowledged.value)
    assert len({id(error) for error in errors}) == 4
    assert all(isinstance(error.__cause__, ConnectionResetError) for error in errors)
    pool_of(client).check_in(connection)


def hang_up_unseen(peer: Peer) -> None:
    """Close a connection, from the server, in a way that the client's loop has no turn to see."""
    peer.writer.get_extra_info("socket")._sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def looks_each_time(monkeypatch):
    """As if a second had gone by since a connection was looked at."""
    replace(monkeypatch, "connection._LOOK_INTERVAL", 0.0)


@pytest.mark.usefixtures("looks_each_time")
async def test_what_may_be_sent_once_is_not_sent_where_the_server_has_gone_while_the_loop_was_blocked(server, connect):
    client = connect(server, maxPoolSize=4)
    release = asyncio.Event()
    server.default = when(release)
    pinging = asyncio.gather(*(client.db.command("ping") for _ in range(4)))
    await until(lambda: len(server.requests) == 4)
    release.set()
    await pinging
    assert len(idle(pool_of(client))) == 4
    # The monitor's, too.
    for peer in list(server.peers):
        hang_up_unseen(peer)
    result = await client.db.c.update_many({}, {"$set": {"a": 1}})
    assert result.matched_count == 1
    assert server.names.count("update") == 1


@pytest.mark.usefixtures("looks_each_time")
async def test_each_kind_that_may_be_sent_once(server, connect):
    client = connect(server)
    for name, send in {
        "update": lambda client: client.db.c.update_many({}, {"$set": {"a": 1}}),
        "ping": lambda client: client.db.command("ping"),
        "delete": lambda client: client.db.c.delete_many({}),
        "aggregate": lambda client: client.db.c.aggregate([{"$match": {"_id": 1}}, {"$out": "d"}]).to_list(None),
    }.items():
        await client.db.c.find_one({"_id": 1})
        (connection,) = idle(pool_of(client))
        hang_up_unseen(server.requests[-1].peer)
        await send(client)
        assert server.names[-1] == name
        assert connection.closed
    once = connect(server, **ONCE)
    for send in (lambda client: client.db.c.find_one({"_id": 1}), lambda client: client.db.c.insert_one({})):
        await send(once)
        hang_up_unseen(server.requests[-1].peer)
        await send(once)


@pytest.mark.usefixtures("looks_each_time")
async def test_a_server_that_cannot_take_a_write_twice(connect):
    async with ScriptedServer(replica_set=None) as server:
        client = connect(server)
        for _ in range(3):
            await client.db.c.insert_one({})
            hang_up_unseen(server.requests[-1].peer)
        assert server.names == ["insert"] * 3
        client.close()


@pytest.mark.usefixtures("looks_each_time")
async def test_a_connection_with_nothing_to_be_read_is_used(server, connect):
    client = connect(server)
    for _ in range(20):
        await client.db.c.update_many({}, {"$set": {"a": 1}})
    assert server.opened == 2


async def test_a_connection_is_looked_at_once_a_second(server, connect, monkeypatch):
    looked: list[Any] = []
    replace(monkeypatch, "connection.is_readable", looked.append)
    replace(monkeypatch, "connection._LOOK_INTERVAL", 1000.0)
    client = connect(server)
    await client.db.c.find_one({"_id": 1})
    await client.db.c.insert_one({"_id": 1})
    assert looked == [], "what may be sent again needs no look"
    for _ in range(20):
        await client.db.command("ping")
    assert len(looked) <= 1
