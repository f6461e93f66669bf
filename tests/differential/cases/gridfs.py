"""GridFS: uploads, downloads, what is deleted, renamed, found, and what is refused."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from typing import Any

import gridfs
from bson import Int64
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket, AsyncIOMotorGridIn, AsyncIOMotorGridOut

from ..harness import Case, Target, got, outcome

DATE = datetime.datetime(2020, 1, 1)
NAMES = ("a", "a", "b")
LENGTH = 25


def bucket_of(t: Target, db: Any = None, **options: Any) -> Any:
    """The driver's own."""
    ours = isinstance(t.client, AsyncIOMotorClient)
    db = t.db if db is None else db
    return AsyncIOMotorGridFSBucket(db, **options) if ours else gridfs.AsyncGridFSBucket(db, **options)


def grid_in_of(t: Target, **options: Any) -> Any:
    make: Any = AsyncIOMotorGridIn if isinstance(t.client, AsyncIOMotorClient) else gridfs.AsyncGridIn
    return make(t.db.fs, **options)


def grid_out_of(t: Target, *arguments: Any, **options: Any) -> Any:
    make: Any = AsyncIOMotorGridOut if isinstance(t.client, AsyncIOMotorClient) else gridfs.AsyncGridOut
    return make(t.db.fs, *arguments, **options)


def stored(database: Database[Any]) -> None:
    """Three files of 25 bytes in chunks of 10."""
    for number, name in enumerate(NAMES):
        date = DATE + datetime.timedelta(days=number)
        database.fs.files.insert_one(
            {"_id": number, "filename": name, "length": Int64(LENGTH), "chunkSize": 10, "uploadDate": date}
        )
        data = bytes(range(number, number + LENGTH))
        database.fs.chunks.insert_many(
            {"_id": number * 10 + n, "files_id": number, "n": n, "data": data[n * 10 : n * 10 + 10]} for n in range(3)
        )


def spoiled(**change: Any) -> Callable[[Database[Any]], None]:
    def prepare(database: Database[Any]) -> None:
        stored(database)
        if change:
            database.fs.chunks.update_one({"files_id": 0, "n": 1}, {"$set": change})
        else:
            database.fs.chunks.delete_one({"files_id": 0, "n": 1})

    return prepare


async def contents(t: Target) -> Any:
    files = [file async for file in t.db.fs.files.find({}, {"_id": 0, "uploadDate": 0}).sort("filename")]
    chunks = [chunk async for chunk in t.db.fs.chunks.find({}, {"_id": 0, "files_id": 0}).sort("n")]
    return files, chunks


