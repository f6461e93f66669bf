"""A cursor that listeners and the log watch: they see whole documents, and the application reads what it would without.

A large batch is decoded as it is read, and so is not in the reply that they are shown; it has to be put there.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from bson.son import SON
from pymongo import monitoring

from motor.driver.wire.batch import LARGE_REPLY, PIECE, SMALL_REPLY
from motor.motor_asyncio import AsyncIOMotorClient
from tests.cursors.test_states import undecodable
from tests.support.inside import at_rest, pool_of
from tests.support.server import reply
from tests.support.waiting import until

COUNT = 400
"""In two batches."""

SIZES = {"small": 10, "decoded whole": 300, "decoded in pieces": 3000}
BOUNDS = {"small": (0, SMALL_REPLY), "decoded whole": (SMALL_REPLY, LARGE_REPLY), "decoded in pieces": (LARGE_REPLY, 0)}

KINDS: dict[str, Callable[..., Any]] = {
    "find": lambda collection: collection.find(batch_size=COUNT // 2).sort("_id"),
    "aggregate": lambda collection: collection.aggregate([{"$sort": {"_id": 1}}], batchSize=COUNT // 2),
    "find_raw_batches": lambda collection: collection.find_raw_batches(batch_size=COUNT // 2).sort("_id"),
    "aggregate_raw_batches": lambda collection: collection.aggregate_raw_batches(
        [{"$sort": {"_id": 1}}], batchSize=COUNT // 2
    ),
}


class Text(str):
    """A type of the application's."""


class TextDecoder(TypeDecoder):
    bson_type = str

    def transform_bson(self, value: str) -> Text:
        return Text(value)


CODECS: dict[str, CodecOptions[Any]] = {
    "plain": CodecOptions(),
    "SON": CodecOptions(SON),
    "BSON": CodecOptions(RawBSONDocument),
    "a decoder": CodecOptions(type_registry=TypeRegistry([TextDecoder()])),
}


class Replies(monitoring.CommandListener):
    """The replies to commands that read cursors."""

    def __init__(self) -> None:
        self.replies: list[Any] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        if event.command_name in ("find", "aggregate", "getMore"):
            self.replies.append(event.reply)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def batches(self) -> list[Any]:
        """The batch of each reply."""
        assert all(isinstance(each, Mapping) for each in self.replies)
        fields = ["firstBatch", *["nextBatch"] * (len(self.replies) - 1)]
        return [each["cursor"][field] for each, field in zip(self.replies, fields, strict=True)]


def typed(documents: list[Any]) -> Any:
    """The documents with their types: `==` alone would not tell a Text from a str."""
    return [
        (type(each), each.raw if isinstance(each, RawBSONDocument) else each, type(each["text"])) for each in documents
    ]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
