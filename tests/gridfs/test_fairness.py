"""Whoever moves large files leaves turns to the others, and holds a few chunks at a time."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from tests.gridfs.stored_bucket import StoredBucket
from tests.support.families import ASYNCIO, UVLOOP, closed, in_thread
from tests.support.loops import ticking
from tests.support.server import ScriptedServer
from tests.support.waiting import until

MEGABYTE = 1024 * 1024
CHUNK_SIZE = 255 * 1024
FILES = 20


@pytest.mark.parametrize("family", [ASYNCIO, UVLOOP], ids=lambda family: family.name)
@pytest.mark.parametrize("way", ["read", "readchunk"])
def test_twenty_downloads_at_once(family, way):
    """Twenty files of 4 MB: another task has a turn for each of their batches at the least."""

    async def main() -> None:
        async with ScriptedServer() as server:
            stored = StoredBucket(server)
            for number in range(FILES):
                stored.add(number, bytes([number]) * 4 * MEGABYTE, CHUNK_SIZE)
            client = family.client(server.uri)
            bucket = AsyncIOMotorGridFSBucket(client.db)

            async def download(number: int) -> bool:
                grid_out = await bucket.open_download_stream(number)
                data = await grid_out.read() if way == "read" else b"".join([chunk async for chunk in grid_out])
                return bool(data == bytes([number]) * 4 * MEGABYTE)

            async with ticking() as ticker:
                assert all(await asyncio.gather(*map(download, range(FILES))))
            assert ticker.turns > FILES * 4 / 2
            await closed(client)
            await until(lambda: not server.peers)

    in_thread(lambda: family.run(main))


async def test_a_large_file_needs_little_memory(bucket):
    """64 MB up and down."""
    data = bytes(MEGABYTE)

    async def source():
        for _ in range(64):
            yield data

    tracemalloc.start()
    try:
        file_id = await bucket.upload_from_stream("file", source())
        _, up = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        length = 0
        async for chunk in await bucket.open_download_stream(file_id):
            length += len(chunk)
        _, down = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length == 64 * MEGABYTE
    # Up: four batches of 1 MB under way, and each once more as a message. Down: one batch of 4 MB that is read, and one
    # that is on its way.
    assert up < 12 * MEGABYTE
    assert down < 12 * MEGABYTE
