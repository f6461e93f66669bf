"""An overloaded server refuses commands: they are sent again, later, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pymongo
import pytest
from pymongo import ReadPreference
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.support.inside import pool_of, replace, waiters
from tests.support.replica_set import faults
from tests.support.replica_set.errors import OVERLOADED
from tests.support.replica_set.scripted_set import LoadBalancer, ReplicaSet, ShardedCluster
from tests.support.replica_set.seen import found, kinds
from tests.support.waiting import until

LABELS = ["SystemOverloadedError", "RetryableError"]
refused = faults.error(OVERLOADED, labels=LABELS)

has_options = pytest.mark.skipif(pymongo.version_tuple < (4, 17), reason="the options came with PyMongo 4.17")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest times, in seconds, that the client would have waited before each attempt: it waits not at all."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    replace(monkeypatch, "retries.asyncio", SimpleNamespace(sleep=sleep))
    replace(monkeypatch, "retries.random", SimpleNamespace(random=lambda: 1.0))
    return waited


@pytest.fixture
async def client(replica_set: ReplicaSet, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client that knows every member, of a collection with five documents."""
    replica_set.data.write({"insert": "test", "documents": [{"_id": number} for number in range(5)]}, "db.test", "")
    client: AsyncIOMotorClient = connect_motor(replica_set.uri)
    await found(client, *replica_set.members)
    return client


OPERATIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "find": ("find", lambda c: c.find_one({"_id": 1})),
    "getMore": ("getMore", lambda c: c.find({}, batch_size=2).to_list()),
    "aggregate": ("aggregate", lambda c: c.aggregate([]).to_list()),
    "insert_one": ("insert", lambda c: c.insert_one({"_id": 9})),
    "insert_many": ("insert", lambda c: c.insert_many([{"_id": 8}, {"_id": 9}])),
    "update_many": ("update", lambda c: c.update_many({}, {"$inc": {"x": 1}})),
    "delete_many": ("delete", lambda c: c.delete_many({})),
    "drop": ("drop", lambda c: c.drop()),
    "command": ("ping", lambda c: c.database.command("ping")),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_operation_is_tried_again(
    replica_set: ReplicaSet, client: Any, name: str, waits: list[float]
) -> None:
    """Also one that a network error would have ended: the server has not begun with it."""
    command, operate = OPERATIONS[name]
    done, applied = len(replica_set.called(command)), len(replica_set.data.applied)
    replica_set.fail_next(None, command, refused, times=2)
    await operate(client.db.test)
    assert not replica_set.script.faults
    attempts = replica_set.called(command)[done:][:3]
    assert len({(attempt.session, attempt.txn_number) for attempt in attempts}) == 1
    assert len({attempt.member for attempt in attempts}) == 1
    assert waits == sorted(waits)
    assert len(waits) == 2
    statements = {"insert_one": 1, "insert_many": 2, "update_many": 1, "delete_many": 1}
    assert len(replica_set.data.applied) == applied + statements.get(name, 0)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_it_is_not_tried_for_ever(replica_set: ReplicaSet, client: Any, name: str) -> None:
    command, operate = OPERATIONS[name]
    done = len(replica_set.called(command))
    replica_set.fail_next(None, command, refused, times=100)
    with pytest.raises(OperationFailure, match="too many requests") as raised:
        await operate(client.db.test)
    replica_set.script.faults.clear()
    assert raised.value.has_error_label("SystemOverloadedError")
    assert len(replica_set.called(command)[done:]) == 3


@has_options
@pytest.mark.parametrize("retries_allowed", [0, 1, 5])
async def test_how_often(replica_set: ReplicaSet, connect_motor: Connect, retries_allowed: int) -> None:
    client = connect_motor(f"{replica_set.uri}&maxAdaptiveRetries={retries_allowed}")
    await found(client, *replica_set.members)
    for command, operate in (OPERATIONS["find"], OPERATIONS["update_many"]):
        replica_set.fail_next(None, command, refused, times=100)
        with pytest.raises(OperationFailure, match="too many requests"):
            await operate(client.db.test)
        replica_set.script.faults.clear()
        assert len(replica_set.called(command)) == 1 + retries_allowed


