"""Clients and cursors that are dropped and not closed: what they hold is let go."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import deployment_of
from tests.support.leaks import drivers_tasks
from tests.support.messages import message
from tests.support.waiting import until


async def test_a_dropped_client_closes_its_connections(server):
    client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri)
    await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(3)))
    gone = weakref.ref(client)
    assert len(server.peers) >= 2
    del client
    gc.collect()
    assert gone() is None
    await until(lambda: not server.peers)
    await asyncio.sleep(0.01)
    assert not drivers_tasks()


async def test_a_collection_keeps_its_client(server):
    collection = AsyncIOMotorClient(server.uri).db.c
    gc.collect()
    for number in range(3):
        assert await collection.find_one({"_id": number}) == {"_id": number}
        gc.collect()
    collection.database.client.close()


async def test_an_operation_keeps_its_client(server):
    future = AsyncIOMotorClient(server.uri).db.c.find_one({"_id": 1})
    gc.collect()
    assert await future == {"_id": 1}
    del future
    gc.collect()
    await until(lambda: not server.peers)


async def test_a_dropped_cursor_is_killed(server, connect):
    async def first_batch(request):
        cursor = {"id": 77, "ns": "db.c", "firstBatch": [{"_id": 1}]}
        await request.peer.send(message({"cursor": cursor, "ok": 1}, request.id))

    client = connect(server)
    server.script("find", first_batch)
    cursor = client.db.c.find()
    assert await cursor.next() == {"_id": 1}
    del cursor
    gc.collect()
    await until(lambda: "killCursors" in server.names)
    assert server.requests[-1].command["cursors"] == [77]
    assert server.requests[-1].command["lsid"] == server.requests[0].command["lsid"]


async def test_closed_clients_are_collected(server):
    references: list[weakref.ref[Any]] = []
    client: AsyncIOMotorClient | None = None
    for number in range(5):
        client = AsyncIOMotorClient(server.uri)
        assert await client.db.c.find_one({"_id": number}) == {"_id": number}
        client.close()
        references.append(weakref.ref(client))
        references.append(weakref.ref(deployment_of(client)))
    client = None
    await asyncio.sleep(0.01)
    gc.collect()
    assert [reference() for reference in references] == [None] * 10
