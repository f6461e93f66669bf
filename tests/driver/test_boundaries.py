"""What is sent at the edges of an operation, and what is told of it: sessions, comments, labels, partial results."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo import DeleteMany, DeleteOne, InsertOne, UpdateMany, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    ClientBulkWriteException,
    DocumentTooLarge,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from motor.api.query import build_query
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, close, failure, reply
from tests.support.waiting import until

SEEN = Timestamp(7, 1)

SHUTTING_DOWN = {
    "ok": 1,
    "n": 1,
    "nModified": 1,
    "errorLabels": ["RetryableWriteError"],
    "writeConcernError": {"code": 91, "errmsg": "going down"},
}


async def test_the_session_of_find_one_by_its_place(server, connect):
    client = connect(server)
    before_it: list[Any] = []
    for parameter in list(inspect.signature(build_query).parameters.values()):
        if parameter.name == "session":
            break
        before_it.append(parameter.default)
    async with client.start_session() as session, session.start_transaction():
        await client.db.c.find_one(*before_it, session)
    (finding,) = [request for request in server.requests if request.name == "find"]
    assert finding.command["startTransaction"]


COMMENTED = {
    "aggregate": lambda client: client.db.aggregate([{"$currentOp": {}}], comment="mine").to_list(),
    "list_collections": lambda client: client.db.list_collections(comment="mine").to_list(),
    "list_collection_names": lambda client: client.db.list_collection_names(comment="mine"),
    "list_indexes": lambda client: client.db.c.list_indexes(comment="mine").to_list(),
    "find": lambda client: client.db.c.find(comment="mine").to_list(),
}


@pytest.mark.parametrize("name", COMMENTED)
async def test_a_comment_is_that_of_each_batch(server, connect, name):
    document = {"name": "a"}

    async def answer(request: Request) -> None:
        more = request.name == "getMore"
        batch = {"nextBatch" if more else "firstBatch": [document]}
        await reply({"ok": 1, "cursor": {"id": Int64(0 if more else 7), "ns": "db.c", **batch}})(request)

    server.default = answer
    await COMMENTED[name](connect(server))
    assert [request.command["comment"] for request in server.requests] == ["mine", "mine"]


async def test_explain_has_no_read_concern(server, connect):
    client = connect(server)
    time = {"operationTime": SEEN, "ok": 1, "cursor": {"id": 0, "ns": "db.c", "firstBatch": []}}
    server.script("find", reply(time))
    async with client.start_session(causal_consistency=True) as session:
        await client.db.c.find_one({}, session=session)
        await client.db.c.find({}, session=session).explain()
        await client.db.c.find_one({}, session=session)
    explained, found = server.requests[-2:]
    assert "readConcern" not in explained.command
    assert found.command["readConcern"] == {"afterClusterTime": SEEN}


@pytest.mark.parametrize(
    ("one", "several"),
    [(UpdateOne({}, {"$set": {"a": 1}}), UpdateMany({}, {"$set": {"a": 1}})), (DeleteOne({}), DeleteMany({}))],
)
async def test_batches_without_one_that_writes_to_several_documents(connect, one, several):
    """They are numbered, and so retried; batch by batch."""
    async with ScriptedServer(hello={"maxWriteBatchSize": 2}) as server:
        client = connect(server)
        await client.db.c.bulk_write([one, one, several, one, one])
        assert ["txnNumber" in request.command for request in server.requests] == [True, False, True]


@pytest.mark.parametrize("ordered", [True, False])
async def test_labels_of_a_bulk_write(server, connect, ordered):
    """A write concern error that allows another attempt, twice: the same label as of a single write."""
    server.script("insert", *[reply(SHUTTING_DOWN)] * 2)
    with pytest.raises(BulkWriteError) as caught:
        await connect(server).db.c.bulk_write([InsertOne({})], ordered=ordered)
    assert caught.value.has_error_label("RetryableWriteError")
    assert caught.value.details["nInserted"] == 1
    assert server.names == ["insert", "insert"]


def done(count: int) -> Any:
    """The reply to a batch of a client's bulk write in which everything went well."""
    numbers = {"nErrors": 0, "nInserted": count, "nMatched": 0, "nModified": 0, "nUpserted": 0, "nDeleted": 0}
    return reply({"ok": 1, "cursor": {"id": 0, "ns": "admin.$cmd.bulkWrite", "firstBatch": []}, **numbers})


@pytest.mark.parametrize("early", [True, False])
async def test_a_session_whose_id_is_asked_for_before_anything_is_sent(server, connect, early):
    """It goes back to the pool, the next operation takes it from there, and it is ended with the client."""
    client = connect(server)
    async with client.start_session() as session:
        early_id = session.session_id if early else None
        await client.db.c.insert_one({}, session=session)
        used = session.session_id
    assert used is not None
    assert early_id in (None, used)
    await client.db.c.insert_one({})
    client.close()
    await until(lambda: "endSessions" in server.names)
    first, second, ending = server.requests
    assert first.command["lsid"] == second.command["lsid"] == used
    assert ending.command["endSessions"] == [used]


