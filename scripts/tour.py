"""A tour of what Motor does: each step and its result, under asyncio and under Tornado.

Run by scripts/demo. Ends with a non-zero status when a result is not the expected one.
"""

from __future__ import annotations

import asyncio
import platform
import sys
import time
from collections.abc import Generator
from typing import Any

import pymongo
import tornado
from pymongo import DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError, ServerSelectionTimeoutError
from tornado import gen
from tornado.ioloop import IOLoop

import motor.embedded
from motor._version import version
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from motor.motor_tornado import MotorClient, MotorCollection

Document = dict[str, Any]

BOOKS: list[Document] = [
    {"_id": 1, "title": "Emma", "author": "Austen", "year": 1815, "ratings": [{"by": "a", "stars": 4}]},
    {"_id": 2, "title": "Persuasion", "author": "Austen", "year": 1817, "ratings": []},
    {"_id": 3, "title": "Middlemarch", "author": "Eliot", "year": 1871, "ratings": []},
    {"_id": 4, "title": "Dracula", "author": "Stoker", "year": 1897, "ratings": []},
]

wrong_steps: list[str] = []


def chapter(title: str) -> None:
    print(f"\n{title}\n{'-' * len(title)}", flush=True)


def step(what: str, result: object, expected: object) -> None:
    """Print a step and its result, and remember it if the result is not as expected."""
    right = result == expected
    print(f"  {'ok   ' if right else 'WRONG'} {what:<62} {result}", flush=True)
    if not right:
        print(f"        expected: {expected}", flush=True)
        wrong_steps.append(what)


async def write(books: AsyncIOMotorCollection[Document]) -> None:
    one = await books.insert_one(BOOKS[0])
    step("insert_one: the new document's _id", one.inserted_id, 1)
    many = await books.insert_many(BOOKS[1:])
    step("insert_many: the new _ids", many.inserted_ids, [2, 3, 4])
    updated = await books.update_one({"_id": 2}, {"$set": {"year": 1818}})
    step("update_one: matched, modified", (updated.matched_count, updated.modified_count), (1, 1))
    updated = await books.update_many({"author": "Austen"}, {"$push": {"ratings": {"by": "b", "stars": 5}}})
    step("update_many: matched, modified", (updated.matched_count, updated.modified_count), (2, 2))
    await books.update_one({"_id": 1}, {"$set": {"ratings.$[r].stars": 3}}, array_filters=[{"r.by": "a"}])
    emma = await books.find_one({"_id": 1})
    assert emma is not None
    step("update_one with array_filters: the stars", [r["stars"] for r in emma["ratings"]], [3, 5])
    replaced = await books.replace_one({"_id": 5}, {"title": "Ulysses", "author": "Joyce", "year": 1922}, upsert=True)
    step("replace_one with upsert: the new _id", replaced.upserted_id, 5)
    found = await books.find_one_and_update(
        {"_id": 5}, {"$inc": {"year": -4}}, projection=["year"], return_document=ReturnDocument.AFTER
    )
    step("find_one_and_update: the document after it", found, {"_id": 5, "year": 1918})
    bulk = await books.bulk_write(
        [
            InsertOne({"_id": 6, "title": "Orlando", "author": "Woolf", "year": 1928}),
            UpdateOne({"_id": 5}, {"$set": {"year": 1922}}),
            DeleteOne({"_id": 4}),
        ]
    )
    counts = (bulk.inserted_count, bulk.modified_count, bulk.deleted_count)
    step("bulk_write: inserted, modified, deleted", counts, (1, 1, 1))
    deleted = await books.delete_one({"_id": 6})
    step("delete_one: deleted", deleted.deleted_count, 1)