async def test_listeners_see_documents(uri, collection, size, kind, codec):
    documents = [{"_id": number, "text": "x" * SIZES[size]} for number in range(COUNT)]
    await collection.insert_many(documents)
    at_least, below = BOUNDS[size]
    half = len(bson.encode({"": documents[: COUNT // 2]}))
    assert at_least < half
    assert not below or half < below
    unwatched = await KINDS[kind](collection.with_options(codec_options=CODECS[codec])).to_list()
    listener = Replies()
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, event_listeners=[listener])
    watched = client[collection.database.name].get_collection(collection.name, codec_options=CODECS[codec])
    read = await KINDS[kind](watched).to_list()
    client.close()
    batches = [batch for batch in listener.batches() if batch]
    assert {type(batch) for batch in batches} == {list}
    shown = [document for batch in batches for document in batch]
    if "raw" in kind:
        assert read == unwatched == shown
        assert bson.decode_all(b"".join(read)) == documents
        return
    assert [len(batch) for batch in batches] == [COUNT // 2] * 2
    assert typed(read) == typed(unwatched)
    assert typed(shown) == typed(read)
    assert [dict(each) for each in shown] == documents


@pytest.mark.parametrize("kind", ["find", "aggregate"])
@pytest.mark.parametrize("size", SIZES)
async def test_the_log_has_documents(uri, collection, caplog, size, kind):
    await collection.insert_many([{"_id": number, "text": "x" * SIZES[size]} for number in range(1, COUNT + 1)])
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    with caplog.at_level(logging.DEBUG, "pymongo.command"):
        await KINDS[kind](client[collection.database.name][collection.name]).to_list()
    client.close()
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    replies = [line["reply"] for line in lines if line["message"] == "Command succeeded"]
    # Long ones are cut.
    assert '"firstBatch": [{"_id": 1, "text": "x' in replies[0]
    assert f'"nextBatch": [{{"_id": {COUNT // 2 + 1}, "text": "x' in replies[1]


async def next_id(cursor: Any) -> Any:
    """The ``_id`` of the next document, or what stands for one that cannot be decoded."""
    try:
        return (await cursor.next())["_id"]
    except InvalidBSON:
        return "bad"


@pytest.mark.parametrize("text", ["x", "x" * 300, "x" * 8000], ids=list(SIZES))
@pytest.mark.parametrize("command", ["find", "getMore"])
@pytest.mark.parametrize("bad", [[0], [50], [99], [0, 49, 50, 99]], ids=str)
async def test_documents_that_cannot_be_decoded(server, connect, text, command, bad):
    """They are shown as BSON, and what is read is the same: the others, and an error for each of them."""
    batch = [undecodable(number) if number in bad else {"_id": number, "text": text} for number in range(100)]
    first, second = ([{"_id": -1, "text": ""}], batch) if command == "getMore" else (batch, [{"_id": -1, "text": ""}])

    async def read(client: AsyncIOMotorClient) -> list[Any]:
        server.script("find", reply({"ok": 1, "cursor": {"id": 5, "ns": "db.c", "firstBatch": first}}))
        server.script("getMore", reply({"ok": 1, "cursor": {"id": 0, "ns": "db.c", "nextBatch": second}}))
        cursor, found = client.db.c.find(), []
        while cursor.alive:
            found.append(await next_id(cursor))
        return found

    listener = Replies()
    expected = ["bad" if number in bad else number for number in range(100)]
    expected.insert(0 if command == "getMore" else 100, -1)
    assert await read(connect(server)) == expected
    assert await read(connect(server, event_listeners=[listener])) == expected
    shown = [document for each in listener.batches() for document in each]
    assert len(shown) == 101
    for document in shown:
        assert isinstance(document, Mapping)
    (place,) = [place for place, each in enumerate(listener.batches()) if len(each) == 100]
    assert [type(each) for each in listener.batches()[place]] == [RawBSONDocument] * 100


class Cancelling(TypeDecoder):
    """The application gives up while a document is decoded for a listener."""

    bson_type = str

    def __init__(self) -> None:
        self.give_up: Callable[[], object] | None = None

    def transform_bson(self, value: str) -> str:
        if self.give_up is not None:
            give_up, self.give_up = self.give_up, None
            give_up()
        return value


LARGE = [{"_id": number, "text": "x" * 5000} for number in range(100)]


@pytest.mark.parametrize("kind", ["find", "aggregate"])
async def test_cancelled_while_a_reply_is_decoded_for_a_listener(server, connect, kind):
    """The cursor is open on the server, and nobody else knows of it: it is killed. The next reader sends it again."""
    assert len(bson.encode({"": LARGE})) > max(LARGE_REPLY, 3 * PIECE)
    batch = {"ok": 1, "cursor": {"id": 5, "ns": "db.c", "firstBatch": LARGE}}
    server.script(kind, reply(batch), reply({"ok": 1, "cursor": {**batch["cursor"], "id": 0}}))  # type: ignore[dict-item]
    decoder, listener = Cancelling(), Replies()
    options: CodecOptions[Any] = CodecOptions(type_registry=TypeRegistry([decoder]))
    client = connect(server, event_listeners=[listener])
    collection = client.db.get_collection("c", codec_options=options)
    cursor = collection.find() if kind == "find" else collection.aggregate([])
    reading = asyncio.ensure_future(cursor.next())
    decoder.give_up = reading.cancel
    await asyncio.wait([reading])
    assert reading.cancelled()
    assert not listener.replies
    await until(lambda: "killCursors" in server.names)
    (killing,) = [request for request in server.requests if request.name == "killCursors"]
    assert killing.command["cursors"] == [5]
    assert await cursor.to_list() == LARGE
    await until(lambda: at_rest(pool_of(client)))
    assert server.names == [kind, "killCursors", kind]


async def test_cancelled_while_a_getmore_is_decoded_for_a_listener(server, connect):
    """It goes on for whoever reads on, who misses nothing."""
    first = {"ok": 1, "cursor": {"id": 5, "ns": "db.c", "firstBatch": LARGE[:1]}}
    server.script("find", reply(first))
    server.script("getMore", reply({"ok": 1, "cursor": {"id": 0, "ns": "db.c", "nextBatch": LARGE[1:]}}))
    decoder, listener = Cancelling(), Replies()
    options: CodecOptions[Any] = CodecOptions(type_registry=TypeRegistry([decoder]))
    cursor = connect(server, event_listeners=[listener]).db.get_collection("c", codec_options=options).find()
    assert await cursor.next() == LARGE[0]
    reading = asyncio.ensure_future(cursor.next())
    decoder.give_up = reading.cancel
    await asyncio.wait([reading])
    assert reading.cancelled()
    assert await cursor.to_list() == LARGE[1:]
    assert [len(batch) for batch in listener.batches()] == [1, 99]
    assert server.names == ["find", "getMore"]
