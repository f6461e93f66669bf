"""The deadline, met in each phase of an operation: the same errors as PyMongo's, and each says that it is a timeout."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError, WaitQueueTimeoutError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.safety.test_transitions import started
from tests.support.cuts import CuttingProxy

# PyMongo leaves sockets behind that were being connected when their time was over.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

DRIVERS = {"pymongo": AsyncMongoClient, "motor": AsyncIOMotorClient}

BRIEF = 0.2
"""Seconds until the deadline."""

LONG_MS = 1500
"""Milliseconds that the server is blocked for: longer."""


class Stage:
    """A client of one driver behind a proxy, and the means to make the server slow for it."""

    def __init__(self, driver: str, proxy: CuttingProxy, direct: Any) -> None:
        self.driver = driver
        self.proxy = proxy
        self.direct = direct
        self.clients: list[Any] = []

    def client(self, **options: Any) -> Any:
        """A client that the fail points are for."""
        client: Any = DRIVERS[self.driver](self.proxy.uri, appname="deadlines", **options)
        self.clients.append(client)
        return client

    async def block(self, *names: str, times: int = 1) -> None:
        """Have the server take long for the next commands of these names."""
        data = {"failCommands": names, "blockConnection": True, "blockTimeMS": LONG_MS, "appName": "deadlines"}
        await self.direct.admin.command({"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data})


@pytest.fixture
async def stages(uri: str) -> AsyncIterator[list[Stage]]:
    """One for each driver."""
    direct = AsyncIOMotorClient(uri)
    async with CuttingProxy(int(uri.rpartition(":")[2])) as proxy:
        stages = [Stage(driver, proxy, direct) for driver in DRIVERS]
        yield stages
        await direct.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
        for stage in stages:
            for client in stage.clients:
                await client.close()
    await direct.drop_database("motor_test_phases")
    gc.collect()
    await direct.close()


async def late(make: Callable[[], Awaitable[Any]], seconds: float = BRIEF) -> PyMongoError:
    """The error of a call that doesn't meet its deadline."""
    with pytest.raises(PyMongoError) as raised, pymongo.timeout(seconds):
        await make()
    return raised.value


async def selection(stage: Stage) -> PyMongoError:
    """There is no server."""
    client: Any = DRIVERS[stage.driver]("mongodb://127.0.0.1:1")
    try:
        return await late(lambda: client.db.c.find_one())
    finally:
        await client.close()


async def wait_queue(stage: Stage) -> PyMongoError:
    """The only connection is busy."""
    client = stage.client(maxPoolSize=1)
    await client.motor_test_phases.c.find_one()
    await stage.block("distinct")
    busy = asyncio.ensure_future(client.motor_test_phases.c.distinct("a"))
    await asyncio.sleep(0.1)
    error = await late(lambda: client.motor_test_phases.c.find_one())
    busy.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await busy
    return error


async def connecting(stage: Stage) -> PyMongoError:
    """A connection is accepted, and then nothing comes."""
    client = stage.client()
    await client.motor_test_phases.c.find_one()
    await stage.block("distinct")
    busy = asyncio.ensure_future(client.motor_test_phases.c.distinct("a"))
    await asyncio.sleep(0.1)
    stage.proxy.mute = True
    error = await late(lambda: client.motor_test_phases.c.find_one())
    stage.proxy.mute = False
    busy.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await busy
    return error


def round_trip(name: str, call: Callable[[Any], Awaitable[Any]]) -> Callable[[Stage], Awaitable[PyMongoError]]:
    """The server takes too long for a command."""

    async def phase(stage: Stage) -> PyMongoError:
        client = stage.client()
        collection = client.motor_test_phases.c
        await collection.find_one()
        await stage.block(name, times=20)
        return await late(lambda: call(collection))

    return phase


async def get_more(stage: Stage) -> PyMongoError:
    """The server takes too long for a second batch."""
    collection = stage.client().motor_test_phases.c
    await collection.insert_many([{}, {}, {}])
    await stage.block("getMore")
    cursor = collection.find(batch_size=1)
    await cursor.next()
    error = await late(lambda: cursor.next())
    await cursor.close()
    return error


async def commit(stage: Stage) -> PyMongoError:
    """The server takes too long to commit."""
    client = stage.client()
    collection = client.motor_test_phases.c
    await collection.insert_one({})
    async with await started(client.start_session()) as session:
        await started(session.start_transaction())
        await collection.insert_one({}, session=session)
        await stage.block("commitTransaction")
        error = await late(session.commit_transaction)
        assert error.has_error_label("UnknownTransactionCommitResult")
        await session.commit_transaction()
    return error


async def in_transaction(stage: Stage) -> PyMongoError:
    """The server takes too long for a command of a transaction, which is run once more in vain."""
    client = stage.client()
    collection = client.motor_test_phases.c
    await collection.insert_one({})
    await stage.block("insert", times=50)
    async with await started(client.start_session()) as session:
        error = await late(lambda: session.with_transaction(lambda session: collection.insert_one({}, session=session)))
        assert not session.in_transaction
    return error


PHASES: dict[str, Callable[[Stage], Awaitable[PyMongoError]]] = {
    "server selection": selection,
    "wait queue": wait_queue,
    "connection establishment": connecting,
    "find": round_trip("find", lambda collection: collection.find_one()),
    "insert": round_trip("insert", lambda collection: collection.insert_one({})),
    "insert_many": round_trip("insert", lambda collection: collection.insert_many([{}, {}])),
    "aggregate": round_trip("aggregate", lambda collection: collection.count_documents({})),
    "command": round_trip("ping", lambda collection: collection.database.command("ping")),
    "getMore": get_more,
    "commit": commit,
    "with_transaction": in_transaction,
}


DIFFERENT = {"connection establishment": WaitQueueTimeoutError}
"""Where Motor's error is another one: its connections are opened by the pool, and an operation waits in the queue."""


@pytest.mark.parametrize("phase", PHASES)
async def test_the_errors_are_those_of_pymongo(phase, stages):
    if phase == "with_transaction" and pymongo.version_tuple < (4, 18):
        pytest.skip("an older PyMongo says that it found no server")
    theirs, ours = [await PHASES[phase](stage) for stage in stages]
    assert ours.timeout
    assert theirs.timeout
    assert type(ours) is DIFFERENT.get(phase, type(theirs))
