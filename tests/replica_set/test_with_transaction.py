"""with_transaction: what it does again, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.replica_set.test_transactions import TRANSIENT, UNKNOWN
from tests.support.inside import replace
from tests.support.replica_set import faults
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found

Callback = Callable[[Any], Awaitable[Any]]


@pytest.fixture
async def client(replica_set: ReplicaSet, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client that knows every member."""
    client: AsyncIOMotorClient = connect_motor(replica_set.uri)
    await found(client, *replica_set.members)
    return client


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two minutes are over before they began."""
    replace(monkeypatch, "session.TIME_LIMIT", 0.0)


def inserting(client: Any, calls: list[int]) -> Callback:
    """A callback that inserts one document, and counts how often it is called."""

    async def callback(session: Any) -> str:
        calls.append(len(calls))
        await client.db.test.insert_one({"_id": 1}, session=session)
        return "done"

    return callback


async def test_its_result_and_options(replica_set: ReplicaSet, client: Any) -> None:
    calls: list[int] = []
    async with client.start_session() as session:
        result = await session.with_transaction(
            inserting(client, calls), ReadConcern("majority"), WriteConcern(w=1), max_commit_time_ms=900
        )
        assert (result, calls, session.in_transaction) == ("done", [0], False)
    (insert,), (commit,) = replica_set.called("insert"), replica_set.called("commitTransaction")
    assert insert.read_concern == {"level": "majority"}
    assert (commit.command["writeConcern"], commit.command["maxTimeMS"]) == ({"w": 1}, 900)


@pytest.mark.parametrize(
    "fault",
    [faults.error(112, "conflict", [TRANSIENT]), faults.close_before, faults.error(91)],
    ids=["conflict", "cut", "shutdown"],
)
async def test_a_transient_error_inside(replica_set: ReplicaSet, client: Any, fault: faults.Fault) -> None:
    """All of it is run again, in another transaction."""
    calls: list[int] = []
    replica_set.fail_next(None, "insert", fault, times=3)
    async with client.start_session() as session:
        assert await session.with_transaction(inserting(client, calls)) == "done"
    assert len(calls) == 4
    inserts = replica_set.called("insert")
    assert len({insert.txn_number for insert in inserts}) == 4
    assert all(insert.command["startTransaction"] for insert in inserts)
    assert len(replica_set.called("abortTransaction")) == 3
    assert replica_set.data.times_applied("insert", 1) == 1


async def test_a_transient_error_of_the_commit(replica_set: ReplicaSet, client: Any) -> None:
    calls: list[int] = []
    replica_set.fail_next(None, "commitTransaction", faults.error(112, "conflict", [TRANSIENT]))
    async with client.start_session() as session:
        assert await session.with_transaction(inserting(client, calls)) == "done"
    assert len(calls) == 2
    assert replica_set.data.times_applied("insert", 1) == 1


@pytest.mark.parametrize(
    "fault", [faults.close_before, faults.close_after, faults.write_concern_error(64)], ids=["before", "after", "64"]
)
async def test_a_commit_whose_result_is_unknown(replica_set: ReplicaSet, client: Any, fault: faults.Fault) -> None:
    """It is committed again until the result is known, and nothing is run again."""
    calls: list[int] = []
    replica_set.fail_next(None, "commitTransaction", fault, times=4)
    async with client.start_session() as session:
        assert await session.with_transaction(inserting(client, calls)) == "done"
    assert len(calls) == 1
    commits = replica_set.called("commitTransaction")
    assert len(commits) == 5
    assert len({commit.txn_number for commit in commits}) == 1
    assert [commit.command.get("writeConcern") for commit in commits[1:]] == [{"w": "majority", "wtimeout": 10_000}] * 4
    assert replica_set.data.times_applied("insert", 1) == 1


@pytest.mark.parametrize("code", [50, 51, 100])
async def test_a_commit_that_fails_for_good(replica_set: ReplicaSet, client: Any, code: int) -> None:
    calls: list[int] = []
    replica_set.fail_next(None, "commitTransaction", faults.error(code, "for good"))
    async with client.start_session() as session:
        with pytest.raises(OperationFailure, match="for good") as raised:
            await session.with_transaction(inserting(client, calls))
    assert raised.value.code == code
    assert len(calls) == len(replica_set.called("commitTransaction")) == 1


@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
async def test_the_time_is_over(no_time: None, replica_set: ReplicaSet, client: Any, command: str) -> None:
    """A timeout, which has the labels of the error that would have been mended."""
    calls: list[int] = []
    replica_set.fail_next(None, command, faults.error(112, "conflict", [TRANSIENT]))
    async with client.start_session() as session:
        with pytest.raises(PyMongoError, match="conflict") as raised:
            await session.with_transaction(inserting(client, calls))
        assert not session.in_transaction
    assert raised.value.timeout
    assert raised.value.has_error_label(TRANSIENT)
    assert isinstance(raised.value.__cause__, OperationFailure)
    assert len(calls) == 1


async def test_the_time_to_commit_is_over(no_time: None, replica_set: ReplicaSet, client: Any) -> None:
    replica_set.fail_next(None, "commitTransaction", faults.close_before, times=2)
    async with client.start_session() as session:
        with pytest.raises(PyMongoError) as raised:
            await session.with_transaction(inserting(client, []))
    assert raised.value.timeout
    assert raised.value.has_error_label(UNKNOWN)
    assert len(replica_set.called("commitTransaction")) == 2


async def test_a_deadline_ends_it(replica_set: ReplicaSet, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the wait that would pass it."""
    replace(monkeypatch, "session.random", SimpleNamespace(random=lambda: 1.0))
    calls: list[int] = []
    replica_set.fail_next(None, "insert", faults.error(112, "conflict", [TRANSIENT]), times=100_000)
    async with client.start_session() as session:
        with pymongo.timeout(0.5), pytest.raises(PyMongoError, match="conflict") as raised:
            await session.with_transaction(inserting(client, calls))
        assert not session.in_transaction
    assert raised.value.timeout
    assert raised.value.has_error_label(TRANSIENT)
    assert len(calls) > 2
    replica_set.script.faults.clear()


