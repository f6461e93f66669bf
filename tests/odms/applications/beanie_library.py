"""The library on beanie 2, which was written for PyMongo Async; the third argument says which driver it gets."""

import asyncio
import json
import sys
from typing import Annotated, Any

import beanie
from beanie import Document, Indexed, Link
from beanie.operators import Inc
from pymongo import AsyncMongoClient, IndexModel
from pymongo.errors import DuplicateKeyError

import motor
from motor.motor_asyncio import AsyncIOMotorClient

CLIENTS = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}


class Author(Document):
    """Who writes books."""

    name: str


class Book(Document):
    """A book, of which the library has so many copies."""

    title: Annotated[str, Indexed(unique=True)]
    year: int
    copies: int = 0
    author: Link[Author]

    class Settings:
        """What beanie has to know of the collection."""

        indexes = (IndexModel("year"),)


class PerAuthor(beanie.View):
    """How many copies there are of an author's books."""

    author: Link[Author]
    copies: int

    class Settings:
        """What beanie has to know of the view."""

        source = Book
        pipeline = (
            {"$group": {"_id": "$author", "copies": {"$sum": "$copies"}}},
            {"$project": {"_id": 0, "author": "$_id", "copies": 1}},
        )


async def fill() -> None:
    austen = Author(name="Jane Austen")
    await Book(title="Emma", year=1815, copies=1, author=austen).insert(link_rule=beanie.WriteRules.WRITE)
    eliot = await Author(name="George Eliot").insert()
    await Book.insert_many(
        [
            Book(title="Persuasion", year=1817, copies=2, author=austen),
            Book(title="Middlemarch", year=1871, copies=3, author=eliot),
        ]
    )
    async with beanie.BulkWriter() as bulk:
        await Book.insert_one(Book(title="Romola", year=1863, author=eliot), bulk_writer=bulk)


async def read() -> dict[str, Any]:
    emma = await Book.find_one(Book.title == "Emma")
    await emma.fetch_all_links()
    newest = [book async for book in Book.find(Book.year > 1815).sort(-Book.year)]
    page = await Book.find_all().sort(+Book.title).skip(1).limit(2).to_list()
    counts = await asyncio.gather(*(Book.find(Book.copies >= copies).count() for copies in range(5)))
    return {
        "found": [emma.title, emma.year, emma.author.name],
        "missing": await Book.find_one(Book.title == "Silas Marner"),
        "newest first": [book.title for book in newest],
        "page": [book.title for book in page],
        "counts": counts,
    }


async def change() -> dict[str, Any]:
    emma = await Book.find_one(Book.title == "Emma")
    emma.copies += 10
    await emma.save()
    updated = await Book.find(Book.year > 1850).update(Inc({Book.copies: 1}))
    try:
        await Book(title="Emma", year=2026, author=emma.author).insert()
        refused = None
    except DuplicateKeyError as error:
        refused = list(error.details["keyPattern"])
    romola = await Book.find_one(Book.title == "Romola")
    await romola.delete()
    removed = await Book.find(Book.title == "Persuasion").delete()
    return {
        "updated": updated.modified_count,
        "refused": refused,
        "removed": removed.deleted_count,
        "copies": await copies(),
    }


async def copies() -> dict[str, Any]:
    return {book.title: book.copies async for book in Book.find_all().sort(+Book.title)}


async def aggregate() -> list[Any]:
    groups = await PerAuthor.find_all().sort(+PerAuthor.copies).to_list()
    assert await Book.find(Book.year > 0).sum(Book.copies) == sum(group.copies for group in groups)
    return [[(await group.author.fetch()).name, group.copies] for group in groups]


async def lend(client: AsyncIOMotorClient) -> dict[str, Any]:
    """Move a copy from one book to the other in a transaction that is committed, and in one that is not."""
    async with client.start_session() as session:
        async with await session.start_transaction():
            await Book.find_one(Book.title == "Emma", session=session).update(Inc({Book.copies: -1}))
            middlemarch = await Book.find_one(Book.title == "Middlemarch", session=session)
            middlemarch.copies += 1
            await middlemarch.save(session=session)
        committed = await copies()
        try:
            async with await session.start_transaction():
                await Book.find_one(Book.title == "Emma", session=session).set({Book.copies: 0})
                seen = (await Book.find_one(Book.title == "Emma", session=session)).copies
                raise LookupError
        except LookupError:
            pass
    return {"committed": committed, "seen inside": seen, "aborted": await copies()}


async def main(uri: str, database: str, driver: str) -> None:
    client = CLIENTS[driver](uri)
    await beanie.init_beanie(client[database], document_models=[Author, Book, PerAuthor])
    await fill()
    report = {
        "read": await read(),
        "change": await change(),
        "aggregate": await aggregate(),
        "lend": await lend(client),
    }
    print(json.dumps({"motor": motor.version, **report}))
    await client.close()


asyncio.run(main(*sys.argv[1:]))
