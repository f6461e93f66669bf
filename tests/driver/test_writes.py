"""Large writes in batches, documents over the limits, and writes that nobody acknowledges."""

from __future__ import annotations

import asyncio
import contextlib

import bson
import pytest
from pymongo import UpdateOne, WriteConcern
from pymongo.errors import AutoReconnect, DocumentTooLarge, PyMongoError

from tests.support.fixtures import ONCE
from tests.support.inside import at_rest, pool_of
from tests.support.messages import message
from tests.support.server import ScriptedServer, answer, close, reply, silence
from tests.support.waiting import until


async def test_split_by_count(connect):
    async with ScriptedServer(hello={"maxWriteBatchSize": 7}) as server:
        client = connect(server)
        await client.db.c.insert_many([{"_id": number} for number in range(20)])
        batches = [[document["_id"] for document in request.command["documents"]] for request in server.requests]
        assert batches == [list(range(7)), list(range(7, 14)), list(range(14, 20))]


async def test_split_by_bytes(connect):
    limit = 5000
    async with ScriptedServer(hello={"maxMessageSizeBytes": limit, "maxBsonObjectSize": 2000}) as server:
        client = connect(server)
        sizes = [17, 900, 1900, 1900, 1900, 3, 3, 3, 1400, 1900, 1, 1]
        documents = [{"_id": number, "x": b"x" * size} for number, size in enumerate(sizes)]
        await client.db.c.insert_many(documents)
        got = [document for request in server.requests for document in request.command["documents"]]
        assert got == documents
        totals = [sum(len(bson.encode(each)) for each in request.command["documents"]) for request in server.requests]
        assert all(total <= limit for total in totals)
        firsts = [len(bson.encode(request.command["documents"][0])) for request in server.requests[1:]]
        # One more document would have been too much: what goes with them in a message is below 200 bytes.
        assert all(total + first > limit - 200 for total, first in zip(totals, firsts, strict=False))


async def test_no_message_is_longer_than_the_server_takes(connect):
    """At each size around the limit: the whole message, with its header, is what counts."""
    limit = 1000
    async with ScriptedServer(hello={"maxMessageSizeBytes": limit, "maxBsonObjectSize": 700}) as server:
        longest = 0

        async def measured(request):
            nonlocal longest
            documents = request.command.get("documents")
            if documents is not None:
                plain = {name: value for name, value in request.command.items() if name != "documents"}
                size = 16 + 4 + 1 + len(bson.encode(plain)) + 1 + 4 + len("documents") + 1
                longest = max(longest, size + sum(len(bson.encode(each)) for each in documents))
            await answer(request)

        server.default = measured
        client = connect(server)
        for size in range(300, 480, 3):
            await client.db.c.insert_many([{"_id": number, "x": b"x" * size} for number in range(3)])
        assert limit - 10 < longest <= limit


async def test_a_hundred_thousand_and_one(server, connect):
    client = connect(server)
    result = await client.db.c.insert_many([{"_id": number} for number in range(100_001)])
    assert len(result.inserted_ids) == 100_001
    assert [len(request.command["documents"]) for request in server.requests] == [100_000, 1]


async def test_updates_are_split_too(connect):
    async with ScriptedServer(hello={"maxWriteBatchSize": 4}) as server:
        client = connect(server)
        requests = [UpdateOne({"_id": number}, {"$set": {"a": 1}}) for number in range(9)]
        result = await client.db.c.bulk_write(requests)
        assert result.matched_count == 9
        assert [len(request.command["updates"]) for request in server.requests] == [4, 4, 1]


@pytest.mark.parametrize("ordered", [True, False])
async def test_an_error_in_the_second_batch_has_its_place_in_the_whole(ordered, connect):
    async with ScriptedServer(hello={"maxWriteBatchSize": 3}) as server:
        client = connect(server)
        error = {"index": 1, "code": 11000, "errmsg": "duplicate"}
        server.script("insert", reply({"n": 3, "ok": 1}), reply({"n": 1, "writeErrors": [error], "ok": 1}))
        with pytest.raises(PyMongoError) as raised:
            await client.db.c.insert_many([{"_id": number} for number in range(9)], ordered=ordered)
        details = raised.value.details  # type: ignore[attr-defined]
        assert [each["index"] for each in details["writeErrors"]] == [4]
        assert details["writeErrors"][0]["op"] == {"_id": 4}
        assert details["nInserted"] == (4 if ordered else 7)
        assert len(server.requests) == (2 if ordered else 3)


async def test_a_connection_that_breaks_between_two_batches(connect):
    async with ScriptedServer(hello={"maxWriteBatchSize": 3}) as server:
        client = connect(server, **ONCE)
        server.script("insert", reply({"n": 3, "ok": 1}), close)
        with pytest.raises(AutoReconnect):
            await client.db.c.insert_many([{"_id": number} for number in range(9)])
        assert len(server.requests) == 2
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert at_rest(pool_of(client))


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_a_document_over_the_message_limit(acknowledged, connect):
    async with ScriptedServer(hello={"maxMessageSizeBytes": 3000, "maxBsonObjectSize": 1000}) as server:
        client = connect(server)
        concern = WriteConcern() if acknowledged else WriteConcern(w=0)
        collection = client.db.get_collection("c", write_concern=concern)
        with pytest.raises(DocumentTooLarge, match="BSON document too large"):
            await collection.insert_many([{"_id": 1, "x": b"x" * 3100}])
        with pytest.raises(DocumentTooLarge):
            await collection.update_one({"_id": 1}, {"$set": {"x": b"x" * 20_000}})
        with pytest.raises(DocumentTooLarge, match="BSON document too large"):
            await collection.insert_one({"_id": 1, "x": b"x" * 17_500})
        assert "insert" not in server.names
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert at_rest(pool_of(client))


