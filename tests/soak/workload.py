"""Workers that do a bit of everything, are cancelled, run out of time, and count what was acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pymongo
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient

Client = AsyncIOMotorClient[dict[str, Any]]

DATABASE = "motor_soak"
_BOOKS = 300
"""Documents to be read, in batches of `_BATCH`."""
_BATCH = 50


@dataclass
class Tally:
    """What became of the operations; of each number that is written a byte, lest the books be what grows."""

    outcomes: Counter[str] = field(default_factory=Counter)
    writes: bytearray = field(default_factory=bytearray)
    """1 is unknown, 2 is acknowledged."""

    def begin(self, count: int = 1) -> list[int]:
        """The next numbers to be written, which may or may not be there from now on."""
        first = len(self.writes)
        self.writes += bytes([1]) * count
        return list(range(first, first + count))

    def acknowledge(self, numbers: list[int]) -> None:
        """They are there."""
        for number in numbers:
            self.writes[number] = 2

    @property
    def acknowledged(self) -> set[int]:
        """What has to be there."""
        return {number for number, known in enumerate(self.writes) if known == 2}

    @property
    def unknown(self) -> set[int]:
        """What may be there."""
        return {number for number, known in enumerate(self.writes) if known == 1}


async def prepare(client: Client) -> None:
    """What the workers read."""
    await client[DATABASE].books.insert_many([{"_id": number, "text": "x" * 500} for number in range(_BOOKS)])


class Worker:
    """Does one thing after the other on a client, chosen by `dice`."""

    def __init__(self, client: Client, tally: Tally, dice: random.Random, prefix: str) -> None:
        self._client = client
        self._database = client[DATABASE]
        self._tally = tally
        self._dice = dice
        self._prefix = prefix
        self._all: list[Callable[[], Awaitable[None]]] = [
            *(self._read_one, self._read_all, self._read_some, self._read_secondary, self._count),
            *(self._insert, self._insert, self._insert_many, self._unacknowledged, self._transaction),
        ]

    async def run(self, until: float) -> None:
        """Work until the loop's clock says `until`."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            task = asyncio.ensure_future(self._one(self._dice.choice(self._all)))
            if self._dice.random() < 0.2:
                await asyncio.sleep(self._dice.random() * 0.02)
                task.cancel()
            await asyncio.wait([task])
            self._tally.outcomes["cancelled" if task.cancelled() else task.result()] += 1

    async def _one(self, operation: Callable[[], Awaitable[None]]) -> str:
        limit = self._dice.choice([None, None, 5.0, 0.01])
        try:
            if limit is None:
                await operation()
            else:
                with pymongo.timeout(limit):
                    await operation()
        except PyMongoError as error:
            return f"{type(error).__name__}{' (timeout)' if error.timeout else ''}"
        return "done"

    async def _read_one(self) -> None:
        number = self._dice.randrange(_BOOKS)
        found = await self._database.books.find_one({"_id": number})
        assert found is not None
        assert found["_id"] == number

    async def _read_all(self) -> None:
        found = await self._database.books.find(batch_size=_BATCH).to_list()
        assert sorted(book["_id"] for book in found) == list(range(_BOOKS))

    async def _read_some(self) -> None:
        async for book in self._database.books.find(batch_size=_BATCH):
            if book["_id"] > 70:
                break

    async def _read_secondary(self) -> None:
        books = self._database.books.with_options(read_preference=pymongo.ReadPreference.SECONDARY_PREFERRED)
        async with self._client.start_session() as session:
            await books.find_one({"_id": 1}, session=session)

    async def _count(self) -> None:
        assert await self._database.books.count_documents({}) == _BOOKS

    async def _insert(self) -> None:
        (number,) = numbers = self._tally.begin()
        await self._counted(numbers, self._database.numbers.insert_one({"_id": f"{self._prefix}{number}"}))

    async def _insert_many(self) -> None:
        numbers = self._tally.begin(20)
        documents = [{"_id": f"{self._prefix}{number}"} for number in numbers]
        await self._counted(numbers, self._database.numbers.insert_many(documents))

    async def _unacknowledged(self) -> None:
        numbers = self._database.get_collection("forgotten", write_concern=WriteConcern(w=0))
        await numbers.insert_one({"text": "x" * self._dice.randrange(20_000)})

    async def _transaction(self) -> None:
        (number,) = numbers = self._tally.begin()
        document = {"_id": f"{self._prefix}{number}"}

        async def insert(session: Any) -> None:
            await self._database.numbers.insert_one(document, session=session)

        async with self._client.start_session() as session:
            await self._counted(
                numbers, session.with_transaction(insert, ReadConcern("local"), max_commit_time_ms=1000)
            )

    async def _counted(self, numbers: list[int], write: Awaitable[Any]) -> None:
        await write
        self._tally.acknowledge(numbers)


async def check(client: Client, tally: Tally, prefix: str) -> str:
    """Compare with what is there: all that was acknowledged, nothing that was never written. Says what it found."""
    found = {book["_id"] async for book in client[DATABASE].numbers.find()}
    mine = {int(each.removeprefix(prefix)) for each in found if each.startswith(prefix)}
    lost = tally.acknowledged - mine
    invented = mine - tally.acknowledged - tally.unknown
    assert not lost, f"{len(lost)} acknowledged, and not there: {sorted(lost)[:10]}"
    assert not invented, f"{len(invented)} there, and never written: {sorted(invented)[:10]}"
    done = len(mine & tally.unknown)
    return f"{len(tally.acknowledged)} acknowledged, {len(tally.unknown)} unknown, of which {done} done"
