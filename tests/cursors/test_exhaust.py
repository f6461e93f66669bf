"""Exhaust cursors: after one getMore the server sends batch after batch, over a connection that is the cursor's own."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from pymongo import CursorType
from pymongo.errors import AutoReconnect, InvalidOperation, OperationFailure

from tests.support.cursors import Holder
from tests.support.families import ASYNCIO, UVLOOP, in_thread
from tests.support.inside import at_rest, connections, generation_of, pool_of, streamed
from tests.support.listener import Request
from tests.support.messages import EXHAUST_ALLOWED, MORE_TO_COME, OWN_REQUEST_ID, message
from tests.support.server import Action, ScriptedServer, failure, silence
from tests.support.waiting import until

EXHAUST: dict[str, Any] = {"cursor_type": CursorType.EXHAUST}


@pytest.fixture
def streaming(server: ScriptedServer) -> Holder:
    """Forty documents, ten in a batch, which the server streams."""
    return Holder(server, 40, 10, streams=True)


def streams(*batches: Any, then: Action | None = None) -> Action:
    """Stream these batches of the cursor 7, and then do something else instead of the next."""

    async def act(request: Request) -> None:
        response_to = request.id
        for batch in batches:
            cursor = {"id": 7, "ns": "db.c", "nextBatch": batch}
            await request.peer.send(message({"cursor": cursor, "ok": 1}, response_to, flags=MORE_TO_COME))
            response_to = OWN_REQUEST_ID
        if then is not None:
            await then(Request(response_to, request.flags, request.command, request.peer))

    return act


def first(*documents: Any) -> Action:
    """Open the cursor 7."""

    async def act(request: Request) -> None:
        cursor = {"id": 7, "ns": "db.c", "firstBatch": list(documents)}
        await request.peer.send(message({"cursor": cursor, "ok": 1}, request.id))

    return act


async def test_the_commands(server, connect, streaming):
    client = connect(server)
    found = [document["_id"] async for document in client.db.c.find(**EXHAUST)]
    assert found == list(range(40))
    assert server.names == ["find", "getMore"]
    find, get_more = server.requests
    # As PyMongo does it: the query is answered by one batch, and only the getMore by a stream.
    assert not find.flags & EXHAUST_ALLOWED
    assert get_more.flags & EXHAUST_ALLOWED
    assert find.peer is get_more.peer
    assert find.command["lsid"] == get_more.command["lsid"]
    assert streaming.sent == 4


@pytest.mark.parametrize("count", [0, 1, 10, 11, 40])
async def test_to_list(server, connect, count):
    Holder(server, count, 10, streams=True)
    client = connect(server)
    assert len(await client.db.c.find(**EXHAUST).to_list()) == count
    assert server.names == ["find", "getMore"][: 2 if count > 10 else 1]
    assert at_rest(pool_of(client))


async def test_batch_size(server, connect, streaming):
    found = await connect(server).db.c.find(batch_size=3, **EXHAUST).to_list()
    assert len(found) == 40
    assert [request.command["batchSize"] for request in server.requests] == [3, 3]
    assert streaming.sent == 14


async def test_its_connection_is_its_own(server, connect, streaming):
    """Others have theirs meanwhile, and get this one when the stream has ended."""
    client = connect(server)
    cursor = client.db.c.find(**EXHAUST)
    for _ in range(15):
        await cursor.next()
    pool = pool_of(client)
    assert pool.in_use == 1
    server.script("find", first())
    await asyncio.gather(*(client.admin.command("ping") for _ in range(3)))
    own = server.requests[0].peer
    assert all(request.peer is not own for request in server.requests if request.name == "ping")
    assert len(await cursor.to_list()) == 25
    await until(lambda: at_rest(pool))
    before = server.opened
    await asyncio.gather(*(client.admin.command("ping") for _ in range(pool.size)))
    assert server.opened == before
    assert any(request.peer is own for request in server.requests if request.name == "ping")


async def test_a_server_that_does_not_stream(server, connect, holder):
    """It may answer each getMore by one batch: then there is one for each."""
    assert len(await connect(server).db.c.find(**EXHAUST).to_list()) == 40
    assert server.names == ["find", "getMore", "getMore", "getMore"]
    assert len({request.peer for request in server.requests}) == 1


@pytest.mark.parametrize("how", ["close", "block", "drop"])
async def test_closed_early(server, connect, how):
    """Nothing but the end of the connection stops the server; its cursor ends with that."""
    Holder(server, 100_000, 10, streams=True)
    client = connect(server)
    cursor = client.db.c.find(**EXHAUST)
    for _ in range(15):
        await cursor.next()
    pool = pool_of(client)
    peer = server.requests[0].peer
    if how == "close":
        await cursor.close()
    elif how == "block":
        async with cursor:
            pass
    else:
        del cursor
        gc.collect()
    await until(lambda: peer not in server.peers, "the end of the connection")
    await until(lambda: at_rest(pool))
    assert server.names == ["find", "getMore"]
    assert generation_of(pool) == 0
    assert (await client.admin.command("ping"))["ok"] == 1


async def test_closed_before_the_stream_has_begun(server, connect, streaming):
    client = connect(server)
    cursor = client.db.c.find(**EXHAUST)
    await cursor.next()
    await cursor.close()
    assert server.names == ["find", "killCursors"]
    assert at_rest(pool_of(client))
    assert pool_of(client).size == 1


async def test_closed_while_it_waits(server, connect):
    server.script("find", first({"_id": 1}))
    server.script("getMore", streams([{"_id": 2}], then=silence))
    client = connect(server)
    cursor = client.db.c.find(**EXHAUST)
    assert [(await cursor.next())["_id"] for _ in range(2)] == [1, 2]
    waiting = asyncio.ensure_future(cursor.next())
    await asyncio.sleep(0.01)
    await asyncio.wait_for(cursor.close(), 5)
    waiting.cancel()
    await asyncio.wait([waiting])
    await until(lambda: at_rest(pool_of(client)))
    assert not cursor.alive


async def test_an_error_in_the_midst(server, connect):
    """What came before it is read first; the connection is as good as new, for the server streams no more."""
    server.script("find", first({"_id": 1}))
    server.script("getMore", streams([{"_id": 2}], [{"_id": 3}], then=failure(11601)))
    client = connect(server)
    cursor = client.db.c.find(**EXHAUST)
    found = []
    with pytest.raises(OperationFailure) as caught:
        while True:
            found.append((await cursor.next())["_id"])
    assert (found, caught.value.code) == ([1, 2, 3], 11601)
    assert not cursor.alive
    assert at_rest(pool_of(client))
    assert server.opened == len(server.peers)


async def test_the_connection_fails_in_the_midst(server, connect):
    async def hang_up(request: Request) -> None:
        request.peer.close()

    server.script("find", first({"_id": 1}))
    server.script("getMore", streams([{"_id": 2}], then=hang_up))
    client = connect(server)
    cursor = client.db.c.find(**EXHAUST)
    with pytest.raises(AutoReconnect):
        await cursor.to_list()
    assert [document["_id"] for document in await cursor.to_list(2)] == [1, 2]
    assert not cursor.alive
    assert "killCursors" not in server.names
    assert (await client.admin.command("ping"))["ok"] == 1
    assert at_rest(pool_of(client))


@pytest.mark.parametrize("streamed", [0, 1])
async def test_closed_after_who_waited_was_cancelled(server, connect, streamed):
    """The connection is lost, and it is the driver who has closed it: that says nothing about the server."""
    server.script("find", first({"_id": 1}))
    server.script("getMore", streams(*[[{"_id": 2}]] * streamed, then=silence))
    client = connect(server)
    cursor = client.db.c.find(**EXHAUST)
    for _ in range(1 + streamed):
        await cursor.next()
    pool = pool_of(client)
    waiting = asyncio.ensure_future(cursor.next())
    await until(lambda: "getMore" in server.names)
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert cursor.alive
    await cursor.close()
    peer = server.requests[0].peer
    await until(lambda: peer not in server.peers, "the end of the connection")
    await until(lambda: at_rest(pool))
    assert generation_of(pool) == 0
    assert (await client.admin.command("ping"))["ok"] == 1


@pytest.mark.parametrize("family", [ASYNCIO, UVLOOP], ids=lambda family: family.name)
def test_a_slow_reader(family):
    """Reading pauses: no more than a batch or two wait here, the others stay with the server."""

    async def main() -> None:
        async with ScriptedServer() as server:
            holder = Holder(server, 0, 4, streams=True)
            holder.documents = [{"_id": number, "text": "x" * 500_000} for number in range(240)]
            client = family.client(server.uri)
            cursor = client.db.c.find(**EXHAUST)
            for _ in range(5):
                await cursor.next()
            # Whatever the sockets hold, it is not all that there is.
            sent = -1
            while sent != holder.sent:
                sent = holder.sent
                await asyncio.sleep(0.1)
            (own,) = (connection for connection in connections(pool_of(client)) if connection.streaming)
            assert len(streamed(own)) <= 2
            assert sent < 40
            assert len(await cursor.to_list()) == 235
            assert holder.sent == 60
            client.close()
            await until(lambda: not server.peers)

    in_thread(lambda: family.run(main))


@pytest.mark.parametrize("family", [ASYNCIO, UVLOOP], ids=lambda family: family.name)
def test_small_batches_to_a_slow_reader(family):
    """Many messages may come with one read: each is a batch, in order."""

    async def main() -> None:
        async with ScriptedServer() as server:
            Holder(server, 5000, 1, streams=True)
            client = family.client(server.uri)
            found = []
            async for document in client.db.c.find(**EXHAUST):
                found.append(document["_id"])
                if len(found) % 100 == 0:
                    await asyncio.sleep(0.001)
            assert found == list(range(5000))
            client.close()
            await until(lambda: not server.peers)

    in_thread(lambda: family.run(main))


async def test_two_at_a_time(server, connect, streaming):
    client = connect(server)
    cursors = [client.db.c.find(**EXHAUST) for _ in range(2)]
    lists = await asyncio.gather(*(cursor.to_list() for cursor in cursors))
    assert [len(found) for found in lists] == [40, 40]
    peers = {request.peer for request in server.requests}
    assert len(peers) == 2
    assert at_rest(pool_of(client))


async def test_what_cannot_be(server, connect):
    collection = connect(server).db.c
    with pytest.raises(InvalidOperation, match="limit and exhaust"):
        collection.find(limit=1, **EXHAUST)
    with pytest.raises(InvalidOperation, match="limit and exhaust"):
        collection.find(**EXHAUST).limit(1)
    with pytest.raises(InvalidOperation, match="limit and exhaust"):
        collection.find(limit=1).add_option(64)
    assert server.names == []


async def test_an_old_mongos(connect):
    hello = {"msg": "isdbgrid", "maxWireVersion": 21}
    async with ScriptedServer(replica_set=None, hello=hello) as server:
        client = connect(server)
        with pytest.raises(InvalidOperation, match="connected to mongos"):
            await client.db.c.find(**EXHAUST).to_list()
        assert server.names == []
        client.close()
        await until(lambda: not server.peers)


async def test_on_a_real_server(numbers, commands):
    found = await numbers.find({}, batch_size=3, **EXHAUST).sort("_id").to_list()
    assert [document["_id"] for document in found] == list(range(10))
    assert commands.names[0] == "find"
    assert at_rest(pool_of(numbers.database.client))
