"""A cursor whose reading was cancelled or has failed: nothing is missed, and nothing that failed looks finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import bson
import pytest
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from pymongo.errors import AutoReconnect, InvalidOperation, PyMongoError

from tests.support.inside import at_rest, pool_of
from tests.support.listener import Request
from tests.support.server import close, reply, silence, when
from tests.support.waiting import until

CURSORS: dict[str, Callable[..., Any]] = {
    "find": lambda collection, **options: collection.find(**options),
    "aggregate": lambda collection, **options: collection.aggregate([], **options),
}
KINDS = pytest.mark.parametrize("kind", CURSORS.values(), ids=CURSORS)
LARGE, SMALL = "x" * 1000, "x"
"""Of a hundred documents with that much text the batch is decoded in pieces, or in one go."""


@KINDS
@pytest.mark.parametrize("command", ["the query", "getMore"])
@pytest.mark.parametrize("turns", range(8))
async def test_cancelled_while_it_waits(server, connect, holder, kind, command, turns):
    """At whichever moment: whoever reads on gets every document once."""
    client = connect(server)
    cursor = kind(client.db.c)
    found = [await cursor.next() for _ in range(0 if command == "the query" else 10)]
    for _ in range(5):
        reading = asyncio.ensure_future(cursor.next())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            found.append(reading.result())
    found += [document async for document in cursor]
    assert found == holder.documents
    await until(lambda: at_rest(pool_of(client)))


async def test_cancelled_to_list(server, connect, holder):
    """What it had already is not lost with it."""
    release = asyncio.Event()
    server.script("getMore", holder, when(release, holder))
    cursor = connect(server).db.c.find()
    reading = cursor.to_list()
    await until(lambda: server.names.count("getMore") == 2)
    reading.cancel()
    await asyncio.wait([reading])
    release.set()
    assert await cursor.to_list() == holder.documents


async def test_one_of_several_readers_is_cancelled(server, connect, holder):
    """The one that fetches: the others go on with what it has fetched."""
    release = asyncio.Event()
    server.script("getMore", when(release, holder))
    cursor = connect(server).db.c.find()
    found: list[Any] = []

    async def read() -> None:
        async for document in cursor:
            found.append(document)  # noqa: PERF401  # others see it at once

    readers = [asyncio.ensure_future(read()) for _ in range(3)]
    await until(lambda: "getMore" in server.names)
    readers[0].cancel()
    await asyncio.wait(readers[:1])
    release.set()
    await asyncio.gather(*readers[1:])
    assert found == holder.documents
    assert server.names.count("getMore") == len(holder.documents) // 10 - 1


async def test_cancelled_in_an_explicit_session(server, connect, holder):
    """Nothing goes on in the background in the application's session: the cursor is at an end, and says why."""
    client = connect(server)
    server.script("getMore", silence)
    async with await client.start_session() as session:
        cursor = client.db.c.find(session=session)
        for _ in range(10):
            await cursor.next()
        reading = asyncio.ensure_future(cursor.next())
        await until(lambda: "getMore" in server.names)
        reading.cancel()
        await asyncio.wait([reading])
        for _ in range(2):
            with pytest.raises(InvalidOperation, match="cancelled"):
                await cursor.next()
        await until(lambda: holder.killed)
    (killing,) = [request for request in server.requests if request.name == "killCursors"]
    (finding,) = [request for request in server.requests if request.name == "find"]
    assert killing.command.get("lsid") != finding.command["lsid"]


@KINDS
async def test_left_in_a_session(server, connect, holder, kind):
    """By `break`: by the time that the server is told, the session has ended, or a transaction has begun in it."""
    client = connect(server)
    async with await client.start_session() as session:
        async for _ in kind(client.db.c, session=session):
            break
        async with session.start_transaction():
            await asyncio.sleep(0.01)
            await client.db.c.insert_one({}, session=session)
    await until(lambda: holder.killed)
    (killing,) = [request for request in server.requests if request.name == "killCursors"]
    assert "txnNumber" not in killing.command
    (inserting,) = [request for request in server.requests if request.name == "insert"]
    assert inserting.command["startTransaction"]


