"""Places orders, kills the worker that invoices them again and again, and compares orders and invoices at the end."""

import argparse
import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase

ORDERS = 40
KILLS = 3


@asynccontextmanager
async def running(program: str, *arguments: str) -> AsyncIterator[Process]:
    """A program of this folder; it is killed if it still runs at the end of the block."""
    path = Path(__file__).with_name(program)
    process = await asyncio.create_subprocess_exec(sys.executable, str(path), *arguments)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def demonstrate(database: AsyncIOMotorDatabase[dict[str, Any]], address: list[str]) -> None:
    invoiced, placed = await database.invoices.count_documents({}), await database.orders.count_documents({})
    async with (
        database.invoices.watch([{"$match": {"operationType": "insert"}}]) as invoices,
        running("producer.py", *address, "--count", str(ORDERS), "--pause", "0.05") as producer,
    ):
        for _ in range(KILLS):
            async with running("worker.py", *address):
                for _ in range(ORDERS // (KILLS + 2)):
                    await invoices.next()
                    invoiced += 1
            print("Killed the worker", flush=True)
        async with running("worker.py", *address) as worker:
            await producer.wait()
            while invoiced < placed + ORDERS:
                await invoices.next()
                invoiced += 1
            worker.terminate()
            await worker.wait()

    orders = [order["_id"] async for order in database.orders.find().sort("_id")]
    by_number = [(invoice["_id"], invoice["order"]) async for invoice in database.invoices.find().sort("_id")]
    print(f"Orders: {len(orders)}, invoices: {len(by_number)}")
    print("Each order has one invoice, in order:", by_number == list(enumerate(orders, 1)))


async def main() -> None:
    parser = argparse.ArgumentParser(description="Kill a worker again and again, and see that nothing is lost.")
    parser.add_argument("--uri", help="the database, a replica set (default: an embedded server is started)")
    parser.add_argument("--db", default="shop", help="the name of the database (default: %(default)s)")
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        uri = options.uri or (await stack.enter_async_context(motor.embedded.Server())).uri
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=2000)
        await stack.enter_async_context(client)
        await demonstrate(client[options.db], ["--uri", uri, "--db", options.db])


if __name__ == "__main__":
    asyncio.run(main())
