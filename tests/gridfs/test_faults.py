"""A connection that breaks at any command of an upload or a download, before the server has done it or after."""

from __future__ import annotations

import asyncio
import os

import pytest
from pymongo.errors import PyMongoError

from motor.motor_asyncio import AsyncIOMotorGridFSBucket, AsyncIOMotorGridOut
from tests.gridfs.stored_bucket import StoredBucket
from tests.support.inside import replace
from tests.support.listener import Request
from tests.support.server import ScriptedServer
from tests.support.waiting import until

CHUNK_SIZE = 1000
DATA = os.urandom(20 * CHUNK_SIZE + 1)


class Breaking:
    """Breaks the connection of each command in turn, a single time, in place of its reply; before it is done unless
    `done`.
    """

    def __init__(self, server: ScriptedServer, stored: StoredBucket, position: int, done: bool) -> None:
        self.reached = False
        self._stored = stored
        self._position = position
        self._done = done
        server.default = self

    async def __call__(self, request: Request) -> None:
        self._position -= 1
        if self._position != -1:
            await self._stored(request)
            return
        self.reached = True
        if self._done:
            request.peer.send = lambda data: asyncio.sleep(0)  # type: ignore[method-assign]
            await self._stored(request)
        request.peer.close()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    replace(monkeypatch, "chunk_reader._MAX_BATCH_COUNT", 4)
    replace(monkeypatch, "chunk_writer._MAX_BATCH_COUNT", 4)


@pytest.mark.parametrize("done", [False, True])
async def test_an_upload_is_whole_or_not_there(server, stored, connect, done):
    client = connect(server)
    failures, position, reached = 0, 0, True
    while reached:
        breaking = Breaking(server, stored, position, done)
        bucket = AsyncIOMotorGridFSBucket(client.db, chunk_size_bytes=CHUNK_SIZE)
        try:
            await bucket.upload_from_stream_with_id(position, "file", DATA)
        except PyMongoError:
            # An index is not created twice.
            failures += 1
            await until(lambda: not stored.chunks)
            assert not stored.files
        else:
            assert stored.data(position) == DATA
            assert [file["_id"] for file in stored.files] == [position]
            assert len(stored.chunks) == 21
        stored.files.clear()
        stored.chunks.clear()
        stored.indexes.clear()
        reached = breaking.reached
        position += 1
    # Two indexes of the files and the chunks, of which each is looked for and made; six batches, and the document.
    assert position > 10
    assert failures == 2


@pytest.mark.parametrize("way", ["read", "readchunk"])
async def test_a_download_goes_on(server, stored, connect, way):
    bucket = AsyncIOMotorGridFSBucket(connect(server).db)
    stored.add(1, DATA, CHUNK_SIZE)
    failures, position, reached = 0, 0, True

    async def read(grid_out: AsyncIOMotorGridOut) -> bytes:
        nonlocal failures
        try:
            return await (grid_out.read(3000) if way == "read" else grid_out.readchunk())
        except PyMongoError:
            failures += 1
            return b""

    while reached:
        breaking = Breaking(server, stored, position, False)
        grid_out = await bucket.open_download_stream(1)
        data = b""
        while len(data) < len(DATA):
            data += await read(grid_out)
        assert data == DATA
        await grid_out.close()
        reached = breaking.reached
        position += 1
    # A find is sent again, a getMore is not.
    assert failures == position - 3
