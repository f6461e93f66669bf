"""The servers' sessions: taken when they are needed, given back, used again, ended, and never shared."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.write_concern import WriteConcern

from motor.driver.sessions.server_session import ServerSession, ServerSessionPool
from tests.support.cursors import Cursors
from tests.support.events import Commands
from tests.support.fixtures import ONCE
from tests.support.inside import at_rest, idle_sessions, pool_of, replace, topology_of
from tests.support.listener import Request
from tests.support.server import ScriptedServer, close, later, reply, when
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("impatient_monitors")


def session_of(request: Request) -> bytes:
    """The id of the session that a command was in."""
    return bytes(request.command["lsid"]["id"])


def sessions_of(server: ScriptedServer) -> list[bytes]:
    """Those of all commands, in order."""
    return [session_of(request) for request in server.requests if "lsid" in request.command]


def unused(client: Any) -> list[bytes]:
    """Those that nobody uses."""
    return [bytes(session.lsid["id"]) for session in idle_sessions(client)]


async def find_one(client: Any) -> None:
    """Something that takes a session for a moment."""
    await client.db.c.find_one({"_id": 1})


async def test_one_after_the_other_shares_one_session(server, connect):
    client = connect(server)
    for _ in range(5):
        await find_one(client)
    async with client.start_session() as session:
        await client.db.c.find_one({"_id": 1}, session=session)
        await find_one(client)
    await find_one(client)
    first, *others = sessions_of(server)
    assert others[:5] == [first] * 5
    assert others[5] != first
    assert others[6] == first, "the one that was given back last is used next"


async def test_a_session_that_is_not_used_takes_none(server, connect):
    client = connect(server)
    await find_one(client)
    async with client.start_session():
        await find_one(client)
    assert len(set(sessions_of(server))) == 1
    assert len(unused(client)) == 1


async def test_closing_ends_the_sessions(server, connect):
    commands = Commands()
    client = connect(server, event_listeners=[commands])
    release = asyncio.Event()
    server.default = when(release)
    finding = asyncio.gather(*(find_one(client) for _ in range(5)))
    await until(lambda: len(server.requests) == 5)
    release.set()
    await finding
    used = set(sessions_of(server))
    assert len(used) == 5
    client.close()
    await until(lambda: "endSessions" in server.names)
    (request,) = [request for request in server.requests if request.name == "endSessions"]
    assert {bytes(each["id"]) for each in request.command["endSessions"]} == used
    assert request.command["$db"] == "admin"
    assert request.flags & 2, "no reply is wanted"
    assert {bytes(each["id"]) for each in commands.of("endSessions")[0]["endSessions"]} == used
    assert commands.succeeded_names[-1] == "endSessions"


async def test_many_sessions_are_ended_by_several_commands(server, connect):
    client = connect(server)
    await find_one(client)
    pool = topology_of(client).sessions
    for _ in range(20_000):
        pool.release(ServerSession())
    client.close()
    await until(lambda: server.names.count("endSessions") == 3)
    sizes = [len(request.command["endSessions"]) for request in server.requests if request.name == "endSessions"]
    assert sizes == [10_000, 10_000, 1]


async def test_a_real_server_takes_the_end(uri, connect):
    commands = Commands()
    client = connect(uri, event_listeners=[commands])
    await find_one(client)
    (find,) = commands.of("find")
    await client.close()
    (end,) = commands.of("endSessions")
    assert end["endSessions"] == [find["lsid"]]


async def exhausted(cursor: Any) -> None:
    """Read to the end."""
    assert len(await cursor.to_list()) == 6


async def closed(cursor: Any) -> None:
    """Closed in the middle."""
    await cursor.next()
    await cursor.close()


async def left(cursor: Any) -> None:
    """Its block left in the middle."""
    async with cursor:
        await cursor.next()


async def closed_in_background(cursor: Any) -> None:
    """Closed, and nobody waits for it."""
    await cursor.next()
    cursor.close()


async def dropped(cursor: Any) -> None:
    """Forgotten in the middle."""
    await cursor.next()


@pytest.mark.parametrize("leave", [exhausted, closed, left, closed_in_background, dropped])
async def test_a_cursor_gives_its_session_back(leave: Callable[[Any], Awaitable[None]], server, connect):
    cursors = server.default = Cursors()
    client = connect(server)
    cursor = client.db.c.find({"_id": "mark"})
    await leave(cursor)
    del cursor
    gc.collect()
    await until(lambda: not cursors.open and at_rest(pool_of(client)) and len(unused(client)) == 1)
    await find_one(client)
    assert len(set(sessions_of(server))) == 1


async def test_nobody_else_uses_the_session_of_an_open_cursor(server, connect):
    server.default = Cursors()
    client = connect(server)
    cursor = client.db.c.find({"_id": "mark"})
    await cursor.next()
    await find_one(client)
    assert unused(client) == [session_of(server.requests[1])]
    assert session_of(server.requests[0]) != session_of(server.requests[1])
    await cursor.close()


async def test_a_cursor_that_is_closed_while_it_waits_drops_its_session(server, connect):
    server.default = Cursors()
    client = connect(server)
    cursor = client.db.c.find({"_id": "mark"})
    await cursor.next()
    await cursor.next()
    release = asyncio.Event()
    server.script("getMore", when(release))
    reading = asyncio.ensure_future(cursor.next())
    await until(lambda: "getMore" in server.names)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await cursor.close()
    release.set()
    await until(lambda: "killCursors" in server.names and at_rest(pool_of(client)))
    await find_one(client)
    assert session_of(server.requests[-1]) != session_of(server.requests[0])


async def test_a_cursor_that_fails_gives_its_session_back(server, connect):
    client = connect(server)
    server.script("find", reply({"ok": 0, "errmsg": "no", "code": 2}))
    with pytest.raises(OperationFailure):
        await client.db.c.find({"_id": 1}).to_list()
    await find_one(client)
    assert len(set(sessions_of(server))) == 1


@pytest.mark.parametrize("operation", ["find_one", "insert_one", "insert_many", "find"])
async def test_a_network_error_spoils_a_session(operation, server, connect):
    client = connect(server, **ONCE)
    collection = client.db.c
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "find_one": lambda: collection.find_one({"_id": 1}),
        "insert_one": lambda: collection.insert_one({}),
        "insert_many": lambda: collection.insert_many([{}, {}]),
        "find": lambda: collection.find({"_id": 1}).to_list(),
    }
    await find_one(client)
    spoilt = sessions_of(server)[0]
    server.script("insert" if operation.startswith("insert") else "find", close)
    with pytest.raises(AutoReconnect):
        await calls[operation]()
    assert sessions_of(server) == [spoilt] * 2
    assert unused(client) == []
    await find_one(client)
    assert sessions_of(server)[-1] != spoilt


async def test_a_network_error_spoils_the_applications_session_when_it_ends(server, connect):
    """While it lasts it stays the same session, as its operations belong together."""
    client = connect(server)
    server.script("find", close)
    async with client.start_session() as session:
        for _ in range(2):
            await client.db.c.find_one({"_id": 1}, session=session)
    spoilt = set(sessions_of(server))
    assert len(sessions_of(server)) == 3
    assert len(spoilt) == 1
    assert unused(client) == []
    await find_one(client)
    assert sessions_of(server)[-1] not in spoilt


async def test_an_error_of_the_server_spoils_nothing(server, connect):
    client = connect(server)
    server.script("find", reply({"ok": 0, "errmsg": "no", "code": 2}))
    with pytest.raises(OperationFailure):
        await find_one(client)
    await find_one(client)
    assert len(set(sessions_of(server))) == 1


async def test_a_session_about_to_expire_is_never_used_again(connect):
    async with ScriptedServer(hello={"logicalSessionTimeoutMinutes": 1}) as server:
        client = connect(server)
        for _ in range(10):
            await find_one(client)
        assert len(set(sessions_of(server))) == 10
        client.close()


@pytest.mark.parametrize(("minutes", "idle", "again"), [(30, 28 * 60, True), (30, 30 * 60, False), (2, 61, False)])
def test_sessions_expire_a_minute_before_the_server_drops_them(minutes, idle, again, monkeypatch):
    now = [1000.0]
    replace(monkeypatch, "server_session.time", SimpleNamespace(monotonic=lambda: now[0]))
    pool = ServerSessionPool()
    pool.set_timeout(minutes)
    first = pool.acquire()
    pool.release(first)
    now[0] += idle
    assert (pool.acquire() is first) is again


async def test_an_unacknowledged_write_has_no_session(server, connect):
    client = connect(server)
    collection = client.db.get_collection("c", write_concern=WriteConcern(0))
    await collection.insert_one({})
    await collection.update_one({}, {"$set": {"a": 1}})
    await until(lambda: server.names == ["insert", "update"])
    assert sessions_of(server) == []
    assert not any("txnNumber" in request.command for request in server.requests)


async def test_operations_at_once_never_share_a_session(server, connect):
    """The scripted server complains of two commands at a time in one session."""
    client = connect(server, maxPoolSize=20)
    server.default = later(0.001)
    await asyncio.gather(*(find_one(client) for _ in range(200)))
    assert 1 < len(set(sessions_of(server))) <= 20
    assert len(unused(client)) == len(set(sessions_of(server)))
