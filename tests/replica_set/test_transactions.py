"""How a transaction ends on a replica set that fails at the worst moments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo import ReadPreference
from pymongo.errors import AutoReconnect, ConnectionFailure, InvalidOperation, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.support.replica_set import faults
from tests.support.replica_set.faults import Exchange
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found

TRANSIENT = "TransientTransactionError"
UNKNOWN = "UnknownTransactionCommitResult"


@pytest.fixture
async def client(replica_set: ReplicaSet, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client that knows every member."""
    client: AsyncIOMotorClient = connect_motor(replica_set.uri, serverSelectionTimeoutMS=3000)
    await found(client, *replica_set.members)
    return client


async def kill_and_elect(replica_set: ReplicaSet, exchange: Exchange) -> None:
    await replica_set.kill(exchange.member)
    replica_set.elect()


async def test_all_or_nothing(replica_set: ReplicaSet, client: Any) -> None:
    async with client.start_session() as session:
        async with session.start_transaction(ReadConcern("snapshot"), WriteConcern(w="majority")):
            await client.db.test.insert_one({"_id": 1}, session=session)
            await client.db.test.insert_one({"_id": 2}, session=session)
            assert replica_set.data.documents("db.test") == []
        assert replica_set.data.documents("db.test") == [{"_id": 1}, {"_id": 2}]
        with pytest.raises(KeyError):
            async with session.start_transaction():
                await client.db.test.insert_one({"_id": 3}, session=session)
                raise KeyError
        async with session.start_transaction():
            pass
    assert replica_set.data.documents("db.test") == [{"_id": 1}, {"_id": 2}]
    one, two, commit, three, abort = [sent.command for sent in replica_set.commands if "autocommit" in sent.command]
    assert (one["startTransaction"], one["readConcern"]["level"]) == (True, "snapshot")
    assert not {"startTransaction", "readConcern", "writeConcern"} & set(two)
    assert commit["writeConcern"] == {"w": "majority"}
    assert one["txnNumber"] == two["txnNumber"] == commit["txnNumber"] < three["txnNumber"] == abort["txnNumber"]
    assert (next(iter(commit)), next(iter(abort))) == ("commitTransaction", "abortTransaction")


COMMIT_FAULTS = {
    "close before": faults.close_before,
    "close after": faults.close_after,
    "shutdown": faults.error(91),
    "write concern": faults.write_concern_error(262, labels=["RetryableWriteError"]),
}


@pytest.mark.parametrize("retry_writes", [True, False])
@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_a_commit_is_sent_again_by_a_majority(
    replica_set: ReplicaSet, connect_motor: Connect, fault: str, retry_writes: bool
) -> None:
    """Whatever retryWrites says."""
    client = connect_motor(replica_set.uri, retryWrites=retry_writes)
    await found(client, *replica_set.members)
    replica_set.fail_next(None, "commitTransaction", COMMIT_FAULTS[fault])
    async with client.start_session() as session:
        session.start_transaction(write_concern=WriteConcern(w=1, j=True), max_commit_time_ms=5000)
        await client.db.test.insert_one({"_id": 1}, session=session)
        await session.commit_transaction()
    first, second = [commit.command for commit in replica_set.called("commitTransaction")]
    assert first["writeConcern"] == {"w": 1, "j": True}
    assert second["writeConcern"] == {"w": "majority", "j": True, "wtimeout": 10_000}
    assert first["txnNumber"] == second["txnNumber"]
    assert first["maxTimeMS"] == second["maxTimeMS"] == 5000
    assert replica_set.data.times_applied("insert", 1) == 1


async def test_a_commit_keeps_its_own_wtimeout(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "commitTransaction", faults.close_before)
    async with client.start_session() as session:
        async with session.start_transaction(write_concern=WriteConcern(w=1, wtimeout=500)):
            await client.db.test.insert_one({"_id": 1}, session=session)
        # The application's own second commit is a second commit, too.
        await session.commit_transaction()
    concerns = [commit.command.get("writeConcern") for commit in replica_set.called("commitTransaction")]
    assert concerns == [{"w": 1, "wtimeout": 500}] + [{"w": "majority", "wtimeout": 500}] * 2


