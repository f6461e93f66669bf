"""What PyMongo Async returns from a coroutine and Motor at once can be used either way.

Each program below is written for PyMongo Async. It does on Motor what it does there, when nothing but the client's
class is another; what Motor's own form is, the second half says, in both families.
"""

from __future__ import annotations

import asyncio
import gc
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import InvalidOperation, OperationFailure

from motor.motor_asyncio import AsyncIOMotorClient
from tests.differential.conftest import REFERENCE
from tests.support.events import Commands
from tests.support.families import in_every_family, in_thread
from tests.support.loops import RUNS

UP = [{"$sort": {"_id": 1}}]


class Program:
    """A client of either driver, a database of ten documents, and the names of the commands that were sent."""

    def __init__(self, client_class: Any, uri: str) -> None:
        self.commands = Commands()
        self.client_class = client_class
        self.uri = uri
        self.client = client_class(uri, event_listeners=[self.commands])
        self.db = self.client[f"motor_test_{uuid.uuid4().hex}"]
        self.coll = self.db["c"]

    async def run(self, program: Callable[[Program], Any]) -> Any:
        try:
            await self.coll.insert_many([{"_id": number} for number in range(10)])
            self.commands.clear()
            return await program(self), self.sent
        finally:
            await self.client.drop_database(self.db.name)
            await self.client.close()

    @property
    def sent(self) -> list[str]:
        """What has been sent since the last time."""
        names = self.commands.names.copy()
        self.commands.clear()
        return names


async def aggregate(p: Program) -> Any:
    cursor = await p.coll.aggregate(UP, batchSize=4)
    at_the_await = p.sent, cursor.alive, bool(cursor.cursor_id)
    first = await cursor.next()
    return at_the_await, first, await cursor.to_list(2), [document async for document in cursor], cursor.alive


async def aggregate_in_a_block(p: Program) -> Any:
    async with await p.coll.aggregate(UP, batchSize=4) as cursor:
        first = await anext(cursor)
    return first, cursor.alive


async def aggregate_refused(p: Program) -> Any:
    with pytest.raises(OperationFailure) as refused:
        await p.coll.aggregate([{"$nonsense": 1}])
    return refused.value.code


async def aggregate_on_database(p: Program) -> Any:
    cursor = await p.db.aggregate([{"$documents": [{"x": 1}]}])
    return p.sent, await cursor.to_list()


async def aggregate_raw(p: Program) -> Any:
    cursor = await p.coll.aggregate_raw_batches(UP)
    batches = [batch async for batch in cursor]
    p.commands.clear()  # PyMongo asks for the first batch by a command of its own
    return b"".join(batches)


async def out(p: Program) -> Any:
    await p.coll.aggregate([{"$match": {"_id": {"$lt": 3}}}, {"$out": "out"}])
    return p.sent, await p.db.out.count_documents({})


async def list_indexes(p: Program) -> Any:
    cursor = await p.coll.list_indexes()
    return p.sent, [index["name"] async for index in cursor]


async def list_collections(p: Program) -> Any:
    cursor = await p.db.list_collections(filter={"name": "c"})
    return p.sent, [collection["name"] for collection in await cursor.to_list()]


async def list_databases(p: Program) -> Any:
    cursor = await p.client.list_databases(filter={"name": p.db.name})
    return p.sent, len(await cursor.to_list())


async def list_search_indexes(p: Program) -> Any:
    with pytest.raises(OperationFailure) as refused:
        await p.coll.list_search_indexes()
    return refused.value.code


async def cursor_command(p: Program) -> Any:
    cursor = await p.db.cursor_command("find", "c", batchSize=4, sort={"_id": 1})
    return p.sent, [document async for document in cursor]


async def find(p: Program) -> Any:
    cursor = p.coll.find(batch_size=4).sort("_id")
    before = p.sent
    first = await cursor.next()
    await cursor.rewind()
    again = await cursor.to_list(3)
    await cursor.close()
    with_option = p.coll.find()
    result = before, first, again, await (await with_option.add_option(16)).to_list()
    p.commands.clear()  # PyMongo waits until the first cursor is killed, Motor doesn't
    return result


async def find_raw(p: Program) -> Any:
    return b"".join([batch async for batch in p.coll.find_raw_batches().sort("_id")])


async def watch(p: Program) -> Any:
    changes = []
    for watched in (p.coll, p.db, p.client):
        stream = await watched.watch([{"$match": {"ns.db": p.db.name}}])
        opened = p.sent
        await p.coll.insert_one({"x": 1})
        changes.append((opened, (await stream.next())["operationType"], stream.alive))
        await stream.close()
        async with await watched.watch(max_await_time_ms=10) as stream:
            changes.append(await stream.try_next())
    return changes


async def watch_refused(p: Program) -> Any:
    with pytest.raises(OperationFailure) as refused:
        await p.coll.watch([{"$nonsense": 1}])
    return refused.value.code


async def transaction(p: Program) -> Any:
    async with p.client.start_session() as session:
        async with await session.start_transaction():
            await p.coll.insert_one({"_id": 10}, session=session)
        await session.start_transaction()
        await p.coll.insert_one({"_id": 11}, session=session)
        await session.abort_transaction()
        result = await session.with_transaction(callback=lambda each: p.coll.count_documents({}, session=each))
    session = p.client.start_session()
    await session.end_session()
    return result, session.has_ended


async def bound(p: Program) -> Any:
    async with p.client.start_session().bind() as session:
        await p.coll.find_one()
        used = p.commands.sent[-1]["lsid"] == session.session_id
    return used, session.has_ended


async def where_it_is(p: Program) -> Any:
    values = [await getattr(p.client, name) for name in ("address", "primary", "secondaries", "arbiters")]
    return values, [type(value).__name__ for value in values], await p.client.is_primary, await p.client.is_mongos


