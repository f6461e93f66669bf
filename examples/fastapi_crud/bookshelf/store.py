"""The books in the database. Nothing else in the service knows of MongoDB."""

from typing import Any

import pymongo
from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from motor.motor_asyncio import AsyncIOMotorDatabase

from .models import Book, BookChanges, NewBook, Page


class NotFound(Exception):
    """There is no such book."""


class Conflict(Exception):
    """Somebody else was faster. The message says what to do."""


class Books:
    """The books of a database."""

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._books = database.books

    async def prepare(self) -> None:
        """Make the indexes that aren't there yet."""
        await self._books.create_index("isbn", unique=True)
        await self._books.create_index(["author", "year"])

    async def ping(self) -> None:
        """Return soon if the database is there; otherwise raise, soon as well."""
        with pymongo.timeout(1):
            await self._database.command("ping")

    async def add(self, new: NewBook) -> Book:
        document = {**new.model_dump(), "version": 1}
        try:
            await self._books.insert_one(document)
        except DuplicateKeyError:
            raise Conflict("There is a book with that ISBN.") from None
        return Book.model_validate(document)

    async def get(self, book_id: ObjectId) -> Book:
        document = await self._books.find_one({"_id": book_id})
        if document is None:
            raise NotFound
        return Book.model_validate(document)

    async def page(self, author: str | None, since: int | None, sort: str, skip: int, limit: int) -> Page:
        """The books by an author, from a year on; `sort` names a field, after a minus sign for descending order."""
        wanted: dict[str, Any] = {}
        if author is not None:
            wanted["author"] = author
        if since is not None:
            wanted["year"] = {"$gte": since}
        direction = pymongo.DESCENDING if sort.startswith("-") else pymongo.ASCENDING
        # With the _id, books of the same year keep their places from page to page.
        order = [(sort.removeprefix("-"), direction), ("_id", direction)]
        found = await self._books.find(wanted).sort(order).skip(skip).limit(limit).to_list()
        books = [Book.model_validate(document) for document in found]
        return Page(books=books, total=await self._books.count_documents(wanted))

    async def change(self, book_id: ObjectId, changes: BookChanges) -> Book:
        """Change a book, if it is still as it was when it was read."""
        update = {"$set": changes.model_dump(exclude={"version"}, exclude_none=True), "$inc": {"version": 1}}
        try:
            document = await self._books.find_one_and_update(
                {"_id": book_id, "version": changes.version}, update, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            raise Conflict("There is another book with that ISBN.") from None
        if document is None:
            version = (await self.get(book_id)).version
            raise Conflict(f"The book has been changed since, and is version {version} now: read it again.")
        return Book.model_validate(document)

    async def remove(self, book_id: ObjectId) -> None:
        result = await self._books.delete_one({"_id": book_id})
        if not result.deleted_count:
            raise NotFound
