"""A file that is written: its fields, what may be written, and that it is there as a whole or not at all."""

from __future__ import annotations

import asyncio
import datetime
import io

import pytest
from bson.objectid import ObjectId
from gridfs.errors import FileExists, NoFile
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    DocumentTooLarge,
    InvalidOperation,
    OperationFailure,
    WriteConcernError,
)
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorGridFSBucket, AsyncIOMotorGridIn
from tests.support.server import close, failure, reply, when
from tests.support.waiting import until

MEGABYTE = 1024 * 1024


async def test_its_fields(bucket):
    root = bucket.collection
    grid_in = AsyncIOMotorGridIn(root, content_type="text/html", chunk_size=1000, baz="hello")
    assert isinstance(grid_in._id, ObjectId)
    assert (grid_in.filename, grid_in.name, grid_in.chunk_size, grid_in.baz) == (None, None, 1000, "hello")
    grid_in.filename = "first"
    grid_in.name = "file"
    grid_in.mike = 5
    grid_in.content_type = "text/plain"
    await grid_in.set("aliases", ["foo"])
    await grid_in.set("content_type", "text/xml")
    assert (grid_in.name, grid_in.mike, grid_in.aliases, grid_in.content_type) == ("file", 5, ["foo"], "text/xml")
    for name in ("length", "upload_date", "md5"):
        with pytest.raises(AttributeError, match="on a closed file"):
            getattr(grid_in, name)
    for name in ("_id", "chunk_size", "length", "upload_date", "closed"):
        with pytest.raises(AttributeError):
            setattr(grid_in, name, 5)
        with pytest.raises(AttributeError):
            await grid_in.set(name, 5)
    with pytest.raises(AttributeError, match="GridIn object has no attribute 'more'"):
        _ = grid_in.more
    await grid_in.write(b"x" * 1500)
    await grid_in.close()
    await grid_in.close()

    assert (grid_in.length, grid_in.md5) == (1500, None)
    assert isinstance(grid_in.upload_date, datetime.datetime)
    with pytest.raises(AttributeError, match="after being closed"):
        grid_in.mike = 6
    with pytest.raises(InvalidOperation, match="after being closed"):
        grid_in.filename = "second"
    await grid_in.set("mike", 6)
    await grid_in.set("name", "second")
    document = await root.files.find_one()
    assert document.pop("uploadDate")
    assert document == {
        "_id": grid_in._id, "contentType": "text/xml", "chunkSize": 1000, "baz": "hello", "filename": "second",
        "mike": 6, "aliases": ["foo"], "length": 1500,
    }  # fmt: skip


async def test_what_may_be_written(bucket):
    async with AsyncIOMotorGridIn(bucket.collection, encoding="utf-16-le", filename="file") as grid_in:
        await grid_in.write("äö")
        await grid_in.write(bytearray(b"1"))
        await grid_in.write(memoryview(b"23"))
        await grid_in.writelines([b"a", "b", io.BytesIO(b"c")])
    whole = "äö".encode("utf-16-le") + b"123a" + "b".encode("utf-16-le") + b"c"
    assert await (await bucket.open_download_stream_by_name("file")).read() == whole

    grid_in = bucket.open_upload_stream("file")
    with pytest.raises(TypeError, match="must specify an encoding"):
        await grid_in.write("text")
    for wrong in (5, None, ["lines"]):
        with pytest.raises(TypeError, match="can only write strings or file-like objects"):
            await grid_in.write(wrong)
    assert not grid_in.closed
    assert not grid_in.readable()
    assert not grid_in.seekable()
    assert grid_in.writeable()
    with pytest.raises(io.UnsupportedOperation):
        grid_in.read()
    await grid_in.close()
    with pytest.raises(ValueError, match="cannot write to a closed file"):
        await grid_in.write(b"x")
    for size, error in ((0, ValueError), (-1, ValueError), ("4", TypeError)):
        with pytest.raises(error, match="chunk_size"):
            bucket.open_upload_stream("file", chunk_size_bytes=size)
    with pytest.raises(TypeError, match="filename"):
        bucket.open_upload_stream(5)


async def test_what_the_application_changes_meanwhile_is_not_written(scripted, stored):
    buffer = bytearray(b"x" * 100)
    grid_in = scripted.open_upload_stream("file", chunk_size_bytes=30)
    await grid_in.write(buffer)
    buffer[:] = b"y" * 100
    await grid_in.close()
    assert stored.data(grid_in._id) == b"x" * 100


async def test_writes_that_nobody_awaits_keep_their_order(bucket):
    grid_in = bucket.open_upload_stream("file", chunk_size_bytes=10)
    for number in range(50):
        grid_in.write(b"%d " % number)
    await grid_in.close()
    assert await (await bucket.open_download_stream(grid_in._id)).read() == b"".join(b"%d " % n for n in range(50))


