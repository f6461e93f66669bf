"""Sources and destinations: those that block are used in a thread, those that are asynchronous are awaited."""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
import threading

import pytest

from tests.support.waiting import until

MEGABYTE = 1024 * 1024
DATA = os.urandom(3 * MEGABYTE + 17)


class BlockingFile:
    """A file that notes the threads that it is used in."""

    def __init__(self, data: bytes = b"", most: int = 10**9) -> None:
        self.threads: set[int] = set()
        self.file = io.BytesIO(data)
        self._most = most

    def read(self, size: int) -> bytes:
        self.threads.add(threading.get_ident())
        return self.file.read(min(size, self._most))

    def write(self, data: bytes) -> int:
        self.threads.add(threading.get_ident())
        return self.file.write(data[: self._most])


class AsyncFile:
    """A file as aiofiles and anyio have it."""

    def __init__(self, data: bytes = b"") -> None:
        self.file = io.BytesIO(data)

    async def read(self, size: int) -> bytes:
        await asyncio.sleep(0)
        return self.file.read(min(size, 1000_000))

    async def write(self, data: bytes) -> int:
        await asyncio.sleep(0)
        return self.file.write(data)


class Unknown:
    """Nothing tells that its methods are asynchronous, but what they return."""

    def __init__(self, data: bytes = b"") -> None:
        self._file = AsyncFile(data)
        self.file = self._file.file

    def read(self, size: int):
        return self._file.read(size)

    def write(self, data: bytes):
        return self._file.write(data)


async def pieces():
    for start in range(0, len(DATA), 70_000):
        await asyncio.sleep(0)
        yield DATA[start : start + 70_000]


async def stream_reader():
    reader = asyncio.StreamReader()

    def feed(start=0):
        if start >= len(DATA):
            reader.feed_eof()
        else:
            reader.feed_data(DATA[start : start + 100_000])
            asyncio.get_running_loop().call_soon(feed, start + 100_000)

    feed()
    return reader


SOURCES = {
    "bytes": lambda: DATA,
    "bytearray": lambda: bytearray(DATA),
    "memoryview": lambda: memoryview(DATA),
    "a file in memory": lambda: io.BytesIO(DATA),
    "a file that gives less": lambda: BlockingFile(DATA, 99_999),
    "an asynchronous file": lambda: AsyncFile(DATA),
    "one that nobody knows": lambda: Unknown(DATA),
    "an asynchronous iterable": pieces,
}


@pytest.mark.parametrize("name", SOURCES)
async def test_sources(scripted, stored, name):
    source = SOURCES[name]()
    assert stored.data(await scripted.upload_from_stream("file", source)) == DATA
    if isinstance(source, BlockingFile):
        assert threading.get_ident() not in source.threads


async def test_a_stream_reader(scripted, stored):
    assert stored.data(await scripted.upload_from_stream("file", await stream_reader())) == DATA


@pytest.mark.parametrize("make", [io.BytesIO, BlockingFile, lambda: BlockingFile(b"", 99_999), AsyncFile, Unknown])
@pytest.mark.parametrize("chunk_size", [100_000, 2 * MEGABYTE])
async def test_destinations(scripted, stored, make, chunk_size):
    stored.add(1, DATA, chunk_size, filename="file")
    for download, key in ((scripted.download_to_stream, 1), (scripted.download_to_stream_by_name, "file")):
        destination = make()
        await download(key, destination)
        assert getattr(destination, "file", destination).getvalue() == DATA
        if isinstance(destination, BlockingFile):
            assert threading.get_ident() not in destination.threads


async def test_a_stream_writer(scripted, stored):
    stored.add(1, DATA, 100_000)
    received = asyncio.get_running_loop().create_future()

    async def read_all(reader, writer):
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(read_all, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await scripted.download_to_stream(1, writer)
        writer.close()
        await writer.wait_closed()
        assert await received == DATA


async def test_files_on_disk(bucket):
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile(buffering=0) as destination:
        source.write(DATA)
        source.seek(0)
        file_id = await bucket.upload_from_stream("file", source)
        await bucket.download_to_stream(file_id, destination)
        destination.seek(0)
        assert destination.read() == DATA


async def test_from_one_file_to_another(bucket):
    first = await bucket.upload_from_stream("first", DATA)
    second = await bucket.upload_from_stream(
        "second", await bucket.open_download_stream(first), chunk_size_bytes=70_000
    )
    async with bucket.open_upload_stream("third") as third:
        await bucket.download_to_stream(second, third)
    assert await (await bucket.open_download_stream(third._id)).read() == DATA


class Failing(BlockingFile):
    """Half of it can be read or written."""

    def read(self, size: int) -> bytes:
        if self.file.tell() > MEGABYTE:
            raise OSError("broken disk")
        return super().read(size)

    def write(self, data: bytes) -> int:
        if self.file.tell() > MEGABYTE:
            raise OSError("broken disk")
        return super().write(data)


async def test_a_source_that_fails_leaves_nothing(scripted, stored):
    grid_in = scripted.open_upload_stream("file")
    for upload in (lambda: scripted.upload_from_stream("file", Failing(DATA)), lambda: grid_in.write(Failing(DATA))):
        with pytest.raises(OSError, match="broken disk"):
            await upload()
        assert not stored.chunks
        assert not stored.files
    assert grid_in.closed
    with pytest.raises(OSError, match="broken disk"):
        await grid_in.close()


@pytest.mark.parametrize("given", ["text", None, 5])
async def test_a_source_of_something_else(scripted, stored, given):
    class Source:
        async def read(self, size):
            return given

    async def iterable():
        yield given

    for source in (Source(), iterable()):
        with pytest.raises(TypeError, match="should have given bytes, not"):
            await scripted.upload_from_stream("file", source)
    assert not stored.files


async def test_a_destination_that_fails_ends_the_reading(scripted, stored, server):
    stored.add(1, DATA * 3, 100_000)
    with pytest.raises(OSError, match="broken disk"):
        await scripted.download_to_stream(1, Failing())
    await until(lambda: not stored.open)
    with pytest.raises(AttributeError):
        await scripted.download_to_stream(1, object())
