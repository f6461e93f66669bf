"""The transactions example: no money is lost or made, also when it is killed in the middle."""

import asyncio
import re
from pathlib import Path

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from tests.examples.programs import EXAMPLES, PATIENCE, finish, launch
from tests.examples.readme import output

EXAMPLE = EXAMPLES / "transactions" / "app.py"

TRANSFERS = 30
MADE = re.compile(r"^Transfers made: (\d+) of 30\nAttempts: (\d+), (\d+) at most for one transfer$", re.MULTILINE)


async def test_it_prints_what_the_readme_shows():
    status, printed = await finish(await launch(EXAMPLE))
    assert status == 0, printed
    assert MADE.sub("", printed) == MADE.sub("", output(EXAMPLE))
    made = MADE.search(printed)
    assert made is not None
    # Some got in each other's way.
    assert int(made[1]) == TRANSFERS < int(made[2])
    assert int(made[3]) > 1


async def some_are_made(bank: AsyncIOMotorDatabase) -> None:
    while await bank.transfers.count_documents({}) < 5:  # noqa: ASYNC110  # now and then is enough
        await asyncio.sleep(0.01)


async def test_killed_it_goes_on_where_it_was(tmp_path: Path):
    server = motor.embedded.Server(path=tmp_path)
    async with server, AsyncIOMotorClient(server.uri) as client:
        process = await launch(EXAMPLE, "--uri", server.uri)
        try:
            await asyncio.wait_for(some_are_made(client.bank), PATIENCE)
        finally:
            process.kill()
            await process.communicate()
    # A server that was started anew has forgotten the open transactions, which it would keep for a minute.
    async with server, AsyncIOMotorClient(server.uri) as client:
        done = await client.bank.transfers.count_documents({})
        assert sum([account["balance"] async for account in client.bank.accounts.find()]) == 10_000
        status, printed = await finish(await launch(EXAMPLE, "--uri", server.uri))
        assert status == 0, printed
        assert f"Transfers made: {TRANSFERS - done} of 30" in printed
        assert MADE.sub("", printed) == MADE.sub("", output(EXAMPLE))
