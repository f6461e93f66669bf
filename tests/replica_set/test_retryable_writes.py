"""Writes that are sent again: nothing is lost, nothing is applied twice."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any

import pymongo
import pytest
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.common import MIN_SUPPORTED_WIRE_VERSION
from pymongo.errors import AutoReconnect, BulkWriteError, NotPrimaryError, OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.support.replica_set import faults
from tests.support.replica_set.faults import Exchange
from tests.support.replica_set.member import Recorded
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found

SET = {"$set": {"x": 1}}
INCREASE = {"$inc": {"x": 1}}
NO_WRITES = ["RetryableWriteError", "NoWritesPerformed"]


@pytest.fixture
async def client(replica_set: ReplicaSet, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client that knows every member."""
    client: AsyncIOMotorClient = connect_motor(f"{replica_set.uri}&retryWrites=true")
    await found(client, *replica_set.members)
    return client


def assert_same_write(first: Recorded, second: Recorded) -> None:
    """It is the same to the server."""
    assert first.session == second.session is not None
    assert first.txn_number == second.txn_number is not None
    assert {**first.command, "$clusterTime": 0} == {**second.command, "$clusterTime": 0}


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not applied"])
async def test_an_election_in_the_midst_of_writes(replica_set: ReplicaSet, client: Any, applied: bool) -> None:
    """The announced connection string: every write succeeds, once, whatever has become of the first attempt."""
    await client.db.test.insert_one({"_id": "counter", "x": 0})
    old, came = replica_set.primary, 0

    async def die(exchange: Exchange) -> None:
        nonlocal came
        came += 1
        if came != 30:
            return
        replica_set.before_each(None)
        if applied:
            await exchange.apply()
        await replica_set.kill(exchange.member)
        replica_set.elect()

    async def write(number: int) -> Any:
        if number % 2:
            return await client.db.test.update_one({"_id": "counter"}, INCREASE)
        return await client.db.test.insert_one({"_id": number})

    replica_set.before_each(die)
    await asyncio.gather(*(write(number) for number in range(100)))
    data = replica_set.data
    assert data.times_applied("update", "counter") == 50
    assert [data.times_applied("insert", number) for number in range(0, 100, 2)] == [1] * 50
    assert data.documents("db.test")[0] == {"_id": "counter", "x": 50}
    assert {write.member for write in replica_set.commands if write.txn_number} == {old, replica_set.primary}


async def test_the_retry_goes_to_the_next_primary(replica_set: ReplicaSet, client: Any) -> None:
    async def depose(exchange: Exchange) -> Any:
        await exchange.apply()
        replica_set.elect()
        return await faults.error(11602)(exchange)

    old = replica_set.primary
    replica_set.fail_next(old, "insert", depose)
    await client.db.test.insert_one({"_id": 1})
    first, second = replica_set.called("insert")
    assert_same_write(first, second)
    assert (first.member, second.member) == (old, replica_set.primary)
    assert replica_set.data.times_applied("insert", 1) == 1


WRITES: dict[str, tuple[str, Any]] = {
    "insert_one": ("insert", lambda c: c.insert_one({"_id": 1})),
    "insert_many": ("insert", lambda c: c.insert_many([{"_id": 1}, {"_id": 2}])),
    "update_one": ("update", lambda c: c.update_one({"_id": 0}, INCREASE)),
    "replace_one": ("update", lambda c: c.replace_one({"_id": 0}, {"y": 1})),
    "delete_one": ("delete", lambda c: c.delete_one({"_id": 0})),
    "bulk_write": ("update", lambda c: c.bulk_write([UpdateOne({"_id": 0}, INCREASE), ReplaceOne({"_id": 0}, {})])),
}


@pytest.mark.parametrize("fault", [faults.close_after, faults.error(91), faults.write_concern_error(262)])
@pytest.mark.parametrize("name", WRITES)
async def test_each_kind_of_write(replica_set: ReplicaSet, client: Any, name: str, fault: faults.Fault) -> None:
    replica_set.data.write({"insert": "test", "documents": [{"_id": 0, "x": 0}]}, "db.test", "")
    before = len(replica_set.data.applied)
    command, write = WRITES[name]
    replica_set.fail_next(None, command, fault)
    result = await write(client.db.test)
    assert result.acknowledged
    first, second = replica_set.called(command)
    assert_same_write(first, second)
    statements = first.command[{"insert": "documents", "update": "updates", "delete": "deletes"}[command]]
    assert len(replica_set.data.applied) == before + len(statements)


