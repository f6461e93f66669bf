"""Whatever is written in whatever pieces is read again in whatever pieces, around the borders of chunks and batches."""

from __future__ import annotations

import io
import os

import pytest
from bson.objectid import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket
from tests.gridfs.stored_bucket import StoredBucket
from tests.support.inside import keep_replies_undecoded, replace
from tests.support.server import ScriptedServer
from tests.support.waiting import until

CHUNK_SIZES = st.integers(1, 9)

READS = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 40)),
    st.tuples(st.just("readline"), st.integers(-1, 40)),
    st.tuples(st.just("readchunk"), st.none()),
    st.tuples(st.just("seek"), st.integers(0, 70)),
)

LINES = st.lists(st.sampled_from([b"\n", b"a"]), max_size=20).map(b"".join)
PIECES = st.lists(st.binary(max_size=20) | LINES, max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _small_batches():
    """Three chunks in a batch that is read, two in one that is written."""
    with pytest.MonkeyPatch.context() as patch:
        replace(patch, "chunk_reader._MAX_BATCH_COUNT", 3)
        replace(patch, "chunk_writer._MAX_BATCH_COUNT", 2)
        yield


@given(PIECES, CHUNK_SIZES, st.lists(READS, max_size=10), st.booleans())
async def test_as_a_file_in_memory(pieces, chunk_size, reads, large):
    with pytest.MonkeyPatch.context() as patch:
        if large:
            # Every reply is taken for one that is too large to be decoded at once.
            keep_replies_undecoded(patch)
        async with ScriptedServer() as server:
            stored = StoredBucket(server)
            client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri)
            bucket = AsyncIOMotorGridFSBucket(client.db, chunk_size_bytes=chunk_size)
            grid_in = bucket.open_upload_stream("file")
            for piece in pieces:
                await grid_in.write(piece)
            await grid_in.close()
            whole = b"".join(pieces)
            assert stored.data(grid_in._id) == whole
            assert stored.files[0]["length"] == len(whole) == grid_in.length
            lengths = [len(chunk["data"]) for chunk in sorted(stored.chunks, key=lambda chunk: chunk["n"])]
            assert lengths == [len(whole[start : start + chunk_size]) for start in range(0, len(whole), chunk_size)]

            grid_out, same = await bucket.open_download_stream(grid_in._id), io.BytesIO(whole)
            for way, argument in reads:
                if way == "seek":
                    assert grid_out.seek(argument) == same.seek(argument)
                elif way == "readchunk":
                    assert await grid_out.readchunk() == same.read(chunk_size - same.tell() % chunk_size)
                else:
                    assert await getattr(grid_out, way)(argument) == getattr(same, way)(argument)
                assert grid_out.tell() == same.tell()
            await grid_out.close()
            await until(lambda: not stored.open)
            client.close()
            await until(lambda: not server.peers)


@pytest.mark.parametrize("chunk_size", [255 * 1024, 1000, 1_000_000])
async def test_large_files(bucket, chunk_size):
    """Several batches up and down, on a real server."""
    for size in (500_000, chunk_size * 2, chunk_size * 8 + 1):
        data = os.urandom(size)
        file_id = await bucket.upload_from_stream("file", data, chunk_size_bytes=chunk_size)
        grid_out = await bucket.open_download_stream(file_id)
        assert await grid_out.read() == data
        grid_out.seek(-7, os.SEEK_END)
        assert await grid_out.read() == data[-7:]
        assert await (await bucket.open_download_stream(file_id)).to_list() == [
            data[start : start + chunk_size] for start in range(0, size, chunk_size)
        ]


@pytest.mark.parametrize("file_id", [ObjectId(), "name", 5, {"a": [1, {"b": None}]}, None, b"bytes"])
async def test_ids_of_any_type(bucket, file_id):
    await bucket.upload_from_stream_with_id(file_id, "file", b"some bytes", chunk_size_bytes=3)
    assert await (await bucket.open_download_stream(file_id)).read() == b"some bytes"
    await bucket.delete(file_id)
    assert not await bucket.collection.chunks.count_documents({})
