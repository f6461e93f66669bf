"""How much is asked for, and what becomes of the cursor that holds the rest."""

from __future__ import annotations

import asyncio
import gc
import io
import os

import pytest
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern
from tornado.iostream import StreamClosedError

from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from tests.support.inside import pieces_of, replace
from tests.support.server import close, failure
from tests.support.waiting import until

CHUNK_SIZE = 100_000
DATA = os.urandom(100 * CHUNK_SIZE)


@pytest.fixture(autouse=True)
def _file(stored, monkeypatch):
    """A hundred chunks, of which 20 are a batch."""
    replace(monkeypatch, "chunk_reader._BATCH_SIZE", 20 * CHUNK_SIZE)
    stored.add(1, DATA, CHUNK_SIZE, filename="file")


async def test_a_whole_file_is_read_ahead(scripted, stored, server):
    grid_out = await scripted.open_download_stream(1)
    assert await grid_out.readchunk() == DATA[:CHUNK_SIZE]
    # The next batch comes without being asked for, and no more than that.
    await until(lambda: len(stored.batches) == 2)
    assert await grid_out.read() == DATA[CHUNK_SIZE:]
    assert stored.batches == [20, 20, 20, 20, 20, 0]
    (find,) = stored.commands("find", "fs.chunks")
    assert (find["filter"], find["sort"], find["batchSize"]) == ({"files_id": {"$eq": 1}}, {"n": 1}, 20)


async def test_a_range_costs_no_more_than_it_must(scripted, stored):
    grid_out = await scripted.open_download_stream(1)
    grid_out.seek(50 * CHUNK_SIZE + 10)
    assert await grid_out.read(CHUNK_SIZE) == DATA[50 * CHUNK_SIZE + 10 :][:CHUNK_SIZE]
    assert stored.batches == [3]
    assert stored.commands("find", "fs.chunks")[0]["filter"] == {"files_id": {"$eq": 1}, "n": {"$gte": 50}}
    # Within a chunk, and forward to one that has come already, nothing is asked for.
    grid_out.seek(51 * CHUNK_SIZE)
    assert await grid_out.read(10) == DATA[51 * CHUNK_SIZE :][:10]
    grid_out.seek(52 * CHUNK_SIZE)
    assert await grid_out.read(10) == DATA[52 * CHUNK_SIZE :][:10]
    grid_out.seek(52 * CHUNK_SIZE)
    assert await grid_out.read(10) == DATA[52 * CHUNK_SIZE :][:10]
    assert stored.batches == [3]
    # Whoever reads on wants more.
    assert await grid_out.read(30 * CHUNK_SIZE) == DATA[52 * CHUNK_SIZE + 10 :][: 30 * CHUNK_SIZE]
    assert stored.batches[:3] == [3, 20, 20]
    await grid_out.close()


async def test_the_end_of_a_file_costs_one_command(scripted, stored):
    grid_out = await scripted.open_download_stream(1)
    grid_out.seek(-10, os.SEEK_END)
    assert await grid_out.read() == DATA[-10:]
    assert stored.batches == [1]
    assert not stored.commands("getMore", "fs.chunks")
    assert not stored.open


async def test_a_seek_leaves_the_old_cursor(scripted, stored, server):
    grid_out = await scripted.open_download_stream(1)
    await grid_out.read(10)
    grid_out.seek(90 * CHUNK_SIZE)
    await grid_out.read(10)
    await until(lambda: len(stored.open) == 1)
    grid_out.seek(0)
    await grid_out.read(10)
    await until(lambda: len(stored.open) == 1)
    await grid_out.close()
    assert not stored.open


async def by_close(grid_out):
    await grid_out.close()


async def by_block(grid_out):
    async with grid_out:
        await grid_out.readchunk()


async def by_handler(grid_out):
    class Gone:
        def write(self, chunk):
            pass

        async def flush(self):
            raise StreamClosedError

    with pytest.raises(StreamClosedError):
        await grid_out.stream_to_handler(Gone())


async def by_garbage_collection(grid_out):
    pass


@pytest.mark.parametrize("leave", [by_close, by_block, by_handler, by_garbage_collection])
async def test_a_cursor_is_killed(scripted, stored, server, leave):
    grid_out = await scripted.open_download_stream(1)
    await grid_out.readchunk()
    assert stored.open
    await leave(grid_out)
    del grid_out
    gc.collect()
    await until(lambda: not stored.open)


async def test_a_handler_gets_the_rest(scripted, stored):
    """As far as Motor 3 goes, flush() returns what need not be awaited, too."""

    class Handler:
        def __init__(self):
            self.written = []

        def write(self, chunk):
            self.written.append(chunk)

        def flush(self):
            return None

    grid_out = await scripted.open_download_stream(1)
    for position in (0, 95 * CHUNK_SIZE + 7, len(DATA)):
        grid_out.seek(position)
        handler = Handler()
        await grid_out.stream_to_handler(handler)
        assert b"".join(handler.written) == DATA[position:]


