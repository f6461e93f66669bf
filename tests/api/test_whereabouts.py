"""What a client says of its servers: at once, as in Motor 3, or awaited, as in PyMongo Async."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import InvalidOperation, ServerSelectionTimeoutError

from motor.api.known import KnownAddress, KnownAddresses, KnownTruth
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.families import closed, every_family, in_thread

NOWHERE = "mongodb://127.0.0.1:1"


@every_family
def test_before_and_after_it_is_connected(family: Any, uri: str) -> None:
    async def main() -> None:
        client = family.client(uri)
        assert not client.address
        assert not client.primary
        assert client.address == client.primary == None  # noqa: E711  # equal, but an object of its own
        assert client.secondaries == client.arbiters == set()
        assert not client.is_primary
        assert not client.is_mongos
        assert client.nodes == frozenset()
        await client.admin.command("ping")
        host, port = client.address
        assert client.address in client.nodes
        assert (await client.address) == (host, port) == client.address
        assert type(await client.address) is tuple
        assert client.is_primary
        assert (await client.is_primary) is True
        assert client.is_mongos == (await client.is_mongos)
        assert type(await client.secondaries) is set
        await closed(client)

    in_thread(lambda: family.run(main))


async def test_what_waits_for_a_server(uri: str) -> None:
    for name in ("address", "is_primary"):
        client: Any = AsyncIOMotorClient(uri)
        assert await getattr(client, name)
        await client.close()


async def test_what_does_not_wait() -> None:
    client: Any = AsyncIOMotorClient(NOWHERE, serverSelectionTimeoutMS=20)
    assert await client.primary is None
    assert await client.secondaries == await client.arbiters == set()
    assert await client.aconnect() is None
    for name in ("address", "is_primary", "is_mongos"):
        with pytest.raises(ServerSelectionTimeoutError):
            await getattr(client, name)
    await client.close()
    for name in ("address", "primary", "secondaries", "arbiters", "is_primary", "is_mongos"):
        with pytest.raises(InvalidOperation):
            await getattr(client, name)


async def answer(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def test_an_address_is_a_tuple() -> None:
    known = KnownAddress(("a", 1), lambda: answer(("b", 2)))
    assert known == ("a", 1)
    assert known != ("b", 2)
    assert hash(known) == hash(("a", 1))
    assert repr(known) == "('a', 1)"
    assert "{}:{}".format(*known) == "a:1"
    assert await known == ("b", 2)


async def test_no_address_is_like_none() -> None:
    unknown = KnownAddress(None, lambda: answer(None))
    assert unknown == None  # noqa: E711
    assert unknown != ("a", 1)
    assert not unknown
    assert hash(unknown) == hash(None)
    assert repr(unknown) == "None"
    assert await unknown is None


async def test_addresses_are_a_set() -> None:
    known = KnownAddresses([("a", 1)], lambda: answer({("b", 2)}))
    assert known == {("a", 1)}
    assert ("a", 1) in known
    assert repr(known) == "{('a', 1)}"
    assert await known == {("b", 2)}


@pytest.mark.parametrize("truth", [True, False])
async def test_a_truth_is_a_truth(truth: bool) -> None:
    known: Any = KnownTruth(truth, lambda: answer(truth))
    assert bool(known) is truth
    assert known == truth
    assert known != (not truth)
    assert repr(known) == repr(truth)
    assert await known is truth
