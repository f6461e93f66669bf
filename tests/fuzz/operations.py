"""The operations whose replies are fuzzed, each with the replies that it expects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bson import Int64, Timestamp
from pymongo import DeleteOne, InsertOne, UpdateOne

from motor.motor_asyncio import AsyncIOMotorClient

TIME = {"clusterTime": Timestamp(5, 1), "signature": {"hash": b"x" * 20, "keyId": Int64(7)}}
GOSSIP: dict[str, Any] = {"ok": 1.0, "$clusterTime": TIME, "operationTime": Timestamp(5, 1)}
TOKEN = {"_data": "00"}


def _cursor(field: str, documents: list[Any], cursor_id: int = 0, **more: Any) -> dict[str, Any]:
    return {"cursor": {field: documents, "id": Int64(cursor_id), "ns": "db.c", **more}, **GOSSIP}


async def _find(client: AsyncIOMotorClient) -> Any:
    return await client.db.c.find({}, batch_size=2).to_list(None)


async def _find_in_session(client: AsyncIOMotorClient) -> Any:
    async with await client.start_session(causal_consistency=True) as session:
        found = await client.db.c.find_one({}, session=session)
        await client.db.c.insert_one({"x": 1}, session=session)
        return found


async def _exhaust(client: AsyncIOMotorClient) -> Any:
    return [document async for document in client.db.c.find({}, batch_size=2, cursor_type=64)]


async def _transaction(client: AsyncIOMotorClient) -> Any:
    async with await client.start_session() as session, session.start_transaction():
        await client.db.c.insert_one({"x": 1}, session=session)
        return await client.db.c.find_one({}, session=session)


async def _watch(client: AsyncIOMotorClient) -> Any:
    async with client.db.c.watch() as stream:
        return [await stream.try_next() for _ in range(3)]


async def _read_ahead(client: AsyncIOMotorClient) -> Any:
    return [document async for document in client.db.c.find({}, batch_size=2).read_ahead()]


async def _bulk(client: AsyncIOMotorClient) -> Any:
    requests: list[Any] = [InsertOne({"x": 1}), UpdateOne({"x": 1}, {"$set": {"y": 1}}, upsert=True), DeleteOne({})]
    return await client.db.c.bulk_write(requests, ordered=False)


async def _client_bulk(client: AsyncIOMotorClient) -> Any:
    models: list[Any] = [InsertOne({"x": 1}, namespace="db.c"), DeleteOne({"x": 1}, namespace="db.c")]
    return await client.bulk_write(models, verbose_results=True)


_WROTE = {"n": 1, "nModified": 1, **GOSSIP}
_UPSERTED = {"n": 1, "nModified": 0, "upserted": [{"index": 0, "_id": 5}], **GOSSIP}
_FAILED = {
    "n": 0,
    "writeErrors": [{"index": 0, "code": 11000, "errmsg": "E11000", "keyPattern": {"x": 1}, "keyValue": {"x": 1}}],
    "writeConcernError": {"code": 64, "errmsg": "timeout", "errInfo": {"wtimeout": True}},
    **GOSSIP,
}
_CHANGE = {
    "_id": TOKEN, "operationType": "insert", "ns": {"db": "db", "coll": "c"}, "documentKey": {"_id": 1},
    "fullDocument": {"_id": 1},
}  # fmt: skip
_REFUSED = {
    "ok": 0.0, "errmsg": "no", "code": 11602, "codeName": "InterruptedDueToReplStateChange",
    "errorLabels": ["RetryableWriteError"], "topologyVersion": {"processId": b"x", "counter": Int64(1)},
}  # fmt: skip
_OVERLOADED = {
    "ok": 0.0, "errmsg": "busy", "code": 462, "errorLabels": ["SystemOverloadedError", "RetryableError"],
    "baseBackoffMS": 20,
}  # fmt: skip
_RESULTS = [{"ok": 1.0, "idx": 0, "n": 1}, {"ok": 0.0, "idx": 1, "code": 11000, "errmsg": "E11000", "n": 0}]

OPERATIONS: tuple[tuple[Callable[[AsyncIOMotorClient], Awaitable[Any]], list[dict[str, Any]]], ...] = (
    (lambda client: client.db.c.find_one({}), [_cursor("firstBatch", [{"_id": 1}])]),
    (_find, [_cursor("firstBatch", [{"a": 1}, {"a": 2}], 9), _cursor("nextBatch", [{"a": 3}])]),
    (_read_ahead, [_cursor("firstBatch", [{"a": 1}], 9), _cursor("nextBatch", [{"a": 2}])]),
    (_exhaust, [_cursor("firstBatch", [{"a": 1}], 9), _cursor("nextBatch", [{"a": 2}])]),
    (_find_in_session, [_cursor("firstBatch", [{"a": 1}]), _WROTE]),
    (_transaction, [_WROTE, _cursor("firstBatch", []), {**GOSSIP, "recoveryToken": {"x": 1}}]),
    (
        _watch,
        [
            _cursor("firstBatch", [_CHANGE], 9, postBatchResumeToken=TOKEN),
            _cursor("nextBatch", [_CHANGE], 9, postBatchResumeToken=TOKEN),
        ],
    ),
    (lambda client: client.db.c.aggregate([{"$match": {}}]).to_list(None), [_cursor("firstBatch", [{"a": 1}])]),
    (lambda client: client.db.c.find_raw_batches({}).to_list(None), [_cursor("firstBatch", [{"a": 1}])]),
    (lambda client: client.db.c.insert_one({"a": 1}), [_FAILED]),
    (lambda client: client.db.c.insert_many([{"a": 1}, {"a": 2}], ordered=False), [_FAILED]),
    (lambda client: client.db.c.update_one({}, {"$set": {"a": 1}}, upsert=True), [_UPSERTED]),
    (lambda client: client.db.c.replace_one({}, {"a": 1}), [_WROTE]),
    (lambda client: client.db.c.delete_many({}), [_FAILED]),
    (
        lambda client: client.db.c.find_one_and_update({}, {"$set": {"a": 1}}),
        [{"value": {"a": 1}, "lastErrorObject": {"n": 1, "updatedExisting": True, "upserted": 5}, **GOSSIP}],
    ),
    (_bulk, [_WROTE, _UPSERTED, _FAILED]),
    (
        _client_bulk,
        [
            _cursor("firstBatch", _RESULTS)
            | {"nErrors": 1, "nInserted": 1, "nMatched": 0, "nModified": 0, "nUpserted": 0, "nDeleted": 0}
        ],
    ),
    (lambda client: client.db.c.count_documents({}), [_cursor("firstBatch", [{"_id": 1, "n": 7}])]),
    (lambda client: client.db.c.estimated_document_count(), [{"n": 7, **GOSSIP}]),
    (lambda client: client.db.c.distinct("a"), [{"values": [1, "x"], **GOSSIP}]),
    (lambda client: client.db.list_collection_names(), [_cursor("firstBatch", [{"name": "c", "type": "collection"}])]),
    (lambda client: client.list_database_names(), [{"databases": [{"name": "db"}], **GOSSIP}]),
    (lambda client: client.db.c.index_information(), [_cursor("firstBatch", [{"name": "a_1", "key": {"a": 1}}])]),
    (lambda client: client.db.c.create_index("a"), [{"createdCollectionAutomatically": True, **GOSSIP}]),
    (lambda client: client.db.c.options(), [_cursor("firstBatch", [{"name": "c", "options": {"capped": True}}])]),
    (lambda client: client.db.validate_collection("c"), [{"valid": True, "result": "x", "raw": {}, **GOSSIP}]),
    (lambda client: client.db.drop_collection("c"), [{"ns": "db.c", **GOSSIP}]),
    (lambda client: client.db.command("ping"), [_REFUSED]),
    (lambda client: client.server_info(), [_OVERLOADED, {"version": "8.0.4", "versionArray": [8, 0], **GOSSIP}]),
)
"""An operation, and replies that it may get, one for each of its commands."""
