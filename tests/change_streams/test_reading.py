"""What an application sees of a stream, on a real server, in each framework."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo.errors import InvalidOperation, OperationFailure
from pymongo.read_concern import ReadConcern
from tornado import gen

from motor.core import AgnosticChangeStream
from tests.change_streams.feed import take
from tests.support.families import in_every_family
from tests.support.leaks import drivers_tasks
from tests.support.waiting import until


@in_every_family
async def test_async_for(collection):
    seen = []
    async with collection.watch() as stream:
        await collection.insert_many([{"_id": number} for number in range(3)])
        async for change in stream:
            seen.append((change["operationType"], change["fullDocument"], change["ns"]["coll"]))
            if len(seen) == 3:
                break
    assert seen == [("insert", {"_id": number}, collection.name) for number in range(3)]
    assert not stream.alive


@in_every_family
async def test_next_and_try_next(collection):
    stream = collection.watch(max_await_time_ms=10)
    assert isinstance(stream, AgnosticChangeStream)
    assert await stream.try_next() is None
    await collection.insert_one({"_id": 1})
    assert (await stream.next())["documentKey"] == {"_id": 1}
    await collection.update_one({"_id": 1}, {"$set": {"x": 2}})
    change: Any = await stream.try_next()
    assert change["updateDescription"]["updatedFields"] == {"x": 2}
    await collection.delete_one({"_id": 1})
    change = await stream.try_next()
    assert change["operationType"] == "delete"
    assert await stream.try_next() is None
    assert stream.alive
    await stream.close()
    assert not stream.alive


@in_every_family
async def test_awaited_as_in_pymongo(collection):
    stream = await collection.watch()
    assert stream.resume_token is not None
    assert await stream is stream
    await collection.insert_one({"_id": 1})
    async with stream:
        assert await take(stream, 1) == [1]
    assert not stream.alive


@in_every_family
async def test_a_generator_of_tornados_reads_it(collection):
    @gen.coroutine
    def read(stream: Any) -> Any:
        change = yield asyncio.ensure_future(stream.next())
        yield stream.close()
        return change

    stream = await collection.watch()
    await collection.insert_one({"_id": 1})
    assert (await read(stream))["documentKey"] == {"_id": 1}


async def test_it_is_there_at_once(watched, commands):
    """Without I/O: the first command is sent when it is first read."""
    client = watched.database.client
    before = drivers_tasks()
    streams = [client.watch(), watched.database.watch(), watched.watch()]
    assert all(stream.alive and stream.resume_token is None for stream in streams)
    await asyncio.sleep(0.01)
    assert commands.names == []
    assert drivers_tasks() == before
    assert not client.nodes


async def test_what_is_watched(watched, commands):
    client, database = watched.database.client, watched.database
    async with client.watch() as everything, database.watch() as its, watched.watch() as own:
        await database.other.insert_one({"_id": 1})
        await watched.insert_one({"_id": 2})
        assert await take(own, 1) == [2]
        assert await take(its, 2) == [1, 2]
        # Other tests may write as well.
        seen: list[Any] = []
        while len(seen) < 2:
            change = await everything.next()
            if change["ns"]["db"] == database.name:
                seen.append(change["documentKey"]["_id"])
        assert seen == [1, 2]
    opened = [(command["aggregate"], command["$db"], command["pipeline"]) for command in commands.of("aggregate")]
    assert opened == [
        (1, "admin", [{"$changeStream": {"allChangesForCluster": True}}]),
        (1, database.name, [{"$changeStream": {}}]),
        (watched.name, database.name, [{"$changeStream": {}}]),
    ]


async def test_a_pipeline(watched):
    pipeline = [{"$match": {"fullDocument.x": {"$gt": 1}}}, {"$project": {"documentKey": 1}}]
    async with watched.watch(pipeline) as stream:
        await watched.insert_many([{"_id": number, "x": number} for number in range(5)])
        assert await take(stream, 3) == [2, 3, 4]


async def test_where_it_starts(watched, commands):
    async with watched.watch() as stream:
        await watched.insert_many([{"_id": number} for number in range(4)])
        await stream.next()
        after_first = stream.resume_token
    (opening,) = commands.of("aggregate")
    reply = await watched.database.command("ping")
    time: Timestamp = reply["operationTime"]
    for options in ({"resume_after": after_first}, {"start_after": after_first}):
        async with watched.watch(**options) as stream:
            assert await take(stream, 3) == [1, 2, 3]
    later = Timestamp(time.time, time.inc + 1)
    async with watched.watch(start_at_operation_time=later, max_await_time_ms=10) as stream:
        assert await stream.try_next() is None
        await watched.insert_one({"_id": 9})
        assert await take(stream, 1) == [9]
    assert "resumeAfter" not in opening["pipeline"][0]["$changeStream"]


async def test_the_whole_document_after_an_update(watched):
    await watched.insert_one({"_id": 1, "x": 1, "y": 1})
    async with watched.watch(full_document="updateLookup") as stream:
        await watched.update_one({"_id": 1}, {"$set": {"x": 2}})
        assert (await stream.next())["fullDocument"] == {"_id": 1, "x": 2, "y": 1}


async def test_the_end_of_the_collection(watched):
    async with watched.watch() as stream:
        await watched.insert_one({"_id": 1})
        await watched.drop()
        assert [change["operationType"] async for change in stream] == ["insert", "drop", "invalidate"]
        assert not stream.alive
        token = stream.resume_token
    # From there only startAfter goes on.
    async with watched.watch(start_after=token) as stream:
        await watched.insert_one({"_id": 2})
        assert await take(stream, 1) == [2]


async def test_in_a_session(watched, commands):
    client = watched.database.client
    async with await client.start_session() as session:
        async with watched.watch(session=session, max_await_time_ms=10) as stream:
            await watched.insert_one({"_id": 1})
            assert await take(stream, 1) == [1]
            assert await stream.try_next() is None
        sent = [command for name in ("aggregate", "getMore", "killCursors") for command in commands.of(name)]
        assert len(sent) >= 3
        assert all(command["lsid"] == session.session_id for command in sent)
        assert not session.has_ended
        assert await watched.find_one({"_id": 1}, session=session)


async def test_a_session_that_cannot_be_used(watched):
    client = watched.database.client
    session = await client.start_session()
    await session.end_session()
    with pytest.raises(InvalidOperation, match="ended session"):
        watched.watch(session=session)
    with pytest.raises(ValueError, match="session"):
        watched.watch(session="mine")


async def test_one_implicit_session(watched, commands):
    async with watched.watch(max_await_time_ms=10) as stream:
        for _ in range(3):
            assert await stream.try_next() is None
    ids = {bytes(command["lsid"]["id"]) for command in commands.sent}
    assert len(ids) == 1
    # It was given back: the next operation uses it.
    await watched.find_one()
    assert bytes(commands.of("find")[0]["lsid"]["id"]) in ids


@pytest.mark.parametrize("wrong", ["20", 1.5, []])
async def test_a_waiting_time_that_is_none(watched, commands, wrong):
    with pytest.raises(TypeError, match="max_await_time_ms must be an integer or None"):
        await watched.watch(max_await_time_ms=wrong).next()
    assert not commands.of("getMore")


async def test_options_of_the_collection(watched, commands):
    collection = watched.with_options(read_concern=ReadConcern("majority"))
    async with collection.watch():
        pass
    assert commands.of("aggregate")[0]["readConcern"] == {"level": "majority"}


async def test_a_change_without_its_id(watched, commands):
    """A pipeline that takes the resume token away takes away the means to go on."""
    stream = await watched.watch([{"$project": {"_id": 0}}])
    await watched.insert_one({"_id": 1})
    for _ in range(2):
        with pytest.raises((InvalidOperation, OperationFailure)):
            await stream.next()
        assert not stream.alive


async def test_a_change_without_its_id_that_a_server_lets_pass(server, connect, feed):
    stream = await connect(server).db.c.watch()
    feed.add({"number": 1, "operationType": "insert"})
    for _ in range(2):
        with pytest.raises(InvalidOperation, match="resume token is missing"):
            await stream.next()
        assert not stream.alive
    await until(lambda: not feed.open)


async def test_an_error_of_the_server(watched):
    stream = watched.watch([{"$noSuchStage": {}}])
    with pytest.raises(OperationFailure):
        await stream.next()
    assert not stream.alive
    with pytest.raises(OperationFailure):
        async with watched.watch([{"$noSuchStage": {}}]):
            pass


async def test_no_threads(watched):
    before = threading.active_count()
    async with watched.watch(max_await_time_ms=10) as stream:
        await stream.try_next()
        assert threading.active_count() == before


def test_it_cannot_be_read_without_async(uri):
    from motor.motor_asyncio import AsyncIOMotorClient

    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    stream: Any = client.db.c.watch()
    with pytest.raises(TypeError):
        iter(stream)
    # Python 3.10 has another error.
    with pytest.raises((AttributeError, TypeError)), stream:
        pass
    client.close()
