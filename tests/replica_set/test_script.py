"""What the script promises to the tests of later issues, with PyMongo as the judge: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bson import Binary
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect, DuplicateKeyError, ExecutionTimeout, OperationFailure, WriteConcernError

from tests.replica_set.conftest import Connect
from tests.support.replica_set import faults
from tests.support.replica_set.data import Data
from tests.support.replica_set.errors import CommandError
from tests.support.replica_set.faults import Exchange
from tests.support.replica_set.scripted_set import ReplicaSet, ShardedCluster
from tests.support.replica_set.seen import found, preference
from tests.support.waiting import until


@pytest.fixture
async def client(replica_set: ReplicaSet, connect_pymongo: Connect) -> AsyncMongoClient[Any]:
    """PyMongo's client, which knows every member."""
    client: AsyncMongoClient[Any] = connect_pymongo(replica_set.uri)
    await found(client, *replica_set.members)
    return client


FAULTS = {
    "close before": faults.close_before,
    "close after": faults.close_after,
    "state change": faults.error(11602),
    "shutdown": faults.error(91),
    "label": faults.error(1, labels=["RetryableWriteError"]),
    "write concern": faults.write_concern_error(91),
}


async def test_a_retried_write_is_applied_once(replica_set: ReplicaSet, client: Any) -> None:
    for case, fault in FAULTS.items():
        collection, namespace = client.db[case], f"db.{case}"
        await collection.insert_one({"_id": case, "x": 0})
        writes: list[tuple[str, Any, Callable[[], Awaitable[Any]]]] = [
            ("insert", f"new {case}", lambda: collection.insert_one({"_id": f"new {case}"})),  # noqa: B023
            ("update", case, lambda: collection.update_one({"_id": case}, {"$inc": {"x": 1}})),  # noqa: B023
            ("delete", f"new {case}", lambda: collection.delete_one({"_id": f"new {case}"})),  # noqa: B023
        ]
        for name, document_id, write in writes:
            sent = len(replica_set.called(name))
            replica_set.fail_next(replica_set.primary, name, fault)
            await write()
            first, second = replica_set.called(name)[sent:]
            assert first.session == second.session
            assert first.txn_number == second.txn_number is not None
            assert replica_set.data.times_applied(name, document_id) == 1
        assert replica_set.data.documents(namespace) == [{"_id": case, "x": 1}]


async def test_a_write_is_retried_on_the_next_primary(replica_set: ReplicaSet, client: Any) -> None:
    async def die(exchange: Exchange) -> None:
        await exchange.apply()
        await replica_set.kill(exchange.member)
        replica_set.elect()

    replica_set.fail_next(None, "insert", die)
    await client.db.test.insert_many([{"_id": number} for number in range(3)])
    first, second = replica_set.called("insert")
    assert first.member is replica_set.members[0]
    assert second.member is replica_set.primary
    assert [replica_set.data.times_applied("insert", number) for number in range(3)] == [1, 1, 1]


async def test_without_retries_errors_come_through(replica_set: ReplicaSet, connect_pymongo: Connect) -> None:
    client = connect_pymongo(replica_set.uri, retryWrites=False, retryReads=False)
    await found(client, *replica_set.members)
    replica_set.fail_next(None, "insert", faults.close_after)
    with pytest.raises(AutoReconnect):
        await client.db.test.insert_one({"_id": 1})
    with pytest.raises(DuplicateKeyError):
        await client.db.test.insert_one({"_id": 1})
    replica_set.fail_next(None, "find", faults.error(42, "no luck", ["SomeLabel"]))
    with pytest.raises(OperationFailure, match="no luck") as caught:
        await client.db.test.find_one()
    assert caught.value.has_error_label("SomeLabel")
    replica_set.fail_next(None, "insert", faults.write_concern_error(64, labels=["Other"]))
    with pytest.raises(WriteConcernError):
        await client.db.test.insert_one({"_id": 2})
    replica_set.fail_next(None, "find", faults.silence)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.db.test.find_one(), 0.2)
    assert replica_set.data.documents("db.test") == [{"_id": 1}, {"_id": 2}]


async def test_a_causally_consistent_read_waits_for_its_write(replica_set: ReplicaSet, client: Any) -> None:
    behind = client.get_database("db", read_preference=preference("secondary"))
    for secondary in replica_set.secondaries:
        replica_set.lag(secondary, 0.5)
    async with client.start_session() as session:
        await client.db.test.insert_one({"_id": 1}, session=session)
        assert await behind.test.find_one({"_id": 1}) is None
        assert await behind.test.find_one({"_id": 1}, session=session) == {"_id": 1}
        find = replica_set.called("find")[-1]
        assert find.read_concern == {"afterClusterTime": replica_set.data.time}
        assert find.session == bytes(session.session_id["id"])
        for secondary in replica_set.secondaries:
            replica_set.lag(secondary, 100)
        with pytest.raises(ExecutionTimeout):
            await behind.test.find_one({"_id": 1}, session=session, max_time_ms=50)
    assert replica_set.called("find")[-1].command["$clusterTime"]["clusterTime"] == replica_set.data.time


