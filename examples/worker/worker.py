"""A worker that invoices orders, each exactly once and in the order in which they were placed, whatever happens to it.

It follows a change stream. An invoice holds the resume token of its order, so that what was done and where to go on are
one document, which is written or is not. The next worker begins with the last invoice.
"""

import argparse
import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pymongo
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase

Document = dict[str, Any]
Token = Mapping[str, Any]

PLACED = [{"$match": {"operationType": "insert"}}]

NOT_INVOICED: list[Document] = [
    {"$lookup": {"from": "invoices", "localField": "_id", "foreignField": "order", "as": "invoices"}},
    {"$match": {"invoices": []}},
    {"$sort": {"_id": 1}},
]

TOO_OLD = {260, 280, 286}
"""InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost."""


class Overtaken(Exception):
    """There are invoices that this worker doesn't know of."""


class Worker:
    """Turns the orders of a database into invoices, numbered from 1 without a gap."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._orders = database.orders
        self._invoices = database.invoices
        self._last = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End after the order that is at hand."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped. What fails is begun anew, with the last invoice that there is."""
        while not self._stopping.is_set():
            try:
                await self._work()
            except Overtaken:
                report("Another worker was faster")
            except PyMongoError as error:
                report(f"{type(error).__name__}: trying again in a second")
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), 1)

    async def _work(self) -> None:
        await self._invoices.create_index("order", unique=True)
        last = await self._invoices.find_one(sort=[("_id", -1)]) or {"_id": 0, "token": None}
        self._last, token = last["_id"], last["token"]
        report(f"Going on after invoice {self._last}")
        while not self._stopping.is_set():
            try:
                await self._follow(token or await self._catch_up())
                # When this comes back unasked, the collection was dropped, and no token from before leads anywhere.
            except OperationFailure as error:
                if error.code not in TOO_OLD:
                    raise
                report("The server has forgotten what came next: looking for orders without an invoice")
            token = None

    async def _follow(self, token: Token) -> None:
        async with self._orders.watch(PLACED, resume_after=token) as stream:
            while stream.alive and not self._stopping.is_set():
                change = await stream.try_next()  # None when nothing has changed for a second
                if change is not None:
                    await self._invoice(change["fullDocument"], change["_id"])

    async def _catch_up(self) -> Token:
        """Invoice the orders that there are. The token that comes back is from before: no order is between the two."""
        async with self._orders.watch(PLACED) as stream:
            token = stream.resume_token
        assert token is not None
        async for order in self._orders.aggregate(NOT_INVOICED):
            if self._stopping.is_set():
                break
            await self._invoice(order, None)  # a token would say that all orders before it were done
        return token

    async def _invoice(self, order: Document, token: Token | None) -> None:
        number, total = self._last + 1, order["quantity"] * order["price"]
        try:
            with pymongo.timeout(10):
                await self._invoices.insert_one({"_id": number, "order": order["_id"], "total": total, "token": token})
        except DuplicateKeyError as error:
            if "_id" in (error.details or {})["keyPattern"]:
                raise Overtaken from None
            return  # invoiced already: it is in the stream, and was found by _catch_up
        self._last = number
        report(f"Invoice {number}: order {order['_id']}")


def report(line: str) -> None:
    print(line, flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Write invoices for the orders that are placed.")
    parser.add_argument("--uri", default="mongodb://localhost:27017", help="a replica set (default: %(default)s)")
    parser.add_argument("--db", default="shop", help="the name of the database (default: %(default)s)")
    options = parser.parse_args()
    async with AsyncIOMotorClient[Document](options.uri, serverSelectionTimeoutMS=2000) as client:
        worker = Worker(client[options.db])
        with suppress(NotImplementedError):  # as on Windows, where the worker may be killed as well
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, worker.stop)
        await worker.run()
    report("Stopped")


if __name__ == "__main__":
    asyncio.run(main())