@KINDS
@pytest.mark.parametrize("command", ["the query", "getMore"])
async def test_a_failure_is_told_again(server, connect, holder, kind, command):
    """To each who asks, in an exception of its own."""
    client = connect(server, retryReads=False)
    server.script("getMore" if command == "getMore" else "find", close)
    server.script("getMore" if command == "getMore" else "aggregate", close)
    cursor = kind(client.db.c)
    failures: list[PyMongoError] = []
    for read in (cursor.next, lambda: cursor.to_list(), cursor.next, lambda: cursor.to_list()):
        with pytest.raises(AutoReconnect) as caught:
            while True:
                await read()
        failures.append(caught.value)
    assert len({id(failure) for failure in failures}) == 4
    assert {str(failure) for failure in failures} == {str(failures[0])}
    failures[0]._add_error_label("mine")
    assert not failures[-1].has_error_label("mine")
    assert not cursor.alive


async def test_an_aggregation_that_could_not_begin(server, connect):
    """Awaited again it has not begun, either."""
    server.script("aggregate", close)
    writing = connect(server, retryReads=False).db.c.aggregate([{"$merge": "target"}])
    for _ in range(3):
        with pytest.raises(AutoReconnect):
            await writing
    assert server.names == ["aggregate"]


@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("bad", [[0], [50], [99], [49, 50], [0, 99]], ids=str)
async def test_documents_that_cannot_be_decoded(server, connect, text, bad):
    """Each is an error once, in its turn; the others are there."""
    documents = [undecodable(number) if number in bad else {"_id": number, "s": text} for number in range(100)]
    server.script("find", reply({"ok": 1, "cursor": {"id": 5, "ns": "db.c", "firstBatch": documents}}))
    server.script("getMore", reply({"ok": 1, "cursor": {"id": 0, "ns": "db.c", "nextBatch": [{"_id": 100}]}}))
    cursor = connect(server).db.c.find()

    async def read() -> Any:
        try:
            return (await cursor.next())["_id"]
        except InvalidBSON:
            return "bad"

    found = []
    while cursor.alive:
        found.append(await read())
    assert found == ["bad" if number in bad else number for number in range(101)]


@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("command", ["find", "getMore"])
async def test_the_last_batch_begins_with_one_that_cannot_be_decoded(server, connect, text, command):
    """It is the last one all the same: there is no cursor on the server whose next batch could be asked for."""
    last = [undecodable(0), *({"_id": number, "s": text} for number in range(1, 100))]
    if command == "getMore":
        server.script("find", reply({"ok": 1, "cursor": {"id": 5, "ns": "db.c", "firstBatch": []}}))
    field = "nextBatch" if command == "getMore" else "firstBatch"
    server.script(command, reply({"ok": 1, "cursor": {"id": 0, "ns": "db.c", field: last}}))
    cursor = connect(server).db.c.find()
    with pytest.raises(InvalidBSON):
        await cursor.next()
    assert await cursor.to_list() == last[1:]
    assert not cursor.alive
    assert server.names == (["find", "getMore"] if command == "getMore" else ["find"])


async def test_the_last_one_that_was_asked_for_cannot_be_decoded(server, connect, holder):
    """It counts: there is nothing to be fetched in its place."""
    documents = [{"_id": number, "s": LARGE} for number in range(399)]
    server.script(
        "find", reply({"ok": 1, "cursor": {"id": 5, "ns": "db.c", "firstBatch": [*documents, undecodable(9)]}})
    )
    cursor = connect(server).db.c.find().limit(400)
    with pytest.raises(InvalidBSON):
        await cursor.to_list()
    assert await cursor.to_list() == documents
    assert "getMore" not in server.names


async def test_a_batch_that_makes_no_sense(server, connect):
    """It is not an array: what comes after cannot be found, and so the cursor has failed."""
    batch = [{"_id": number, "s": LARGE} for number in range(400)]

    async def send(request: Request) -> None:
        document = {"ok": 1, "cursor": {"id": 0, "ns": "db.c", "firstBatch": batch}}
        data = bson.encode(document)
        # The name of the last element, "399".
        senseless: Any = RawBSONDocument(data.replace(b"\x03399\0", b"\x04399\0"))
        await reply(senseless)(request)

    server.script("find", send)
    cursor = connect(server).db.c.find()
    found = []
    with pytest.raises(InvalidBSON):
        while True:
            found.append(await cursor.next())
    assert found == batch[: len(found)]
    with pytest.raises(InvalidOperation, match="cannot read on"):
        await cursor.next()


def undecodable(number: int) -> RawBSONDocument:
    """A document whose string is not UTF-8."""
    return RawBSONDocument(bson.encode({"_id": number, "s": "grun"}).replace(b"grun", b"gr\xfcn"))
