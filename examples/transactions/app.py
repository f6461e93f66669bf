"""Money moves between accounts: many transfers at once, each in a transaction that is made whole or not at all.

It may be killed at any moment. Run again on the same database, it makes the transfers that are missing, and no other.
"""

import argparse
import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from pymongo.errors import DuplicateKeyError

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase

Document = dict[str, Any]

NAMES = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gwen", "Hal", "Ida", "Jim"]
OPENING_BALANCE = 1000
TRANSFERS = 30


class Transfer(NamedTuple):
    """A wish to move money: with the same number it is the same transfer, however often it is asked for."""

    number: int
    payer: str
    payee: str
    amount: int


class TransferRefused(Exception):
    """Nothing was moved. The message says why."""


class Bank:
    """The accounts, and a list of the transfers that were made."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._client = database.client
        self._accounts = database.accounts
        self._transfers = database.transfers

    async def open_accounts(self) -> None:
        """Give an account to everybody who has none."""
        for name in NAMES:
            await self._accounts.update_one({"_id": name}, {"$setOnInsert": {"balance": OPENING_BALANCE}}, upsert=True)

    async def balances(self) -> dict[str, int]:
        """How much everybody has."""
        return {account["_id"]: account["balance"] async for account in self._accounts.find().sort("_id")}

    async def transfer(self, wish: Transfer) -> int:
        """Move money, once. Returns how many attempts it took, 0 if the transfer had been made before."""
        attempts = 0
        record = {"_id": wish.number, "payer": wish.payer, "payee": wish.payee, "amount": wish.amount}

        async def move(session: AsyncIOMotorClientSession) -> None:
            nonlocal attempts
            attempts += 1
            await self._transfers.insert_one(record, session=session)
            able = {"_id": wish.payer, "balance": {"$gte": wish.amount}}
            paid = await self._accounts.update_one(able, {"$inc": {"balance": -wish.amount}}, session=session)
            if not paid.matched_count:
                raise TransferRefused(f"{wish.payer} hasn't got {wish.amount}")
            payee = {"_id": wish.payee}
            received = await self._accounts.update_one(payee, {"$inc": {"balance": wish.amount}}, session=session)
            if not received.matched_count:
                raise TransferRefused(f"{wish.payee} has no account")

        async with self._client.start_session() as session:
            try:
                await session.with_transaction(move)
            except DuplicateKeyError:
                return 0
        return attempts


def wishes() -> list[Transfer]:
    """The same ones each time, so small that nobody runs out of money."""
    chance = random.Random(1)
    made = []
    for number in range(TRANSFERS):
        payer, payee = chance.sample(NAMES, 2)
        made.append(Transfer(number, payer, payee, chance.randint(1, OPENING_BALANCE // TRANSFERS)))
    return made


async def show(bank: Bank) -> None:
    await bank.open_accounts()
    print("Sum before:", sum((await bank.balances()).values()), flush=True)

    attempts = await asyncio.gather(*(bank.transfer(wish) for wish in wishes()))
    print("Transfers made:", sum(made > 0 for made in attempts), "of", len(attempts))
    print(f"Attempts: {sum(attempts)}, {max(attempts)} at most for one transfer")

    for wish in (Transfer(-1, "Ann", "Bob", 1_000_000), Transfer(-2, "Ann", "Zoe", 10)):
        before = await bank.balances()
        try:
            await bank.transfer(wish)
        except TransferRefused as error:
            print(f"Refused: {error}. As it was before: {await bank.balances() == before}")

    balances = await bank.balances()
    print("Balances:", ", ".join(f"{name} {balance}" for name, balance in balances.items()))
    print("Sum after:", sum(balances.values()))


async def main() -> None:
    parser = argparse.ArgumentParser(description="Move money between accounts.")
    parser.add_argument("--uri", help="the database, a replica set (default: an embedded server is started)")
    parser.add_argument("--db", default="bank", help="the name of the database (default: %(default)s)")
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        uri = options.uri or (await stack.enter_async_context(motor.embedded.Server())).uri
        client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=2000)
        await stack.enter_async_context(client)
        await show(Bank(client[options.db]))


if __name__ == "__main__":
    asyncio.run(main())
