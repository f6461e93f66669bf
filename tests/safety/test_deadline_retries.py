"""Tried again until the deadline; a reply that comes too late is read all the same; and without a deadline no timer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure, PyMongoError, WTimeoutError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.events import Commands
from tests.support.inside import at_rest, idle, pool_of
from tests.support.server import close, reply, when
from tests.support.waiting import until

UNREACHABLE = 6
"""The code of an error after which reads and writes are tried again, at once: it says nothing of this server."""

CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "find": lambda collection: collection.find_one({"_id": 1}),
    "insert": lambda collection: collection.insert_one({}),
    "update": lambda collection: collection.bulk_write([pymongo.UpdateOne({}, {"$set": {"a": 1}})]),
    "aggregate": lambda collection: collection.aggregate([]).to_list(),
}


@pytest.fixture
async def failing(uri: str) -> AsyncIterator[tuple[Any, Commands]]:
    """A client for which the server fails the commands of CALLS, always."""
    commands = Commands()
    direct = AsyncIOMotorClient(uri)
    client = AsyncIOMotorClient(uri, appname="failing", event_listeners=[commands])
    await client.admin.command("ping")
    data = {"failCommands": list(CALLS), "errorCode": UNREACHABLE, "appName": "failing"}
    await direct.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    yield client, commands
    await direct.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    await client.close()
    await direct.close()


@pytest.mark.parametrize("name", CALLS)
async def test_tried_again_until_the_deadline(name, failing):
    client, commands = failing
    with pytest.raises(PyMongoError) as raised, pymongo.timeout(0.5):
        await CALLS[name](client.db.c)
    attempts = commands.of(name)
    assert len(attempts) > 2
    assert raised.value.timeout
    limits = [command["maxTimeMS"] for command in attempts]
    assert limits == sorted(limits, reverse=True)
    assert len({str(command.get("txnNumber")) for command in attempts}) == 1


@pytest.mark.parametrize("name", CALLS)
async def test_tried_twice_without_one(name, failing):
    client, commands = failing
    with pytest.raises(PyMongoError) as raised:
        await CALLS[name](client.db.c)
    assert len(commands.of(name)) == 2
    assert not raised.value.timeout


async def test_connections_that_break_until_the_deadline(server, connect):
    client = connect(server)
    await client.db.c.find_one({"_id": 1})
    server.script("find", *[close] * 3)
    with pymongo.timeout(60):
        assert await client.db.c.find_one({"_id": 2}) == {"_id": 2}
    assert server.names == ["find"] * 5


async def test_a_timeout_of_the_servers_is_one(server, connect):
    client = connect(server)
    server.script("find", reply({"ok": 0, "errmsg": "operation exceeded time limit", "code": 50}))
    with pytest.raises(OperationFailure) as raised, pymongo.timeout(60):
        await client.db.c.find_one({"_id": 1})
    assert raised.value.timeout
    server.script("insert", reply({"ok": 1, "n": 1, "writeConcernError": {"code": 64, "errInfo": {"wtimeout": True}}}))
    with pytest.raises(WTimeoutError) as raised, pymongo.timeout(60):
        await client.db.c.insert_one({})
    assert raised.value.timeout


async def too_late(client: Any) -> None:
    """A find that misses its deadline."""
    with pytest.raises(PyMongoError) as raised, pymongo.timeout(0.1):
        await client.db.c.find_one({"_id": "late"})
    assert raised.value.timeout


async def test_a_connection_whose_reply_came_late_is_used_again(server, connect):
    client = connect(server, maxPoolSize=1)
    await client.db.c.find_one({"_id": 1})
    (connection,) = idle(pool_of(client))
    release = asyncio.Event()
    server.script("find", when(release))
    await too_late(client)
    assert idle(pool_of(client)) == []
    release.set()
    await until(lambda: at_rest(pool_of(client)))
    assert await client.db.c.find_one({"_id": 2}) == {"_id": 2}
    assert idle(pool_of(client)) == [connection]
    assert len({request.peer for request in server.requests}) == 1


async def test_on_a_real_server_too(uri, connect):
    client = connect(uri, maxPoolSize=1, appname="draining")
    await client.db.c.find_one()
    (connection,) = idle(pool_of(client))
    data = {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": 500, "appName": "draining"}
    await client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    await too_late(client)
    await until(lambda: at_rest(pool_of(client)))
    await client.db.c.find_one()
    assert idle(pool_of(client)) == [connection]
    assert not connection.closed


async def test_the_pool_is_not_cleared_by_a_deadline(server, connect):
    client = connect(server, maxPoolSize=2)
    await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(2)))
    before = set(idle(pool_of(client)))
    assert len(before) == 2
    release = asyncio.Event()
    server.script("find", when(release))
    await too_late(client)
    assert set(idle(pool_of(client))) < before
    release.set()
    await until(lambda: at_rest(pool_of(client)))
    assert set(idle(pool_of(client))) == before


async def test_a_commit_that_is_late_is_tried_again(server, connect):
    client = connect(server)
    async with client.start_session() as session:
        session.start_transaction()
        await client.db.c.insert_one({}, session=session)
        release = asyncio.Event()
        server.script("commitTransaction", when(release))
        with pytest.raises(PyMongoError) as raised, pymongo.timeout(0.1):
            await session.commit_transaction()
        assert raised.value.timeout
        assert raised.value.has_error_label("UnknownTransactionCommitResult")
        release.set()
        await session.commit_transaction()
    first, second = [request.command for request in server.requests if request.name == "commitTransaction"]
    assert 0 < first["maxTimeMS"] <= 100
    assert "maxTimeMS" not in second
    assert (first["lsid"], first["txnNumber"]) == (second["lsid"], second["txnNumber"])
    assert second["writeConcern"]["w"] == "majority"


async def test_an_abort_has_the_whole_time_once_more(server, connect):
    """The command that was late has used all of it."""
    client = connect(server)
    release = asyncio.Event()
    server.script("insert", when(release))

    async def work() -> None:
        async with client.start_session() as session, session.start_transaction():
            await client.db.c.insert_one({}, session=session)

    with pymongo.timeout(0.3):
        working = asyncio.ensure_future(work())
    await until(lambda: "insert" in server.names)
    await asyncio.sleep(0.4)
    release.set()
    with pytest.raises(PyMongoError) as raised:
        await working
    assert raised.value.timeout
    await until(lambda: "abortTransaction" in server.names)
    (abort,) = [request for request in server.requests if request.name == "abortTransaction"]
    assert abort.command["maxTimeMS"] > 0


async def test_a_transaction_is_run_again_until_the_deadline(server, connect):
    client = connect(server)
    attempts = 0
    server.default = reply({"ok": 0, "code": 112, "errmsg": "conflict", "errorLabels": ["TransientTransactionError"]})

    async def work(session: Any) -> None:
        nonlocal attempts
        attempts += 1
        await client.db.c.insert_one({}, session=session)

    async with client.start_session() as session:
        with pytest.raises(PyMongoError) as raised, pymongo.timeout(1):
            await session.with_transaction(work)
    assert raised.value.timeout
    assert raised.value.has_error_label("TransientTransactionError")
    assert attempts > 2


class Timers:
    """Which timers are set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set = 0
        loop = asyncio.get_running_loop()
        for name in ("call_later", "call_at"):
            monkeypatch.setattr(loop, name, self._counting(getattr(loop, name)))

    def _counting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            self.set += 1
            return method(*arguments, **keywords)

        return call


@pytest.mark.parametrize("name", ["find_one", "insert_one", "to_list", "transaction"])
async def test_without_a_deadline_no_timer_is_set(name, server, connect, monkeypatch):
    client = connect(server)
    collection = client.db.c

    async def transaction() -> None:
        async with client.start_session() as session, session.start_transaction():
            await collection.insert_one({}, session=session)

    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "find_one": lambda: collection.find_one({"_id": 1}),
        "insert_one": lambda: collection.insert_one({}),
        "to_list": lambda: collection.find({"_id": 1}).to_list(),
        "transaction": transaction,
    }
    await calls[name]()
    timers = Timers(monkeypatch)
    for _ in range(3):
        await calls[name]()
    assert timers.set == 0
    with pymongo.timeout(60):
        await calls[name]()
    assert timers.set > 0, "the spy sees timers"
