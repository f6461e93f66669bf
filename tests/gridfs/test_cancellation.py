"""Who is cancelled, or runs out of time, leaves nothing half done: neither bytes lost, nor bytes twice."""

from __future__ import annotations

import asyncio
import io
import os

import pymongo
import pytest
from pymongo.errors import InvalidOperation, PyMongoError

from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from tests.support.inside import replace
from tests.support.server import silence, when
from tests.support.waiting import until

CHUNK_SIZE = 100_000
DATA = b"".join(os.urandom(70_000).replace(b"\n", b"x") + b"\n" for _ in range(72))
MEGABYTE = 1024 * 1024


async def cancelled_after(turns, future):
    """Cancel it after some turns of the loop; whether it has been cancelled."""
    for _ in range(turns):
        await asyncio.sleep(0)
    future.cancel()
    await asyncio.wait([future])
    return future.cancelled()


@pytest.mark.parametrize("way", ["read", "readchunk", "readline"])
async def test_a_read_that_is_cancelled_anywhere(scripted, stored, server, monkeypatch, way):
    """Later reads go on from where the last one that succeeded has ended."""
    replace(monkeypatch, "chunk_reader._BATCH_SIZE", 5 * CHUNK_SIZE)
    stored.add(1, DATA, CHUNK_SIZE)
    grid_out = await scripted.open_download_stream(1)
    parts: list[bytes] = []
    cancellations = 0
    turns = 0
    while sum(map(len, parts)) < len(DATA):
        arguments = [7 * CHUNK_SIZE] if way == "read" else []
        future = getattr(grid_out, way)(*arguments)
        if await cancelled_after(turns, future):
            cancellations += 1
            turns += 1
        else:
            parts.append(future.result())
            turns = turns % 7
    assert b"".join(parts) == DATA
    assert cancellations > 10
    await until(lambda: not stored.open)


async def test_a_write_that_is_cancelled_anywhere(scripted, stored, server):
    """Either it is a whole file, or nothing is left of it."""
    outcomes = set()
    stored.latency = 0.001
    data = DATA * 2
    for turns in range(0, 120, 3):
        upload = scripted.upload_from_stream_with_id(turns, "file", data)
        if await cancelled_after(turns, upload):
            await until(lambda: not stored.chunks)
            assert not stored.files
        else:
            assert stored.data(turns) == data
            stored.files.clear()
            stored.chunks.clear()
        outcomes.add(upload.cancelled())
    assert True in outcomes


async def test_a_stream_whose_write_was_cancelled_is_closed(scripted, stored, server):
    held = asyncio.Event()
    server.script("insert", stored, when(held, stored), when(held, stored), when(held, stored), when(held, stored))
    grid_in = scripted.open_upload_stream("file")
    writing = grid_in.write(bytes(20 * MEGABYTE))
    await until(lambda: len(stored.commands("insert", "fs.chunks")) == 5)
    writing.cancel()
    await asyncio.wait([writing])
    for later in (lambda: grid_in.write(b"more"), grid_in.close):
        with pytest.raises(InvalidOperation, match="was cancelled, and has been aborted"):
            await later()
    assert grid_in.closed
    # What was under way is waited for, and then deleted.
    assert stored.chunks
    held.set()
    await until(lambda: not stored.chunks)
    assert len(stored.commands("delete", "fs.chunks")) == 1


async def test_a_block_that_is_cancelled(scripted, stored, server):
    async def upload():
        async with scripted.open_upload_stream("file") as grid_in:
            await grid_in.write(bytes(3 * MEGABYTE))
            await asyncio.sleep(60)

    task = asyncio.ensure_future(upload())
    await until(lambda: stored.chunks)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await until(lambda: not stored.chunks)


async def test_a_download_that_is_cancelled(scripted, stored, server):
    stored.add(1, DATA, CHUNK_SIZE)
    server.script("getMore", silence)
    destination = io.BytesIO()
    download = scripted.download_to_stream(1, destination)
    await until(lambda: stored.commands("getMore", "fs.chunks"))
    download.cancel()
    await asyncio.wait([download])
    assert DATA.startswith(destination.getvalue())
    await until(lambda: not stored.open)


async def test_who_runs_out_of_time(scripted, stored, server):
    stored.add(1, DATA, CHUNK_SIZE)
    grid_out = await scripted.open_download_stream(1)
    server.script("find", silence)
    with pymongo.timeout(0.1), pytest.raises(PyMongoError) as caught:
        await grid_out.read()
    assert caught.value.timeout
    assert await grid_out.read() == DATA

    stored.files.clear()
    stored.chunks.clear()
    server.script("insert", stored, silence)
    with pymongo.timeout(0.2), pytest.raises(PyMongoError) as caught:
        await scripted.upload_from_stream("file", bytes(3 * MEGABYTE))
    assert caught.value.timeout
    await until(lambda: not stored.chunks)
    assert not stored.files


async def test_the_client_s_time_is_that_of_each_call(server, connect, stored):
    """An upload from a stream is one call; on an open stream each write is one. The server is told what is left."""
    bucket = AsyncIOMotorGridFSBucket(connect(server, timeoutMS=10_000).db)
    stored.latency = 0.1
    await bucket.upload_from_stream("file", bytes(2 * MEGABYTE))
    first, *_, last = (command["maxTimeMS"] for command in stored.commands("insert", "fs.chunks"))
    assert last <= first - 100
    assert stored.commands("insert", "fs.files")[0]["maxTimeMS"] <= last - 100

    grid_in = bucket.open_upload_stream("file")
    await asyncio.sleep(0.5)
    await grid_in.write(bytes(2 * MEGABYTE))
    assert stored.commands("insert", "fs.chunks")[-1]["maxTimeMS"] > 9500
    await grid_in.abort()


async def test_an_upload_that_takes_too_long(server, connect, stored):
    bucket = AsyncIOMotorGridFSBucket(connect(server, timeoutMS=300).db)
    stored.latency = 0.2
    with pytest.raises(PyMongoError) as caught:
        await bucket.upload_from_stream("file", bytes(12 * MEGABYTE))
    assert caught.value.timeout
    await until(lambda: not stored.chunks)
