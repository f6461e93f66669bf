"""The server wants the client to prove anew who it is, in the midst of anything: it does, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient, InsertOne
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.auth.scenarios import SECRET, scram_server
from tests.auth.server import GuardedServer
from tests.auth.test_differential import without_chance
from tests.auth.test_oidc import EXPIRED
from tests.support.fixtures import Connect
from tests.support.inside import check_books, pool_of
from tests.support.server import close, reply, silence
from tests.support.waiting import until

EXPIRES = reply(EXPIRED)
FIRST = {"ok": 1, "cursor": {"id": 5, "ns": "db.c", "firstBatch": [{"_id": 1}]}}
LAST = {"ok": 1, "cursor": {"id": 0, "ns": "db.c", "nextBatch": [{"_id": 2}]}}

OPTIONS = {"username": "ann", "password": SECRET, "maxPoolSize": 1, "serverSelectionTimeoutMS": 5000}

Use = Callable[[Any], Coroutine[Any, Any, Any]]


async def find(client: Any) -> Any:
    return await client.db.c.find_one({"_id": 1})


async def find_many(client: Any) -> Any:
    return await client.db.c.find({}).to_list()


async def aggregate(client: Any) -> Any:
    cursor = client.db.c.aggregate([{"$match": {"_id": 1}}])
    if isinstance(client, AsyncMongoClient):
        cursor = await cursor
    return await cursor.to_list()


async def insert_one(client: Any) -> Any:
    return (await client.db.c.insert_one({"_id": 1})).inserted_id


async def insert_many(client: Any) -> Any:
    return (await client.db.c.insert_many([{"_id": 1}, {"_id": 2}])).inserted_ids


async def insert_unacknowledged(client: Any) -> Any:
    unacknowledged = client.db.c.with_options(write_concern=pymongo.WriteConcern(0))
    await unacknowledged.insert_one({"_id": 1})
    return await find(client)


async def bulk_write(client: Any) -> Any:
    return (await client.db.c.bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 2})])).inserted_count


async def update_one(client: Any) -> Any:
    return (await client.db.c.update_one({"_id": 1}, {"$set": {"x": 1}})).modified_count


async def find_and_modify(client: Any) -> Any:
    return await client.db.c.find_one_and_update({"_id": 1}, {"$set": {"x": 1}})


async def command(client: Any) -> Any:
    return (await client.db.command("ping", comment="x"))["ok"]


async def transaction(client: Any) -> Any:
    started = client.start_session()
    async with started if isinstance(client, AsyncMongoClient) else await started as session:
        begun = session.start_transaction()
        async with await begun if isinstance(client, AsyncMongoClient) else begun:
            await client.db.c.insert_one({"_id": 1}, session=session)
            await client.db.c.insert_one({"_id": 2}, session=session)
    return "committed"


CASES: list[tuple[Use, dict[str, list[Any]]]] = [
    (find, {"find": [EXPIRES]}),
    (find, {"find": [EXPIRES, EXPIRES]}),
    (find_many, {"find": [reply(FIRST)], "getMore": [EXPIRES, reply(LAST)]}),
    (find_many, {"find": [EXPIRES, reply(FIRST)], "getMore": [EXPIRES, reply(LAST)]}),
    (aggregate, {"aggregate": [EXPIRES]}),
    (insert_one, {"insert": [EXPIRES]}),
    (insert_one, {"insert": [EXPIRES, EXPIRES]}),
    (insert_many, {"insert": [EXPIRES]}),
    (insert_unacknowledged, {"find": [EXPIRES]}),
    (bulk_write, {"insert": [EXPIRES]}),
    (update_one, {"update": [EXPIRES]}),
    (find_and_modify, {"findAndModify": [EXPIRES]}),
    (command, {"ping": [EXPIRES]}),
    (transaction, {"commitTransaction": [EXPIRES]}),
    (find, {"find": [EXPIRES], "saslContinue": [None, close]}),
    (insert_one, {"insert": [EXPIRES], "saslContinue": [None, close]}),
    (find, {"find": [EXPIRES], "saslStart": [close]}),
]


def described(use: Use, script: dict[str, list[Any]]) -> str:
    """A test's name."""
    return f"{use.__name__}-{'-'.join(f'{name}{len(actions)}' for name, actions in script.items())}"