async def test_a_transaction_is_applied_when_it_is_committed(replica_set: ReplicaSet, client: Any) -> None:
    async with client.start_session() as session:
        for end in ("commit", "abort"):
            await session.start_transaction()
            await client.db.test.insert_many([{"_id": end}, {"_id": f"{end} too"}], session=session)
            assert replica_set.data.times_applied("insert", end) == 0
            replica_set.fail_next(None, f"{end}Transaction", faults.close_after)
            await getattr(session, f"{end}_transaction")()
    assert replica_set.data.documents("db.test") == [{"_id": "commit"}, {"_id": "commit too"}]
    assert [len(replica_set.called(f"{end}Transaction")) for end in ("commit", "abort")] == [2, 2]


async def test_a_mongos_knows_its_own_transactions(sharded_cluster: ShardedCluster, connect_pymongo: Connect) -> None:
    client = connect_pymongo(sharded_cluster.uri)
    async with client.start_session() as session, await session.start_transaction():
        await client.db.test.insert_one({"_id": 1}, session=session)
        (insert,) = sharded_cluster.called("insert")
        (other, *_) = [member for member in sharded_cluster.members if member is not insert.member]
        there = connect_pymongo(f"mongodb://{other.address}/?directConnection=true")
        find = {key: insert.command[key] for key in ("lsid", "txnNumber", "autocommit")}
        with pytest.raises(OperationFailure, match="does not match any in-progress transactions") as caught:
            await there.db.command({"find": "test", **find})
        assert caught.value.has_error_label("TransientTransactionError")
    (commit,) = sharded_cluster.called("commitTransaction")
    assert commit.member is insert.member
    assert commit.command["recoveryToken"] == {"recoveryShardId": insert.member.address}
    assert sharded_cluster.data.times_applied("insert", 1) == 1


async def test_a_deposed_primary_takes_no_write(replica_set: ReplicaSet, connect_pymongo: Connect) -> None:
    old = replica_set.primary
    client = connect_pymongo(f"mongodb://{old.address}/?directConnection=true&retryWrites=false")
    await client.db.test.find_one()
    replica_set.partition(old)
    replica_set.elect()
    replica_set.heal(old, stale=True)
    insert = asyncio.ensure_future(client.db.test.insert_one({"_id": 1}))
    await until(lambda: replica_set.called("insert"))
    assert not insert.done()
    replica_set.heal(old)
    with pytest.raises(AutoReconnect, match="operation was interrupted"):
        await insert
    assert replica_set.data.documents("db.test") == []


async def test_nothing_passes_a_partition(replica_set: ReplicaSet, client: Any) -> None:
    replica_set.partition(replica_set.primary)
    insert = asyncio.ensure_future(client.db.test.insert_one({"_id": 1}))
    await asyncio.sleep(0.1)
    assert not replica_set.data.applied
    replica_set.heal(replica_set.primary)
    await insert
    assert replica_set.data.times_applied("insert", 1) == 1


async def test_a_killed_server_refuses_connections(replica_set: ReplicaSet) -> None:
    member = replica_set.members[1]
    for cleanly in (True, False):
        reader, writer = await asyncio.open_connection("127.0.0.1", member.listener.port)
        await until(lambda: member.peers)
        await replica_set.kill(member, cleanly=cleanly)
        if cleanly:
            assert await reader.read() == b""
        else:
            with pytest.raises(ConnectionResetError):
                await reader.read()
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", member.listener.port)
        await replica_set.restart(member)


async def test_what_goes_wrong_in_the_script_is_raised() -> None:
    replica_set = ReplicaSet(1)
    await replica_set.start()

    async def mistake(exchange: Exchange) -> None:
        raise ZeroDivisionError

    replica_set.fail_next(None, "hello", mistake)
    with socket.create_connection(("127.0.0.1", replica_set.primary.listener.port)) as peer:
        document = b"\x13\0\0\0\x10hello\0\1\0\0\0" + b"\0"
        document = struct.pack("<i", len(document)) + document[4:]
        peer.sendall(struct.pack("<iiiiIB", 21 + len(document), 1, 0, 2013, 0, 0) + document)
        await until(lambda: replica_set.primary.listener.failures)
    with pytest.raises(ZeroDivisionError):
        await replica_set.close()


def test_data_remember_the_latest_write_of_a_session() -> None:
    data = Data()
    lsid = {"id": Binary(bytes(16), 4)}

    def insert(number: int, *ids: int) -> dict[str, Any]:
        command = {"insert": "test", "documents": [{"_id": each} for each in ids], "lsid": lsid, "txnNumber": number}
        return data.write(command, "db.test", "here")

    assert insert(1, 1, 2) == {"n": 2}
    assert insert(1, 1, 2) == {"n": 2, "retriedStmtIds": [0, 1]}
    assert insert(2, 2, 3)["writeErrors"][0]["code"] == 11000
    assert insert(3, 3) == {"n": 1}
    with pytest.raises(CommandError) as caught:
        insert(2, 4)
    assert caught.value.code == 225
    assert [applied.id for applied in data.applied] == [1, 2, 3]
    assert data.documents("db.test", data.applied[1].time) == [{"_id": 1}, {"_id": 2}]
