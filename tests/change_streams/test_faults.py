"""Twenty thousand changes over a connection that breaks again and again, from a server that is restarted twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.proxy import Break, Link, Proxy

CHANGES = 20_000
BATCH = 200
RESTARTS_AT = (7_000, 14_000)
ONE_IN = 40
"""Of the server's messages one in so many is cut."""
OPTIONS: dict[str, Any] = {"serverSelectionTimeoutMS": 20_000, "heartbeatFrequencyMS": 500}


class Writer:
    """Inserts the numbers in order, each once, whatever becomes of the server."""

    def __init__(self, uri: str) -> None:
        self.client: AsyncIOMotorClient = AsyncIOMotorClient(uri, **OPTIONS)
        self.written = 0

    async def write(self, name: str, until: int) -> None:
        collection = self.client.db[name]
        while self.written < until:
            batch = [{"_id": number} for number in range(self.written, min(self.written + BATCH, until))]
            try:
                await collection.insert_many(batch)
                self.written += len(batch)
            except PyMongoError:
                # As far as it got: an ordered insert ends with the first that fails.
                self.written = await collection.count_documents({})
            await asyncio.sleep(0)


class Watcher:
    """Notes the number of each change, and goes on with its stream after an error that the stream has survived."""

    def __init__(self, uri: str, patience: float | None) -> None:
        """`patience` are the seconds after which it gives up a ``next()``, to ask once more."""
        self.client: AsyncIOMotorClient = AsyncIOMotorClient(uri, **OPTIONS)
        self.seen: list[int] = []
        self.errors = 0
        self._patience = patience

    async def watch(self, stream: Any) -> None:
        while len(self.seen) < CHANGES:
            try:
                change = await asyncio.wait_for(stream.next(), self._patience)
            except asyncio.TimeoutError:
                continue
            except PyMongoError:
                # The resume failed as well: who asks again resumes again.
                assert stream.alive
                self.errors += 1
                continue
            self.seen.append(change["documentKey"]["_id"])


class Brittle(Link):
    """A connection that breaks at random, between two of the server's messages or in the midst of one."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def reply(self, message: bytes) -> bytes:
        if self._dice.randrange(ONE_IN) == 0:
            raise Break(message[: self._dice.randrange(len(message))])
        return message


@pytest.mark.parametrize("patience", [None, 0.01], ids=["patient", "impatient"])
async def test_every_number_once_in_order(tmp_path: Path, patience: float | None) -> None:
    dice = random.Random(20)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(motor.embedded.Server(path=tmp_path))
        port = server.port
        async with Proxy(port, link=lambda: Brittle(dice)) as proxy:
            writer = Writer(server.uri)
            watcher = Watcher(proxy.uri, patience)
            await writer.client.db.create_collection("numbers")
            stream = await opened(watcher.client.db.numbers.watch(max_await_time_ms=200))
            watching = asyncio.ensure_future(watcher.watch(stream))
            cutting = asyncio.ensure_future(cut(proxy, dice))
            for at in RESTARTS_AT:
                await writer.write("numbers", at)
                await stack.aclose()
                await stack.enter_async_context(motor.embedded.Server(port=port, path=tmp_path))
            await writer.write("numbers", CHANGES)
            await watching
            cutting.cancel()
            assert watcher.seen == list(range(CHANGES))
            assert proxy.cuts > 20
            await stream.close()
            writer.client.close()
            watcher.client.close()


async def opened(stream: Any) -> Any:
    """Open it, however often that takes on such a connection."""
    while stream.resume_token is None:
        with contextlib.suppress(PyMongoError):
            await stream
    return stream


async def cut(proxy: Proxy, dice: random.Random) -> None:
    """Break what is there, now and then."""
    while True:
        await asyncio.sleep(dice.random() * 0.2)
        proxy.cut_all()