def upload(source: Callable[[], Any], *arguments: Any, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        result = await outcome(bucket_of(t).upload_from_stream, "file", source(), *arguments, **options)
        return result, await contents(t)

    return call


async def upload_with_id(t: Target) -> Any:
    bucket = bucket_of(t, chunk_size_bytes=10)
    results = [await outcome(bucket.upload_from_stream_with_id, file_id, "file", b"x" * 25) for file_id in (7, 7)]
    return results, await contents(t)


async def write_in_pieces(t: Target) -> Any:
    grid_in = grid_in_of(t, filename="file", chunkSize=10, encoding="utf-8", aliases=["other"])
    grid_in.more = {"a": 1}
    for data in ("text", b"bytes", io.BytesIO(b"a file's"), b"", b"x" * 25):
        await grid_in.write(data)
    await grid_in.writelines([b"line\n", "line\n"])
    before = [await outcome(getattr, grid_in, name) for name in ("filename", "chunk_size", "closed", "more", "none")]
    await got(grid_in.close())
    after = [getattr(grid_in, name) for name in ("length", "closed", "aliases")]
    await grid_in.set("more", 2)
    results = [await outcome(grid_in.write, b"x"), await outcome(setattr, grid_in, "more", 3)]
    return before, after, [type(result).__name__ for result in results], await contents(t)


def read(*steps: tuple[str, Any], file_id: Any = 0) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        async with await bucket_of(t).open_download_stream(file_id) as grid_out:
            results = []
            for name, arguments in steps:
                results += [await outcome(getattr(grid_out, name), *arguments), grid_out.tell()]
            return results

    return call


async def read_all(t: Target) -> Any:
    return await (await bucket_of(t).open_download_stream(0)).read()


async def by_document(t: Target) -> Any:
    return await grid_out_of(t, file_document={"_id": 1, "length": LENGTH, "chunkSize": 10}).read()


async def missing(t: Target) -> Any:
    """The messages show the collection, and with it a client."""
    bucket = bucket_of(t)
    calls = ((bucket.open_download_stream, 9), (bucket.download_to_stream, 9, io.BytesIO()), (grid_out_of(t, 9).read,))
    errors = [await outcome(*call) for call in calls]
    return [(type(error), str(error).endswith("with _id 9")) for error in errors]


async def attributes(t: Target) -> Any:
    grid_out = grid_out_of(t, 0)
    names = ("_id", "filename", "name", "content_type", "length", "chunk_size", "upload_date", "aliases", "metadata")
    before = [type(await outcome(getattr, grid_out, name)).__name__ for name in names]
    await got(grid_out.open())
    return before, [getattr(grid_out, name) for name in names], await outcome(getattr, grid_out, "none")


def by_name(*arguments: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        return await (await bucket_of(t).open_download_stream_by_name(*arguments)).read()

    return call


def download(name: str, *arguments: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        destination = io.BytesIO()
        first, *rest = arguments
        await getattr(bucket_of(t), name)(first, destination, *rest)
        return destination.getvalue()

    return call


def change(name: str, *arguments: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        return await outcome(getattr(bucket_of(t), name), *arguments), await contents(t)

    return call


def found(*arguments: Any, **options: Any) -> Callable[[Target], Any]:
    async def call(t: Target) -> Any:
        cursor = bucket_of(t).find(*arguments, **options)
        return [(file._id, file.filename, await file.read()) async for file in cursor]

    return call


async def listed(t: Target) -> Any:
    cursor = bucket_of(t).find().sort("_id", -1).limit(2)
    return [(file._id, file.length) for file in await cursor.to_list()]


async def in_transaction(t: Target) -> Any:
    bucket = bucket_of(t)
    async with await got(t.client.start_session()) as session:
        await got(session.start_transaction())
        calls = (
            (bucket.open_upload_stream, "file", None, None, session),
            (bucket.upload_from_stream, "file", b"x", None, None, session),
            (bucket.open_download_stream, 0, session),
            (bucket.open_download_stream_by_name, "a", -1, session),
            (bucket.delete, 0, session),
            (bucket.rename, 0, "new", session),
        )
        return [await outcome(*call) for call in calls]


CASES = [
    Case("upload bytes", upload(lambda: b"x" * 25, 10)),
    Case("upload nothing", upload(lambda: b"")),
    Case("upload a whole number of chunks", upload(lambda: b"x" * 20, 10)),
    Case("upload a file", upload(lambda: io.BytesIO(b"x" * 25), 10)),
    Case("upload with metadata", upload(lambda: b"x", None, {"a": 1})),
    Case("upload into a bucket with files", upload(lambda: b"x" * 25, 10), prepare=stored),
    Case("upload what is none", upload(lambda: 5)),
    Case("upload text", upload(lambda: "text")),
    Case("upload with an id, twice", upload_with_id),
    Case("write in pieces", write_in_pieces),
    Case("open without a name", lambda t: bucket_of(t).open_upload_stream(5)),
    Case("read", read(("read", ())), prepare=stored),
    Case("read parts", read(("read", (3,)), ("read", (10,)), ("read", (0,)), ("read", (100,))), prepare=stored),
    Case("readchunk", read(("read", (3,)), *[("readchunk", ())] * 4), prepare=stored),
    Case("readline", read(("readline", ()), ("readline", (4,)), ("readline", ())), prepare=stored),
    Case("readlines", read(("readlines", ())), prepare=stored),
    Case("seek", read(("seek", (12,)), ("read", (5,)), ("seek", (-2, 1)), ("readchunk", ())), prepare=stored),
    Case("seek from the end", read(("seek", (-5, 2)), ("read", ()), ("seek", (50,)), ("read", ())), prepare=stored),
    Case("seek nowhere", read(("seek", (-1,)), ("seek", (0, 5)), ("seek", (-100, 2))), prepare=stored),
    Case("read, unsupported", read(("write", (b"x",)), ("fileno", ()), ("truncate", ())), prepare=stored),
    Case("attributes", attributes, prepare=stored),
    Case("no such file", missing, prepare=stored),
    Case("by hand, a document", by_document, prepare=stored),
    Case("a chunk is missing", read_all, prepare=spoiled()),
    Case("a chunk is cut", read_all, prepare=spoiled(data=b"short")),
    Case("a chunk is too long", read_all, prepare=spoiled(data=b"longer than ten")),
    Case("a chunk is out of order", read_all, prepare=spoiled(n=7)),
    *(
        Case(f"by name, revision {revision}", by_name("a", revision), prepare=stored)
        for revision in (0, 1, 2, -1, -2, -3)
    ),
    Case("by name", by_name("a"), prepare=stored),
    Case("by name, unknown", by_name("c"), prepare=stored),
    Case("by name, none", by_name(5), prepare=stored),
    Case("download", download("download_to_stream", 0), prepare=stored),
    Case("download by name", download("download_to_stream_by_name", "a"), prepare=stored),
    Case("download a revision", download("download_to_stream_by_name", "a", 0), prepare=stored),
    Case("delete", change("delete", 0), prepare=stored),
    Case("delete, no such file", change("delete", 9), prepare=stored),
    Case("delete, an operator", change("delete", {"$gte": 0}), prepare=stored),
    Case("delete by name", change("delete_by_name", "a"), prepare=stored),
    Case("delete by name, unknown", change("delete_by_name", "c"), prepare=stored),
    Case("rename", change("rename", 0, "new"), prepare=stored),
    Case("rename, no such file", change("rename", 9, "new"), prepare=stored),
    Case("rename by name", change("rename_by_name", "a", "new"), prepare=stored),
    Case("rename by name, unknown", change("rename_by_name", "c", "new"), prepare=stored),
    Case("find", found({"filename": "a"}), prepare=stored),
    Case("find with options", found({}, skip=1, limit=2, sort=[("_id", -1)], batch_size=1), prepare=stored),
    Case("find nothing", found({"filename": "c"}), prepare=stored),
    Case("find, wrong arguments", found(5), prepare=stored),
    Case("find, a list", listed, prepare=stored),
    Case("find, an option", lambda t: bucket_of(t).find().add_option(2), prepare=stored),
    Case("in a transaction", in_transaction, prepare=stored),
    Case("a bucket, unacknowledged", lambda t: bucket_of(t, write_concern=WriteConcern(w=0)) and None),
    Case(
        "a bucket that reads from anywhere",
        lambda t: bucket_of(t, read_preference=ReadPreference.NEAREST).delete(0),
        prepare=stored,
    ),
]
