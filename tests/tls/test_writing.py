"""Large messages are written in pieces, with TLS and without: whole, in order, and with turns for others in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pymongo.errors import AutoReconnect, InvalidOperation
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.certificates import Certificates
from tests.support.inside import at_rest, connections, is_paused, pool_of, unsent
from tests.support.loops import on_every_loop
from tests.support.proxy import Proxy
from tests.support.server import ScriptedServer
from tests.support.waiting import until

MEGABYTE = 1024 * 1024

DATA = bytes(15 * MEGABYTE)
"""More than the buffers of a connection hold."""

with_and_without_tls = pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "tls"])


@asynccontextmanager
async def _served(
    certificates: Certificates, with_tls: bool
) -> AsyncIterator[tuple[ScriptedServer, Proxy, AsyncIOMotorClient]]:
    """A server, what is in front of it, and a client with one connection to it."""
    async with ScriptedServer() as server:
        context = certificates.context(certificates.good) if with_tls else None
        async with Proxy(server.port, tls=context) as proxy:
            options = certificates.options() if with_tls else ""
            uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true&maxPoolSize=1&retryWrites=false"
            async with AsyncIOMotorClient(f"{uri}&{options}" if options else uri) as client:
                await client.admin.command("ping")
                yield server, proxy, client
            await proxy.all_closed()


@with_and_without_tls
@on_every_loop
async def test_others_have_their_turns(certificates, with_tls):
    async with _served(certificates, with_tls) as (server, _, client):
        inserting = client.db.test.insert_many([{"_id": number, "data": bytes(12 * MEGABYTE)} for number in range(3)])
        turns = 0
        while not inserting.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 36 * 4, "a turn for each piece of a quarter of a megabyte"
        assert (await inserting).inserted_ids == [0, 1, 2]
        (request,) = (request for request in server.requests if request.name == "insert")
        assert [len(document["data"]) for document in request.command["documents"]] == [12 * MEGABYTE] * 3


@with_and_without_tls
@on_every_loop
async def test_nothing_overtakes_and_nothing_is_torn(certificates, with_tls):
    """Not even after a write whose caller was cancelled when half of it was sent: nobody has to wait for the rest."""
    async with _served(certificates, with_tls) as (server, proxy, client):
        collection = client.db.get_collection("test", write_concern=WriteConcern(0))
        proxy.takes.clear()
        cancelled = asyncio.ensure_future(collection.insert_one({"_id": 0, "data": DATA}))
        (connection,) = connections(pool_of(client))
        await until(lambda: is_paused(connection), "the buffers full")
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert connection.closed
        assert not unsent(connection)
        writing = asyncio.ensure_future(collection.insert_one({"_id": 1, "data": bytes(9 * MEGABYTE)}))
        await asyncio.sleep(0)
        pinging = client.admin.command("ping")
        await asyncio.sleep(0.01)
        assert not writing.done()
        assert not pinging.done()
        proxy.takes.set()
        await writing
        assert (await pinging)["ok"] == 1
        inserted = [request.command["documents"] for request in server.requests if request.name == "insert"]
        assert [(one["_id"], len(one["data"])) for (one,) in inserted] == [(1, 9 * MEGABYTE)]
        await until(lambda: at_rest(pool_of(client)), "the pool at rest")


@pytest.mark.parametrize("by", ["client", "server"])
@with_and_without_tls
@on_every_loop
async def test_closed_when_half_is_sent(certificates, with_tls, by):
    async with _served(certificates, with_tls) as (server, proxy, client):
        proxy.takes.clear()
        writing = client.db.test.insert_one({"data": DATA})
        (connection,) = connections(pool_of(client))
        await until(lambda: is_paused(connection), "the buffers full")
        if by == "client":
            await client.close()
        else:
            proxy.cut_all()
        with pytest.raises((AutoReconnect, InvalidOperation)):
            await writing
        assert not unsent(connection)
        proxy.takes.set()
        assert "insert" not in server.names


@with_and_without_tls
@on_every_loop
async def test_a_write_without_an_answer_waits_for_room(certificates, with_tls):
    async with _served(certificates, with_tls) as (server, proxy, client):
        collection = client.db.get_collection("test", write_concern=WriteConcern(0))
        proxy.takes.clear()
        writing = asyncio.ensure_future(collection.insert_one({"_id": 0, "data": DATA}))
        (connection,) = connections(pool_of(client))
        await until(lambda: is_paused(connection), "the buffers full")
        assert not writing.done()
        proxy.takes.set()
        await writing
        assert not unsent(connection)
        await until(lambda: "insert" in server.names)
