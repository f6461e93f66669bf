"""What the bucket's database was given: its codec options; and the loops that a bucket is used in."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import uuid

import pytest
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.decimal128 import Decimal128
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket
from tests.gridfs.stored_bucket import StoredBucket
from tests.support.inside import forget_indexes
from tests.support.server import ScriptedServer, failure
from tests.support.waiting import until


class Decimals(TypeDecoder):
    bson_type = Decimal128

    def transform_bson(self, value):
        return value.to_decimal()


class Bytes(TypeDecoder):
    """Would make something else of each chunk."""

    bson_type = bytes

    def transform_bson(self, value):
        return len(value)


OPTIONS: dict[str, CodecOptions] = {
    "raw documents": CodecOptions(document_class=RawBSONDocument),
    "dates with a time zone": CodecOptions(tz_aware=True),
    "types of the application's": CodecOptions(type_registry=TypeRegistry([Decimals(), Bytes()])),
}


@pytest.mark.parametrize("name", OPTIONS)
async def test_codec_options(db, name):
    options = OPTIONS[name]
    bucket = AsyncIOMotorGridFSBucket(db.with_options(codec_options=options), chunk_size_bytes=7)
    metadata = {"price": Decimal128("1.5"), "nested": {"a": [1]}}
    file_id = await bucket.upload_from_stream("file", b"some bytes", metadata=metadata)
    grid_out = await bucket.open_download_stream(file_id)
    assert await grid_out.read() == b"some bytes"
    assert grid_out.metadata is not None
    assert grid_out.metadata["price"] == Decimal128("1.5") != decimal.Decimal("1.5")
    assert grid_out.metadata["nested"]["a"] == [1]
    assert (grid_out.upload_date.tzinfo is None) is (not options.tz_aware)
    assert isinstance(grid_out.upload_date, datetime.datetime)
    assert [file.length async for file in bucket.find()] == [10]
    await bucket.delete_by_name("file")
    assert not await bucket.collection.chunks.count_documents({})


def test_one_loop_after_the_other(uri):
    """Also if several waited for the indexes in the first one."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    bucket = AsyncIOMotorGridFSBucket(client[f"motor_test_{uuid.uuid4().hex}"])

    async def upload_ten():
        await asyncio.gather(*(bucket.upload_from_stream(str(n), b"x") for n in range(10)))

    async def last():
        await upload_ten()
        names = await bucket.find().distinct("filename")
        await client.drop_database(bucket.collection.database.name)
        await client.close()
        return names

    asyncio.run(upload_ten())
    forget_indexes(bucket)
    assert len(asyncio.run(last())) == 10


async def test_indexes_that_fail_are_made_by_the_next_one(scripted, stored, server):
    server.script("createIndexes", failure(8000))
    with pytest.raises(OperationFailure, match="8000"):
        await scripted.upload_from_stream("file", b"x")
    assert not stored.chunks
    await scripted.upload_from_stream("file", b"x")
    assert stored.indexes["fs.chunks"]


async def test_on_a_standalone(connect):
    """Without retryable writes."""
    async with ScriptedServer(replica_set=None) as server:
        stored = StoredBucket(server)
        client = connect(server)
        bucket = AsyncIOMotorGridFSBucket(client.db)
        data = bytes(3_000_000)
        file_id = await bucket.upload_from_stream("file", data)
        assert stored.data(file_id) == data == await (await bucket.open_download_stream(file_id)).read()
        assert not any("txnNumber" in command for command in stored.commands("insert", "fs.chunks"))
        client.close()
        await until(lambda: not server.peers)