async def test_what_is_too_large_later_does_not_undo_what_was_sent(connect):
    async with ScriptedServer(hello={"maxMessageSizeBytes": 3000, "maxBsonObjectSize": 1000}) as server:
        client = connect(server)
        documents = [{"_id": 1}, {"_id": 2}, {"_id": 3, "x": b"x" * 3100}, {"_id": 4}]
        with pytest.raises(DocumentTooLarge):
            await client.db.c.insert_many(documents)
        assert [len(request.command["documents"]) for request in server.requests] == [2]


async def test_the_largest_document_of_a_real_server(collection):
    size = 16 * 1024 * 1024
    overhead = len(bson.encode({"_id": 1, "x": b""}))
    await collection.insert_one({"_id": 1, "x": b"x" * (size - overhead)})
    found = await collection.find_one({"_id": 1})
    assert len(bson.encode(found)) == size
    with pytest.raises(DocumentTooLarge):
        await collection.insert_one({"_id": 2, "x": b"x" * (size + 20_000)})
    assert await collection.count_documents({}) == 1


async def test_large_documents_in_many_batches_on_a_real_server(collection):
    documents = [{"_id": number, "x": bytes([number]) * 6_000_000} for number in range(18)]
    result = await collection.insert_many(documents)
    assert len(result.inserted_ids) == 18
    seen = 0
    async for document in collection.find().sort("_id", 1):
        assert document == documents[seen]
        seen += 1
    assert seen == 18


async def test_unacknowledged_writes_wait_for_nothing(server, connect):
    client = connect(server)
    collection = client.db.get_collection("c", write_concern=WriteConcern(w=0))
    for number in range(50):
        result = await collection.insert_one({"_id": number})
        assert not result.acknowledged
    await client.db.command("ping")
    assert [request.command["documents"][0]["_id"] for request in server.requests[:50]] == list(range(50))
    assert all(request.flags & 2 for request in server.requests[:50])
    assert len({request.peer for request in server.requests}) == 1
    assert all("lsid" not in request.command for request in server.requests[:50])


async def test_a_reply_to_an_unacknowledged_write_closes_the_connection(server, connect):
    async def unasked(request):
        await request.peer.send(message({"ok": 1}, request.id))

    client = connect(server)
    server.script("insert", unasked)
    await client.db.get_collection("c", write_concern=WriteConcern(w=0)).insert_one({})
    pool = pool_of(client)
    await until(lambda: pool.size == 0)
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


async def fill(client, server):
    """Unacknowledged writes until one has to wait; that one."""
    collection = client.db.get_collection("c", write_concern=WriteConcern(w=0))
    server.reading.clear()
    for _ in range(20):
        writing = asyncio.ensure_future(collection.insert_one({"x": b"x" * 4_000_000}))
        done, _ = await asyncio.wait([writing], timeout=0.1)
        if not done:
            return writing
        writing.result()
    raise AssertionError("80 MB fit into the buffers of a server that does not read")


async def test_a_server_that_does_not_read_makes_unacknowledged_writes_wait(server, connect):
    client = connect(server, maxPoolSize=1)
    await client.db.command("ping")
    writing = await fill(client, server)
    others = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await asyncio.sleep(0.01)
    assert not others.done()
    server.reading.set()
    assert not (await asyncio.wait_for(writing, 20)).acknowledged
    assert await others == {"_id": 1}
    assert at_rest(pool_of(client))


@pytest.mark.parametrize("how", ["the server closes", "the client closes", "cancelled"])
async def test_what_wakes_an_unacknowledged_write_that_waits(how, server, connect):
    client = connect(server, maxPoolSize=1)
    await client.db.command("ping")
    writing = await fill(client, server)
    pool = pool_of(client)
    if how == "the server closes":
        server.requests[0].peer.close()
    elif how == "the client closes":
        client.close()
    else:
        writing.cancel()
    done, _ = await asyncio.wait([writing], timeout=10)
    assert done, "still waiting"
    if how == "cancelled":
        assert writing.cancelled()
    elif how == "the server closes":
        assert isinstance(writing.exception(), AutoReconnect)
    else:
        with contextlib.suppress(PyMongoError):
            writing.result()
    server.reading.set()
    if how != "the client closes":
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        await until(lambda: at_rest(pool))


async def test_a_write_to_a_silent_server_can_be_given_up(server, connect):
    client = connect(server)
    server.script("insert", silence)
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await asyncio.wait_for(client.db.c.insert_one({"_id": 1}), 0.1)
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