async def test_the_commits_primary_dies(replica_set: ReplicaSet, client: Any) -> None:
    """It was committed: the next primary knows of that."""

    async def die(exchange: Exchange) -> None:
        await exchange.apply()
        await kill_and_elect(replica_set, exchange)

    replica_set.fail_next(None, "commitTransaction", die)
    async with client.start_session() as session, session.start_transaction():
        await client.db.test.insert_one({"_id": 1}, session=session)
    first, second = replica_set.called("commitTransaction")
    assert first.member is not second.member is replica_set.primary
    assert replica_set.data.times_applied("insert", 1) == 1


async def test_the_transactions_primary_dies(replica_set: ReplicaSet, client: Any) -> None:
    """It was not committed: the next primary has never heard of it."""
    async with client.start_session() as session:
        session.start_transaction()
        await client.db.test.insert_one({"_id": 1}, session=session)
        await replica_set.kill(replica_set.primary)
        replica_set.elect()
        with pytest.raises(PyMongoError) as raised:
            await session.commit_transaction()
        assert raised.value.has_error_label(TRANSIENT)
        assert not raised.value.has_error_label(UNKNOWN)
    assert not replica_set.data.applied


LABELS: dict[str, tuple[faults.Fault, int, bool, bool]] = {
    # the fault, how often the commit is sent, whether the result is unknown, whether the error is transient
    "lost twice": (faults.close_before, 2, True, False),
    "shutdown": (faults.error(91), 2, True, False),
    "time limit": (faults.error(50), 1, True, False),
    "write concern times out": (faults.write_concern_error(64), 1, True, False),
    "write concern cannot be met": (faults.write_concern_error(100), 1, False, False),
    "refused": (faults.error(51), 1, False, False),
    "transient": (faults.error(112, labels=[TRANSIENT]), 1, False, True),
}


@pytest.mark.parametrize("name", LABELS)
async def test_the_labels_of_a_failed_commit(replica_set: ReplicaSet, client: Any, name: str) -> None:
    fault, times, unknown, transient = LABELS[name]
    replica_set.fail_next(None, "commitTransaction", fault, times)
    async with client.start_session() as session:
        session.start_transaction()
        await client.db.test.insert_one({"_id": 1}, session=session)
        with pytest.raises(PyMongoError) as raised:
            await session.commit_transaction()
        assert not session.in_transaction
    assert raised.value.has_error_label(UNKNOWN) is unknown
    assert raised.value.has_error_label(TRANSIENT) is transient
    assert len(replica_set.called("commitTransaction")) == times


@pytest.mark.parametrize(
    "fault", [faults.close_before, faults.error(91), faults.error(8), faults.write_concern_error(100)]
)
async def test_an_abort_raises_nothing(replica_set: ReplicaSet, client: Any, fault: faults.Fault) -> None:
    replica_set.fail_next(None, "abortTransaction", fault, times=2)
    async with client.start_session() as session:
        session.start_transaction(write_concern=WriteConcern(w=1))
        await client.db.test.insert_one({"_id": 1}, session=session)
        await session.abort_transaction()
        assert not session.in_transaction
        with pytest.raises(InvalidOperation):
            await session.abort_transaction()
    assert not replica_set.data.applied
    aborts = [abort.command["writeConcern"] for abort in replica_set.called("abortTransaction")]
    assert aborts in ([{"w": 1}], [{"w": 1}] * 2)
    replica_set.script.faults.clear()


