"""A file that is read: how it is opened, what is known of it, and how it is found."""

from __future__ import annotations

import asyncio
import datetime
import io
import os
import warnings
from typing import Any

import gridfs
import pytest
from bson.objectid import ObjectId
from gridfs.errors import NoFile
from pymongo.errors import InvalidOperation

import motor.motor_asyncio
import motor.motor_tornado
from motor.motor_asyncio import AsyncIOMotorGridOut
from motor.motor_gridfs import AgnosticGridFSBucket, AgnosticGridIn, AgnosticGridOut, AgnosticGridOutCursor
from tests.support.families import in_every_family

ATTRIBUTES = (
    "_id", "filename", "name", "content_type", "length", "chunk_size", "upload_date", "aliases", "metadata", "md5",
)  # fmt: skip


def classes_of(collection):
    """A family's bucket, file to write, file to read and cursor."""
    prefix = type(collection).__name__.removesuffix("Collection")
    module = motor.motor_asyncio if prefix.startswith("AsyncIO") else motor.motor_tornado
    return [getattr(module, prefix + name) for name in ("GridFSBucket", "GridIn", "GridOut", "GridOutCursor")]


@in_every_family
async def test_a_program_for_motor_3(collection):
    """As its documentation had it."""
    bucket_class, grid_in_class, grid_out_class, cursor_class = classes_of(collection)
    db = collection.database
    fs = bucket_class(db)
    assert fs.get_io_loop() is fs.io_loop is db.get_io_loop()
    file_id = await fs.upload_from_stream("test_file", b"data I want to store!", metadata={"a": 1})
    grid_out = await fs.open_download_stream(file_id)
    assert isinstance(grid_out, grid_out_class)
    assert await grid_out.read() == b"data I want to store!"

    grid_in = fs.open_upload_stream("test_file", chunk_size_bytes=4, metadata={"contentType": "text/plain"})
    assert isinstance(grid_in, grid_in_class)
    await grid_in.write(b"grid_in.write")
    await grid_in.close()
    async with fs.open_upload_stream_with_id(5, "another") as grid_in:
        await grid_in.write(b"First part\n")
        await grid_in.write(b"Second part")
    assert grid_in.closed

    with io.BytesIO() as destination:
        await fs.download_to_stream_by_name("test_file", destination)
        assert destination.getvalue() == b"grid_in.write"
    chunks = [chunk async for chunk in await fs.open_download_stream_by_name("test_file")]
    assert chunks == [b"grid", b"_in.", b"writ", b"e"]

    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cursor = fs.find({"filename": "test_file"}, no_cursor_timeout=True)
        assert isinstance(cursor, cursor_class)
        while await cursor.fetch_next:
            found.append(await cursor.next_object().read())
    assert found == [b"data I want to store!", b"grid_in.write"]
    by_date = fs.find().sort("uploadDate", -1).limit(2)
    assert [file.filename for file in await by_date.to_list(None)] == ["another", "test_file"]

    await fs.rename(file_id, "renamed")
    assert (await fs.open_download_stream(file_id)).name == "renamed"
    await fs.delete(file_id)
    with pytest.raises(NoFile):
        await fs.open_download_stream(file_id)


