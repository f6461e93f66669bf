"""Discovery and monitoring of a replica set: by PyMongo, which shows that the script is truthful, and by Motor."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pymongo
import pytest
from pymongo.errors import ConfigurationError, NotPrimaryError, OperationFailure, ServerSelectionTimeoutError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.replica_set.conftest import Connect
from tests.support.replica_set.fixtures import Deploy
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found, kinds, members, preference
from tests.support.replica_set.view import MemberConfig
from tests.support.waiting import until

STREAM_ONLY = {"heartbeatFrequencyMS": 60_000}
"""Nothing but a streaming monitor notices a change with this."""


async def test_one_seed_is_enough(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.seed(replica_set.members[2]))
    await found(client, *replica_set.members)
    assert client.topology_description.topology_type_name == "ReplicaSetWithPrimary"
    assert client.topology_description.replica_set_name == "rs"


async def test_the_wrong_set_name_finds_nothing(replica_set: ReplicaSet, connect: Connect) -> None:
    uri = replica_set.uri.replace("replicaSet=rs", "replicaSet=other")
    client = connect(uri, serverSelectionTimeoutMS=700)
    with pytest.raises(ServerSelectionTimeoutError):
        await client.db.command("ping")
    assert kinds(client) == {}


async def test_a_client_follows_elections(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    for number in range(3):
        primary = replica_set.primary
        await found(client, primary, *replica_set.secondaries)
        await client.db.test.insert_one({"_id": number})
        assert replica_set.called("insert")[-1].member is primary
        replica_set.step_down()
        replica_set.elect(replica_set.members[(number + 1) % 3])
    assert [document["_id"] for document in replica_set.data.documents("db.test")] == [0, 1, 2]


async def test_a_streaming_monitor_hears_of_an_election_at_once(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri, **STREAM_ONLY)
    await found(client, *replica_set.members)
    await until(lambda: len([hello for hello in replica_set.hellos if "maxAwaitTimeMS" in hello.command]) == 3)
    asked = len([hello for hello in replica_set.hellos if "maxAwaitTimeMS" in hello.command])
    replica_set.step_down()
    await until(lambda: members(client, "RSPrimary") == set())
    primary = replica_set.elect(replica_set.members[1])
    await found(client, primary, *replica_set.secondaries)
    # It was not asked for: the answers to one hello go on and on.
    assert asked == len([hello for hello in replica_set.hellos if "maxAwaitTimeMS" in hello.command])


async def test_a_polling_monitor_never_waits_for_changes(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri, serverMonitoringMode="poll")
    await found(client, *replica_set.members)
    replica_set.elect(replica_set.members[1])
    await found(client, replica_set.primary, *replica_set.secondaries)
    assert not any("maxAwaitTimeMS" in hello.command for hello in replica_set.hellos)


# Motor: fails, it goes back to the old name as soon as a reply to the new one does not say helloOk again.
async def test_a_server_that_knows_hello_is_asked_by_that_name(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri, serverMonitoringMode="poll")
    if pymongo.version_tuple < (4, 18) and not isinstance(client, AsyncIOMotorClient):
        pytest.skip("PyMongo before 4.18 keeps to the old name")
    await found(client, *replica_set.members)
    seen = len(replica_set.hellos)
    await until(lambda: len([hello for hello in replica_set.hellos[seen:] if "client" not in hello.command]) >= 7)
    assert {hello.name for hello in replica_set.hellos[seen:] if "client" not in hello.command} == {"hello"}


async def test_a_not_primary_error_has_the_server_checked_at_once(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri, serverMonitoringMode="poll", retryWrites=False, heartbeatFrequencyMS=60_000)
    await found(client, *replica_set.members)
    old, new = replica_set.primary, replica_set.elect(replica_set.members[1])
    with pytest.raises(NotPrimaryError) as caught:
        await client.db.test.insert_one({"_id": 1})
    details: Any = caught.value.details
    assert details["topologyVersion"] == old.version.document()
    await client.db.test.insert_one({"_id": 2})
    assert replica_set.called("insert")[-1].member is new
    assert replica_set.data.documents("db.test") == [{"_id": 2}]


async def test_a_stale_primary_is_ignored(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    old = replica_set.primary
    await found(client, old, *replica_set.secondaries)
    replica_set.partition(old)
    new = replica_set.elect()
    await until(lambda: members(client, "RSPrimary") == {new.address})
    replica_set.heal(old, stale=True)
    greeted = len(replica_set.hellos)
    await until(lambda: [hello for hello in replica_set.hellos[greeted:] if hello.member is old])
    assert old.is_primary
    for number in range(20):
        await client.db.test.insert_one({"_id": number})
    assert {insert.member for insert in replica_set.called("insert")} == {new}
    replica_set.heal(old)
    await found(client, new, *replica_set.secondaries)


async def test_members_come_and_go(replica_set: ReplicaSet, connect: Connect) -> None:
    client = connect(replica_set.uri)
    await found(client, *replica_set.members)
    added = await replica_set.add()
    await found(client, *replica_set.members)
    removed = replica_set.members[1]
    assert removed.peers
    replica_set.remove(removed)
    await found(client, replica_set.primary, replica_set.members[2], added)
    assert removed.address not in kinds(client)
    await until(lambda: not removed.peers, "the end of the connections to a member that was removed")
    greeted = len([hello for hello in replica_set.hellos if hello.member is removed])
    await asyncio.sleep(1.2)
    assert greeted == len([hello for hello in replica_set.hellos if hello.member is removed])


@pytest.mark.usefixtures("lets_go")
@pytest.mark.parametrize("identity", [{"set_name": "other"}, {"standalone": True}], ids=["other set", "standalone"])
async def test_a_member_that_returns_as_something_else_is_dropped(
    replica_set: ReplicaSet, connect: Connect, identity: dict[str, Any]
) -> None:
    client = connect(replica_set.uri)
    await found(client, *replica_set.members)
    stranger = replica_set.members[2]
    await replica_set.kill(stranger)
    await until(lambda: kinds(client)[stranger.address] == "Unknown")
    await replica_set.restart(stranger, **identity)
    await until(lambda: stranger.address not in kinds(client))
    await until(lambda: not stranger.peers)
    # Its primary's hello still names it, and must not bring it back for good.
    await client.db.test.insert_one({"_id": 1})
    assert replica_set.called("insert")[-1].member is replica_set.primary


@pytest.mark.parametrize("cleanly", [True, False], ids=["ended", "reset"])
async def test_a_restarted_member_is_found_again(replica_set: ReplicaSet, connect: Connect, cleanly: bool) -> None:
    client = connect(replica_set.uri)
    await found(client, *replica_set.members)
    old = replica_set.primary
    process = old.version.process_id
    await replica_set.kill(old, cleanly=cleanly)
    new = replica_set.elect()
    await until(lambda: members(client, "RSPrimary") == {new.address})
    await client.db.test.insert_one({"_id": 1})
    assert replica_set.called("insert")[-1].member is new
    await replica_set.restart(old)
    assert old.version.process_id != process
    await found(client, new, *replica_set.secondaries)
    assert old.address in members(client, "RSSecondary")


async def test_hidden_and_arbiters_are_never_selected(deploy: Deploy, connect: Connect) -> None:
    configs = [MemberConfig(), MemberConfig(), MemberConfig(hidden=True), MemberConfig(arbiter=True)]
    replica_set = await deploy(ReplicaSet([*configs, MemberConfig(priority=0)]))
    primary, secondary, hidden, arbiter, passive = replica_set.members
    client = connect(replica_set.seed(secondary))
    await found(client, primary, secondary, passive)
    await until(lambda: kinds(client).get(arbiter.address) == "RSArbiter")
    assert hidden.address not in kinds(client)
    for mode in ("secondary", "secondaryPreferred", "nearest"):
        for _ in range(20):
            await client.get_database("db", read_preference=preference(mode)).test.find_one({"_id": 1})
    used = {find.member for find in replica_set.called("find")}
    assert used <= {primary, secondary, passive}
    assert {secondary, passive} <= used
    # Also where one is a seed: it is dropped, or never read from.
    other = connect(replica_set.seed(hidden, arbiter, primary))
    await found(other, primary, secondary, passive)
    await until(lambda: kinds(other).get(hidden.address) in (None, "RSOther"))
    for _ in range(20):
        await other.get_database("db", read_preference=preference("nearest")).test.find_one({"_id": 1})
    assert {find.member for find in replica_set.called("find")} <= {primary, secondary, passive}


@pytest.mark.parametrize("code", [11600, 11602, 91, 13436])
async def test_a_primary_in_recovery_is_left_for_another(replica_set: ReplicaSet, connect: Connect, code: int) -> None:
    client = connect(replica_set.uri, retryWrites=False)
    await found(client, *replica_set.members)
    old = replica_set.primary
    replica_set.recover(old, code)
    new = replica_set.elect()
    # A driver that has heard of it already goes to the new one at once.
    with contextlib.suppress(NotPrimaryError):
        await client.db.test.insert_one({"_id": 1})
    await client.db.test.insert_one({"_id": 2})
    assert replica_set.called("insert")[-1].member is new
    await until(lambda: kinds(client)[old.address] == ("Unknown" if code in (11600, 91) else "RSOther"))
    replica_set.recover(old, None)
    await found(client, new, *replica_set.secondaries)


async def test_versions_that_cannot_be_talked_to(replica_set: ReplicaSet, connect: Connect) -> None:
    for member in replica_set.members:
        member.overrides = {"minWireVersion": 999, "maxWireVersion": 1000}
    client = connect(replica_set.uri)
    with pytest.raises(ConfigurationError, match="999"):
        await client.db.command("ping")


async def test_a_direct_connection_stays_with_its_member(replica_set: ReplicaSet, connect: Connect) -> None:
    secondary = replica_set.secondaries[0]
    client = connect(f"mongodb://{secondary.address}/?directConnection=true")
    assert await client.db.test.find_one({"_id": 1}) is None
    with pytest.raises(NotPrimaryError):
        await client.db.test.insert_one({"_id": 1})
    assert kinds(client) == {secondary.address: "RSSecondary"}
    assert {command.member for command in replica_set.commands} == {secondary}
    with pytest.raises(OperationFailure, match="no such command"):
        await client.db.command("unknownToTheScript")
