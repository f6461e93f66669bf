"""Monitors survive a member that never answers, or slowly, or with garbage; and find it when it is well again."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from tests.replica_set.conftest import Connect
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.replica_set.fixtures import Deploy
from tests.support.replica_set.member import Member
from tests.support.replica_set.scripted_set import ReplicaSet
from tests.support.replica_set.seen import found, kinds, preference
from tests.support.waiting import until

Trouble = Callable[[ReplicaSet, Member], None]


def silent(replica_set: ReplicaSet, member: Member) -> None:
    replica_set.partition(member)


def slow(replica_set: ReplicaSet, member: Member) -> None:
    replica_set.slow(member, 1.5)


def sends(noise: bytes | Callable[[Request], bytes]) -> Trouble:
    return lambda replica_set, member: replica_set.garbage(member, noise)


TROUBLES: dict[str, Trouble] = {
    "silent": silent,
    "slow": slow,
    "another protocol": sends(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "noise": sends(random.Random(4).randbytes(200)),
    "a length and no more": sends(b"\x40\0\0\0"),
    "broken BSON": sends(lambda request: message({"ok": 1, "x": "y" * 9}, request.id)[:-12] + b"\xff" * 12),
    "an answer to somebody else": sends(lambda request: message({"ok": 1}, request.id + 1000)),
    "an empty document": sends(lambda request: message({}, request.id)),
    "nonsense": sends(lambda request: message({"ok": 1, "setName": 7, "hosts": "?", "me": []}, request.id)),
}


@pytest.mark.usefixtures("lets_go")
async def test_troubled_members(deploy: Deploy, connect: Connect) -> None:
    """A set with a member for each trouble, and two that are well."""
    replica_set = await deploy(ReplicaSet(2 + len(TROUBLES)))
    primary, well, *troubled = replica_set.members

    def trouble_all() -> None:
        for member, trouble in zip(troubled, TROUBLES.values(), strict=True):
            trouble(replica_set, member)

    def heal_all() -> None:
        for member in troubled:
            replica_set.heal(member)
            replica_set.slow(member, 0)
            replica_set.garbage(member, None)

    def known() -> set[str]:
        # A member may also be dropped for what it says: then the primary names it again.
        return {
            name
            for name, member in zip(TROUBLES, troubled, strict=True)
            if kinds(client).get(member.address, "Unknown") != "Unknown"
        }

    # They are in trouble when they are first seen, get well, and get into trouble while they are known.
    trouble_all()
    client = connect(replica_set.seed(*troubled, primary), connectTimeoutMS=400)
    await found(client, primary, well)
    assert not known()
    await client.db.test.insert_one({"_id": 1})
    heal_all()
    await found(client, *replica_set.members)
    trouble_all()
    await until(lambda: not known(), "the discovery of every trouble")
    assert await client.db.test.find_one() == {"_id": 1}
    heal_all()
    await found(client, *replica_set.members)


async def test_every_member_is_silent(replica_set: ReplicaSet, connect: Connect) -> None:
    for member in replica_set.members:
        replica_set.partition(member)
    client = connect(replica_set.uri, serverSelectionTimeoutMS=700)
    with pytest.raises(ServerSelectionTimeoutError):
        await client.db.command("ping")
    for member in replica_set.members:
        replica_set.heal(member)
    await found(client, *replica_set.members)


async def test_a_member_as_slow_as_the_application_allows(replica_set: ReplicaSet, connect: Connect) -> None:
    far = replica_set.members[2]
    replica_set.slow(far, 0.5)
    client = connect(replica_set.uri, connectTimeoutMS=5000, localThresholdMS=300)
    await found(client, *replica_set.members)
    for _ in range(10):
        await client.get_database("db", read_preference=preference("nearest")).test.find_one()
    assert far not in {find.member for find in replica_set.called("find")}