async def test_the_waits_grow(replica_set: ReplicaSet, client: Any, waits: list[float]) -> None:
    replica_set.fail_next(None, "ping", refused, times=2)
    await client.db.command("ping")
    assert waits == [0.2, 0.4]


async def test_the_server_says_how_long(replica_set: ReplicaSet, client: Any, waits: list[float]) -> None:
    async def refuse(exchange: faults.Exchange) -> Any:
        return {**(await refused(exchange) or {}), "baseBackoffMS": 30}

    replica_set.fail_next(None, "find", refuse, times=2)
    await client.db.test.find_one()
    assert waits == pytest.approx([0.06, 0.12])


async def test_only_what_the_server_says_may_be(replica_set: ReplicaSet, client: Any, waits: list[float]) -> None:
    """Overloaded, but not retryable: only what may be retried anyway is, and it waits, too."""
    overloaded = faults.error(91, "overloaded", ["SystemOverloadedError"])
    replica_set.fail_next(None, "update", overloaded)
    with pytest.raises(pymongo.errors.AutoReconnect, match="overloaded"):
        await client.db.test.update_many({}, {"$inc": {"x": 1}})
    assert waits == []
    replica_set.fail_next(None, "find", overloaded)
    await client.db.test.find_one()
    assert waits == [0.2]
    replica_set.fail_next(None, "ping", faults.error(OVERLOADED, labels=["RetryableError"]))
    with pytest.raises(OperationFailure):
        await client.db.command("ping")


@pytest.mark.parametrize("option", ["retryReads", "retryWrites"])
async def test_who_wants_no_retries_gets_none(replica_set: ReplicaSet, connect_motor: Connect, option: str) -> None:
    client = connect_motor(f"{replica_set.uri}&{option}=false")
    await found(client, *replica_set.members)
    for name, which in (("find", "retryReads"), ("insert_one", "retryWrites"), ("update_many", "retryWrites")):
        command, operate = OPERATIONS[name]
        replica_set.fail_next(None, command, refused)
        if which == option:
            with pytest.raises(OperationFailure, match="too many requests"):
                await operate(client.db.test)
        else:
            await operate(client.db.test)


async def test_no_wait_passes_the_deadline(replica_set: ReplicaSet, client: Any, waits: list[float]) -> None:
    replica_set.fail_next(None, "find", refused, times=2)
    with pymongo.timeout(0.3), pytest.raises(OperationFailure, match="too many requests"):
        await client.db.test.find_one()
    assert waits == [0.2]


@has_options
async def test_another_server_if_that_is_wanted(replica_set: ReplicaSet, connect_motor: Connect) -> None:
    client = connect_motor(f"{replica_set.uri}&enableOverloadRetargeting=true")
    await found(client, *replica_set.members)
    nearest = client.db.test.with_options(read_preference=ReadPreference.NEAREST)
    for _ in range(10):
        replica_set.fail_next(None, "find", refused, times=2)
        await nearest.find_one()
        assert len({find.member for find in replica_set.called("find")[-3:]}) == 3
    # There is one primary only.
    replica_set.fail_next(None, "insert", refused)
    await client.db.test.insert_one({"_id": 9})
    assert {insert.member for insert in replica_set.called("insert")} == {replica_set.primary}


async def test_another_mongos_always(sharded_cluster: ShardedCluster, connect_motor: Connect) -> None:
    client = connect_motor(sharded_cluster.uri)
    await client.db.command("ping")
    await until(lambda: list(kinds(client).values()) == ["Mongos"] * 3)
    for number in range(10):
        sharded_cluster.fail_next(None, "insert", refused, times=2)
        await client.db.test.insert_one({"_id": number})
        assert len({insert.member for insert in sharded_cluster.called("insert")[-3:]}) == 3


