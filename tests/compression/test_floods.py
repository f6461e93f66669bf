"""Compressed messages one after the other: however many come at once, one is expanded, and that for somebody."""

from __future__ import annotations

import uuid

import pytest
from pymongo.cursor import CursorType
from pymongo.errors import ProtocolError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.compression.proxy import CompressingProxy
from tests.support.envelope import wrap
from tests.support.inside import at_rest, check_books, connections, pool_of, streamed
from tests.support.loops import on_every_loop
from tests.support.messages import MORE_TO_COME, flags_of, message
from tests.support.server import ScriptedServer, answer, send
from tests.support.waiting import until

SMALL, LARGE = 1000, 400_000
"""Bytes of text that are expanded on the loop, and in a thread."""


@pytest.mark.parametrize("size", [SMALL, LARGE])
@on_every_loop
async def test_a_second_reply(target, expanding, size):
    """Ten in one segment: one is expanded at most, and the connection is closed."""
    async with CompressingProxy(target) as proxy:
        async with AsyncIOMotorClient(proxy.uri, compressors="zlib", retryReads=False) as client:
            database = client[f"motor_test_{uuid.uuid4().hex}"]
            await database["test"].insert_one({"_id": 1, "text": "x" * size})
            before = expanding.calls
            proxy.answers["find"] = lambda reply: wrap(reply, "zlib") * 10
            if size == SMALL:
                # It was there before the others were seen.
                assert await database["test"].find_one() is not None
            else:
                with pytest.raises(ProtocolError, match="Got a second reply to one command"):
                    await database["test"].find_one()
            await until(lambda: at_rest(pool_of(client)) and pool_of(client).size == 0, "the connection closed")
            await until(lambda: expanding.calls > before, "the thread at work")
            assert expanding.calls == before + 1
            del proxy.answers["find"]
            assert await database["test"].find_one({}, {"_id": 1}) == {"_id": 1}
            check_books(pool_of(client))
            await client.drop_database(database.name)
        await proxy.all_closed()


@pytest.mark.parametrize("size", [SMALL, LARGE])
@on_every_loop
async def test_streamed_replies_wait_as_they_came(target, expanding, size):
    """All of a stream in one segment: each is expanded when it is asked for, and not before."""
    documents = [{"_id": number, "text": "x" * size} for number in range(12)]
    async with CompressingProxy(target) as proxy, AsyncIOMotorClient(proxy.uri, compressors="zlib") as client:
        database = client[f"motor_test_{uuid.uuid4().hex}"]
        await database["test"].insert_many(documents)
        held: list[bytes] = []

        def gather(reply: bytes) -> bytes:
            held.append(wrap(reply, "zlib"))
            return b"" if flags_of(reply) & MORE_TO_COME else b"".join(held)

        proxy.answers["getMore"] = gather
        cursor = database["test"].find(cursor_type=CursorType.EXHAUST, batch_size=1).sort("_id")
        found = [await cursor.next()]
        before = expanding.calls
        for number in range(1, 4):
            found.append(await cursor.next())
            assert expanding.calls == before + number
        (connection,) = (one for one in connections(pool_of(client)) if one.streaming)
        assert len(streamed(connection)) == len(held) - 3
        assert sum(len(body) for *_, body in streamed(connection)) < 20_000
        found += await cursor.to_list()
        assert found == documents
        await client.drop_database(database.name)


@on_every_loop
async def test_what_follows_a_stream(target):
    """A message after the last one of a stream is one that nobody has asked for."""
    async with CompressingProxy(target) as proxy, AsyncIOMotorClient(proxy.uri, compressors="zlib") as client:
        database = client[f"motor_test_{uuid.uuid4().hex}"]
        await database["test"].insert_many([{"_id": number} for number in range(2)])
        proxy.answers["getMore"] = lambda reply: reply * (1 if flags_of(reply) & MORE_TO_COME else 2)
        cursor = database["test"].find(cursor_type=CursorType.EXHAUST, batch_size=1).sort("_id")
        assert [document["_id"] async for document in cursor] == [0, 1]
        await until(lambda: at_rest(pool_of(client)), "the connection closed")
        del proxy.answers["getMore"]
        await client.drop_database(database.name)


async def test_where_nothing_was_negotiated(expanding):
    """Nothing is expanded, whatever it claims to be."""
    async with ScriptedServer() as server, AsyncIOMotorClient(server.uri, retryReads=False) as client:
        await client.admin.command("ping")
        server.script("ping", send(lambda request: wrap(message({"ok": 1}, request.id), "zlib")), answer)
        with pytest.raises(ProtocolError, match="Got an OP_COMPRESSED, and no compression was negotiated"):
            await client.admin.command("ping")
        assert expanding.calls == 0
        assert (await client.admin.command("ping"))["ok"] == 1
