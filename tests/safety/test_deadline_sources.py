"""Where an operation's deadline comes from, what it does to the commands, and who inherits it.

What the commands look like is compared with PyMongo.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.cursors import Cursors
from tests.support.events import Commands
from tests.support.inside import pool_of
from tests.support.server import answer, later, silence, when
from tests.support.waiting import until

LONG = 60_000
"""Milliseconds: a limit that nothing here comes near to."""


def seconds(milliseconds: float) -> float:
    """For :func:`pymongo.timeout`."""
    return milliseconds / 1000


CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "find_one": lambda c: c.find_one(),
    "insert_one": lambda c: c.insert_one({}),
    "insert_many": lambda c: c.insert_many([{}, {}]),
    "update_one": lambda c: c.update_one({}, {"$set": {"a": 1}}),
    "delete_one": lambda c: c.delete_one({"none": 1}),
    "find_one_and_update": lambda c: c.find_one_and_update({}, {"$set": {"a": 1}}),
    "count_documents": lambda c: c.count_documents({}),
    "distinct": lambda c: c.distinct("a"),
    "create_index": lambda c: c.create_index("a"),
    "find": lambda c: c.find(batch_size=1).to_list(),
    "find with a limit of its own": lambda c: c.find(max_time_ms=5).to_list(),
    "command": lambda c: c.database.command("ping"),
}

CONTEXTS: dict[str, Callable[[], Any]] = {
    "none": contextlib.nullcontext,
    "timeout": lambda: pymongo.timeout(seconds(LONG)),
    "timeout(None)": lambda: pymongo.timeout(None),
    "timeout(0)": lambda: pymongo.timeout(0),
}


def shape(command: dict[str, Any]) -> tuple[Any, ...]:
    """What a deadline changes in a command: a limit, the server's share of the time, and no wtimeout."""
    limit = command.get("maxTimeMS")
    whose = "none" if limit is None else ("its own" if limit == 5 else "deadline")
    assert limit is None or 0 < limit <= LONG
    return next(iter(command)), whose, "wtimeout" in command.get("writeConcern", {})


@pytest.fixture
async def clients(uri: str) -> AsyncIterator[Callable[..., list[tuple[Any, Commands]]]]:
    """Makes clients of both drivers, with a command listener each."""
    made: list[Any] = []

    def make(**options: Any) -> list[tuple[Any, Commands]]:
        pairs = []
        for kind in (AsyncMongoClient, AsyncIOMotorClient):
            commands = Commands()
            made.append(kind(uri, event_listeners=[commands], **options))
            pairs.append((made[-1], commands))
        return pairs

    yield make
    await made[-1].drop_database("motor_test_deadlines")
    for client in made:
        await client.close()


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("default", [None, LONG, 0])
async def test_the_commands_are_those_of_pymongo(default, context, clients):
    shapes = []
    options = {} if default is None else {"timeoutMS": default}
    for client, commands in clients(**options):
        collection = client.motor_test_deadlines.get_collection("c", write_concern=WriteConcern(1, wtimeout=1000))
        await collection.insert_many([{}, {}, {}])
        commands.clear()
        for call in CALLS.values():
            with CONTEXTS[context]():
                await call(collection)
        shapes.append([shape(dict(command)) for command in commands.sent])
        await collection.drop()
    theirs, ours = shapes
    assert ours == theirs
    limited = {name for name, whose, _ in ours if whose == "deadline"}
    expected = context == "timeout" or (bool(default) and context != "timeout(0)")
    assert bool(limited) is expected
    assert "getMore" not in limited
    assert not (limited and any(has_wtimeout for *_, has_wtimeout in ours))


SOURCES: dict[str, Callable[[Any], Any]] = {
    "get_database": lambda client: client.get_database("db", timeout_ms=LONG).c,
    "database.with_options": lambda client: client.db.with_options(timeout_ms=LONG).c,
    "get_collection": lambda client: client.db.get_collection("c", timeout_ms=LONG),
    "collection.with_options": lambda client: client.db.c.with_options(timeout_ms=LONG),
    "kept by with_options": lambda client: client.db.get_collection("c", timeout_ms=LONG).with_options(),
}


@pytest.mark.parametrize("source", SOURCES)
async def test_a_timeout_of_a_database_or_a_collection(source, server, connect):
    client = connect(server)
    collection = SOURCES[source](client)
    await collection.find_one({"_id": 1})
    await client.db.c.find_one({"_id": 1})
    limited, unlimited = server.requests
    assert 0 < limited.command["maxTimeMS"] <= LONG
    assert "maxTimeMS" not in unlimited.command


