"""PyMongo reads what Motor has written, and Motor what PyMongo has written."""

from __future__ import annotations

import os
import uuid
from typing import Any

import gridfs
import pytest
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient

from motor.motor_asyncio import AsyncIOMotorGridFSBucket

STANDARD: CodecOptions[Any] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)


@pytest.fixture
async def theirs(uri, db):
    """PyMongo's bucket in the same database."""
    client: AsyncMongoClient[Any] = AsyncMongoClient(uri)
    yield gridfs.AsyncGridFSBucket(client[db.name].with_options(codec_options=STANDARD))
    await client.close()


@pytest.mark.parametrize("size", [0, 1, 255 * 1024, 255 * 1024 + 1, 1_500_000])
async def test_both_ways(db, theirs, size):
    ours = AsyncIOMotorGridFSBucket(db.with_options(codec_options=STANDARD))
    data = os.urandom(size)
    documents = []
    for writer, reader in ((ours, theirs), (theirs, ours)):
        file_id = uuid.uuid4()
        async with writer.open_upload_stream_with_id(file_id, "file", metadata={"size": size}) as grid_in:
            await grid_in.write(data[:100])
            await grid_in.write(data[100:])
        grid_out = await reader.open_download_stream(file_id)
        assert (grid_out._id, grid_out.length, grid_out.metadata) == (file_id, size, {"size": size})
        assert await grid_out.read() == data
        grid_out = await reader.open_download_stream_by_name("file")
        await grid_out.seek(size // 2)
        assert await grid_out.read() == data[size // 2 :]
        chunks = [
            {name: value for name, value in chunk.items() if name not in ("_id", "files_id")}
            async for chunk in ours.collection.chunks.find({"files_id": file_id}).sort("n")
        ]
        file = await ours.collection.files.find_one({"_id": file_id})
        assert file is not None
        documents.append(([*file], type(file["length"]), chunks))
        await reader.delete(file_id)
    assert documents[0] == documents[1]
    indexes = [await db.fs[name].index_information() for name in ("files", "chunks")]
    assert [sorted(names) for names in indexes] == [["_id_", "filename_1_uploadDate_1"], ["_id_", "files_id_1_n_1"]]
