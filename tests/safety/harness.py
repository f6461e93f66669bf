"""Writes through a proxy that cuts, and a count without it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from bson.objectid import ObjectId
from pymongo.errors import AutoReconnect

from motor.motor_asyncio import AsyncIOMotorClient
from tests.safety.tally import Tally
from tests.safety.writes import Write, identity
from tests.support.cuts import Cut, CuttingProxy, Sent

AT_ONCE = 20
"""How many operations run at the same time."""

AGAIN = 0.1
"""The share of cut commands whose retry is cut, too."""

_SMALL_BATCHES: dict[str, Any] = {"maxWriteBatchSize": 2}
_SERVICE = ObjectId()

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


class Run:
    """Operations on one database, so many at a time as there are `users` of it, until `enough` says so."""

    def __init__(self, write: Write, users: list[Any], numbers: range, do: Do, enough: Callable[[], bool]) -> None:
        self.tally = Tally()
        self._write = write
        self._users = users
        self._left = iter(numbers)
        self._do = do
        self._enough = enough

    async def operate(self) -> None:
        """Do all operations, and note how they end."""
        await asyncio.gather(*(self._work(user) for user in self._users))

    async def _work(self, user: Any) -> None:
        for number in self._left:
            try:
                await self._do(self._write, user[collection_of(self._write, number)], number)
            except AutoReconnect:
                self.tally.unknown.add(number)
            else:
                self.tally.acknowledged.add(number)
            if self._enough():
                return


def collection_of(write: Write, number: int) -> str:
    """The name of an operation's collection."""
    return f"c{number % write.collections}"


async def prepare(database: Any, write: Write, numbers: range) -> None:
    """Put the documents there that are to be changed."""
    for first in numbers[: write.collections]:
        documents = [
            document for number in numbers[first - 1 :: write.collections] for document in write.documents(number)
        ]
        if documents:
            await database[collection_of(write, first)].insert_many(documents)


async def found_in(database: Any) -> dict[int, Any]:
    """All documents, by their ids."""
    found: dict[int, Any] = {}
    for name in await database.list_collection_names():
        found |= {document["_id"]: document async for document in database[name].find()}
    return found


async def write_and_count(
    port: int,
    write: Write,
    cut: Cut,
    *,
    operations: int,
    cuts: int | None = None,
    share: float,
    clients: int = AT_ONCE,
    do: Do = once,
    balanced: bool = False,
    **options: Any,
) -> Tally:
    """Write to the server at `port` through a proxy, then read the data without it.

    There are so many `operations`, or fewer if that is enough for so many `cuts`. The first attempt of so large a
    `share` of the commands is cut. What runs at once is spread over `clients`. If `balanced` the proxy passes for a
    load balancer, which nobody monitors.
    """
    dice = random.Random(f"{write.name} {cut.value}")
    numbers = range(1, operations + 1)
    direct: AsyncIOMotorClient = AsyncIOMotorClient("127.0.0.1", port)
    database = direct[f"motor_test_{dice.getrandbits(64):x}"]
    await prepare(database, write, numbers)
    hello = _SMALL_BATCHES | ({"serviceId": _SERVICE} if balanced else {})
    async with CuttingProxy(port, at(cut, dice, share), hello=hello, dice=dice) as proxy:
        uri = proxy.balanced_uri if balanced else proxy.uri
        users: list[AsyncIOMotorClient] = [AsyncIOMotorClient(uri, maxPoolSize=10, **options) for _ in range(clients)]
        databases = [user[database.name] for user in users] * (AT_ONCE // clients)
        run = Run(write, databases, numbers, do, lambda: cuts is not None and proxy.cuts >= cuts)
        await run.operate()
        for user in users:
            await user.close()
        sent = proxy.sent
    found = await found_in(database)
    assert {each // identity(1) for each in found} <= set(numbers)
    run.tally.count(write, sent, found)
    await direct.drop_database(database)
    # The server looks through all sessions that it knows at each command.
    await direct.admin.command("killAllSessions", [])
    await direct.close()
    return run.tally
