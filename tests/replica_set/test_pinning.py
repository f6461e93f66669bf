"""Through mongos a transaction stays with one of them, and behind a load balancer with one connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pymongo
import pytest
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, WaitQueueTimeoutError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.replica_set.test_transactions import TRANSIENT, UNKNOWN
from tests.support.inside import at_rest, pool_of
from tests.support.replica_set import faults
from tests.support.replica_set.member import Member, Recorded
from tests.support.replica_set.scripted_set import Deployment, LoadBalancer, ShardedCluster
from tests.support.replica_set.seen import kinds
from tests.support.waiting import until


@pytest.fixture
async def client(sharded_cluster: ShardedCluster, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client that knows every mongos."""
    client: AsyncIOMotorClient = connect_motor(sharded_cluster.uri, serverSelectionTimeoutMS=2000)
    await client.db.command("ping")
    await until(lambda: list(kinds(client).values()) == ["Mongos"] * 3)
    return client


@pytest.fixture
async def balanced(load_balancer: LoadBalancer, connect_motor: Connect) -> AsyncIOMotorClient:
    """A client of the load balancer, with three connections to two services."""
    client: AsyncIOMotorClient = connect_motor(load_balancer.uri)
    for member in load_balancer.members:
        load_balancer.slow(member, 0.05)
    await asyncio.gather(*(client.db.command("ping") for _ in range(3)))
    for member in load_balancer.members:
        load_balancer.slow(member, 0)
    return client


def of_transactions(deployment: Deployment) -> dict[int | None, list[Recorded]]:
    """The commands that belong to transactions, by number."""
    transactions: dict[int | None, list[Recorded]] = {}
    for command in deployment.commands:
        if "autocommit" in command.command:
            transactions.setdefault(command.txn_number, []).append(command)
    return transactions


async def test_a_transaction_stays_with_its_mongos(sharded_cluster: ShardedCluster, client: Any) -> None:
    """And the next one of the session is free to go elsewhere."""
    await client.db.test.insert_many([{"_id": number} for number in range(10)])
    async with client.start_session() as session:
        for number in range(20, 50):
            async with session.start_transaction():
                await client.db.test.insert_one({"_id": number}, session=session)
                await client.db.test.find({}, batch_size=4, session=session).to_list()
                await client.db.test.insert_one({"_id": -number}, session=session)
    used: set[Member] = set()
    for commands in of_transactions(sharded_cluster).values():
        (member,) = {command.member for command in commands}
        assert commands[-1].command["recoveryToken"] == {"recoveryShardId": member.address}
        used.add(member)
    assert len(used) > 1
    assert len(sharded_cluster.data.documents("db.test")) == 70


async def test_an_aborted_one_too(sharded_cluster: ShardedCluster, client: Any) -> None:
    async with client.start_session() as session:
        session.start_transaction()
        await client.db.test.insert_one({"_id": 1}, session=session)
        await session.abort_transaction()
    insert, abort = next(iter(of_transactions(sharded_cluster).values()))
    assert insert.member is abort.member
    assert abort.command["recoveryToken"] == {"recoveryShardId": insert.member.address}
    assert not sharded_cluster.data.applied


async def test_another_mongos_is_asked_for_the_result(sharded_cluster: ShardedCluster, client: Any) -> None:
    for number in range(5):
        sharded_cluster.fail_next(None, "commitTransaction", faults.close_after)
        async with client.start_session() as session, session.start_transaction():
            await client.db.test.insert_one({"_id": number}, session=session)
        insert = sharded_cluster.called("insert")[-1]
        first, second = sharded_cluster.called("commitTransaction")[-2:]
        assert first.member is insert.member is not second.member
        assert first.command["recoveryToken"] == second.command["recoveryToken"]
        assert second.command["writeConcern"] == {"w": "majority", "wtimeout": 10_000}
        assert sharded_cluster.data.times_applied("insert", number) == 1
        await until(lambda: list(kinds(client).values()) == ["Mongos"] * 3)


async def test_after_a_transient_error_it_is_aborted_anywhere(sharded_cluster: ShardedCluster, client: Any) -> None:
    aborted = set()
    for number in range(30):
        async with client.start_session() as session:
            session.start_transaction()
            await client.db.test.insert_one({"_id": number}, session=session)
            (here,) = {command.member for command in sharded_cluster.called("insert")[-1:]}
            sharded_cluster.fail_next(None, "find", faults.error(112, labels=[TRANSIENT]))
            with pytest.raises(OperationFailure):
                await client.db.test.find_one(session=session)
            assert sharded_cluster.called("find")[-1].member is here
            await session.abort_transaction()
        abort = sharded_cluster.called("abortTransaction")[-1]
        assert abort.command["recoveryToken"] == {"recoveryShardId": here.address}
        aborted.add(abort.member is here)
    assert aborted == {True, False}