INSIDE: dict[str, tuple[str, Callable[[Any, Any], Awaitable[Any]]]] = {
    "insert": ("insert", lambda c, s: c.insert_one({"_id": 1}, session=s)),
    "find": ("find", lambda c, s: c.find_one({}, session=s)),
    "aggregate": ("aggregate", lambda c, s: c.aggregate([], session=s).to_list()),
    "bulk": ("insert", lambda c, s: c.insert_many([{"_id": 1}], session=s)),
}


@pytest.mark.parametrize("name", INSIDE)
async def test_nothing_inside_a_transaction_is_retried(replica_set: ReplicaSet, client: Any, name: str) -> None:
    command, operate = INSIDE[name]
    for first, fault in ((True, faults.close_before), (False, faults.close_before), (True, faults.error(91))):
        sent = len(replica_set.called(command))
        async with client.start_session() as session:
            session.start_transaction()
            if not first:
                await client.db.other.find_one(session=session)
                sent += command == "find"
            replica_set.fail_next(None, command, fault)
            with pytest.raises(ConnectionFailure) as raised:
                await operate(client.db.test, session)
            assert raised.value.has_error_label(TRANSIENT)
            assert session.in_transaction
        assert len(replica_set.called(command)) == sent + 1


async def test_the_error_of_the_first_selection_is_transient(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    client = connect_motor(replica_set.uri, serverSelectionTimeoutMS=200)
    await found(client, *replica_set.members)
    for member in replica_set.members:
        await replica_set.kill(member)
    async with client.start_session() as session:
        session.start_transaction()
        with pytest.raises(AutoReconnect) as raised:
            await client.db.test.insert_one({"_id": 1}, session=session)
        assert raised.value.has_error_label(TRANSIENT)


async def test_the_read_preference_is_the_transactions(replica_set: ReplicaSet, client: Any) -> None:
    nearest = client.db.test.with_options(read_preference=ReadPreference.SECONDARY, read_concern=ReadConcern("local"))
    async with client.start_session() as session:
        async with session.start_transaction():
            await nearest.find_one(session=session)
        (find,) = replica_set.called("find")
        assert find.member is replica_set.primary
        assert find.read_concern is find.read_preference is None
        session.start_transaction(read_preference=ReadPreference.SECONDARY)
        with pytest.raises(InvalidOperation):
            await client.db.test.find_one(session=session)


async def test_a_dirty_session_is_not_used_again(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.close_before)
    async with client.start_session() as session:
        session.start_transaction()
        lost = session.session_id
        with pytest.raises(AutoReconnect):
            await client.db.test.insert_one({"_id": 1}, session=session)
    for _ in range(3):
        async with client.start_session() as session:
            assert session.session_id != lost
            await client.db.test.find_one(session=session)


async def test_one_after_the_other(replica_set: ReplicaSet, client: Any) -> None:
    """In one session, with retryable writes between them: the numbers only grow."""
    async with client.start_session() as session:
        for number in range(0, 9, 3):
            await client.db.test.insert_one({"_id": number}, session=session)
            async with session.start_transaction():
                await client.db.test.insert_one({"_id": number + 1}, session=session)
            session.start_transaction()
            await client.db.test.insert_one({"_id": number + 2}, session=session)
            await session.abort_transaction()
    assert [document["_id"] for document in replica_set.data.documents("db.test")] == [0, 1, 3, 4, 6, 7]
    numbers = [insert.txn_number for insert in replica_set.called("insert")]
    assert len({*numbers}) == 9
    assert numbers == sorted(numbers)  # type: ignore[type-var]


async def test_a_duplicate_is_the_applications_error(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "insert", faults.error(11000, "duplicate"))
    async with client.start_session() as session:
        with pytest.raises(OperationFailure, match="duplicate") as raised:
            async with session.start_transaction():
                await client.db.test.insert_one({"_id": 1}, session=session)
        assert not raised.value.has_error_label(TRANSIENT)
    assert [abort.member for abort in replica_set.called("abortTransaction")] == [replica_set.primary]