async def test_the_first_command_of_a_transaction(replica_set: ReplicaSet, client: Any) -> None:
    """The server has not begun the transaction: it is begun again."""
    replica_set.fail_next(None, "insert", refused, times=2)
    async with client.start_session() as session, session.start_transaction():
        await client.db.test.insert_one({"_id": 8}, session=session)
        replica_set.fail_next(None, "insert", refused)
        await client.db.test.insert_one({"_id": 9}, session=session)
    inserts = replica_set.called("insert")
    assert [insert.command.get("startTransaction") for insert in inserts] == [True] * 3 + [None] * 2
    assert len({insert.txn_number for insert in inserts}) == 1
    assert replica_set.data.times_applied("insert", 8) == replica_set.data.times_applied("insert", 9) == 1


async def test_the_end_of_a_transaction(replica_set: ReplicaSet, client: Any) -> None:
    """A commit that was refused is not a second commit, which would have to be by a majority."""
    async with client.start_session() as session:
        for how in ("commit", "abort"):
            session.start_transaction(write_concern=WriteConcern(w=1))
            await client.db.test.insert_one({"_id": how}, session=session)
            replica_set.fail_next(None, f"{how}Transaction", refused, times=2)
            await getattr(session, f"{how}_transaction")()
            ends = replica_set.called(f"{how}Transaction")
            assert [end.command["writeConcern"] for end in ends] == [{"w": 1}] * 3
    assert replica_set.data.times_applied("insert", "commit") == 1
    assert replica_set.data.times_applied("insert", "abort") == 0


TRANSACTING: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "find": ("find", lambda c, s: c.find_one(session=s)),
    "insert_one": ("insert", lambda c, s: c.insert_one({"_id": "x"}, session=s)),
    "insert_many": ("insert", lambda c, s: c.insert_many([{"_id": "x"}], session=s)),
    "update_many": ("update", lambda c, s: c.update_many({}, {"$inc": {"x": 1}}, session=s)),
}


@pytest.mark.parametrize("name", TRANSACTING)
async def test_a_transaction_stays_with_its_mongos(
    sharded_cluster: ShardedCluster, connect_motor: Connect, name: str
) -> None:
    """No other one knows of it."""
    command, operate = TRANSACTING[name]
    client = connect_motor(sharded_cluster.uri)
    await client.db.command("ping")
    await until(lambda: list(kinds(client).values()) == ["Mongos"] * 3)
    for number in range(10):
        async with client.start_session() as session:
            session.start_transaction()
            await client.db.test.insert_one({"_id": number}, session=session)
            sharded_cluster.fail_next(None, command, refused)
            await operate(client.db.test, session)
            await client.db.test.find_one(session=session)
            await session.abort_transaction()
    transactions: dict[Any, set[Any]] = {}
    for sent in sharded_cluster.commands:
        if "autocommit" in sent.command:
            transactions.setdefault((sent.session, sent.txn_number), set()).add(sent.member)
    assert [len(members) for members in transactions.values()] == [1] * 10


async def test_a_transaction_keeps_its_connection(load_balancer: LoadBalancer, connect_motor: Connect) -> None:
    """Though somebody else waits for one."""
    client = connect_motor(load_balancer.uri, maxPoolSize=1)
    for name, (command, operate) in TRANSACTING.items():
        done = len(load_balancer.commands)
        async with client.start_session() as session:
            session.start_transaction()
            await client.db.test.insert_one({"_id": name}, session=session)
            waiting = asyncio.ensure_future(client.db.command("ping"))
            await until(lambda: waiters(pool_of(client)))
            load_balancer.fail_next(None, command, refused)
            await operate(client[name].test, session)
            await session.abort_transaction()
        await waiting
        assert [sent.name for sent in load_balancer.commands[done:]] == [
            "insert",
            command,
            command,
            "abortTransaction",
            "ping",
        ]