async def test_the_callbacks_own_error(replica_set: ReplicaSet, client: Any) -> None:
    async def callback(session: Any) -> None:
        await client.db.test.insert_one({"_id": 1}, session=session)
        raise ZeroDivisionError

    async with client.start_session() as session:
        with pytest.raises(ZeroDivisionError):
            await session.with_transaction(callback)
        assert not session.in_transaction
    assert len(replica_set.called("insert")) == len(replica_set.called("abortTransaction")) == 1
    assert not replica_set.called("commitTransaction")


async def test_an_error_that_another_attempt_does_not_mend(replica_set: ReplicaSet, client: Any) -> None:
    calls: list[int] = []
    replica_set.fail_next(None, "insert", faults.error(11000, "duplicate"))
    async with client.start_session() as session:
        with pytest.raises(OperationFailure, match="duplicate"):
            await session.with_transaction(inserting(client, calls))
    assert len(calls) == len(replica_set.called("abortTransaction")) == 1


@pytest.mark.parametrize(("how", "command"), [("commit", "commitTransaction"), ("abort", "abortTransaction")])
async def test_a_callback_that_ends_it_itself(replica_set: ReplicaSet, client: Any, how: str, command: str) -> None:
    async def callback(session: Any) -> str:
        await client.db.test.insert_one({"_id": 1}, session=session)
        await getattr(session, f"{how}_transaction")()
        return how

    async with client.start_session() as session:
        assert await session.with_transaction(callback) == how
    assert [sent.name for sent in replica_set.commands if "autocommit" in sent.command] == ["insert", command]


async def test_a_callback_that_commits_and_fails(replica_set: ReplicaSet, client: Any) -> None:
    """What is committed is not aborted."""

    async def callback(session: Any) -> None:
        await client.db.test.insert_one({"_id": 1}, session=session)
        await session.commit_transaction()
        raise KeyError("mine")

    async with client.start_session() as session:
        with pytest.raises(KeyError):
            await session.with_transaction(callback)
    assert not replica_set.called("abortTransaction")
    assert replica_set.data.times_applied("insert", 1) == 1


async def test_a_callback_that_is_cancelled(replica_set: ReplicaSet, client: Any) -> None:
    started = asyncio.Event()

    async def callback(session: Any) -> None:
        await client.db.test.insert_one({"_id": 1}, session=session)
        started.set()
        await asyncio.Event().wait()

    async with client.start_session() as session:
        task = asyncio.ensure_future(session.with_transaction(callback))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not session.in_transaction
    assert len(replica_set.called("abortTransaction")) == 1


async def test_many_at_once(replica_set: ReplicaSet, client: Any) -> None:
    """Conflicts, lost connections and an election: each transaction is applied once."""
    for fault in (faults.error(112, "conflict", [TRANSIENT]), faults.close_before, faults.error(11602)):
        replica_set.fail_next(None, "insert", fault, times=5)
    for fault in (faults.close_after, faults.close_before, faults.write_concern_error(64)):
        replica_set.fail_next(None, "commitTransaction", fault, times=2)

    async def transact(number: int) -> None:
        async def callback(session: Any) -> None:
            await client.db.test.insert_one({"_id": number}, session=session)
            await client.db.test.insert_one({"_id": -number}, session=session)

        async with client.start_session() as session:
            await session.with_transaction(callback)

    await asyncio.gather(*(transact(number) for number in range(1, 31)))
    assert not replica_set.script.faults
    numbers = [number for number in range(-30, 31) if number]
    assert [replica_set.data.times_applied("insert", number) for number in numbers] == [1] * 60
