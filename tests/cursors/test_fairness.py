"""Who reads a great deal leaves turns to the others. How long a turn may wait is for `scripts/bench` to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.cursors import Holder
from tests.support.families import ASYNCIO, UVLOOP, in_thread
from tests.support.loops import ticking
from tests.support.server import ScriptedServer
from tests.support.waiting import until

PIECE = 256 * 1024
"""Bytes of BSON, of which each costs a turn at least."""


async def by_async_for(cursor: Any) -> int:
    count = 0
    async for _ in cursor:
        count += 1
    return count


async def by_list(cursor: Any) -> int:
    return len(await cursor.to_list())


READS: dict[str, Callable[[Any], Awaitable[int]]] = {"async for": by_async_for, "to_list": by_list}


@pytest.mark.parametrize("family", [ASYNCIO, UVLOOP], ids=lambda family: family.name)
@pytest.mark.parametrize("way", READS)
@pytest.mark.parametrize("ahead", [False, True])
def test_large_batches(family, way, ahead):
    """Six batches of 2 MB."""

    async def main() -> None:
        async with ScriptedServer() as server:
            holder = Holder(server, 0, 2000)
            holder.documents = [{"_id": number, "text": "x" * 1000} for number in range(12_000)]
            client = family.client(server.uri)
            await client.admin.command("ping")
            async with ticking() as ticker:
                assert await READS[way](client.db.c.find().read_ahead(ahead)) == 12_000
            assert ticker.turns > 12_000_000 / PIECE
            client.close()
            await until(lambda: not server.peers)

    in_thread(lambda: family.run(main))


@pytest.mark.parametrize("way", READS)
async def test_many_small_documents(server, connect, way):
    """Two hundred thousand in two batches."""
    holder = Holder(server, 200_000, 100_000)
    client = connect(server)
    async with ticking() as ticker:
        assert await READS[way](client.db.c.find()) == 200_000
    # At 20 bytes each and more.
    assert ticker.turns > 200_000 * 20 / PIECE
    assert holder.sent == 2


async def test_others_are_served_meanwhile(server, connect):
    """An operation that is started while a large batch is read ends before that does."""
    holder = Holder(server, 0, 20_000)
    holder.documents = [{"_id": number, "text": "x" * 1000} for number in range(20_000)]
    client = connect(server)
    await client.admin.command("ping")
    listing = client.db.c.find().to_list()
    pings = 0
    while not listing.done():
        await client.admin.command("ping")
        pings += 1
    assert len(listing.result()) == 20_000
    assert pings > 10
