"""The smallest whole program worth copying: it connects, writes, reads, says what went wrong, and closes."""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

from pymongo.errors import ConnectionFailure, DuplicateKeyError

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection

BOOKS = [
    {"title": "Persuasion", "author": "Austen", "year": 1817},
    {"title": "Middlemarch", "author": "Eliot", "year": 1871},
    {"title": "Silas Marner", "author": "Eliot", "year": 1861},
]


async def use(books: AsyncIOMotorCollection[dict[str, Any]]) -> None:
    await books.drop()
    print("Index:", await books.create_index("title", unique=True))

    await books.insert_one({"title": "Emma", "author": "Austen", "year": 1816})
    result = await books.insert_many(BOOKS)
    print("Inserted:", 1 + len(result.inserted_ids))

    await books.update_one({"title": "Emma"}, {"$set": {"year": 1815}})
    print("Updated:", await books.find_one({"title": "Emma"}, {"_id": False}))

    print("Before 1870:")
    async for book in books.find({"year": {"$lt": 1870}}).sort("year"):
        print(f"  {book['year']} {book['title']}")

    print("By author:")
    async for author in books.aggregate([{"$sortByCount": "$author"}, {"$sort": {"_id": 1}}]):
        print(f"  {author['_id']} {author['count']}")

    try:
        await books.insert_one({"title": "Emma"})
    except DuplicateKeyError as error:
        print("Refused:", (error.details or {})["keyValue"])


async def main() -> int:
    parser = argparse.ArgumentParser(description="Store some books, and read them.")
    parser.add_argument("--uri", help="the database (default: an embedded server is started)")
    parser.add_argument("--db", default="quickstart", help="the name of the database (default: %(default)s)")
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        uri = options.uri or (await stack.enter_async_context(motor.embedded.Server())).uri
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=2000)
        await stack.enter_async_context(client)
        try:
            await use(client[options.db].books)
        except ConnectionFailure as error:
            print(f"The database cannot be reached: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
