"""Clients that read slowly, that go away, that are many; files that are not whole."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import socket
import struct
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import aiohttp
import pytest
import uvloop
from gridfs import GridFS
from pymongo import MongoClient

from motor.motor_asyncio import AsyncIOMotorDatabase
from tests.support.waiting import until
from tests.web.sites import HOST, Hooks, Site, serving

MEGABYTE = 1024 * 1024
SIZE = 32 * MEGABYTE


@pytest.fixture(scope="module")
def contents() -> bytes:
    """The bytes of the large file."""
    return random.Random(7).randbytes(SIZE)


@pytest.fixture(scope="module")
def large(server_uri: str, contents: bytes) -> Iterator[str]:
    """A database with the large file in it, "large.bin"."""
    with MongoClient[Any](server_uri) as client:
        name = f"motor_test_{uuid.uuid4().hex}"
        GridFS(client[name]).put(contents, filename="large.bin")
        yield name
        client.drop_database(name)


@pytest.fixture
async def site(framework: str, uri: str, large: str) -> AsyncIterator[Site]:
    """A server that has the large file."""
    async with serving(framework, uri, large) as site:
        yield site


class Reader:
    """A client that reads no more than it is told to, through a small buffer."""

    def __init__(self) -> None:
        self.received = b""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._socket.setblocking(False)

    async def ask(self, site: Site, method: str = "GET") -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, (HOST, site.port))
        request = f"{method} /files/large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        await loop.sock_sendall(self._socket, request.encode())

    async def read(self, size: int) -> None:
        """Read `size` bytes more, or up to the end."""
        parts = []
        while size > 0 and (data := await asyncio.get_running_loop().sock_recv(self._socket, min(size, MEGABYTE))):
            parts.append(data)
            size -= len(data)
        self.received += b"".join(parts)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def go(self, politely: bool) -> None:
        """Close the connection, or reset it."""
        if not politely:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


async def standstill(site: Site) -> None:
    """Wait until the server has stopped reading."""
    before = -1
    while before != len(site.commands.sent) or site.commands.answered < before:
        before = len(site.commands.sent)
        await asyncio.sleep(0.25)


async def test_a_slow_client_costs_a_megabyte(site: Site):
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader()) for _ in range(20)]
        await readers[0].ask(site)
        await readers[0].read(1000)
        await standstill(site)
        tracemalloc.start()
        try:
            for reader in readers[1:]:
                await reader.ask(site)
                await reader.read(1000)
            await standstill(site)
            # The test's listener keeps the replies that it was shown.
            site.commands.clear()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # A batch of 765 KB, and a chunk of 255 KB that is being sent: the transport may have a copy of it.
    assert held / 19 < 1.4 * MEGABYTE


async def test_a_client_that_takes_nothing_is_cut_off(framework: str, uri: str, large: str, contents: bytes):
    async with serving(framework, uri, large, Hooks(write_timeout=0.2)) as site:
        with Reader() as reader:
            await reader.ask(site)
            await reader.read(1000)
            await until(lambda: site.running == 0 and "killCursors" in site.commands.names)
            # What the operating system has of it may still come.
            with suppress(ConnectionError):
                await reader.read(2 * SIZE)
            assert len(reader.received) < SIZE
    # One that takes what it is sent is not, also where its connection is idle then.
    async with (
        serving(framework, uri, large, Hooks(write_timeout=1)) as site,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        for pause in (1.5, 0):
            async with session.get(site.url("large.bin"), headers={"Range": "bytes=0-999999"}) as response:
                assert await response.read() == contents[:1_000_000]
            await asyncio.sleep(pause)


async def test_a_slow_client(site: Site, contents: bytes):
    with Reader() as reader:
        await reader.ask(site)
        await reader.read(1000)
        await standstill(site)
        # Some megabytes are in the buffers of the operating system.
        chunks = [command for command in site.commands.of("find") if command["find"] == "fs.chunks"]
        fetched = sum(command["batchSize"] for command in chunks + site.commands.of("getMore"))
        assert fetched * 255 * 1024 < SIZE / 2
        await reader.read(2 * SIZE)
    head, _, body = reader.received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert hashlib.sha256(body).digest() == hashlib.sha256(contents).digest()


@pytest.mark.parametrize("politely", [True, False])
async def test_a_client_that_goes_away(site: Site, politely: bool, caplog: pytest.LogCaptureFixture):
    with Reader() as reader:
        await reader.ask(site)
        await reader.read(MEGABYTE)
        reader.go(politely)
    # The cursor is closed, and nothing more is read.
    await until(lambda: "killCursors" in site.commands.names)
    await standstill(site)
    assert len(site.commands.of("getMore")) < SIZE / MEGABYTE / 4
    assert site.commands.names[-1] == "killCursors"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    # And the server goes on.
    with Reader() as again:
        await again.ask(site, "HEAD")
        await again.read(15)
    assert again.received == b"HTTP/1.1 200 OK"


async def test_a_client_that_is_gone_before_the_file_is_found(
    framework: str, uri: str, large: str, caplog: pytest.LogCaptureFixture
):
    asked, gone = asyncio.Event(), asyncio.Event()

    async def wait(bucket: Any, filename: str, request: Any) -> Any:
        asked.set()
        await gone.wait()
        return await bucket.open_download_stream_by_name(filename)

    async with serving(framework, uri, large, Hooks(file=wait)) as site:
        with Reader() as reader:
            await reader.ask(site)
            await asked.wait()
            reader.go(politely=False)
        await asyncio.sleep(0.1)  # until the server has been told
        gone.set()
        await until(lambda: "find" in site.commands.names)
        await standstill(site)
        assert len(site.commands.of("getMore")) <= 2
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_many_clients(site: Site, contents: bytes):
    chance = random.Random(11)

    async def fetch(session: aiohttp.ClientSession) -> None:
        first = chance.randrange(SIZE)
        last = min(SIZE, first + chance.randrange(3 * MEGABYTE)) - 1
        last = max(first, last)
        async with session.get(site.url("large.bin"), headers={"Range": f"bytes={first}-{last}"}) as response:
            assert response.status == 206
            assert await response.read() == contents[first : last + 1]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as session:
        await asyncio.gather(*(fetch(session) for _ in range(30)))


async def test_a_file_that_is_not_whole(
    framework: str, uri: str, db: AsyncIOMotorDatabase, files: GridFS, browser: Any
):
    for name in ("first", "last"):
        stored = files.put(3 * MEGABYTE * b"x", filename=name)
        await db["fs.chunks"].delete_one({"files_id": stored, "n": 0 if name == "first" else 12})
    async with serving(framework, uri, db.name) as site:
        # What has not begun is refused; what has is broken off.
        async with browser.get(site.url("first")) as response:
            assert response.status == 500
            assert b"Traceback" not in await response.read()
        async with browser.get(site.url("last")) as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        async with browser.get(site.url("last"), headers={"Range": "bytes=0-9"}) as response:
            assert await response.read() == 10 * b"x"


async def test_a_database_that_is_not_there(framework: str, browser: Any):
    # Nothing listens on port 1.
    nowhere = "mongodb://127.0.0.1:1"
    async with (
        serving(framework, nowhere, "test", serverSelectionTimeoutMS=50) as site,
        browser.get(site.url("x")) as response,
    ):
        assert response.status == 500


def test_on_uvloop(framework: str, uri: str, large: str, contents: bytes):
    async def main() -> None:
        async with serving(framework, uri, large) as site:
            with Reader() as reader:
                await reader.ask(site)
                await reader.read(MEGABYTE)
                reader.go(politely=False)
            await until(lambda: "killCursors" in site.commands.names)
            await test_many_clients(site, contents)

    uvloop.run(main())
