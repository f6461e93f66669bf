"""Money that is moved between two accounts by fifty tasks at once, over connections that break.

The sum never changes, whoever looks, and each transfer that was acknowledged is done once: it leaves an entry in a
ledger in the same transaction.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.cuts import Cut, CuttingProxy, Sent
from tests.support.loops import RUNS

pytestmark = pytest.mark.usefixtures("impatient_monitors")

TASKS = 50
TRANSFERS = 3
CLIENTS = 10
"""Each of them has a pool of its own, which a cut clears."""

SHARE = 0.04
"""The share of commands that are cut."""

ACCOUNTS = {"a": 1000, "b": 1000}
TOTAL = sum(ACCOUNTS.values())

UNKNOWN = "UnknownTransactionCommitResult"
TRANSIENT = "TransientTransactionError"


@dataclass
class Outcome:
    """The transfers, by their numbers, and how often somebody has looked at the sum."""

    acknowledged: dict[int, int] = field(default_factory=dict)
    unknown: dict[int, int] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    looks: int = 0
    cuts: int = 0
    attempts: int = 0

    def __str__(self) -> str:
        return (
            f"{len(self.acknowledged)} acknowledged, {len(self.unknown)} unknown, {len(self.refused)} refused, "
            f"{self.attempts} attempts, {self.cuts} cuts, {self.looks} looks"
        )


class Bank:
    """Two accounts and a ledger, as one client sees them."""

    def __init__(self, client: Any, name: str, outcome: Outcome) -> None:
        self.client = client
        self.accounts = client[name].accounts
        self.ledger = client[name].ledger
        self.outcome = outcome

    async def move(self, session: Any, number: int, amount: int) -> None:
        """The transfer itself, which belongs to a transaction."""
        self.outcome.attempts += 1
        await self.accounts.update_one({"_id": "a"}, {"$inc": {"balance": -amount}}, session=session)
        await self.accounts.update_one({"_id": "b"}, {"$inc": {"balance": amount}}, session=session)
        await self.ledger.insert_one({"_id": number, "amount": amount}, session=session)

    async def insist(self, number: int, amount: int) -> None:
        """Transfer with ``with_transaction``, which begins anew until it is done."""
        async with self.client.start_session() as session:
            await session.with_transaction(lambda session: self.move(session, number, amount))
        self.outcome.acknowledged[number] = amount

    async def try_once(self, number: int, amount: int) -> None:
        """Transfer, or find that it is not to be done, or that nobody knows."""
        try:
            async with self.client.start_session() as session, session.start_transaction():
                await self.move(session, number, amount)
        except PyMongoError as error:
            if error.has_error_label(UNKNOWN):
                self.outcome.unknown[number] = amount
            elif error.has_error_label(TRANSIENT):
                self.outcome.refused.add(number)
            else:
                raise
        else:
            self.outcome.acknowledged[number] = amount

    async def look(self) -> None:
        """Read both accounts one after the other in a transaction, as somebody else."""
        async with self.client.start_session() as session, session.start_transaction():
            balances = []
            for name in ACCOUNTS:
                account = await self.accounts.find_one({"_id": name}, session=session)
                balances.append(account["balance"])
                await asyncio.sleep(0)
        assert sum(balances) == TOTAL
        async with self.client.start_session(snapshot=True) as session:
            found = await self.accounts.find({}, session=session).to_list()
        assert sum(account["balance"] for account in found) == TOTAL
        self.outcome.looks += 1


def at_random(dice: random.Random) -> Any:
    """Cuts anything that belongs to a transaction, anywhere; commits so often that some are cut twice.

    The second time the server gets the commit: a transaction that is neither committed nor aborted would hold the
    accounts for a minute.
    """

    def decide(sent: Sent) -> Cut | None:
        share, cuts = SHARE, list(Cut)
        if sent.name == "commitTransaction":
            share = 0.3 if sent.attempt == 1 else 0.6
            if sent.attempt > 1:
                cuts = [cut for cut in cuts if cut.passes_request]
        return dice.choice(cuts) if sent.key is not None and dice.random() < share else None

    return decide


async def transfer(port: int, seed: int) -> Outcome:
    """All transfers. Raises AssertionError when money is missing, or there is too much of it."""
    dice = random.Random(seed)
    outcome = Outcome()
    name = f"motor_test_{dice.getrandbits(64):x}"
    direct: AsyncIOMotorClient = AsyncIOMotorClient("127.0.0.1", port)
    bank = Bank(direct, name, outcome)
    await bank.accounts.insert_many([{"_id": each, "balance": balance} for each, balance in ACCOUNTS.items()])
    await bank.ledger.insert_one({"_id": -1, "amount": 0})
    async with CuttingProxy(port, at_random(dice), dice=dice) as proxy:
        clients: list[AsyncIOMotorClient] = [AsyncIOMotorClient(proxy.uri, maxPoolSize=10) for _ in range(CLIENTS)]

        async def work(task: int) -> None:
            own = Bank(clients[task % CLIENTS], name, outcome)
            for number in range(task * TRANSFERS, (task + 1) * TRANSFERS):
                amount = dice.randrange(1, 10)
                await (own.insist if number % 2 else own.try_once)(number, amount)

        async def watch() -> None:
            while True:
                await bank.look()
                await asyncio.sleep(0.002)

        watching = asyncio.ensure_future(watch())
        await asyncio.gather(*(work(task) for task in range(TASKS)))
        watching.cancel()
        await asyncio.wait([watching])
        assert watching.cancelled(), watching.exception()
        for client in clients:
            await client.close()
        outcome.cuts = proxy.cuts
    await check(bank)
    await direct.drop_database(name)
    await direct.close()
    return outcome


async def check(bank: Bank) -> None:
    """The ledger has all that was acknowledged, some of the unknown, nothing else; the accounts agree with it."""
    outcome = bank.outcome
    entries = {entry["_id"]: entry["amount"] async for entry in bank.ledger.find({"_id": {"$gte": 0}})}
    assert outcome.acknowledged.items() <= entries.items()
    assert entries.items() <= (outcome.acknowledged | outcome.unknown).items()
    moved = sum(entries.values())
    balances = {account["_id"]: account["balance"] async for account in bank.accounts.find()}
    assert balances == {"a": ACCOUNTS["a"] - moved, "b": ACCOUNTS["b"] + moved}


@pytest.mark.parametrize("loop", RUNS)
def test_the_sum_never_changes(loop, server_uri):
    outcome = RUNS[loop](transfer(int(server_uri.rpartition(":")[2]), seed=1))
    print(f"{loop}: {outcome}")
    numbers = outcome.acknowledged.keys() | outcome.unknown.keys() | outcome.refused
    assert numbers == set(range(TASKS * TRANSFERS))
    assert outcome.attempts > len(numbers), "nothing was tried again"
    assert len(outcome.acknowledged) >= len(numbers) / 2
    assert outcome.cuts
    assert outcome.looks


@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.value)
async def test_a_commit_of_which_nobody_knows_is_committed_again(cut, server_uri):
    """Both attempts at it are cut, wherever: the error says that the result is unknown, and to ask again finds out."""
    left = [cut, cut]

    def decide(sent: Sent) -> Cut | None:
        return left.pop() if sent.name == "commitTransaction" and left else None

    async with CuttingProxy(int(server_uri.rpartition(":")[2]), decide) as proxy:
        client: AsyncIOMotorClient = AsyncIOMotorClient(proxy.uri)
        collection = client[f"motor_test_{cut.name.lower()}"].c
        await collection.drop()
        await collection.insert_one({"_id": 1, "n": 0})
        async with client.start_session() as session:
            session.start_transaction()
            await collection.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
            with pytest.raises(AutoReconnect) as raised:
                await session.commit_transaction()
            assert raised.value.has_error_label(UNKNOWN)
            assert not raised.value.has_error_label(TRANSIENT)
            await session.commit_transaction()
        assert await collection.find_one() == {"_id": 1, "n": 1}
        commits = [sent.command for sent in proxy.sent if sent.name == "commitTransaction"]
        assert len({(bytes(commit["lsid"]["id"]), commit["txnNumber"]) for commit in commits}) == 1
        majority = {"w": "majority", "wtimeout": 10_000}
        assert [commit.get("writeConcern") for commit in commits] == [None, majority, majority]
        await client.drop_database(collection.database)
        await client.close()
