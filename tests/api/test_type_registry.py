"""Types of the application's: its documents come in them, by every way; what the server says of itself never does."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64
from bson.codec_options import CodecOptions
from bson.timestamp import Timestamp
from pymongo import InsertOne, UpdateOne
from pymongo.results import UpdateResult

from motor.motor_asyncio import AsyncIOMotorClient
from tests.differential.cases.type_registry import DOCUMENTS, PLAIN, REGISTRIES, Own
from tests.support import server as scripted
from tests.support.fixtures import Connect, connect

__all__ = ["Connect", "connect"]

TYPED: CodecOptions[Any] = CodecOptions(type_registry=REGISTRIES["all"])


def own(value: Any) -> Any:
    """What the application gets in the place of `value`."""
    if isinstance(value, dict):
        return {key: own(each) for key, each in value.items()}
    if isinstance(value, list):
        return [own(each) for each in value]
    return Own(value)


@pytest.fixture
async def typed(collection):
    """Three documents, and all of the registry's types."""
    await collection.insert_many(DOCUMENTS)
    return collection.with_options(codec_options=TYPED)


async def test_documents_are_in_its_types(typed):
    expected = [own(document) for document in DOCUMENTS]
    assert await typed.find(batch_size=2).sort("_id").to_list() == expected
    assert await typed.aggregate([{"$sort": {"_id": 1}}], batchSize=2).to_list() == expected
    assert await typed.find_one({"_id": 1}) == expected[1]
    assert await typed.distinct("inner") == own(DOCUMENTS[0]["inner"])
    assert await typed.distinct("bytes") == [own(PLAIN["bytes"])]
    assert await typed.find_one_and_update({"_id": 1}, {"$set": {"a": 1}}) == expected[1]
    assert await typed.find_one_and_replace({"_id": 2}, {}) == expected[2]
    assert await typed.find_one_and_delete({"_id": 0}) == expected[0]


@pytest.mark.parametrize("size", [10, 300, 3000], ids=["small", "decoded whole", "decoded in pieces"])
async def test_replies_of_every_size(typed, size):
    documents = [{"_id": number, "text": "x" * size} for number in range(10, 410)]
    await typed.insert_many(documents)
    expected = [own(document) for document in documents]
    asked = {"_id": {"$gt": 9}}
    assert await typed.find(asked, batch_size=200).sort("_id").to_list() == expected
    stages = [{"$match": asked}, {"$sort": {"_id": 1}}]
    assert await typed.aggregate(stages, batchSize=200).to_list() == expected
    # `type(n) is int`: equal to one would be an Int64, too.
    counts = [await typed.count_documents(asked), (await typed.delete_many(asked)).deleted_count]
    assert counts == [400, 400]
    assert {type(count) for count in counts} == {int}


async def test_what_a_command_finds(typed):
    """Its reply is the server's, in no types of the application's; the documents of its cursor are, if it asks."""
    db = typed.database.client.get_database(typed.database.name, codec_options=TYPED)
    command = {"find": typed.name, "sort": {"_id": 1}, "batchSize": 2}
    for options in ({}, {"codec_options": TYPED}):
        reply = await db.command({**command, "limit": 2}, **options)
        assert reply["cursor"]["firstBatch"] == DOCUMENTS[:2]
    assert await (await db.cursor_command(command)).to_list() == DOCUMENTS
    cursor = await db.cursor_command(command, codec_options=TYPED)
    assert await cursor.to_list() == [own(document) for document in DOCUMENTS]


@pytest.mark.parametrize("registry", REGISTRIES)
async def test_the_client_goes_on(uri, db, registry):
    """What a reply says of the time goes back to the server with each command, to the last one of all."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, type_registry=REGISTRIES[registry])
    collection = client[db.name]["c"]
    async with client.start_session() as session:
        for number in range(3):
            await collection.insert_one({"_id": number, **PLAIN}, session=session)
            assert await collection.find_one({"_id": number}, session=session)
            assert (await collection.update_one({"_id": number}, {"$inc": {"n": 1}})).modified_count == 1
            assert len(await collection.find({}, session=session).to_list()) == number + 1
            assert len(await collection.aggregate([]).to_list()) == number + 1
            assert (await client.admin.command("ping"))["ok"] == 1
        assert type(session.operation_time) is Timestamp
        assert session.cluster_time is not None
        assert type(session.cluster_time["clusterTime"]) is Timestamp
        assert type(session.cluster_time["signature"]["hash"]) is bytes
    client.close()


async def test_the_results_of_a_clients_bulk_write(connect):
    """They are the server's, of each batch of them."""
    results = [{"ok": 1.0, "idx": 0, "n": 1}, {"ok": 1.0, "idx": 1, "n": 1, "nModified": 0, "upserted": {"_id": 7}}]
    async with scripted.ScriptedServer(hello={"maxWireVersion": 25}) as server:
        counts = {"nErrors": 0, "nInserted": 1, "nMatched": 0, "nModified": 0, "nUpserted": 1, "nDeleted": 0}
        cursor = {"ns": "admin.$cmd.bulkWrite"}
        server.script(
            "bulkWrite", scripted.reply({"ok": 1, "cursor": {**cursor, "id": 5, "firstBatch": results[:1]}, **counts})
        )
        server.script(
            "getMore", scripted.reply({"ok": 1, "cursor": {**cursor, "id": Int64(0), "nextBatch": results[1:]}})
        )
        client = connect(server, type_registry=REGISTRIES["all"])
        writes: list[Any] = [InsertOne({"_id": 1}, namespace="db.c")]
        writes.append(UpdateOne({"_id": 7}, {"$set": {"a": 1}}, upsert=True, namespace="db.c"))
        result = await client.bulk_write(writes, verbose_results=True)
        assert (result.inserted_count, result.upserted_count) == (1, 1)
        (updated,) = result.update_results.values()
        assert isinstance(updated, UpdateResult)
        assert updated.upserted_id == 7
        assert updated.raw_result == results[1]
