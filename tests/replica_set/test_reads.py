"""Which member a read goes to, and what it finds there: by PyMongo, to prove the script, and by Motor."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, CursorNotFound, ServerSelectionTimeoutError

from tests.replica_set.conftest import Connect
from tests.support.replica_set.fixtures import Deploy
from tests.support.replica_set.member import Member
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found, members, preference
from tests.support.replica_set.view import MemberConfig
from tests.support.waiting import until

EAST, WEST = {"dc": "east"}, {"dc": "west"}


async def readers(replica_set: ReplicaSet, client: Any, chosen: Any, reads: int = 20) -> set[Member]:
    """Those who get a number of reads with a read preference."""
    before = len(replica_set.commands)
    for _ in range(reads):
        await client.get_database("db", read_preference=chosen).test.find_one({"_id": 1})
    return {command.member for command in replica_set.commands[before:] if command.name == "find"}


async def test_each_mode_reads_where_it_says(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    primary, *secondaries = replica_set.members
    await found(client, primary, *secondaries)
    assert await readers(replica_set, client, preference("primary")) == {primary}
    assert await readers(replica_set, client, preference("primaryPreferred")) == {primary}
    assert await readers(replica_set, client, preference("secondary")) == set(secondaries)
    assert replica_set.called("find")[-1].read_preference == {"mode": "secondary"}
    assert await readers(replica_set, client, preference("secondaryPreferred")) == set(secondaries)
    assert await readers(replica_set, client, preference("nearest"), 100) == set(replica_set.members)


async def test_each_mode_without_a_primary(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri, serverSelectionTimeoutMS=700)
    await found(client, replica_set.primary, *replica_set.secondaries)
    replica_set.step_down()
    await until(lambda: not members(client, "RSPrimary"))
    everyone = set(replica_set.members)
    for mode in ("primaryPreferred", "secondary", "secondaryPreferred", "nearest"):
        assert await readers(replica_set, client, preference(mode), 100) == everyone, mode
    errors: Any = await asyncio.gather(client.db.test.find_one(), client.db.test.insert_one({}), return_exceptions=True)
    assert [type(error) for error in errors] == [ServerSelectionTimeoutError] * 2


async def test_each_mode_without_secondaries(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri, serverSelectionTimeoutMS=700)
    primary, *secondaries = replica_set.members
    await found(client, primary, *secondaries)
    for secondary in secondaries:
        await replica_set.kill(secondary)
    await until(lambda: not members(client, "RSSecondary"))
    for mode in ("primary", "primaryPreferred", "secondaryPreferred", "nearest"):
        assert await readers(replica_set, client, preference(mode)) == {primary}, mode
    with pytest.raises(ServerSelectionTimeoutError):
        await readers(replica_set, client, preference("secondary"), 1)


async def test_tags(deploy: Deploy, connect: Connect) -> None:
    tags = [EAST, WEST, EAST, {**WEST, "disk": "ssd"}]
    replica_set = await deploy(ReplicaSet([MemberConfig(tags=each) for each in tags]))
    east_primary, west, east, west_ssd = replica_set.members
    client = connect(replica_set.uri)
    await found(client, *replica_set.members)
    cases: list[tuple[Any, set[Member]]] = [
        (preference("secondary", [EAST]), {east}),
        (preference("secondary", [WEST]), {west, west_ssd}),
        (preference("secondary", [{**WEST, "disk": "ssd"}, WEST]), {west_ssd}),
        (preference("secondary", [{"dc": "north"}, EAST]), {east}),
        (preference("secondary", [{"dc": "north"}, {}]), {west, east, west_ssd}),
        (preference("nearest", [EAST]), {east_primary, east}),
        (preference("secondaryPreferred", [{"dc": "north"}]), {east_primary}),
        (preference("primaryPreferred", [WEST]), {east_primary}),
    ]
    for chosen, expected in cases:
        assert await readers(replica_set, client, chosen, 60) == expected, chosen
    other = connect(replica_set.uri, serverSelectionTimeoutMS=700)
    with pytest.raises(ServerSelectionTimeoutError):
        await readers(replica_set, other, preference("secondary", [{"dc": "north"}]), 1)
    # Tags of the URI, and what the server is told of them.
    uri = replica_set.uri + "&readPreference=secondary&readPreferenceTags=dc:west,disk:ssd"
    await connect(uri).db.test.find_one()
    find = replica_set.called("find")[-1]
    assert find.member is west_ssd
    assert find.read_preference == {"mode": "secondary", "tags": [{**WEST, "disk": "ssd"}]}


async def test_max_staleness(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    primary, fresh, stale = replica_set.members
    replica_set.lag(stale, 200)
    await found(client, primary, fresh, stale)
    assert await readers(replica_set, client, preference("secondary", max_staleness=150)) == {fresh}
    assert await readers(replica_set, client, preference("secondary", max_staleness=250)) == {fresh, stale}
    assert await readers(replica_set, client, preference("secondary"), 60) == {fresh, stale}


async def test_a_lagging_secondary_has_old_data(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    await found(client, *replica_set.members)
    for secondary in replica_set.secondaries:
        replica_set.lag(secondary, 100)
    await client.db.test.insert_one({"_id": 1})
    behind = client.get_database("db", read_preference=preference("secondary"))
    assert await behind.test.find_one({"_id": 1}) is None
    assert await client.db.test.find_one({"_id": 1}) == {"_id": 1}
    for secondary in replica_set.secondaries:
        replica_set.lag(secondary, 0)
    assert await behind.test.find_one({"_id": 1}) == {"_id": 1}


async def test_a_cursor_stays_with_its_member(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    await found(client, *replica_set.members)
    await client.db.test.insert_many([{"_id": number} for number in range(40)])
    database = client.get_database("db", read_preference=preference("secondary"))
    cursors = [database.test.find({}, batch_size=5) for _ in range(20)]
    for cursor in cursors:
        assert (await cursor.next())["_id"] == 0
    for cursor in cursors:
        assert [document["_id"] async for document in cursor] == list(range(1, 40))
    opened, read_on = replica_set.called("find"), replica_set.called("getMore")
    assert {find.member for find in opened} == set(replica_set.secondaries)
    assert {(get.member, get.session) for get in read_on} == {(find.member, find.session) for find in opened}
    # Its server's process is gone, and so is the cursor; a driver may see the connection's end first.
    cursor = database.test.find({}, batch_size=5)
    await cursor.next()
    await replica_set.restart(replica_set.called("find")[-1].member)
    with pytest.raises((CursorNotFound, AutoReconnect)):
        await cursor.to_list(None)


async def test_counts(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    await client.db.test.insert_many([{"_id": number} for number in range(7)])
    await client.db.test.update_one({"_id": 3}, {"$inc": {"x": 2}, "$set": {"y": "z"}})
    await client.db.test.update_one({"_id": 9}, {"$set": {"y": 1}}, upsert=True)
    await client.db.test.replace_one({"_id": 4}, {"new": True})
    assert (await client.db.test.delete_one({"_id": 0})).deleted_count == 1
    assert (await client.db.test.delete_one({"_id": 0})).deleted_count == 0
    assert await client.db.test.count_documents({}) == 7
    assert await client.db.test.count_documents({"_id": 0}) == 0
    assert await client.db.test.estimated_document_count() == 7
    assert await client.db.test.find_one({"_id": 3}) == {"_id": 3, "x": 2, "y": "z"}
    assert await client.db.test.find_one({"_id": 4}) == {"_id": 4, "new": True}
    assert (await client.db.test.delete_many({})).deleted_count == 7
    assert await client.db.test.find({}).to_list(None) == []
