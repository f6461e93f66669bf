"""Chunks that are missing, cut, too long, too many or of the wrong kind are found, however the file is read."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from gridfs.errors import CorruptGridFile
from pymongo.errors import ProtocolError

from tests.support.inside import keep_replies_undecoded
from tests.support.messages import HEADER, OP_MSG, message
from tests.support.waiting import until

DATA = bytes(range(25))

Spoil = Callable[[list[dict[str, Any]]], Any]


def cut(number: int) -> Spoil:
    return lambda chunks: chunks[number].update(data=chunks[number]["data"][:-1])


def lengthened(number: int) -> Spoil:
    return lambda chunks: chunks[number].update(data=chunks[number]["data"] + b"x")


def missing(number: int) -> Spoil:
    return lambda chunks: chunks.pop(number)


def extra(data: Any) -> Spoil:
    return lambda chunks: chunks.append({"_id": "extra", "files_id": 1, "n": 3, "data": data})


def twice(number: int) -> Spoil:
    return lambda chunks: chunks.insert(number, {**chunks[number], "_id": "again"})


def changed(**fields: Any) -> Spoil:
    return lambda chunks: chunks[1].update(fields)


SPOILED: dict[str, tuple[Spoil, str]] = {
    "the first is missing": (missing(0), "Missing chunk: expected chunk #0 but found chunk with n=1"),
    "one is missing": (missing(1), "Missing chunk: expected chunk #1 but found chunk with n=2"),
    "the last is missing": (missing(2), "no chunk #2"),
    "all are missing": (lambda chunks: chunks.clear(), "no chunk #0"),
    "one is cut": (cut(1), "truncated chunk #1: expected chunk length to be 10 but found chunk with length 9"),
    "the last is cut": (cut(2), "truncated chunk #2: expected chunk length to be 5 but found chunk with length 4"),
    "one is too long": (lengthened(0), "truncated chunk #0: expected chunk length to be 10 but .* length 11"),
    "the last is too long": (lengthened(2), "truncated chunk #2"),
    "one is there twice": (twice(1), "Missing chunk: expected chunk #2 but found chunk with n=1"),
    "one too many": (extra(b"x"), "Extra chunk found: expected 3 chunks but found chunk with n=3"),
    "one holds text": (changed(data="0123456789"), "chunk #1 holds no data, but <class 'str'>"),
    "one holds nothing": (changed(data=None), "chunk #1 holds no data"),
    "one has a number that is none": (changed(n=1.5), "expected chunk #1 but found chunk with n=1.5"),
}

READS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "read": lambda grid_out: grid_out.read(),
    "readline": lambda grid_out: grid_out.readlines(),
    "async for": lambda grid_out: grid_out.to_list(),
}


@pytest.fixture(params=["decoded", "as BSON"], autouse=True)
def _both_ways(request, monkeypatch):
    """A small reply's chunks are decoded, a large one's are cut out of it."""
    if request.param == "as BSON":
        keep_replies_undecoded(monkeypatch)


@pytest.mark.parametrize("spoiled", SPOILED)
async def test_it_is_found(scripted, stored, server, spoiled):
    spoil, message = SPOILED[spoiled]
    for read in READS.values():
        stored.files.clear()
        stored.chunks.clear()
        stored.add(1, DATA, 10)
        spoil(stored.chunks)
        grid_out = await scripted.open_download_stream(1)
        with pytest.raises(CorruptGridFile, match=message):
            await read(grid_out)
        # Not for good: it is the bucket that is broken.
        grid_out.seek(0)
        with pytest.raises(CorruptGridFile, match=message):
            await read(grid_out)
        await until(lambda: not stored.open)


async def test_a_part_that_is_whole_can_be_read(scripted, stored):
    stored.add(1, DATA, 10)
    stored.chunks.pop()
    grid_out = await scripted.open_download_stream(1)
    assert await grid_out.read(20) == DATA[:20]
    with pytest.raises(CorruptGridFile, match="no chunk #2"):
        await grid_out.read()
    assert grid_out.tell() == 20
    grid_out.seek(5)
    assert await grid_out.read(7) == DATA[5:12]


@pytest.mark.parametrize("count", [1, 20])
async def test_empty_chunks_behind_the_last_one_do_no_harm(scripted, stored, count):
    stored.add(1, DATA, 10)
    stored.chunks += [{"_id": f"extra {n}", "files_id": 1, "n": 3 + n, "data": b""} for n in range(count)]
    assert await (await scripted.open_download_stream(1)).read() == DATA


async def test_a_server_that_sends_more_chunks_than_it_was_asked_for(scripted, stored, server):
    """Millions of them fit into a small compressed reply. Each would take time on the event loop, and memory."""
    stored.add(1, DATA, 10)
    cursor = {"id": Int64(0), "ns": "db.fs.chunks", "firstBatch": 300_000 * [{}]}
    flood = bytearray(message({"cursor": cursor, "ok": 1}, 0))

    async def send(request):
        HEADER.pack_into(flood, 0, len(flood), 1, request.id, OP_MSG)
        await request.peer.send(flood)

    grid_out = await scripted.open_download_stream(1)
    server.script("find", send)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="more than the 1000 chunks that it was asked for"):
            await grid_out.readchunk()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The server's copy of what it sends, and ours.
    assert peak < 3 * len(flood)


async def test_chunks_that_other_programs_have_written(scripted, stored):
    """Fields in another order, more fields, a number of another type, a binary value of another kind."""
    stored.add(1, DATA, 10)
    first, second, third = stored.chunks
    stored.chunks[:] = [
        {"data": first["data"], "n": 0.0, "files_id": 1, "_id": 0},
        {**second, "n": 1.0, "data": Binary(second["data"], 2)},
        {**third, "more": {"data": b"x"}, "comment": "\5data\0"},
    ]
    assert await (await scripted.open_download_stream(1)).read() == DATA


@pytest.mark.parametrize("fields", [{"chunkSize": 0}, {"chunkSize": "10"}, {"length": -1}, {"length": "long"}])
async def test_a_document_that_cannot_be_a_files(scripted, stored, fields):
    stored.add(1, DATA, 10)
    stored.files[0].update(fields)
    grid_out = await scripted.open_download_stream(1)
    if fields == {"chunkSize": "10"}:
        assert await grid_out.read() == DATA
    else:
        with pytest.raises(CorruptGridFile, match="file 1 has the length"):
            await grid_out.read()


async def test_on_a_real_server(bucket):
    data = os.urandom(1_000_000)
    file_id = await bucket.upload_from_stream("file", data)
    await bucket.collection.chunks.update_one({"n": 2}, {"$set": {"data": b"short"}})
    grid_out = await bucket.open_download_stream(file_id)
    with pytest.raises(CorruptGridFile, match="truncated chunk #2"):
        await grid_out.read()
    await bucket.collection.chunks.delete_one({"n": 1})
    grid_out = await bucket.open_download_stream(file_id)
    with pytest.raises(CorruptGridFile, match="expected chunk #1 but found chunk with n=2"):
        async for chunk in grid_out:
            assert chunk == data[: 255 * 1024]
