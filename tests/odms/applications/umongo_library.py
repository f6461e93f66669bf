"""The library on umongo, whose instance for asyncio is built on Motor."""

import asyncio
import json
import sys
from typing import Any

from marshmallow import ValidationError
from umongo import Document, fields
from umongo.frameworks import MotorAsyncIOInstance

import motor
from motor.motor_asyncio import AsyncIOMotorClient

instance = MotorAsyncIOInstance()


@instance.register
class Author(Document):
    """Who writes books."""

    name = fields.StringField(required=True)


@instance.register
class Book(Document):
    """A book, of which the library has so many copies."""

    title = fields.StringField(required=True, unique=True)
    year = fields.IntegerField()
    copies = fields.IntegerField(load_default=0)
    author = fields.ReferenceField(Author)

    class Meta:
        """What umongo has to know of the collection."""

        indexes = ("year",)


async def fill() -> None:
    austen = Author(name="Jane Austen")
    eliot = Author(name="George Eliot")
    await asyncio.gather(austen.commit(), eliot.commit())
    for title, year, count, author in (
        ("Emma", 1815, 1, austen),
        ("Persuasion", 1817, 2, austen),
        ("Middlemarch", 1871, 3, eliot),
        ("Romola", 1863, 0, eliot),
    ):
        await Book(title=title, year=year, copies=count, author=author).commit()


async def read() -> dict[str, Any]:
    emma = await Book.find_one({"title": "Emma"})
    newest = [book async for book in Book.find({"year": {"$gt": 1815}}).sort("year", -1)]
    page = await Book.find().sort("title").skip(1).limit(2).to_list(None)
    counts = await asyncio.gather(*(Book.count_documents({"copies": {"$gte": copies}}) for copies in range(5)))
    return {
        "found": [emma.title, emma.year, (await emma.author.fetch()).name],
        "missing": await Book.find_one({"title": "Silas Marner"}),
        "newest first": [book.title for book in newest],
        "page": [book.title for book in page],
        "counts": counts,
    }


async def change() -> dict[str, Any]:
    emma = await Book.find_one({"title": "Emma"})
    emma.copies += 10
    await emma.commit(conditions={"copies": 1})
    updated = await Book.collection.update_many({"year": {"$gt": 1850}}, {"$inc": {"copies": 1}})
    try:
        await Book(title="Emma", year=2026).commit()
        refused = None
    except ValidationError as error:
        refused = list(error.messages)
    romola = await Book.find_one({"title": "Romola"})
    await romola.delete()
    removed = await (await Book.find_one({"title": "Persuasion"})).remove()
    return {
        "updated": updated.modified_count,
        "refused": refused,
        "removed": removed.deleted_count,
        "copies": await copies(),
    }


async def copies() -> dict[str, Any]:
    return {book.title: book.copies async for book in Book.find().sort("title")}


async def aggregate() -> list[Any]:
    pipeline = [
        {"$group": {"_id": "$author", "copies": {"$sum": "$copies"}}},
        {"$lookup": {"from": Author.collection.name, "localField": "_id", "foreignField": "_id", "as": "author"}},
        {"$unwind": "$author"},
        {"$sort": {"author.name": 1}},
    ]
    return [[group["author"]["name"], group["copies"]] async for group in Book.collection.aggregate(pipeline)]


async def lend() -> dict[str, Any]:
    """Move a copy from one book to the other in a transaction that is committed, and in one that is not."""
    async with instance.session() as session, session.start_transaction():
        emma = await Book.find_one({"title": "Emma"})
        middlemarch = await Book.find_one({"title": "Middlemarch"})
        emma.copies -= 1
        middlemarch.copies += 1
        await emma.commit()
        await middlemarch.commit()
    committed = await copies()
    try:
        async with instance.session() as session, session.start_transaction():
            emma = await Book.find_one({"title": "Emma"})
            emma.copies = 0
            await emma.commit()
            await emma.reload()
            seen = emma.copies
            raise LookupError
    except LookupError:
        pass
    return {"committed": committed, "seen inside": seen, "aborted": await copies()}


async def main(uri: str, database: str) -> None:
    client = AsyncIOMotorClient(uri)
    instance.set_db(client[database])
    await Author.ensure_indexes()
    await Book.ensure_indexes()
    await fill()
    report = {
        "read": await read(),
        "change": await change(),
        "aggregate": await aggregate(),
        "lend": await lend(),
    }
    print(json.dumps({"motor": motor.version, **report}))
    client.close()


asyncio.run(main(*sys.argv[1:]))
