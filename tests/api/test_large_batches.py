"""Batches too large to be decoded at once: they are read as small ones are."""

from __future__ import annotations

import asyncio
import copy
import gc
from decimal import Decimal
from typing import Any

import pytest
from bson import SON, CodecOptions, Decimal128, Int64, encode
from bson.codec_options import TypeDecoder, TypeRegistry
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from tests.support.families import in_every_family

from .test_cursor_reading import deprecated

COUNT = 400
FILLER = "für" * 700


class DecimalDecoder(TypeDecoder):
    bson_type = Decimal128

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


class Titled(dict):
    """A document class of the application's own."""


def documents() -> list[dict[str, Any]]:
    """About 900 kB of BSON: three times what is decoded at once."""
    return [
        {"_id": number, "filler": FILLER[: 2000 + number], "n": {"list": [number, str(number), Int64(number), None]}}
        for number in range(COUNT)
    ]


async def fill(collection: Any) -> list[dict[str, Any]]:
    inserted = documents()
    assert len(encode({"all": inserted})) > 2 * 320 * 1024
    await collection.insert_many(inserted)
    return inserted


@pytest.fixture
async def large(collection):
    await fill(collection)
    return collection


@in_every_family
async def test_in_every_way(collection):
    expected = await fill(collection)

    def find() -> Any:
        return collection.find(batch_size=1000).sort("_id")

    assert [document async for document in find()] == expected
    assert await find().to_list() == expected
    cursor = find()
    steps = [await cursor.to_list(150) for _ in range(4)]
    assert [len(step) for step in steps] == [150, 150, 100, 0]
    assert [document for step in steps for document in step] == expected
    cursor = find()
    assert [await cursor.next() for _ in range(COUNT)] == expected
    with pytest.raises(StopAsyncIteration):
        await cursor.next()
    assert await collection.aggregate([{"$sort": {"_id": 1}}], batchSize=1000).to_list() == expected


@deprecated
async def test_each_and_fetch_next(large):
    seen = []
    ended = asyncio.Event()

    def callback(document: Any, error: Any) -> None:
        if document is None:
            ended.set()
        seen.append(document)

    large.find(batch_size=1000).each(callback)
    await ended.wait()
    assert seen == [*documents(), None]
    cursor = large.find(batch_size=1000)
    taken = []
    while await cursor.fetch_next:
        taken.append(cursor.next_object())
    assert taken == documents()


@pytest.mark.parametrize("batch_size", [0, 150, 399, 400, 401])
@pytest.mark.parametrize("limit", [0, 350, -380])
async def test_batch_sizes_and_limits(large, batch_size, limit):
    cursor = large.find(batch_size=batch_size).sort("_id").limit(limit)
    seen = [document["_id"] async for document in cursor]
    if limit < 0 and batch_size:
        assert seen == list(range(len(seen)))
        assert len(seen) <= -limit
    else:
        assert seen == list(range(abs(limit) or COUNT))
    assert not cursor.alive


async def test_skip_and_slice(large):
    assert [document["_id"] for document in await large.find()[20:390].to_list()] == list(range(20, 390))
    assert len(await large.find(batch_size=1000).skip(10).to_list()) == COUNT - 10


@pytest.mark.parametrize(
    "codec_options",
    [
        CodecOptions(SON),
        CodecOptions(Titled),
        CodecOptions(RawBSONDocument),
        CodecOptions(tz_aware=True),
        CodecOptions(type_registry=TypeRegistry([DecimalDecoder()])),
        CodecOptions(type_registry=TypeRegistry(fallback_encoder=str)),
    ],
    ids=["SON", "Titled", "raw", "tz_aware", "type_registry", "fallback"],
)
async def test_codec_options(large, codec_options):
    await large.update_many({}, {"$set": {"price": Decimal128("1.50")}})
    typed = large.with_options(codec_options=codec_options)
    small = await typed.find(batch_size=50).sort("_id").to_list()
    in_one = await typed.find(batch_size=1000).sort("_id").to_list()
    aggregated = await typed.aggregate([{"$sort": {"_id": 1}}], batchSize=1000).to_list()
    assert small == in_one == aggregated
    assert [document["_id"] for document in in_one] == list(range(COUNT))
    assert {type(document) for document in in_one} == {codec_options.document_class}
    if codec_options.document_class is RawBSONDocument:
        assert [document.raw for document in in_one] == [document.raw for document in small]
    elif codec_options.type_registry.codecs:
        assert in_one[0]["price"] == Decimal("1.50")
    else:
        assert type(in_one[0]["n"]) is codec_options.document_class
        assert list(in_one[0]) == ["_id", "filler", "n", "price"]


