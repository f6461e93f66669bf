"""Places orders, numbered on from the last one, for the worker to invoice."""

import argparse
import asyncio
import random
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient


async def main() -> None:
    parser = argparse.ArgumentParser(description="Place orders.")
    parser.add_argument("--uri", default="mongodb://localhost:27017", help="the database (default: %(default)s)")
    parser.add_argument("--db", default="shop", help="the name of the database (default: %(default)s)")
    parser.add_argument("--count", type=int, default=100, help="how many orders (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds after each (default: %(default)s)")
    options = parser.parse_args()
    async with AsyncIOMotorClient[dict[str, Any]](options.uri, serverSelectionTimeoutMS=2000) as client:
        orders = client[options.db].orders
        last = await orders.find_one(sort=[("_id", -1)])
        first = 1 + (last["_id"] if last else 0)
        for number in range(first, first + options.count):
            await orders.insert_one({"_id": number, "quantity": random.randint(1, 9), "price": random.randint(1, 99)})
            await asyncio.sleep(options.pause)
    print(f"Placed the orders {first} to {first + options.count - 1}")


if __name__ == "__main__":
    asyncio.run(main())