@in_every_family
async def test_made_by_hand(collection):
    _, grid_in_class, grid_out_class, _ = classes_of(collection)
    root = collection.database.fs
    grid_in = grid_in_class(root, filename="test", foo="bar", content_type="text")
    await grid_in.write(b"hello world")
    await grid_in.close()

    grid_out = grid_out_class(root, grid_in._id)
    for name in (*ATTRIBUTES, "foo"):
        with pytest.raises(InvalidOperation, match=rf"You must call {grid_out_class.__name__}.open\(\)"):
            getattr(grid_out, name)
    with pytest.raises(InvalidOperation):
        grid_out.seek(0, os.SEEK_END)
    assert await grid_out.open() is grid_out
    for name in ATTRIBUTES:
        getattr(grid_out, name)
    assert (grid_out.foo, grid_out.filename, grid_out.content_type) == ("bar", "test", "text")
    with pytest.raises(AttributeError, match="GridOut object has no attribute 'baz'"):
        _ = grid_out.baz
    for name in ("_id", "length", "filename"):
        with pytest.raises(AttributeError):
            setattr(grid_out, name, 1)

    # Reading opens it, too; and a document is as good as an id.
    assert await grid_out_class(root, grid_in._id).readline() == b"hello world"
    document = await root.files.find_one()
    assert await grid_out_class(root, 5, document).read() == b"hello world"
    for nothing in (grid_out_class(root, "no such id"), grid_out_class(root, file_document={})):
        with pytest.raises(NoFile):
            await nothing.open()
        with pytest.raises(NoFile):
            await nothing.read()
    for wrong in (grid_out_class, grid_in_class):
        with pytest.raises(TypeError, match=f"First argument to {wrong.__name__} must be a collection of Motor's"):
            wrong("foo")