async def test_a_slow_client_s_file_is_read_a_small_batch_at_a_time(scripted, stored, server, monkeypatch):
    replace(monkeypatch, "chunk_reader._FRUGAL_BATCH_SIZE", 3 * CHUNK_SIZE)
    held = []

    class Slow:
        written = 0

        def write(self, chunk):
            self.written += 1

        async def flush(self):
            # While it takes nothing the next chunk comes, and whatever else was asked for.
            await until(lambda: self.written == 100 or sum(stored.batches) > self.written)
            await asyncio.sleep(0.005)
            held.append(sum(stored.batches) - self.written)

    grid_out = await scripted.open_download_stream(1)
    await grid_out.stream_to_handler(Slow())
    # A batch comes with its first chunk, and the next one is there when its last has been given.
    assert held == 32 * [2, 1, 3] + [2, 1, 1, 0]
    assert stored.batches == 33 * [3] + [1]


async def test_a_part_for_a_slow_client_costs_no_more_than_it_must(scripted, stored, monkeypatch):
    replace(monkeypatch, "chunk_reader._FRUGAL_BATCH_SIZE", 3 * CHUNK_SIZE)
    grid_out = await scripted.open_download_stream(1)
    for part, batches in (
        (range(10, 20), [2]),
        (range(CHUNK_SIZE, 4 * CHUNK_SIZE), [3]),
        (range(CHUNK_SIZE, 4 * CHUNK_SIZE + 1), [3, 3]),
        (range(len(DATA) - 1, len(DATA)), [1]),
        (range(0), []),
    ):
        stored.batches.clear()
        assert b"".join([piece async for piece in pieces_of(grid_out, part)]) == DATA[part.start : part.stop]
        assert stored.batches == batches


async def test_a_large_chunk_is_given_in_pieces(scripted, stored):
    stored.add(2, DATA[:3_000_000], 2_000_000)
    grid_out = await scripted.open_download_stream(2)
    pieces = [piece async for piece in pieces_of(grid_out, range(1, 3_000_000))]
    assert b"".join(pieces) == DATA[1:3_000_000]
    assert max(map(len, pieces)) == 256 * 1024


async def test_a_cursor_that_the_server_has_forgotten(scripted, stored, server):
    """After ten idle minutes. Nothing is lost, and nothing comes twice."""
    grid_out = await scripted.open_download_stream(1)
    data = await grid_out.read(CHUNK_SIZE + 10)
    stored.open.clear()
    data += await grid_out.read(30 * CHUNK_SIZE)
    stored.open.clear()
    data += await grid_out.read()
    assert data == DATA
    assert len(stored.commands("find", "fs.chunks")) == 3
    # But not for ever.
    grid_out.seek(0)
    await grid_out.read(10)
    server.script("getMore", failure(43))
    server.script("find", failure(43))
    with pytest.raises(OperationFailure, match="error 43"):
        await grid_out.read()


@pytest.mark.parametrize("fault", [close, failure(8000)])
async def test_a_read_that_fails_may_be_repeated(scripted, stored, server, fault):
    grid_out = await scripted.open_download_stream(1)
    assert await grid_out.read(10) == DATA[:10]
    server.script("getMore", fault)
    with pytest.raises((AutoReconnect, OperationFailure)):
        await grid_out.read()
    assert grid_out.tell() == 10
    assert await grid_out.read() == DATA[10:]


async def test_a_find_is_retried(scripted, stored, server):
    server.script("find", close, stored, close, stored)
    destination = io.BytesIO()
    await scripted.download_to_stream(1, destination)
    assert destination.getvalue() == DATA


async def test_no_more_than_a_thousand_chunks_at_a_time(scripted, stored):
    stored.add(2, b"x" * 1500, 1)
    assert await (await scripted.open_download_stream(2)).read() == b"x" * 1500
    assert stored.batches == [1000, 500]
    await scripted.upload_from_stream("tiny", b"x" * 1500, chunk_size_bytes=1)
    assert [len(command["documents"]) for command in stored.commands("insert", "fs.chunks")] == [1000, 500]


async def test_the_bucket_s_own_options(server, connect, stored):
    client = connect(server)
    bucket = AsyncIOMotorGridFSBucket(
        client.db, write_concern=WriteConcern(w=1, wtimeout=5), read_preference=ReadPreference.NEAREST
    )
    stored.files.clear()
    stored.chunks.clear()
    file_id = await bucket.upload_from_stream("file", b"bytes")
    for collection in ("fs.files", "fs.chunks"):
        (insert,) = stored.commands("insert", collection)
        assert insert["writeConcern"] == {"w": 1, "wtimeout": 5}
    assert await (await bucket.open_download_stream(file_id)).read() == b"bytes"
