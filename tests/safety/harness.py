"""Writes through a proxy that cuts, and a count without it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from pymongo.errors import AutoReconnect

from motor.motor_asyncio import AsyncIOMotorClient
from tests.safety.messages import Cut, Sent
from tests.safety.proxy import Proxy
from tests.safety.tally import Tally
from tests.safety.writes import Write, identity

RUNS: dict[str, Callable[..., Any]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}

AT_ONCE = 20
"""How many operations run at the same time."""

AGAIN = 0.1
"""The share of cut commands whose retry is cut, too."""

_SMALL_BATCHES = {"maxWriteBatchSize": 2}

Do = Callable[[Write, Any, int], Awaitable[None]]


async def once(write: Write, collection: Any, number: int) -> None:
    """What an application does that leaves it to the driver to send something again."""
    await write.run(collection, number)


def at(cut: Cut, dice: random.Random, share: float) -> Callable[[Sent], Cut | None]:
    """Cuts so large a share of all first attempts at the operations, and some second ones."""

    def decide(sent: Sent) -> Cut | None:
        if "comment" not in sent.command:
            return None
        return cut if dice.random() < (share if sent.attempt == 1 else AGAIN) else None

    return decide


async def operate(write: Write, collections: list[Any], numbers: range, tally: Tally, do: Do) -> None:
    """Do all operations, so many at a time as there are collections, and note how they end."""
    left = iter(numbers)

    async def work(collection: Any) -> None:
        for number in left:
            try:
                await do(write, collection, number)
            except AutoReconnect:  # noqa: PERF203  # each turn is an operation
                tally.unknown.add(number)
            else:
                tally.acknowledged.add(number)

    await asyncio.gather(*(work(collection) for collection in collections))


async def write_and_count(
    port: int,
    write: Write,
    cut: Cut,
    *,
    operations: int,
    share: float,
    clients: int = AT_ONCE,
    do: Do = once,
    **options: Any,
) -> Tally:
    """Write to the server at `port` through a proxy, then read the data without it.

    The first attempt of so large a `share` of the commands is cut. What runs at once is spread over `clients`.
    """
    dice = random.Random(f"{write.name} {cut.value}")
    tally = Tally()
    numbers = range(1, operations + 1)
    direct: AsyncIOMotorClient = AsyncIOMotorClient("127.0.0.1", port)
    collection = direct[f"motor_test_{dice.getrandbits(64):x}"].c
    if documents := [document for number in numbers for document in write.documents(number)]:
        await collection.insert_many(documents)
    async with Proxy(port, at(cut, dice, share), hello=_SMALL_BATCHES, dice=dice) as proxy:
        users: list[AsyncIOMotorClient] = [
            AsyncIOMotorClient(proxy.uri, maxPoolSize=10, **options) for _ in range(clients)
        ]
        collections = [user[collection.database.name].c for user in users]
        await operate(write, collections * (AT_ONCE // clients), numbers, tally, do)
        for user in users:
            await user.close()
        sent = proxy.sent
    found = {document["_id"]: document async for document in collection.find()}
    assert {each // identity(1) for each in found} <= set(numbers)
    tally.count(write, sent, found)
    await direct.drop_database(collection.database)
    # The server looks through all sessions that it knows at each command.
    await direct.admin.command("killAllSessions", [])
    await direct.close()
    return tally