async def test_a_timeout_in_the_uri(server, connect):
    client = connect(f"{server.uri}&timeoutMS={LONG}")
    await client.db.c.find_one({"_id": 1})
    assert 0 < server.requests[0].command["maxTimeMS"] <= LONG


async def test_the_inner_one_of_two_ends_no_later_than_the_outer(server, connect):
    client = connect(server)
    with pymongo.timeout(30):
        with pymongo.timeout(60):
            await client.db.c.find_one({"_id": 1})
        with pymongo.timeout(10):
            await client.db.c.find_one({"_id": 2})
        with pymongo.timeout(0):
            await client.db.c.find_one({"_id": 3})
        await client.db.c.find_one({"_id": 4})
    limits = [request.command.get("maxTimeMS") for request in server.requests]
    assert limits[2] is None
    assert 10_000 < limits[0] <= 30_000
    assert limits[1] <= 10_000
    assert 10_000 < limits[3] <= 30_000


async def test_the_context_prevails_over_the_collection(server, connect):
    client = connect(server, timeoutMS=LONG)
    with pymongo.timeout(10):
        await client.db.get_collection("c", timeout_ms=LONG).find_one({"_id": 1})
    assert server.requests[0].command["maxTimeMS"] <= 10_000


async def test_what_is_left_for_later_commands_of_the_same_operation(connect, server):
    """The second batch has less time than the first."""
    client = connect(server)
    server.fields = {"maxWriteBatchSize": 1}
    server.script("insert", later(0.3))
    with pymongo.timeout(30):
        await client.db.c.insert_many([{}, {}])
    first, second = [request.command["maxTimeMS"] for request in server.requests]
    assert second <= first - 250


async def test_tasks_started_within_inherit_it(server, connect):
    client = connect(server)
    with pymongo.timeout(30):
        task = asyncio.create_task(find(client))
    await task
    assert 0 < server.requests[0].command["maxTimeMS"] <= 30_000


async def find(client: Any) -> None:
    """A find in a coroutine of its own."""
    await client.db.c.find_one({"_id": 1})


async def test_a_call_made_within_keeps_it_when_it_is_awaited_outside(server, connect):
    client = connect(server)
    with pymongo.timeout(30):
        future = client.db.c.find_one({"_id": 1})
    await future
    assert 0 < server.requests[0].command["maxTimeMS"] <= 30_000


async def test_a_monitor_started_within_lives_on(server, connect):
    client = connect(server, heartbeatFrequencyMS=500)
    with pymongo.timeout(0.1), contextlib.suppress(PyMongoError):
        await client.db.c.find_one({"_id": 1})
    await asyncio.sleep(0.15)
    greetings: list[Any] = []
    greet = server.on_hello

    async def count(request: Any) -> None:
        greetings.append(request)
        await greet(request)

    server.on_hello = count
    await until(lambda: len(greetings) >= 2, "the monitor goes on asking")
    assert await client.db.c.find_one({"_id": 2}) == {"_id": 2}


async def test_a_connection_whose_opening_was_started_within_is_opened(server, connect):
    """The operation gives up; the connection is ready for the next one."""
    client = connect(server, maxPoolSize=1)
    await client.db.c.find_one({"_id": 1})
    server.requests[0].peer.close()
    pool = pool_of(client)
    await until(lambda: pool.size == 0)
    release = asyncio.Event()
    server.on_hello = when(release, server.greet)
    opened = server.opened
    with pytest.raises(PyMongoError) as raised, pymongo.timeout(0.05):
        await client.db.c.find_one({"_id": 2})
    assert raised.value.timeout
    await asyncio.sleep(0.1)
    release.set()
    assert await client.db.c.find_one({"_id": 3}) == {"_id": 3}
    assert server.opened == opened + 1


async def test_a_cursor_is_killed_after_the_deadline(server, connect):
    cursors = server.default = Cursors()
    client = connect(server)
    with pytest.raises(PyMongoError) as raised, pymongo.timeout(0.1):
        async with client.db.c.find({"_id": "mark"}) as cursor:
            await cursor.next()
            await cursor.next()
            server.script("getMore", silence)
            await cursor.next()
    assert raised.value.timeout
    assert "maxTimeMS" not in server.requests[1].command
    await until(lambda: "killCursors" in server.names)
    await until(lambda: not cursors.open)
    server.default = answer
    await client.db.c.find_one({"_id": 1})