async def test_other_errors_change_nothing(sharded_cluster: ShardedCluster, client: Any) -> None:
    for number in range(10):
        async with client.start_session() as session, session.start_transaction():
            await client.db.test.insert_one({"_id": number}, session=session)
            sharded_cluster.fail_next(None, "find", faults.error(2))
            with pytest.raises(OperationFailure):
                await client.db.test.find_one(session=session)
            await client.db.test.insert_one({"_id": -number - 1}, session=session)
    for commands in of_transactions(sharded_cluster).values():
        assert len({command.member for command in commands}) == 1


async def test_its_mongos_dies(sharded_cluster: ShardedCluster, client: Any) -> None:
    async with client.start_session() as session:
        session.start_transaction()
        await client.db.test.insert_one({"_id": 1}, session=session)
        lost = sharded_cluster.called("insert")[0].member
        await sharded_cluster.kill(lost)
        with pytest.raises(AutoReconnect) as raised:
            await client.db.test.insert_one({"_id": 2}, session=session)
        assert raised.value.has_error_label(TRANSIENT)
        await session.abort_transaction()
        async with session.start_transaction():
            await client.db.test.insert_one({"_id": 3}, session=session)
    assert [document["_id"] for document in sharded_cluster.data.documents("db.test")] == [3]
    await sharded_cluster.restart(lost)


async def test_nothing_else_is_pinned(sharded_cluster: ShardedCluster, client: Any) -> None:
    """In the session, before and after its transaction; nor a transaction in which nothing was done."""
    async with client.start_session() as session:
        async with session.start_transaction():
            await client.db.test.insert_one({"_id": 1}, session=session)
        async with session.start_transaction():
            pass
        for _ in range(30):
            await client.db.test.find_one(session=session)
    assert {find.member for find in sharded_cluster.called("find")} == set(sharded_cluster.members)
    assert not any("recoveryToken" in find.command for find in sharded_cluster.called("find"))


async def test_a_transaction_keeps_its_connection(load_balancer: LoadBalancer, balanced: Any) -> None:
    pool = pool_of(balanced)
    await balanced.db.test.insert_many([{"_id": number} for number in range(10)])

    async def transact(number: int) -> None:
        async with balanced.start_session() as session, session.start_transaction():
            await balanced.db.test.insert_one({"_id": number}, session=session)
            cursor = balanced.db.test.find({}, batch_size=4, session=session)
            assert len(await cursor.to_list()) >= 10
            half = balanced.db.test.find({}, batch_size=4, session=session)
            await half.next()
            await half.close()
            await balanced.db.test.insert_one({"_id": -number}, session=session)

    await asyncio.gather(*(transact(number) for number in range(100, 120)), balanced.db.test.find_one())
    commands = [command for command in load_balancer.commands if "autocommit" in command.command]
    by_session: dict[tuple[bytes | None, int | None], list[Recorded]] = {}
    for command in commands:
        by_session.setdefault((command.session, command.txn_number), []).append(command)
    assert len(by_session) == 20
    for sent in by_session.values():
        assert len({command.connection for command in sent}) == 1
        assert {"getMore", "killCursors", "commitTransaction"} <= {command.name for command in sent}
    assert {command.member for command in commands} == set(load_balancer.members)
    assert at_rest(pool)


ENDS: dict[str, Any] = {
    "aborted": lambda session: session.abort_transaction(),
    "ended": lambda session: session.end_session(),
}


@pytest.mark.parametrize("how", ENDS)
async def test_the_connection_is_given_back(load_balancer: LoadBalancer, balanced: Any, how: str) -> None:
    pool = pool_of(balanced)
    session = balanced.start_session()
    session.start_transaction()
    await balanced.db.test.insert_one({"_id": 1}, session=session)
    assert not at_rest(pool)
    await ENDS[how](session)
    assert at_rest(pool)
    insert, abort = [command for command in load_balancer.commands if "autocommit" in command.command]
    assert insert.connection == abort.connection
    await session.end_session()


async def test_a_committed_one_may_be_committed_again(load_balancer: LoadBalancer, balanced: Any) -> None:
    """Over the same connection, which the session's next operation gives back."""
    pool = pool_of(balanced)
    session = balanced.start_session()
    session.start_transaction()
    await balanced.db.test.insert_one({"_id": 1}, session=session)
    await session.commit_transaction()
    await session.commit_transaction()
    again = load_balancer.called("commitTransaction")[1]
    assert again.command["writeConcern"]["w"] == "majority"
    assert again.connection == load_balancer.called("insert")[0].connection
    await balanced.db.test.find_one(session=session)
    assert at_rest(pool)
    await session.end_session()
    assert load_balancer.data.times_applied("insert", 1) == 1