async def test_the_bucket(db):
    concern, preference = WriteConcern(w=1, j=True), ReadPreference.SECONDARY
    bucket = AsyncIOMotorGridFSBucket(db, "name", 8, concern, preference)
    assert bucket.collection.name == "name"
    assert bucket.collection.write_concern == concern
    assert bucket.collection.read_preference == preference
    grid_in = bucket.open_upload_stream("file")
    assert grid_in.chunk_size == 8
    with pytest.warns(DeprecationWarning, match="bucket_name"):
        assert AsyncIOMotorGridFSBucket(db, collection="other").collection.name == "other"
    with pytest.raises(TypeError, match=r"^First argument to AsyncIOMotorGridFSBucket must be a database of Motor's"):
        AsyncIOMotorGridFSBucket(db.client)
    unacknowledged = WriteConcern(w=0)
    with pytest.raises(ConfigurationError, match="write concern must be acknowledged"):
        AsyncIOMotorGridFSBucket(db, write_concern=unacknowledged)
    with pytest.raises(ConfigurationError, match="write concern must be acknowledged"):
        AsyncIOMotorGridFSBucket(db.with_options(write_concern=unacknowledged))
    with pytest.raises(ConfigurationError, match="root_collection must use acknowledged write_concern"):
        AsyncIOMotorGridIn(db.fs.with_options(write_concern=unacknowledged))


async def test_indexes_are_made_once(scripted, stored):
    await asyncio.gather(*(scripted.upload_from_stream("file", b"x") for _ in range(5)))
    assert [index["key"] for index in stored.indexes["fs.files"]] == [{"filename": 1, "uploadDate": 1}]
    (index,) = stored.indexes["fs.chunks"]
    assert (index["key"], index["unique"]) == ({"files_id": 1, "n": 1}, True)
    (looked,) = stored.commands("find", "fs.files")
    assert (looked["filter"], looked["projection"], looked["limit"]) == ({}, {"_id": 1}, 1)
    # Another bucket finds files, and one that is empty once more its indexes.
    again = AsyncIOMotorGridFSBucket(scripted.collection.database)
    await again.upload_from_stream("file", b"x")
    stored.files.clear()
    await AsyncIOMotorGridFSBucket(scripted.collection.database).upload_from_stream("file", b"x")
    assert len(stored.commands("createIndexes", "fs.chunks")) == 1
    assert len(stored.commands("listIndexes", "fs.chunks")) == 2


async def test_who_may_not_list_indexes_makes_them(scripted, stored, server):
    server.script("listIndexes", failure(13), failure(13))
    await scripted.upload_from_stream("file", b"x")
    assert len(stored.indexes["fs.files"]) == len(stored.indexes["fs.chunks"]) == 1


async def test_several_batches_are_under_way(scripted, stored, server):
    """Four, but the first goes alone, and the file's document last."""
    alone, together = asyncio.Event(), asyncio.Event()
    server.script("insert", when(alone, stored), *[when(together, stored)] * 4)
    data = bytes(12 * MEGABYTE)
    upload = scripted.upload_from_stream("file", data)
    for event, count in ((alone, 1), (together, 5)):
        await until(lambda count=count: len(stored.commands("insert", "fs.chunks")) == count)  # type: ignore[misc]
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(stored.commands("insert", "fs.chunks")) == count
        assert not stored.files
        event.set()
    assert stored.data(await upload) == data
    first, second, *_ = stored.commands("insert", "fs.chunks")
    assert [chunk["n"] for chunk in first["documents"]] == [0, 1, 2, 3]
    assert [chunk["n"] for chunk in second["documents"]] == [4, 5, 6, 7]
    assert {tuple(chunk) for chunk in first["documents"]} == {("_id", "files_id", "n", "data")}
    (document,) = stored.files
    assert (document["length"], document["filename"]) == (len(data), "file")


async def test_a_file_that_exists_stays_as_it_is(scripted, stored):
    """Whether it is shorter or longer than the other one; and nothing of that one stays."""
    for length in (0, 10, 3 * MEGABYTE):
        stored.files.clear()
        stored.chunks.clear()
        await scripted.upload_from_stream_with_id("id", "first", b"1" * length)
        before = list(stored.chunks)
        for other in (0, 5, 3 * MEGABYTE):
            with pytest.raises(FileExists, match="file with _id 'id' already exists"):
                await scripted.upload_from_stream_with_id("id", "second", b"2" * other)
            grid_in = scripted.open_upload_stream_with_id("id", "third")
            with pytest.raises(FileExists):
                await grid_in.write(b"3" * other)
                await grid_in.close()
            assert grid_in.closed
            await grid_in.abort()
            with pytest.raises(FileExists):
                await grid_in.close()
        assert stored.chunks == before
        assert [file["filename"] for file in stored.files] == ["first"]