async def where_it_is_when_new(p: Program) -> Any:
    async with p.client_class(p.uri) as client:
        values = [await client.primary, await client.secondaries, await client.arbiters]
        return values, await client.address == await p.client.address


async def closing(p: Program) -> Any:
    client = p.client_class(p.uri)
    await client.aconnect()
    await client.admin.command("ping")
    await client.aclose()
    await client.close()
    with pytest.raises(InvalidOperation) as closed:
        await client.admin.command("ping")
    return type(closed.value)


async def several_at_once(p: Program) -> Any:
    found = await asyncio.gather(p.coll.find_one({"_id": 1}), p.coll.count_documents({}), p.coll.distinct("_id"))
    task = asyncio.ensure_future(p.coll.find_one({"_id": 2}))
    result = found, await asyncio.wait_for(p.coll.find_one({"_id": 3}), 10), await task
    p.commands.clear()  # in whatever order
    return result


async def created(p: Program) -> Any:
    collection = await p.db.create_collection("made")
    return collection.name, await collection.create_index("x"), await collection.options()


PROGRAMS = (
    *(aggregate, aggregate_in_a_block, aggregate_refused, aggregate_on_database, aggregate_raw, out),
    *(list_indexes, list_collections, list_databases, list_search_indexes, cursor_command, find, find_raw),
    *(watch, watch_refused, transaction, bound, where_it_is, where_it_is_when_new, closing, several_at_once, created),
)


@pytest.mark.skipif(pymongo.version_tuple < REFERENCE, reason="an older PyMongo lacks some of what is done here")
@pytest.mark.parametrize("loop", RUNS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the sockets that PyMongo leaves to the garbage collector
def test_written_for_pymongo(program: Any, loop: str, uri: str) -> None:
    async def run(client_class: Any) -> Any:
        return await Program(client_class, uri).run(program)

    with warnings.catch_warnings():
        # PyMongo leaves a socket to the collector when its client is closed while a monitor is connecting.
        warnings.simplefilter("ignore", ResourceWarning)
        theirs = in_thread(lambda: RUNS[loop](run(AsyncMongoClient)))
        gc.collect()
    ours = in_thread(lambda: RUNS[loop](run(AsyncIOMotorClient)))
    assert ours == theirs


@in_every_family
async def test_cursors_are_there_at_once(collection: Any) -> None:
    await collection.insert_many([{"_id": number} for number in range(10)])
    database, client = collection.database, collection.database.client
    cursors = {
        "aggregate": collection.aggregate(UP),
        "raw": collection.aggregate_raw_batches(UP),
        "find": collection.find(),
        "find raw": collection.find_raw_batches(),
        "indexes": collection.list_indexes(),
        "collections": database.list_collections(),
        "databases": client.list_databases(),
        "documents": database.aggregate([{"$documents": [{"x": 1}]}]),
    }
    assert not any(cursor.started for cursor in cursors.values())
    for name, cursor in cursors.items():
        assert await cursor is cursor
        assert cursor.started == (not name.startswith("find"))
        assert [document async for document in cursor]
    refused = collection.aggregate([{"$nonsense": 1}])
    with pytest.raises(OperationFailure):
        await refused.to_list(None)
    command = await database.cursor_command("find", "test")
    assert len(await command.to_list(None)) == 10


@in_every_family
async def test_awaited_or_not(collection: Any) -> None:
    """Each of these does what it does when it is called."""
    await collection.insert_many([{"_id": number} for number in range(10)])
    client = collection.database.client
    for wait in (True, False):
        cursor = collection.find(batch_size=2)
        await cursor.next()
        stream = collection.watch(max_await_time_ms=10)
        await stream.try_next()
        session = client.start_session()
        session.start_transaction()
        other = type(client)(client.HOST)
        ends = [cursor.close(), stream.close(), session.abort_transaction(), session.end_session(), other.close()]
        if wait:
            for end in ends:
                await end
        else:
            await asyncio.sleep(0)
        assert cursor.closed
        assert not stream.alive
        assert session.has_ended
        with pytest.raises(InvalidOperation):
            await other.admin.command("ping")


@in_every_family
async def test_a_session_in_every_form(collection: Any) -> None:
    client = collection.database.client
    async with await client.start_session() as one, client.start_session() as two:
        async with one.start_transaction():
            await collection.insert_one({"_id": 1}, session=one)
        async with await two.start_transaction():
            await collection.insert_one({"_id": 2}, session=two)
    with await client.start_session() as three:
        assert await collection.count_documents({}, session=three) == 2


@in_every_family
async def test_tasks_take_coroutines_only(collection: Any) -> None:
    """A Future runs already: `ensure_future` and `gather` take it as it is, `create_task` does not."""
    future = collection.find_one()
    with pytest.raises(TypeError):
        asyncio.create_task(future)  # noqa: RUF006  # there is none
    assert asyncio.ensure_future(future) is future
    assert list(await asyncio.gather(future, collection.find_one())) == [None, None]


@in_every_family
async def test_a_bound_session(collection: Any) -> None:
    """What is started in its block belongs to it: here a transaction, which nobody outside sees."""
    client = collection.database.client
    await collection.insert_one({"_id": 0})
    async with client.start_session().bind() as session:
        async with session.start_transaction():
            await asyncio.gather(collection.update_one({"_id": 0}, {"$set": {"x": 1}}))
            await collection.insert_many([{"_id": number} for number in range(1, 200)])
            assert len(await collection.find(batch_size=50).to_list(None)) == 200
            assert len([document async for document in collection.aggregate(UP)]) == 200
            await session.abort_transaction()
        assert await collection.count_documents({}) == 1
    assert session.has_ended
    assert await collection.find_one({}) == {"_id": 0}
