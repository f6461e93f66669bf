"""Documents of the wrong type, written and read."""

from __future__ import annotations

from typing import Any, TypedDict

from bson import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorCursor

RAW: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument)


class Movie(TypedDict):
    """A document whose fields are known."""

    name: str
    year: int


class Book(TypedDict):
    """Another one."""

    title: str


async def written(movies: AsyncIOMotorCollection[Movie]) -> None:
    await movies.insert_one({"name": "Metropolis"})  # wrong: arg-type, reportArgumentType
    await movies.insert_one({"name": "Metropolis", "year": "1927"})  # wrong: arg-type, reportArgumentType
    await movies.insert_one(Book(title="Emma"))  # wrong: arg-type, reportArgumentType
    metropolis = Movie(name="Metropolis", year=1927)
    await movies.insert_one([metropolis])  # wrong: arg-type, reportArgumentType
    await movies.insert_many(metropolis)  # wrong: arg-type, reportArgumentType
    await movies.insert_many([metropolis, Book(title="Emma")])  # wrong: list-item, reportArgumentType
    await movies.bulk_write([InsertOne(Book(title="Emma"))])  # wrong: arg-type, reportArgumentType
    await movies.bulk_write([ReplaceOne({}, Book(title="Emma"))])  # wrong: arg-type, reportArgumentType
    await movies.bulk_write(InsertOne(metropolis))  # wrong: arg-type, reportArgumentType


async def found(movies: AsyncIOMotorCollection[Movie]) -> None:
    movie = await movies.find_one()
    print(movie["name"])  # wrong: index, reportOptionalSubscript
    if movie is not None:
        print(movie["name"] + movie["year"])  # wrong: operator, reportOperatorIssue
        print(movie["title"])  # wrong: typeddict-item, reportGeneralTypeIssues
    async for each in movies.find().limit(5):
        year: str = each["year"]  # wrong: assignment, reportAssignmentType
        print(year)
    for one in await movies.find().to_list():
        print(one["stars"])  # wrong: typeddict-item, reportGeneralTypeIssues
    async for group in movies.aggregate([]):
        print(group["stars"])  # wrong: typeddict-item, reportGeneralTypeIssues
    change = await movies.watch().next()
    print(change["title"])  # wrong: typeddict-item, reportGeneralTypeIssues
    cursor: AsyncIOMotorCursor[Book] = movies.find()  # wrong: assignment, reportAssignmentType
    print(cursor)


async def codec_options(client: AsyncIOMotorClient[dict[str, Any]]) -> None:
    raw = client.films.movies.with_options(RAW)
    document = await raw.find_one()
    if document is not None:
        document["name"] = "Metropolis"  # wrong: index, reportIndexIssue
    db = client.films
    movies: AsyncIOMotorCollection[Movie] = db.get_collection("x", RAW)  # wrong: arg-type, reportAssignmentType
    print(movies)
    db.with_options(RawBSONDocument)  # wrong: call-overload, reportArgumentType, reportCallIssue
    reply: dict[str, Any] = await db.command("ping", codec_options=RAW)  # wrong: arg-type, reportAssignmentType
    print(reply)


def not_documents() -> None:
    print(AsyncIOMotorClient[int]())  # wrong: type-var, reportInvalidTypeArguments
    AsyncIOMotorClient(document_class=int)  # wrong: type-var, reportArgumentType