async def test_what_is_known_of_it(bucket):
    before = datetime.datetime.now(tz=datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(seconds=1)
    file_id = await bucket.upload_from_stream("file", b"0123456789", chunk_size_bytes=4, metadata={"contentType": "x"})
    grid_out = await bucket.open_download_stream(file_id)
    assert (grid_out._id, grid_out.length, grid_out.chunk_size) == (file_id, 10, 4)
    assert (grid_out.name, grid_out.metadata, grid_out.aliases) == ("file", {"contentType": "x"}, None)
    assert before < grid_out.upload_date < before + datetime.timedelta(minutes=5)
    # As to_list() gave files before: as documents.
    assert grid_out["filename"] == grid_out.get("filename") == "file"
    assert grid_out.get("md5", "none") == "none"
    assert "length" in grid_out
    assert dict(grid_out) == dict(grid_out.items()) == await bucket.collection.files.find_one()
    with pytest.raises(TypeError):
        iter(grid_out)


async def test_as_a_file(bucket):
    file_id = await bucket.upload_from_stream("file", b"one\ntwo\nthree", chunk_size_bytes=5)
    async with await bucket.open_download_stream(file_id) as grid_out:
        assert not grid_out.closed
        assert grid_out.readable()
        assert grid_out.seekable()
        assert not grid_out.writable()
        assert not grid_out.isatty()
        grid_out.flush()
        for name, arguments in (("write", [b"x"]), ("writelines", [[]]), ("fileno", []), ("truncate", [])):
            with pytest.raises(io.UnsupportedOperation, match=name):
                getattr(grid_out, name)(*arguments)
        assert await grid_out.readlines() == [b"one\n", b"two\n", b"three"]
        # Motor's way and PyMongo's.
        assert grid_out.seek(4) == 4
        assert await grid_out.seek(-1, os.SEEK_CUR) == 3
        assert await grid_out.readlines(1) == [b"\n", b"two\n"]
        assert grid_out.seek(-5, os.SEEK_END) == grid_out.tell() == 8
        assert await grid_out.readchunk() == b"th"
        assert await grid_out.read(0) == b""
        assert await grid_out.read(100) == b"ree"
        assert grid_out.seek(100) == 100
        assert await grid_out.read() == await grid_out.readchunk() == await grid_out.readline() == b""
        for position, whence in ((-1, os.SEEK_SET), (-101, os.SEEK_CUR), (0, 3)):
            with pytest.raises(OSError, match="Invalid value"):
                grid_out.seek(position, whence)
    assert grid_out.closed


async def test_reads_that_are_started_at_once_keep_their_order(bucket):
    data = os.urandom(1000)
    grid_out = await bucket.open_download_stream(await bucket.upload_from_stream("file", data, chunk_size_bytes=30))
    parts = [grid_out.read(70) for _ in range(10)]
    closing = grid_out.close()
    assert b"".join(await asyncio.gather(*parts)) == data[:700]
    await closing


async def test_revisions(bucket):
    ids = [await bucket.upload_from_stream("file", content) for content in (b"0", b"1", b"2")]
    for number, file_id in enumerate(ids):
        date = datetime.datetime(2020, 1, 1 + number)
        await bucket.collection.files.update_one({"_id": file_id}, {"$set": {"uploadDate": date}})
    for revision, content in ((0, b"0"), (1, b"1"), (2, b"2"), (-1, b"2"), (-2, b"1"), (-3, b"0")):
        assert await (await bucket.open_download_stream_by_name("file", revision)).read() == content
    assert await (await bucket.open_download_stream_by_name("file")).read() == b"2"
    for revision in (3, -4):
        with pytest.raises(NoFile, match=f"no version {revision} for filename 'file'"):
            await bucket.open_download_stream_by_name("file", revision)
    with pytest.raises(TypeError, match="filename"):
        await bucket.open_download_stream_by_name(5)
    await bucket.rename_by_name("file", "renamed")
    await bucket.delete_by_name("renamed")
    assert not await bucket.collection.chunks.count_documents({})
    with pytest.raises(NoFile, match="none matched filename 'file'"):
        await bucket.delete_by_name("file")
    with pytest.raises(NoFile, match="'new' because none matched filename 'file'"):
        await bucket.rename_by_name("file", "new")
    with pytest.raises(NoFile, match="none matched file_id 5"):
        await bucket.rename(5, "new")
    with pytest.raises(NoFile, match="none matched 5"):
        await bucket.delete(5)


async def test_the_cursor(bucket):
    for name in "abc":
        await bucket.upload_from_stream(name, name.encode())
    cursor = bucket.find({}, sort=[("filename", -1)], batch_size=1)
    assert cursor.collection == bucket.collection
    assert [await file.read() async for file in cursor] == [b"c", b"b", b"a"]
    again = cursor.clone()
    assert type(again) is type(cursor)
    assert [file.filename for file in await again.to_list(2)] == ["c", "b"]
    assert [file.filename for file in await again.to_list()] == ["a"]
    assert sorted(await cursor.distinct("filename")) == ["a", "b", "c"]
    assert (await bucket.find(skip=1, limit=1).explain())["ok"] == 1
    seen: asyncio.Queue[type[Any]] = asyncio.Queue()
    bucket.find().each(lambda file, error: seen.put_nowait(type(file)))
    assert [await seen.get() for _ in range(4)] == [*[AsyncIOMotorGridOut] * 3, type(None)]
    for name in ("add_option", "remove_option"):
        with pytest.raises(NotImplementedError):
            getattr(cursor, name)(1)


async def test_of_pymongos(bucket, uri):
    """Motor 3 made its files of PyMongo's, and took them for its own."""
    file_id = await bucket.upload_from_stream("file", b"bytes")
    database = bucket.collection.database
    theirs = gridfs.GridFS(database.delegate).get(file_id)
    ours = AsyncIOMotorGridOut(bucket.collection, delegate=theirs)
    assert (ours.filename, await ours.read()) == ("file", b"bytes")
    unopened = gridfs.GridOut(database.delegate.fs, file_id)
    assert await AsyncIOMotorGridOut(bucket.collection, delegate=unopened).read() == b"bytes"


@in_every_family
async def test_the_names_to_annotate_with(collection):
    agnostic = (AgnosticGridFSBucket, AgnosticGridIn, AgnosticGridOut, AgnosticGridOutCursor)
    for own, shared in zip(classes_of(collection), agnostic, strict=True):
        assert issubclass(own, shared)


async def test_only_ids_are_looked_for(bucket):
    """A query in place of an id finds nothing."""
    await bucket.upload_from_stream("file", b"bytes")
    for operation in (bucket.open_download_stream, bucket.delete):
        with pytest.raises(NoFile):
            await operation({"$ne": ObjectId()})
    assert await bucket.collection.chunks.count_documents({}) == 1