async def read(books: AsyncIOMotorCollection[Document]) -> None:
    titles = [book["title"] async for book in books.find().sort("year", pymongo.DESCENDING)]
    step("async for over find().sort()", titles, ["Ulysses", "Middlemarch", "Persuasion", "Emma"])
    cursor = books.find({}, ["title"]).sort("_id").batch_size(2)
    step("to_list(1): one document", await cursor.to_list(1), [{"_id": 1, "title": "Emma"}])
    step("to_list(): the rest of them", [book["_id"] for book in await cursor.to_list()], [2, 3, 5])
    step("find_one of something that is not there", await books.find_one({"title": "Walden"}), None)
    step("count_documents", await books.count_documents({"year": {"$lt": 1900}}), 3)
    step("estimated_document_count", await books.estimated_document_count(), 4)
    step("distinct", sorted(await books.distinct("author")), ["Austen", "Eliot", "Joyce"])
    pipeline: list[Document] = [{"$group": {"_id": "$author", "books": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
    grouped = [(group["_id"], group["books"]) async for group in books.aggregate(pipeline)]
    step("aggregate", grouped, [("Austen", 2), ("Eliot", 1), ("Joyce", 1)])
    name = await books.create_index([("author", 1), ("year", -1)])
    step("create_index: its name", name, "author_1_year_-1")
    step("index_information", sorted(await books.index_information()), ["_id_", "author_1_year_-1"])
    began = time.perf_counter()
    documents = await asyncio.gather(*(books.find_one({"_id": 1}) for _ in range(100)))
    step("100 find_one at once: answers", len([book for book in documents if book]), 100)
    print(f"        in {1000 * (time.perf_counter() - began):.0f} ms", flush=True)


async def keep_consistent(books: AsyncIOMotorCollection[Document]) -> None:
    client = books.database.client
    with await client.start_session() as session:
        await books.update_one({"_id": 1}, {"$set": {"read": True}}, session=session)
        emma = await books.find_one({"_id": 1}, session=session)
        assert emma is not None
        step("a session reads what was written in it", emma["read"], True)
    async with client.start_session() as session:
        async with session.start_transaction():
            await books.delete_many({}, session=session)
            inside = await books.count_documents({}, session=session)
            step("a transaction: count inside and outside", (inside, await books.count_documents({})), (0, 4))
            await session.abort_transaction()
        step("aborted: the count after it", await books.count_documents({}), 4)
        renamed = await session.with_transaction(
            lambda session: books.update_one({"_id": 1}, {"$set": {"title": "EMMA"}}, session=session)
        )
        step("with_transaction: modified", renamed.modified_count, 1)
    cut = {"failCommands": ["insert"], "closeConnection": True}
    await client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=cut)
    await books.insert_one({"_id": 7, "title": "Walden"})
    count = await books.count_documents({"_id": 7})
    step("an insert whose connection is cut is retried: documents", count, 1)
    wait = {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": 500}
    await client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=wait)
    try:
        with pymongo.timeout(0.2):
            await books.find_one()
    except PyMongoError as error:
        step("pymongo.timeout(0.2) around a find that takes 0.5 s", error.timeout, True)
    else:
        step("pymongo.timeout(0.2) around a find that takes 0.5 s", "no error", "a timeout")


async def fail(books: AsyncIOMotorCollection[Document]) -> None:
    try:
        await books.insert_one({"_id": 1})
    except DuplicateKeyError as error:
        step("insert_one of an _id that is there: DuplicateKeyError", error.code, 11000)
    else:
        step("insert_one of an _id that is there", "no error", "DuplicateKeyError")
    try:
        await books.find_one({"$nonsense": 1})
    except OperationFailure as error:
        step("find_one with an unknown operator: OperationFailure", error.code, 2)
    else:
        step("find_one with an unknown operator", "no error", "OperationFailure")
    # Nothing listens on port 1.
    nowhere: AsyncIOMotorClient[Document] = AsyncIOMotorClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=200)
    try:
        await nowhere.admin.command("ping")
    except ServerSelectionTimeoutError as error:
        step("a server that is not there: the error names it", "127.0.0.1:1" in str(error), True)
    else:
        step("a server that is not there", "no error", "ServerSelectionTimeoutError")
    nowhere.close()


def tour_asyncio(uri: str) -> None:
    # Made before any event loop runs, and used in four of them, one after the other.
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(uri)
    books = client.tour_asyncio.books
    chapter("asyncio: writing")
    asyncio.run(write(books))
    chapter("asyncio, the same client in a second asyncio.run(): reading")
    asyncio.run(read(books))
    chapter("asyncio, the same client in a third asyncio.run(): sessions, transactions, retries, timeouts")
    asyncio.run(keep_consistent(books))
    chapter("asyncio, the same client in a fourth asyncio.run(): errors")
    asyncio.run(fail(books))
    client.close()


async def tornado_native(books: MotorCollection[Document]) -> None:
    many = await books.insert_many(BOOKS)
    step("insert_many: the new _ids", many.inserted_ids, [1, 2, 3, 4])
    await books.update_one({"_id": 1}, {"$set": {"ratings.$[r].stars": 3}}, array_filters=[{"r.by": "a"}])
    emma = await books.find_one({"_id": 1})
    assert emma is not None
    step("update_one with array_filters: the stars", [r["stars"] for r in emma["ratings"]], [3])
    titles = [book["title"] async for book in books.find({"year": {"$gt": 1816}}).sort("year")]
    step("async for over find().sort()", titles, ["Persuasion", "Middlemarch", "Dracula"])
    try:
        await books.insert_one({"_id": 1})
    except DuplicateKeyError as error:
        step("insert_one of an _id that is there: DuplicateKeyError", error.code, 11000)
    else:
        step("insert_one of an _id that is there", "no error", "DuplicateKeyError")


@gen.coroutine
def tornado_yield(books: MotorCollection[Document]) -> Generator[Any, Any, None]:
    documents = yield books.find({}, {"title": True}).sort("_id").to_list(length=2)
    step("yield to_list(length=2)", [document["title"] for document in documents], ["Emma", "Persuasion"])
    count = yield books.count_documents({"author": "Austen"})
    step("yield count_documents", count, 2)
    deleted = yield books.delete_many({})
    step("yield delete_many: deleted", deleted.deleted_count, 4)


def tour_tornado(uri: str) -> None:
    client: MotorClient[Document] = MotorClient(uri)
    books = client.tour_tornado.books
    loop = IOLoop(make_current=False)
    chapter("Tornado: native coroutines")
    loop.run_sync(lambda: tornado_native(books))
    chapter("Tornado: coroutines that yield")
    loop.run_sync(lambda: tornado_yield(books))
    client.close()
    loop.close()


def main() -> int:
    versions = f"Python {platform.python_version()}, PyMongo {pymongo.version}, Tornado {tornado.version}"
    print(f"Motor {version} on {versions}")
    began = time.perf_counter()
    # With fail points, to show what happens when a connection breaks.
    with motor.embedded.Server(arguments=["--enable-test-commands"]) as server:
        print(f"The embedded server answers at {server.uri}, {time.perf_counter() - began:.1f} s after it was started")
        tour_asyncio(server.uri)
        tour_tornado(server.uri)
    if wrong_steps:
        print(f"\n{len(wrong_steps)} steps gave another result than expected: {'; '.join(wrong_steps)}")
        return 1
    print("\nEvery step gave the expected result.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