async def test_an_error_gives_it_back(load_balancer: LoadBalancer, balanced: Any) -> None:
    pool = pool_of(balanced)
    async with balanced.start_session() as session:
        for fault in (faults.close_before, faults.error(112, labels=[TRANSIENT])):
            session.start_transaction()
            await balanced.db.test.insert_one({"_id": 1}, session=session)
            load_balancer.fail_next(None, "find", fault)
            with pytest.raises(PyMongoError) as raised:
                await balanced.db.test.find_one(session=session)
            assert raised.value.has_error_label(TRANSIENT)
            await until(lambda: at_rest(pool))
            await session.abort_transaction()
        # One that says nothing of the transaction leaves it where it is.
        session.start_transaction()
        await balanced.db.test.insert_one({"_id": 2}, session=session)
        load_balancer.fail_next(None, "find", faults.error(2))
        with pytest.raises(OperationFailure):
            await balanced.db.test.find_one(session=session)
        assert not at_rest(pool)
        await session.commit_transaction()
    assert load_balancer.data.times_applied("insert", 2) == 1
    assert at_rest(pool)


async def test_a_commit_that_is_lost(load_balancer: LoadBalancer, balanced: Any) -> None:
    load_balancer.fail_next(None, "commitTransaction", faults.close_after)
    async with balanced.start_session() as session, session.start_transaction():
        await balanced.db.test.insert_one({"_id": 1}, session=session)
    first, second = load_balancer.called("commitTransaction")
    assert first.connection != second.connection
    assert load_balancer.data.times_applied("insert", 1) == 1
    load_balancer.fail_next(None, "commitTransaction", faults.close_before, times=2)
    async with balanced.start_session() as session:
        session.start_transaction()
        await balanced.db.test.insert_one({"_id": 2}, session=session)
        with pytest.raises(AutoReconnect) as raised:
            await session.commit_transaction()
        assert raised.value.has_error_label(UNKNOWN)
    await until(lambda: at_rest(pool_of(balanced)))


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
async def test_a_command_that_is_given_up(load_balancer: LoadBalancer, balanced: Any, how: str) -> None:
    """Its reply is nobody's, least of all the next command's on that connection."""
    release = asyncio.Event()

    async def later(exchange: faults.Exchange) -> Any:
        await release.wait()
        return await exchange.apply()

    await balanced.db.test.insert_one({"_id": 1})
    async with balanced.start_session() as session:
        session.start_transaction()
        await balanced.db.test.insert_one({"_id": 2}, session=session)
        load_balancer.fail_next(None, "find", later)
        sent = len(load_balancer.called("find"))
        if how == "cancelled":
            finding = asyncio.ensure_future(balanced.db.test.find_one({"_id": 1}, session=session))
            await until(lambda: len(load_balancer.called("find")) > sent)
            finding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await finding
        else:
            with pymongo.timeout(0.1), pytest.raises(PyMongoError) as raised:
                await balanced.db.test.find_one({"_id": 1}, session=session)
            assert raised.value.has_error_label(TRANSIENT)
        results = await asyncio.gather(*(balanced.db.test.count_documents({}) for _ in range(5)))
        assert results == [1] * 5
        release.set()
        await session.abort_transaction()
        async with session.start_transaction():
            await balanced.db.test.insert_one({"_id": 3}, session=session)
            assert await balanced.db.test.find_one({"_id": 1}, session=session) == {"_id": 1}
    assert [document["_id"] for document in load_balancer.data.documents("db.test")] == [1, 3]
    await until(lambda: at_rest(pool_of(balanced)))


async def test_who_has_the_connections(load_balancer: LoadBalancer, connect_motor: Connect) -> None:
    """The error of one who waited too long counts them."""
    client = connect_motor(load_balancer.uri, maxPoolSize=3, waitQueueTimeoutMS=100)
    await client.db.test.insert_many([{"_id": number} for number in range(9)])
    cursor = client.db.test.find({}, batch_size=2)
    await cursor.next()
    async with client.start_session() as session, session.start_transaction():
        await client.db.test.insert_one({"_id": "x"}, session=session)
        release = asyncio.Event()

        async def hold(exchange: faults.Exchange) -> Any:
            await release.wait()
            return await exchange.apply()

        load_balancer.fail_next(None, "ping", hold)
        other = asyncio.ensure_future(client.db.command("ping"))
        await until(lambda: load_balancer.called("ping"))
        with pytest.raises(WaitQueueTimeoutError) as raised:
            await client.db.test.find_one()
        for holders in ("cursors", "transactions", "other operations"):
            assert f"connections in use by {holders}: 1" in str(raised.value)
        release.set()
        await other
    await cursor.close()
    await until(lambda: at_rest(pool_of(client)))
