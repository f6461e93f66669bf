"""Sessions as applications use them: the forms of use, what a session says of itself, how it ends."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo.errors import ConfigurationError, DuplicateKeyError, InvalidOperation
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor.core import AgnosticClientSession
from tests.support.families import closed, in_every_family
from tests.support.waiting import until


async def ids(collection: Any) -> list[Any]:
    return [document["_id"] async for document in collection.find().sort("_id")]


@in_every_family
async def test_the_forms_of_use(collection):
    client = collection.database.client
    sessions = []
    with await client.start_session() as s:
        await collection.insert_one({"_id": 1}, session=s)
        sessions.append(s)
    async with await client.start_session() as s:
        await collection.insert_one({"_id": 2}, session=s)
        sessions.append(s)
    async with client.start_session() as s:
        await collection.insert_one({"_id": 3}, session=s)
        sessions.append(s)
    with client.start_session() as s:
        await collection.insert_one({"_id": 4}, session=s)
        sessions.append(s)
    s = await client.start_session()
    await collection.insert_one({"_id": 5}, session=s)
    await s.end_session()
    sessions.append(s)
    assert await ids(collection) == [1, 2, 3, 4, 5]
    assert all(isinstance(s, AgnosticClientSession) and s.has_ended for s in sessions)
    assert len({id(s) for s in sessions}) == 5


@in_every_family
async def test_the_forms_of_a_transaction(collection):
    await collection.insert_one({"_id": 0})
    async with collection.database.client.start_session() as s:
        async with s.start_transaction():
            assert s.in_transaction
            await collection.insert_one({"_id": 1}, session=s)
        assert not s.in_transaction
        async with await s.start_transaction():
            await collection.insert_one({"_id": 2}, session=s)
        s.start_transaction()
        await collection.insert_one({"_id": 3}, session=s)
        await s.commit_transaction()
        await s.start_transaction()
        await collection.insert_one({"_id": 4}, session=s)
        await s.abort_transaction()
        with pytest.raises(KeyError):
            async with s.start_transaction():
                await collection.insert_one({"_id": 5}, session=s)
                raise KeyError
        assert not s.in_transaction
        async with s.start_transaction():
            await collection.insert_one({"_id": 6}, session=s)
            await s.abort_transaction()
        async with s.start_transaction(ReadConcern("local"), WriteConcern(w=1), max_commit_time_ms=5000):
            await collection.insert_one({"_id": 7}, session=s)
            await s.commit_transaction()
    assert await ids(collection) == [0, 1, 2, 3, 7]


@in_every_family
async def test_with_transaction(collection):
    await collection.insert_one({"_id": 0})

    async def callback(session: Any, number: int = 1) -> int:
        await collection.insert_one({"_id": number}, session=session)
        return number

    async with collection.database.client.start_session() as s:
        assert await s.with_transaction(callback) == 1
        assert await s.with_transaction(lambda session: callback(session, number=2)) == 2
        with pytest.raises(DuplicateKeyError):
            await s.with_transaction(callback)
        assert not s.in_transaction
    assert await ids(collection) == [0, 1, 2]


@in_every_family
async def test_what_a_session_says_of_itself(collection):
    client = collection.database.client
    session = client.start_session()
    assert session.client is client
    assert session.get_io_loop() is client.get_io_loop()
    assert (session.cluster_time, session.operation_time) == (None, None)
    assert (session.has_ended, session.in_transaction) == (False, False)
    assert session.options.causal_consistency is True
    assert session.options.snapshot is False
    assert session.options.default_transaction_options is None
    assert list(session.session_id) == ["id"]
    assert session.session_id == session.session_id
    await collection.insert_one({}, session=session)
    assert isinstance(session.operation_time, Timestamp)
    assert isinstance(session.cluster_time["clusterTime"], Timestamp)
    other = client.start_session(causal_consistency=False)
    assert other.session_id != session.session_id
    assert other.options.causal_consistency is False
    other.advance_cluster_time(session.cluster_time)
    other.advance_operation_time(session.operation_time)
    assert (other.cluster_time, other.operation_time) == (session.cluster_time, session.operation_time)
    await other.end_session()
    await session.end_session()
    assert session.has_ended
    with pytest.raises(InvalidOperation, match="Cannot use ended session"):
        _ = session.session_id
    with pytest.raises(InvalidOperation, match="Cannot use ended session"):
        session.start_transaction()


@in_every_family
async def test_ending(collection):
    """It has ended at once, and ending it again is nothing."""
    await collection.insert_one({"_id": 0})
    client = collection.database.client
    session = client.start_session()
    await collection.find_one(session=session)
    ending = session.end_session()
    assert session.has_ended
    assert asyncio.isfuture(ending)
    assert await ending is None
    assert await session.end_session() is None
    unused = client.start_session()
    await unused.end_session()
    assert unused.has_ended


@in_every_family
async def test_ending_in_a_transaction(collection):
    """It is aborted, in each form."""
    await collection.insert_one({"_id": 0})
    client = collection.database.client
    async with client.start_session() as s:
        s.start_transaction()
        await collection.insert_one({"_id": 1}, session=s)
    assert (s.has_ended, s.in_transaction) == (True, False)
    with pytest.raises(KeyError):
        async with client.start_session() as s, s.start_transaction():
            await collection.insert_one({"_id": 2}, session=s)
            raise KeyError
    assert s.has_ended
    s = client.start_session()
    s.start_transaction()
    await collection.insert_one({"_id": 3}, session=s)
    await s.end_session()
    assert (s.has_ended, s.in_transaction) == (True, False)
    with await client.start_session() as s:
        s.start_transaction()
        await collection.insert_one({"_id": 4}, session=s)
    await until(lambda: s.has_ended)
    assert await ids(collection) == [0]
    # And none of them holds a lock any more.
    await collection.insert_many([{"_id": number} for number in (1, 2, 3, 4)])


@in_every_family
async def test_futures_that_nobody_awaits(collection):
    await collection.insert_one({"_id": 0})
    client = collection.database.client
    session = client.start_session()
    session.start_transaction()
    await collection.insert_one({"_id": 1}, session=session)
    committing = session.commit_transaction()
    assert asyncio.isfuture(committing)
    await until(committing.done)
    assert await ids(collection) == [0, 1]
    session.start_transaction()
    await collection.insert_one({"_id": 2}, session=session)
    aborting = session.abort_transaction()
    await until(aborting.done)
    session.end_session()
    assert await ids(collection) == [0, 1]
    failing = client.start_session().commit_transaction()
    with pytest.raises(InvalidOperation, match="No transaction started"):
        await failing


@in_every_family
async def test_a_cursors_session(collection):
    await collection.insert_many([{"_id": number} for number in range(6)])
    client = collection.database.client
    async with client.start_session() as s:
        cursor = collection.find({}, batch_size=2, session=s)
        assert cursor.session is s
        assert cursor.clone().session is s
        assert copy.copy(cursor).session is s
        assert [document["_id"] async for document in cursor] == [0, 1, 2, 3, 4, 5]
        assert cursor.session is s
        assert cursor.rewind().session is s
        assert len(await cursor.clone().to_list()) == 6
        for other in (collection.aggregate([], session=s), collection.list_indexes(session=s)):
            assert other.session is s
            assert await other.to_list()
            assert other.session is s
        s.start_transaction()
        half = collection.find({}, batch_size=2, session=s)
        await half.next()
        await half.close()
        assert len(await collection.find({}, batch_size=2, session=s).to_list()) == 6
    assert collection.find().session is None


@in_every_family
async def test_a_cursor_outlives_its_session(collection):
    """It cannot be read on, and can be closed."""
    await collection.insert_many([{"_id": number} for number in range(6)])
    session = collection.database.client.start_session()
    cursor = collection.find({}, batch_size=2, session=session)
    unread = collection.find(session=session)
    await cursor.next()
    await session.end_session()
    assert await cursor.next() == {"_id": 1}
    with pytest.raises(InvalidOperation, match="Cannot use ended session"):
        await cursor.next()
    with pytest.raises(InvalidOperation, match="Cannot use ended session"):
        await unread.to_list()
    await cursor.close()


@in_every_family
async def test_a_session_cannot_be_copied(collection):
    async with collection.database.client.start_session() as session:
        for how in (copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be copied, create a new session instead"):
                how(session)


@in_every_family
async def test_what_is_no_session(collection):
    client = collection.database.client
    other = type(client)(client.HOST)
    with pytest.raises(ConfigurationError):
        client.start_session(causal_consistency=True, snapshot=True)
    for wrong in ("session", 5, {}, client, object()):
        with pytest.raises(ValueError, match="'session' argument must be"):
            await collection.insert_one({"_id": 1}, session=wrong)
        with pytest.raises(ValueError, match="'session' argument must be"):
            await collection.find(session=wrong).to_list()
    with pytest.raises(InvalidOperation, match="Can only use session with the"):
        await collection.insert_one({"_id": 1}, session=other.start_session())
    with pytest.raises(ConfigurationError, match="unacknowledged"):
        unacknowledged = collection.with_options(write_concern=WriteConcern(w=0))
        await unacknowledged.insert_one({"_id": 1}, session=client.start_session())
    await closed(other)
    assert await ids(collection) == []


async def test_in_a_snapshot(watched, commands):
    """The first read finds the point in time, at which all others read."""
    async with watched.database.client.start_session(snapshot=True) as s:
        assert await watched.count_documents({}, session=s) == 10
        await watched.insert_one({"_id": "later"})
        await watched.find({}, session=s).to_list()
        await watched.distinct("_id", session=s)
        with pytest.raises(InvalidOperation, match="Transactions are not supported in snapshot sessions"):
            s.start_transaction()
    first, second, third = [command["readConcern"] for command in commands.sent if "readConcern" in command]
    assert first == {"level": "snapshot"}
    assert second == third == {"level": "snapshot", "atClusterTime": second["atClusterTime"]}


@in_every_family
async def test_sessions_are_used_again(collection):
    """The server's, by one after the other; never by two at once."""
    client = collection.database.client
    seen = []
    for _ in range(5):
        async with client.start_session() as s:
            await collection.find_one(session=s)
            seen.append(s.session_id["id"])
    assert len(set(seen)) == 1
    sessions = [client.start_session() for _ in range(10)]
    await asyncio.gather(*(collection.find_one(session=s) for s in sessions))
    assert len({s.session_id["id"] for s in sessions}) == 10
    await asyncio.gather(*(s.end_session() for s in sessions))
