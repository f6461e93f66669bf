"""What one task uses at a time: whoever waits for it waits no longer than its operation may take, and takes it from
nobody.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pymongo
import pytest
from bson import Int64, Timestamp
from pymongo.errors import ExecutionTimeout

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket
from tests.support.server import ScriptedServer, reply, when
from tests.support.waiting import PATIENCE, until

BRIEF = 0.1
LONG = 60.0
OPENED = {"cursor": {"id": Int64(7), "ns": "db.c", "firstBatch": []}, "operationTime": Timestamp(1, 1), "ok": 1}
CHANGE = {"_id": {"_data": 1}, "operationType": "insert", "documentKey": {"_id": 1}}
FILE = {"_id": 1, "length": 4, "chunkSize": 4, "uploadDate": datetime.datetime(2020, 1, 1), "filename": "name"}


def batch(field: str, *documents: Any) -> dict[str, Any]:
    """A cursor's last one."""
    return {"cursor": {"id": Int64(0), "ns": "db.c", field: list(documents)}, "operationTime": Timestamp(1, 1), "ok": 1}


@dataclass
class Use:
    """Something in use: what the one who has it gets in the end, and how another would use it."""

    holder: Awaitable[Any]
    result: Any
    again: Callable[[], Awaitable[Any]]


async def use_cursor(client: AsyncIOMotorClient, server: ScriptedServer, release: asyncio.Event) -> Use:
    server.script("find", when(release, reply(batch("firstBatch", {"_id": 1}, {"_id": 2}))))
    cursor = client.db.c.find()
    return Use(cursor.next(), {"_id": 1}, cursor.next)


async def use_stream(client: AsyncIOMotorClient, server: ScriptedServer, release: asyncio.Event) -> Use:
    server.script("aggregate", reply(OPENED))
    server.script("getMore", when(release, reply(batch("nextBatch", CHANGE))))
    stream = client.db.c.watch()
    await stream
    return Use(stream.next(), CHANGE, stream.try_next)


async def use_new_file(client: AsyncIOMotorClient, server: ScriptedServer, release: asyncio.Event) -> Use:
    # There are files already, and so there are indexes.
    server.script("find", when(release, reply(batch("firstBatch", {"_id": 1}))))
    file = AsyncIOMotorGridFSBucket(client.db).open_upload_stream("name")
    return Use(file.write(b"data"), None, lambda: file.write(b"more"))


async def use_stored_file(client: AsyncIOMotorClient, server: ScriptedServer, release: asyncio.Event) -> Use:
    chunk = {"_id": 1, "files_id": 1, "n": 0, "data": b"data"}
    server.script("find", reply(batch("firstBatch", FILE)), when(release, reply(batch("firstBatch", chunk))))
    file = await AsyncIOMotorGridFSBucket(client.db).open_download_stream(1)
    return Use(file.read(), b"data", file.read)


async def use_indexes(client: AsyncIOMotorClient, server: ScriptedServer, release: asyncio.Event) -> Use:
    """Two files of one bucket, which sees to its indexes before the first of them is written."""
    server.script("find", when(release, reply(batch("firstBatch", {"_id": 1}))))
    bucket = AsyncIOMotorGridFSBucket(client.db)
    one, other = bucket.open_upload_stream("one"), bucket.open_upload_stream("other")
    return Use(one.write(b"data"), None, lambda: other.write(b"more"))


USES = {
    "a cursor": use_cursor,
    "a change stream": use_stream,
    "a file that is written": use_new_file,
    "a file that is read": use_stored_file,
    "a bucket's indexes": use_indexes,
}


@pytest.mark.parametrize("limit", ["pymongo.timeout", "timeoutMS"])
@pytest.mark.parametrize("name", USES)
async def test_no_longer_than_the_operation_may_take(server, connect, name, limit):
    client = connect(server, **({"timeoutMS": int(BRIEF * 1000)} if limit == "timeoutMS" else {}))
    release = asyncio.Event()
    # The one who has it has time.
    with pymongo.timeout(LONG):
        using = await USES[name](client, server, release)
        holder = asyncio.ensure_future(using.holder)
        await until(lambda: any(peer.in_hand for peer in server.peers), name)
    sent = len(server.requests)
    with pytest.raises(ExecutionTimeout, match="another task") as caught:
        if limit == "timeoutMS":
            await asyncio.wait_for(using.again(), PATIENCE)
        else:
            with pymongo.timeout(BRIEF):
                await asyncio.wait_for(using.again(), PATIENCE)
    assert caught.value.timeout
    assert not holder.done()
    assert len(server.requests) == sent
    release.set()
    assert await holder == using.result