MANY: dict[str, tuple[str, Any]] = {
    "update_many": ("update", lambda c: c.update_many({}, SET)),
    "delete_many": ("delete", lambda c: c.delete_many({})),
    "UpdateMany": ("update", lambda c: c.bulk_write([UpdateOne({"_id": 1}, SET), UpdateMany({}, SET)])),
    "DeleteMany": ("delete", lambda c: c.bulk_write([DeleteOne({"_id": 1}), DeleteMany({})])),
}


@pytest.mark.parametrize("name", MANY)
async def test_a_write_to_many_is_sent_once(replica_set: ReplicaSet, client: Any, name: str) -> None:
    command, write = MANY[name]
    replica_set.fail_next(None, command, faults.close_before)
    with pytest.raises(AutoReconnect) as raised:
        await write(client.db.test)
    (only,) = replica_set.called(command)
    assert only.txn_number is None
    assert not raised.value.has_error_label("RetryableWriteError")


async def test_an_unacknowledged_write_is_sent_once(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.close_before)
    await client.db.test.with_options(write_concern=WriteConcern(w=0)).insert_one({"_id": 1})
    await client.db.test.find_one()
    assert [insert.txn_number for insert in replica_set.called("insert")] == [None]
    assert not replica_set.data.applied


async def test_each_batch_is_a_write_of_its_own(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    for member in replica_set.members:
        member.overrides = {"maxWriteBatchSize": 3}
    client = connect_motor(replica_set.uri)
    await found(client, *replica_set.members)
    replica_set.fail_next(None, "insert", faults.close_after)
    await client.db.test.insert_many([{"_id": number} for number in range(8)])
    sizes = [[document["_id"] for document in insert.command["documents"]] for insert in replica_set.called("insert")]
    assert sizes == [[0, 1, 2], [0, 1, 2], [3, 4, 5], [6, 7]]
    first, again, second, third = replica_set.called("insert")
    assert_same_write(first, again)
    assert first.session == second.session == third.session
    assert first.txn_number < second.txn_number < third.txn_number  # type: ignore[operator]
    assert [replica_set.data.times_applied("insert", number) for number in range(8)] == [1] * 8


async def test_a_bulk_write_retries_each_batch_that_may_be(replica_set: ReplicaSet, client: Any) -> None:
    """A batch with a statement for many is not, the others are; each may be once."""
    replica_set.fail_next(None, "insert", faults.close_after)
    replica_set.fail_next(None, "delete", faults.close_after)
    models = [InsertOne({"_id": 1, "x": 0}), UpdateMany({}, INCREASE), InsertOne({"_id": 2}), DeleteOne({"_id": 1})]
    result = await client.db.test.bulk_write(models)
    assert (result.inserted_count, result.modified_count, result.deleted_count) == (2, 1, 1)
    names = [command.name for command in replica_set.commands if command.name in ("insert", "update", "delete")]
    assert names == ["insert", "insert", "update", "insert", "delete", "delete"]
    assert replica_set.called("update")[0].txn_number is None
    assert replica_set.data.times_applied("insert", 1) == 1
    assert replica_set.data.times_applied("delete", 1) == 1
    # Unless the batch with the many fails: then what came before it counts.
    replica_set.fail_next(None, "update", faults.close_before)
    with pytest.raises(PyMongoError):
        await client.db.test.bulk_write([InsertOne({"_id": 5}), UpdateMany({}, INCREASE)])
    assert len(replica_set.called("update")) == 2


async def test_once_and_no_more(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.error(91, "the first"))
    replica_set.fail_next(None, "insert", faults.error(91, "the second"))
    with pytest.raises(NotPrimaryError, match="the second") as raised:
        await client.db.test.insert_one({"_id": 1})
    assert raised.value.has_error_label("RetryableWriteError")
    assert len(replica_set.called("insert")) == 2


async def test_an_error_that_allows_no_retry(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.error(11601, "interrupted"))
    with pytest.raises(OperationFailure, match="interrupted"):
        await client.db.test.insert_one({"_id": 1})
    replica_set.fail_next(None, "insert", faults.error(91, "no label", labels=["Other"]))
    with pytest.raises(NotPrimaryError, match="no label") as raised:
        await client.db.test.insert_one({"_id": 2})
    assert not raised.value.has_error_label("RetryableWriteError")
    assert len(replica_set.called("insert")) == 2


async def test_an_error_after_which_nothing_was_written_says_less_than_the_first(
    replica_set: ReplicaSet, client: Any
) -> None:
    replica_set.fail_next(None, "insert", faults.error(91, "the first"))
    replica_set.fail_next(None, "insert", faults.error(10107, "the second", NO_WRITES))
    with pytest.raises(NotPrimaryError, match="the first"):
        await client.db.test.insert_one({"_id": 1})
    # It is the first itself that says so: then it is the only one.
    replica_set.fail_next(None, "insert", faults.error(10107, "the third", NO_WRITES))
    replica_set.fail_next(None, "insert", faults.error(10107, "the fourth", NO_WRITES))
    with pytest.raises(NotPrimaryError, match="the third"):
        await client.db.test.insert_one({"_id": 2})


async def test_no_server_is_found_for_the_retry(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    client = connect_motor(replica_set.uri, serverSelectionTimeoutMS=300)
    await found(client, *replica_set.members)

    async def die(exchange: Exchange) -> None:
        await replica_set.kill(exchange.member)

    replica_set.fail_next(None, "insert", die)
    with pytest.raises(AutoReconnect, match=f"connection closed|{os.strerror(errno.ECONNRESET)}") as raised:
        await client.db.test.insert_one({"_id": 1})
    assert raised.value.has_error_label("RetryableWriteError")


async def test_switched_off(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    client = connect_motor(f"{replica_set.uri}&retryWrites=false")
    await found(client, *replica_set.members)
    replica_set.fail_next(None, "insert", faults.close_after)
    with pytest.raises(AutoReconnect):
        await client.db.test.insert_one({"_id": 1})
    (only,) = replica_set.called("insert")
    assert only.txn_number is None


async def test_a_standalone_gets_no_number(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    member = replica_set.members[1]
    await replica_set.restart(member, standalone=True)
    client = connect_motor(f"mongodb://{member.address}/?directConnection=true&retryWrites=true")
    await client.db.test.insert_one({"_id": 1})
    replica_set.fail_next(member, "insert", faults.close_before)
    with pytest.raises(AutoReconnect):
        await client.db.test.insert_one({"_id": 2})
    assert [insert.txn_number for insert in replica_set.called("insert")] == [None, None]


async def test_a_server_whose_storage_cannot_retry(replica_set: ReplicaSet, client: Any) -> None:
    message = "Transaction numbers are only allowed on a replica set member or mongos"
    replica_set.fail_next(None, "insert", faults.error(20, message))
    with pytest.raises(OperationFailure, match="retryWrites=false to your connection string") as raised:
        await client.db.test.insert_one({"_id": 1})
    assert raised.value.code == 20
    replica_set.fail_next(None, "insert", faults.error(20, "another reason"))
    with pytest.raises(OperationFailure, match="another reason"):
        await client.db.test.insert_one({"_id": 1})
    assert len(replica_set.called("insert")) == 2


@pytest.mark.skipif(MIN_SUPPORTED_WIRE_VERSION > 8, reason="this PyMongo refuses servers that do not label")
async def test_an_old_server_labels_nothing(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    for member in replica_set.members:
        member.overrides = {"maxWireVersion": 8}
    client = connect_motor(replica_set.uri)
    await found(client, *replica_set.members)
    for number, code in enumerate((11602, 91, 189, 262, 9001)):
        replica_set.fail_next(None, "insert", faults.error(code, labels=[]))
        await client.db.test.insert_one({"_id": number})
    assert len(replica_set.called("insert")) == 10
    replica_set.fail_next(None, "insert", faults.error(91, labels=[]), times=2)
    with pytest.raises(NotPrimaryError) as raised:
        await client.db.test.insert_one({"_id": "x"})
    assert raised.value.has_error_label("RetryableWriteError")


async def test_a_newer_server_labels_them_itself(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.error(262, labels=[]))
    with pytest.raises(OperationFailure):
        await client.db.test.insert_one({"_id": 1})
    assert len(replica_set.called("insert")) == 1


async def test_under_a_deadline_more_often_than_once(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.error(11602), times=5)
    with pymongo.timeout(10):
        await client.db.test.insert_one({"_id": 1})
    inserts = replica_set.called("insert")
    assert len(inserts) == 6
    assert len({insert.txn_number for insert in inserts}) == 1
    limits = [insert.command["maxTimeMS"] for insert in inserts]
    assert limits == sorted(limits, reverse=True)
    assert replica_set.data.times_applied("insert", 1) == 1


async def test_up_to_the_deadline(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.error(262, "over and over"), times=100_000)
    with pymongo.timeout(0.3), pytest.raises(PyMongoError) as raised:
        await client.db.test.insert_one({"_id": 1})
    assert raised.value.timeout
    assert len(replica_set.called("insert")) > 2
    replica_set.script.faults.clear()


async def test_a_failed_bulk_write_says_what_was_done(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "delete", faults.error(8, "no more"))
    with pytest.raises((BulkWriteError, OperationFailure), match="no more"):
        await client.db.test.bulk_write([InsertOne({"_id": 1}), DeleteOne({"_id": 1})])
    assert replica_set.data.times_applied("insert", 1) == 1