async def test_a_file_that_exists_without_an_index(scripted, stored, server):
    """Then the server takes chunks for an id that is in use: none of the other file's may be deleted with them."""
    stored.add("id", b"0123456789", 4)
    before = list(stored.chunks)
    stored.unique = False
    with pytest.raises(FileExists):
        await scripted.upload_from_stream_with_id("id", "second", b"2" * 3 * MEGABYTE)
    assert stored.chunks == before
    assert len(stored.files) == 1


async def test_two_with_the_same_id_at_once(scripted, stored):
    stored.latency = 0.005
    both = [scripted.upload_from_stream_with_id(1, str(n), str(n).encode() * 3 * MEGABYTE) for n in range(2)]
    results = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["FileExists", "NoneType"]
    (file,) = stored.files
    assert stored.data(1) == file["filename"].encode() * 3 * MEGABYTE


WAITED = {"code": 64, "errmsg": "waited"}

FAILURES = {
    "the first batch": (0, failure(8000), OperationFailure),
    "a later batch": (3, failure(8000), OperationFailure),
    "a write concern": (2, reply({"ok": 1, "n": 4, "writeConcernError": WAITED}), WriteConcernError),
    "a connection": (2, close, AutoReconnect),
}


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("way", ["upload_from_stream", "async with", "write and close"])
async def test_a_failure_leaves_nothing(server, connect, stored, what, way):
    position, action, error = FAILURES[what]
    bucket = AsyncIOMotorGridFSBucket(connect(server, retryWrites=False).db)
    server.script("insert", *[stored] * position, action)
    data = bytes(8 * MEGABYTE)
    with pytest.raises(error):
        if way == "upload_from_stream":
            await bucket.upload_from_stream("file", data)
        elif way == "async with":
            async with bucket.open_upload_stream("file") as grid_in:
                await grid_in.write(data)
        else:
            grid_in = bucket.open_upload_stream("file")
            # Nobody looks whether it succeeds.
            grid_in.write(data)
            await grid_in.close()
    await until(lambda: not stored.chunks)
    assert not stored.files


async def test_a_failure_is_not_forgotten(scripted, stored, server):
    server.script("insert", stored, failure(8000))
    grid_in = scripted.open_upload_stream("file")
    with pytest.raises(OperationFailure):
        await grid_in.write(bytes(5 * MEGABYTE))
        await grid_in.close()
    for again in (lambda: grid_in.write(b"x"), grid_in.close):
        with pytest.raises(OperationFailure, match="error 8000"):
            await again()
    assert grid_in.closed


async def test_the_document_of_a_file_may_fail_too(server, connect, stored):
    bucket = AsyncIOMotorGridFSBucket(connect(server, retryWrites=False).db)

    async def insert_and_close(request):
        request.peer.send = lambda data: asyncio.sleep(0)
        await stored(request)
        request.peer.close()

    server.script("insert", stored, insert_and_close)
    with pytest.raises(AutoReconnect):
        await bucket.upload_from_stream("file", b"bytes")
    # It was there: nobody knew.
    await until(lambda: not stored.files and not stored.chunks)


async def test_a_write_is_retried(scripted, stored, server):
    server.script("insert", stored, close)
    data = bytes(5 * MEGABYTE)
    assert stored.data(await scripted.upload_from_stream("file", data)) == data


async def test_abort(bucket):
    files, chunks = bucket.collection.files, bucket.collection.chunks
    grid_in = bucket.open_upload_stream("file", chunk_size_bytes=300_000)
    await grid_in.write(bytes(3 * MEGABYTE))
    await grid_in.abort()
    assert grid_in.closed
    await grid_in.close()
    with pytest.raises(ValueError, match="closed file"):
        await grid_in.write(b"x")
    assert await chunks.count_documents({}) == await files.count_documents({}) == 0

    # A file that is complete; and one of which nothing was sent, with the id of another.
    async with bucket.open_upload_stream_with_id(5, "file") as grid_in:
        await grid_in.write(b"bytes")
    other = bucket.open_upload_stream_with_id(5, "other")
    await other.write(b"x")
    await other.abort()
    assert await (await bucket.open_download_stream(5)).read() == b"bytes"
    await grid_in.abort()
    with pytest.raises(NoFile):
        await bucket.open_download_stream(5)
    assert not await chunks.count_documents({})


async def test_an_error_in_the_block_aborts(bucket):
    with pytest.raises(ConnectionError):
        async with bucket.open_upload_stream("file") as grid_in:
            await grid_in.write(bytes(3 * MEGABYTE))
            raise ConnectionError("the application's own")
    assert grid_in.closed
    await grid_in.close()
    with pytest.raises(ValueError, match="closed file"):
        await grid_in.write(b"x")
    assert await bucket.collection.chunks.count_documents({}) == 0
    with pytest.raises(NoFile):
        await bucket.open_download_stream_by_name("file")


async def test_chunks_that_no_server_takes(bucket):
    with pytest.raises(DocumentTooLarge, match="BSON document too large"):
        await bucket.upload_from_stream("file", bytes(17 * MEGABYTE), chunk_size_bytes=17 * MEGABYTE)
