"""The library on odmantic, which is built on Motor."""

# Since Python 3.14, odmantic 1.1 finds the annotations only of models whose module has this.
from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from odmantic import AIOEngine, Field, Model, Reference, query
from odmantic.exceptions import DuplicateKeyError

import motor
from motor.motor_asyncio import AsyncIOMotorClient


class Author(Model):
    """Who writes books."""

    name: str


class Book(Model):
    """A book, of which the library has so many copies."""

    title: str = Field(unique=True)
    year: int = Field(index=True)
    copies: int = 0
    author: Author = Reference()


async def fill(engine: AIOEngine) -> None:
    austen = Author(name="Jane Austen")
    eliot = Author(name="George Eliot")
    await engine.save_all(
        [
            Book(title="Emma", year=1815, copies=1, author=austen),
            Book(title="Persuasion", year=1817, copies=2, author=austen),
            Book(title="Middlemarch", year=1871, copies=3, author=eliot),
        ]
    )
    await engine.save(Book(title="Romola", year=1863, author=eliot))


async def read(engine: AIOEngine) -> dict[str, Any]:
    emma = await engine.find_one(Book, Book.title == "Emma")
    newest = [book async for book in engine.find(Book, Book.year > 1815, sort=query.desc(Book.year))]
    page = await engine.find(Book, sort=Book.title, skip=1, limit=2)
    counts = await asyncio.gather(*(engine.count(Book, Book.copies >= copies) for copies in range(5)))
    return {
        "found": [emma.title, emma.year, emma.author.name],
        "missing": await engine.find_one(Book, Book.title == "Silas Marner"),
        "newest first": [book.title for book in newest],
        "page": [book.title for book in page],
        "counts": counts,
    }


async def change(engine: AIOEngine) -> dict[str, Any]:
    emma = await engine.find_one(Book, Book.title == "Emma")
    emma.copies += 10
    await engine.save(emma)
    books = engine.get_collection(Book)
    updated = await books.update_many({+Book.year: {"$gt": 1850}}, {"$inc": {+Book.copies: 1}})
    try:
        await engine.save(Book(title="Emma", year=2026, author=emma.author))
        refused = None
    except DuplicateKeyError as error:
        refused = list(error.driver_error.details["keyPattern"])
    romola = await engine.find_one(Book, Book.title == "Romola")
    await engine.delete(romola)
    removed = await engine.remove(Book, Book.title == "Persuasion")
    return {
        "updated": updated.modified_count,
        "refused": refused,
        "removed": removed,
        "copies": await copies(engine),
    }


async def copies(engine: AIOEngine) -> dict[str, Any]:
    return {book.title: book.copies async for book in engine.find(Book, sort=Book.title)}


async def aggregate(engine: AIOEngine) -> list[Any]:
    pipeline = [
        {"$group": {"_id": "$author", "copies": {"$sum": "$copies"}}},
        {"$lookup": {"from": +Author, "localField": "_id", "foreignField": "_id", "as": "author"}},
        {"$unwind": "$author"},
        {"$sort": {"author.name": 1}},
    ]
    cursor = engine.get_collection(Book).aggregate(pipeline)
    return [[group["author"]["name"], group["copies"]] async for group in cursor]


async def lend(engine: AIOEngine) -> dict[str, Any]:
    """Move a copy from one book to the other in a transaction that is committed, and in one that is not."""
    async with engine.transaction() as transaction:
        emma = await transaction.find_one(Book, Book.title == "Emma")
        middlemarch = await transaction.find_one(Book, Book.title == "Middlemarch")
        emma.copies -= 1
        middlemarch.copies += 1
        await transaction.save_all([emma, middlemarch])
        await transaction.commit()
    committed = await copies(engine)
    try:
        async with engine.session() as session, session.transaction() as transaction:
            emma = await transaction.find_one(Book, Book.title == "Emma")
            emma.copies = 0
            await transaction.save(emma)
            seen = (await transaction.find_one(Book, Book.title == "Emma")).copies
            raise LookupError
    except LookupError:
        pass
    return {"committed": committed, "seen inside": seen, "aborted": await copies(engine)}


async def main(uri: str, database: str) -> None:
    client = AsyncIOMotorClient(uri)
    engine = AIOEngine(client, database)
    await engine.configure_database([Author, Book])
    await fill(engine)
    report = {
        "read": await read(engine),
        "change": await change(engine),
        "aggregate": await aggregate(engine),
        "lend": await lend(engine),
    }
    print(json.dumps({"motor": motor.version, **report}))
    client.close()


asyncio.run(main(*sys.argv[1:]))