async def test_large_documents(collection):
    expected = [
        {"_id": number, "filler": "x" * size} for number, size in enumerate((500_000, 1, 3_000_000, 10, 400_000))
    ]
    await collection.insert_many(expected)
    assert await collection.find().sort("_id").to_list() == expected
    cursor = collection.find().sort("_id")
    assert [await cursor.to_list(2) for _ in range(3)] == [expected[:2], expected[2:4], expected[4:]]
    assert await collection.find_one({"_id": 2}) == expected[2]
    assert await collection.find_one_and_delete({"_id": 2}) == expected[2]


async def test_a_large_document_alone(collection):
    """The operations whose reply may hold one document of any size."""
    expected = {"_id": 1, "filler": "x" * 1_000_000}
    await collection.insert_one(expected)
    assert await collection.find_one() == expected
    assert await collection.find_one(1, {"filler": 1}) == expected
    assert await collection.find().next() == expected
    assert await collection.find()[0].to_list() == [expected]
    assert await collection.find_one_and_update({}, {"$set": {"x": 1}}) == expected
    assert await collection.distinct("filler") == [expected["filler"]]
    raw = await collection.with_options(codec_options=CodecOptions(RawBSONDocument)).find_one()
    assert raw["filler"] == expected["filler"]
    assert await collection.find_one_and_delete({}) == {**expected, "x": 1}


async def test_a_large_reply_to_a_command(large):
    """Whoever sends a command gets the reply as the server gave it, with its documents decoded."""
    reply = await large.database.command("find", large.name, batchSize=1000, sort={"_id": 1})
    assert reply["cursor"]["firstBatch"] == documents()
    cursor = await large.database.cursor_command("find", large.name, batchSize=1000, sort={"_id": 1})
    assert await cursor.to_list() == documents()


async def test_large_listings(db):
    """What lists collections reads cursors, too."""
    comment = {"$comment": "x" * 200_000}
    for number in range(3):
        await db.create_collection(f"c{number}", validator=comment)
    assert sorted(await db.list_collection_names()) == ["c0", "c1", "c2"]
    assert sorted(await db.list_collection_names(filter={})) == ["c0", "c1", "c2"]
    assert len(await db.list_collections().to_list()) == 3
    assert (await db.c1.options())["validator"] == comment


async def test_many_batches(large):
    for prefix in ("a", "b"):
        renamed = {"$concat": [prefix, {"$toString": "$_id"}]}
        await large.aggregate([{"$set": {"_id": renamed}}, {"$merge": "large"}])
    cursor = large.database.large.find(batch_size=300).sort("_id")
    seen = [document["_id"] async for document in cursor]
    assert len(seen) == 2 * COUNT
    assert seen == sorted(set(seen))


async def test_state_in_the_middle(large):
    cursor = large.find(batch_size=390)
    await cursor.to_list(200)
    assert cursor.alive
    assert cursor.cursor_id
    assert cursor.started
    await cursor.to_list(190)
    assert cursor.alive
    assert len(await cursor.to_list()) == 10
    assert not cursor.alive


async def test_closed_in_the_middle(large):
    """What has come may still be read, as with small batches."""
    cursor = large.find(batch_size=390).sort("_id")
    seen = await cursor.to_list(30)
    opened = cursor.cursor_id
    await cursor.close()
    with pytest.raises(OperationFailure):
        await large.database.command("getMore", opened, collection=large.name)
    seen += await cursor.to_list()
    assert [document["_id"] for document in seen] == list(range(390))
    assert not cursor.alive


async def test_rewound_cloned_and_dropped_in_the_middle(large):
    cursor = large.find(batch_size=390).sort("_id")
    await cursor.to_list(30)
    twin = copy.copy(cursor)
    assert len(await twin.to_list()) == COUNT
    assert len(await cursor.rewind().to_list()) == COUNT
    await cursor.rewind().next()
    del cursor
    gc.collect()
    assert await large.count_documents({}) == COUNT


async def test_two_tasks(large):
    cursor = large.find(batch_size=1000)

    async def read() -> list[int]:
        return [document["_id"] async for document in cursor]

    one, two = await asyncio.gather(read(), read())
    assert sorted(one + two) == list(range(COUNT))
    assert one == sorted(one)
    assert two == sorted(two)


async def test_other_tasks_run_meanwhile(large):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    cursor = large.find(batch_size=1000)
    await cursor.next()
    counting = asyncio.ensure_future(count())
    await cursor.to_list()
    counting.cancel()
    # The batch was here already: it is the decoding that let others run.
    assert turns > 1


async def test_cancelled_in_the_middle(large):
    """No document is lost when a reader is cancelled between two pieces of a batch that is here already."""
    cursor = large.find(batch_size=1000)
    seen = []
    for turns in range(6):
        reading = asyncio.ensure_future(cursor.next())
        for _ in range(turns % 3):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            seen.append(reading.result())
        if not seen:
            cursor = large.find(batch_size=1000)
            seen.append(await cursor.next())
    seen += await cursor.to_list()
    assert [document["_id"] for document in seen] == list(range(COUNT))
