"""The worker that resumes a change stream: each order has one invoice, in order, whatever happens to it."""

import asyncio
import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from tests.examples.programs import EXAMPLES, PATIENCE, finish, free_port, launch
from tests.examples.readme import output
from tests.examples.writing import writing

EXAMPLE = EXAMPLES / "worker" / "app.py"
WORKER = EXAMPLES / "worker" / "worker.py"

ORDER = {"quantity": 2, "price": 5}


@asynccontextmanager
async def working(uri: str, *arguments: str) -> AsyncIterator[Process]:
    """A worker, which is gone after the block."""
    process = await launch(WORKER, "--uri", uri, *arguments)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def stop(process: Process) -> str:
    """End a worker as a supervisor does; what comes back is what it has printed."""
    process.send_signal(signal.SIGTERM)
    status, printed = await finish(process)
    assert status == 0, printed
    assert printed.endswith("Stopped\n")
    return printed


async def invoiced(shop: AsyncIOMotorDatabase, count: int) -> None:
    """Wait until there are so many invoices."""

    async def wait() -> None:
        while await shop.invoices.count_documents({}) < count:  # noqa: ASYNC110  # now and then is enough
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), PATIENCE)


async def assert_invoiced(shop: AsyncIOMotorDatabase, orders: list[Any]) -> None:
    """Each order has one invoice, and the numbers are those of the orders."""
    invoices = await shop.invoices.find({}, {"token": False}).sort("_id").to_list()
    assert invoices == [{"_id": number, "order": order, "total": 10} for number, order in enumerate(orders, 1)]


async def test_it_prints_what_the_readme_shows():
    status, printed = await finish(await launch(EXAMPLE), 4 * PATIENCE)
    assert status == 0, printed
    lines = printed.splitlines()
    shown = output(EXAMPLE).splitlines()
    assert lines[-3:] == shown[-3:]
    assert lines.count("Killed the worker") == 3
    kinds = {re.sub(r"\d+", "1", line) for line in lines}
    assert kinds == {re.sub(r"\d+", "1", line) for line in shown} - {"..."}


async def test_killed_again_and_again_it_invoices_each_order_once(tmp_path: Path):
    server = motor.embedded.Server(free_port(), tmp_path)
    async with server:
        uri = server.uri
        client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
        async with client, writing(client.shop.orders, **ORDER) as writer:
            await writer.more()
            for _ in range(3):
                async with working(uri):
                    done = await client.shop.invoices.count_documents({})
                    await invoiced(client.shop, done + 5)
            async with working(uri), working(uri) as other:
                await invoiced(client.shop, writer.written + 5)
                await server.__aexit__(None, None, None)
                await server.__aenter__()
                await writer.more()
                await invoiced(client.shop, writer.written)
                await stop(other)
                await writer.stop()
                await invoiced(client.shop, writer.written)
            await assert_invoiced(client.shop, list(range(writer.written)))


async def test_an_order_that_is_seen_again_is_not_invoiced_again(uri: str, db: AsyncIOMotorDatabase):
    for first in (0, 3):
        async with working(uri, "--db", db.name) as worker:
            await db.orders.insert_one({"_id": first, **ORDER})
            await invoiced(db, first + 1)
            await db.orders.insert_many([{"_id": number, **ORDER} for number in (first + 1, first + 2)])
            await invoiced(db, first + 3)
            await stop(worker)
        # As if the others had been invoiced by a worker that found them without the stream.
        early = await db.invoices.find_one({"token": {"$ne": None}}, sort=[("_id", 1)])
        assert early is not None
        await db.invoices.update_many({}, {"$set": {"token": early["token"]}})
    await assert_invoiced(db, list(range(6)))


async def test_what_the_server_has_forgotten_is_found_in_the_orders():
    async with (
        motor.embedded.Server(arguments=["--oplog-max-entries", "10"]) as server,
        AsyncIOMotorClient(server.uri) as client,
    ):
        shop = client.shop
        await shop.orders.insert_many([{"_id": number, **ORDER} for number in range(3)])
        async with working(server.uri) as worker:
            await invoiced(shop, 3)
            await shop.orders.insert_one({"_id": 3, **ORDER})
            await invoiced(shop, 4)
            assert "forgotten" not in await stop(worker)
        await shop.orders.insert_many([{"_id": number, **ORDER} for number in (4, 5)])
        # The server prunes its oplog once in a thousand writes.
        await shop.other.insert_many([{} for _ in range(2000)])
        async with working(server.uri) as worker:
            await invoiced(shop, 6)
            # The collection is another one afterwards, and its stream as well.
            await shop.orders.drop()
            await shop.orders.insert_one({"_id": 6, **ORDER})
            await invoiced(shop, 7)
            assert "The server has forgotten what came next" in await stop(worker)
        await assert_invoiced(shop, list(range(7)))