def in_order(command: dict[str, Any]) -> list[tuple[str, Any]]:
    """A command without what is made up; its name is the first."""
    (name, *rest) = without_chance(command).items()
    return [name, *sorted(rest, key=str)]


async def run(make: Callable[..., Any], use: Use, script: dict[str, list[Any]]) -> tuple[Any, Any]:
    """What the server heard, and how it ended."""
    async with scram_server("sha256") as server:
        for name, actions in script.items():
            server.script(name, *[action or server.default for action in actions])
        client = make(server.uri, **OPTIONS)
        outcome: Any
        try:
            outcome = await use(client)
        except PyMongoError as error:
            outcome = type(error), getattr(error, "code", None)
        await client.close()
        heard = [[in_order(one) for one in said if "endSessions" not in one] for said in server.working]
        return heard, outcome


def _parameter(use: Use, script: dict[str, list[Any]]) -> Any:
    return pytest.param(use, script, id=described(use, script))


@pytest.mark.parametrize(("use", "script"), [_parameter(*case) for case in CASES])
async def test_as_pymongo_does(use: Use, script: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.01)
    of_pymongo = await run(AsyncMongoClient, use, script)
    of_motor = await run(AsyncIOMotorClient, use, script)
    assert of_motor[0] == of_pymongo[0]
    assert of_motor[1] == of_pymongo[1]


@pytest.mark.parametrize(("nth", "started"), [(0, [True, True, False]), (1, [True, False, False])])
async def test_in_a_transaction(connect: Connect, nth: int, started: list[bool]) -> None:
    """What has begun goes on; what the server has refused to begin is begun anew: PyMongo does not say that again."""
    async with scram_server("sha256") as server:
        client = connect(server, **OPTIONS)
        server.script("insert", *[server.default] * nth, EXPIRES)
        assert await transaction(client) == "committed"
        (said,) = server.working
        inserts = [command for command in said if "insert" in command]
        assert ["startTransaction" in command for command in inserts] == started
        assert [command["documents"][0]["_id"] for command in inserts] == [1, [1, 2][nth], 2]
        assert {int(command["txnNumber"]) for command in inserts} == {1}


async def test_refused(connect: Connect) -> None:
    """Who cannot prove it any more gets the error, and his connection is closed."""
    async with scram_server("sha256") as server:
        client = connect(server, **OPTIONS)
        await find(client)
        server.forget()
        server.change = lambda answer: {**answer, "payload": b"v=A"} if answer.get("done") else answer
        with pytest.raises(OperationFailure, match="check that this is the server that you mean"):
            await find(client)
        await until(lambda: not server.let_in & server.peers.keys())
        check_books(pool_of(client))
        server.change = lambda answer: answer
        assert await find(client) == {"_id": 1}


async def test_silence(connect: Connect) -> None:
    """A server that does not answer is waited for no longer than the operation may take."""
    async with scram_server("sha256") as server:
        client = connect(server, retryReads=False, **OPTIONS)
        await find(client)
        server.forget()
        server.script("saslStart", silence)
        with pymongo.timeout(0.2), pytest.raises(AutoReconnect, match="timed out"):
            await find(client)
        check_books(pool_of(client))
        assert await find(client) == {"_id": 1}


async def test_without_credentials(connect: Connect) -> None:
    """A client that is nobody has nothing to prove: it asks once more, as PyMongo does."""
    async with GuardedServer({}) as server:
        server.script("find", EXPIRES, EXPIRES)
        client = connect(server)
        with pytest.raises(OperationFailure) as caught:
            await find(client)
        assert caught.value.code == 391
        assert server.names == ["find", "find"]