async def test_what_was_done_before_the_server_went(connect):
    """It is told, although no server was found for the rest."""
    async with ScriptedServer(hello={"maxWriteBatchSize": 2, "maxWireVersion": 25}) as server:
        uri = f"mongodb://{server.address}/?replicaSet=rs"
        client = connect(uri, serverSelectionTimeoutMS=200, retryWrites=False)

        async def step_down(request: Request) -> None:
            await request.peer.send(
                message({**server.hello(), "isWritablePrimary": False, "secondary": True}, request.id)
            )

        async def last(request: Request) -> None:
            server.on_hello = step_down
            server.script("insert", reply({"ok": 0, "code": 10107, "errmsg": "not primary"}))
            with pytest.raises(NotPrimaryError):
                await client.db.c.insert_one({})
            await done(2)(request)

        server.script("bulkWrite", last)
        with pytest.raises(ClientBulkWriteException) as caught:
            await client.bulk_write([InsertOne({"_id": number}, namespace="db.c") for number in range(4)])
    assert caught.value.partial_result is not None
    assert caught.value.partial_result.inserted_count == 2
    assert isinstance(caught.value.error, ServerSelectionTimeoutError)


async def test_what_was_done_before_one_that_is_too_large(connect):
    async with ScriptedServer(
        hello={"maxWriteBatchSize": 2, "maxWireVersion": 25, "maxMessageSizeBytes": 48000}
    ) as server:
        server.script("bulkWrite", done(2))
        writes: list[Any] = [InsertOne({"_id": number}, namespace="db.c") for number in range(2)]
        writes.append(InsertOne({"_id": 3, "s": "x" * 48000}, namespace="db.c"))
        with pytest.raises(ClientBulkWriteException) as caught:
            await connect(server).bulk_write(writes)
    assert caught.value.partial_result is not None
    assert caught.value.partial_result.inserted_count == 2
    assert isinstance(caught.value.error, DocumentTooLarge)


OVERLOADED = failure(462, "SystemOverloadedError", "RetryableError")


async def test_what_is_no_retryable_write_ends_with_its_last_error(server, connect):
    """That nothing was written says less than the error before it only where the write could have been done already."""
    server.script("createIndexes", OVERLOADED, failure(7, "NoWritesPerformed"))
    with pytest.raises(OperationFailure) as raised:
        await connect(server).db.c.create_index("a")
    assert raised.value.code == 7


async def test_a_commit_that_was_sent_is_not_forgotten_for_a_refusal(server, connect):
    """It may have been done: what follows waits for a majority, and nothing is aborted when the session ends."""
    client = connect(server)
    server.script("commitTransaction", close, *[OVERLOADED] * 9)
    async with client.start_session() as session:
        session.start_transaction()
        await client.db.c.insert_one({}, session=session)
        with pytest.raises(OperationFailure):
            await session.commit_transaction()
    await client.db.command("ping")
    commits = [request.command for request in server.requests if request.name == "commitTransaction"]
    assert [commit.get("writeConcern", {}).get("w") for commit in commits] == [None] + ["majority"] * (len(commits) - 1)
    assert len(commits) > 2
    assert "abortTransaction" not in server.names


async def test_an_end_begins_no_transaction(server, connect):
    """Nothing of the transaction succeeded, and its end is refused for overload: sent again, it is still the end."""
    client = connect(server)
    server.script("insert", failure(8))
    server.script("abortTransaction", OVERLOADED)
    async with client.start_session() as session:
        session.start_transaction()
        with pytest.raises(OperationFailure):
            await client.db.c.insert_one({}, session=session)
        await session.abort_transaction()
    aborts = [request.command for request in server.requests if request.name == "abortTransaction"]
    assert len(aborts) == 2
    assert not any("startTransaction" in abort for abort in aborts)


async def test_what_carries_on_leaves_the_transaction_before_as_it_is(server, connect):
    """A cursor that is read on or closed is no new operation: the commit before may still be sent again."""
    client = connect(server)
    cursor = {"id": Int64(5), "ns": "db.c"}
    server.script("find", reply({"ok": 1, "cursor": {**cursor, "firstBatch": [{}]}}))
    server.script("getMore", reply({"ok": 1, "cursor": {**cursor, "nextBatch": [{}]}}))
    async with client.start_session() as session:
        session.start_transaction()
        reading = client.db.c.find(session=session)
        await reading.next()
        await session.commit_transaction()
        await reading.next()
        await reading.close()
        await session.commit_transaction()
    assert server.names.count("commitTransaction") == 2
    assert server.names[-3:-1] == ["getMore", "killCursors"]
