"""In a session of the application's all commands are that session's, one after the other; none in a transaction."""

from __future__ import annotations

import io

import pytest
from pymongo.errors import InvalidOperation

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket, AsyncIOMotorGridIn, AsyncIOMotorGridOut
from tests.support.events import Commands
from tests.support.server import close
from tests.support.waiting import until

MEGABYTE = 1024 * 1024
DATA = bytes(6 * MEGABYTE)


async def test_all_in_one_session(uri, db):
    commands = Commands()
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, event_listeners=[commands])
    bucket = AsyncIOMotorGridFSBucket(client[db.name])
    async with client.start_session() as session:
        file_id = await bucket.upload_from_stream("file", DATA, session=session)
        await bucket.upload_from_stream_with_id(5, "other", b"x", session=session)
        grid_out = await bucket.open_download_stream(file_id, session=session)
        assert await grid_out.read() == DATA
        await bucket.download_to_stream(file_id, io.BytesIO(), session=session)
        await bucket.download_to_stream_by_name("file", io.BytesIO(), session=session)
        async for found in bucket.find({}, session=session):
            assert len(await found.read()) in (1, len(DATA))
        await bucket.rename(file_id, "new", session=session)
        await bucket.rename_by_name("new", "newer", session=session)
        grid_in = bucket.open_upload_stream("file", session=session)
        await grid_in.write(DATA)
        await grid_in.abort()
        await bucket.delete(5, session=session)
        await bucket.delete_by_name("newer", session=session)
        assert {command["lsid"]["id"] for command in commands.sent} == {session.session_id["id"]}
    assert {"createIndexes", "delete", "find", "getMore", "insert", "listIndexes", "update"} <= set(commands.names)
    await client.close()


async def test_one_command_at_a_time(server, connect, stored):
    """The scripted server complains of a session that does two things at once."""
    stored.latency = 0.001
    client = connect(server)
    bucket = AsyncIOMotorGridFSBucket(client.db)
    async with client.start_session() as session:
        file_id = await bucket.upload_from_stream("file", DATA, session=session)
        assert await (await bucket.open_download_stream(file_id, session=session)).read() == DATA
    assert stored.most_inserts == 1


async def test_what_failed_is_deleted_in_no_session(server, connect, stored):
    """The application's may be in use again, or have ended."""
    client = connect(server, retryWrites=False)
    bucket = AsyncIOMotorGridFSBucket(client.db)
    server.script("insert", stored, close)
    async with client.start_session() as session:
        with pytest.raises(Exception, match="connection closed"):
            await bucket.upload_from_stream("file", DATA, session=session)
        lsid = session.session_id
    await until(lambda: not stored.chunks)
    (delete,) = stored.commands("delete", "fs.chunks")
    assert delete["lsid"] != lsid


async def test_not_in_a_transaction(uri, db):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    bucket = AsyncIOMotorGridFSBucket(client[db.name])
    file_id = await bucket.upload_from_stream("file", b"x")
    async with client.start_session() as session:
        opened = await bucket.open_download_stream(file_id, session=session)
        unopened = AsyncIOMotorGridOut(bucket.collection, file_id, session=session)
        cursor = bucket.find({}, session=session)
        grid_in = bucket.open_upload_stream("file", session=session)
        session.start_transaction()
        for refused in (
            lambda: opened.read(),
            lambda: unopened.open(),
            lambda: cursor.next(),
            lambda: grid_in.write(b"x"),
            lambda: bucket.upload_from_stream("file", b"x", session=session),
            lambda: bucket.upload_from_stream_with_id(5, "file", b"x", session=session),
            lambda: bucket.open_download_stream(file_id, session=session),
            lambda: bucket.open_download_stream_by_name("file", session=session),
            lambda: bucket.download_to_stream(file_id, io.BytesIO(), session=session),
            lambda: bucket.download_to_stream_by_name("file", io.BytesIO(), session=session),
            lambda: bucket.rename(file_id, "new", session=session),
            lambda: bucket.rename_by_name("file", "new", session=session),
            lambda: bucket.delete(file_id, session=session),
            lambda: bucket.delete_by_name("file", session=session),
        ):
            with pytest.raises(InvalidOperation, match="GridFS does not support multi-document transactions"):
                await refused()
        for made in (
            lambda: bucket.open_upload_stream("file", session=session),
            lambda: bucket.find({}, session=session),
            lambda: AsyncIOMotorGridIn(bucket.collection, session=session),
            lambda: AsyncIOMotorGridOut(bucket.collection, file_id, session=session),
        ):
            with pytest.raises(InvalidOperation, match="GridFS does not support multi-document transactions"):
                made()
    other: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    async with other.start_session() as session:
        with pytest.raises(InvalidOperation, match="Can only use session with"):
            await bucket.open_download_stream(file_id, session=session)
    await other.close()
    await client.close()


async def test_a_session_that_is_bound(server, connect, stored):
    client = connect(server)
    bucket = AsyncIOMotorGridFSBucket(client.db)
    stored.latency = 0.001
    async with client.start_session().bind() as session:
        file_id = await bucket.upload_from_stream("file", DATA)
        assert await (await bucket.open_download_stream(file_id)).read() == DATA
        lsid = session.session_id
        session.start_transaction()
        with pytest.raises(InvalidOperation, match="GridFS does not support multi-document transactions"):
            await bucket.open_download_stream(file_id)
    assert {bytes(request.command["lsid"]["id"]) for request in server.requests} == {bytes(lsid["id"])}
    assert stored.most_inserts == 1
