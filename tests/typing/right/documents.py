"""What documents are, from the client to the cursor, and what codec options make of that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypedDict

from bson import SON, CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne
from tornado.ioloop import IOLoop
from typing_extensions import NotRequired, assert_type

from motor.core import AgnosticClient, AgnosticCollection, AgnosticDatabase
from motor.motor_asyncio import (
    AsyncIOMotorChangeStream,
    AsyncIOMotorClient,
    AsyncIOMotorCollection,
    AsyncIOMotorCommandCursor,
    AsyncIOMotorCursor,
    AsyncIOMotorDatabase,
    AsyncIOMotorLatentCommandCursor,
)
from motor.motor_tornado import MotorClient, MotorCollection, MotorCommandCursor, MotorDatabase


class Movie(TypedDict):
    """A document whose fields are known."""

    name: str
    year: int
    stars: NotRequired[int]


RAW: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument)
ORDERED: CodecOptions[SON[str, Any]] = CodecOptions(SON[str, Any])


async def from_client_to_cursor(client: AsyncIOMotorClient[Movie]) -> None:
    assert_type(client["films"], AsyncIOMotorDatabase[Movie])
    assert_type(client["films"]["movies"], AsyncIOMotorCollection[Movie])
    movies = client.films.movies
    assert_type(movies.find(), AsyncIOMotorCursor[Movie])
    assert_type(movies.find_one(), asyncio.Future[Movie | None])
    assert_type(movies.find().to_list(), asyncio.Future[list[Movie]])
    assert_type(movies.aggregate([]), AsyncIOMotorLatentCommandCursor[Movie])
    assert_type(await movies.aggregate([]).to_list(5), list[Movie])
    assert_type(movies.watch(), AsyncIOMotorChangeStream[Movie])
    assert_type(movies.codec_options, CodecOptions[Movie])
    assert_type(movies.find_one_and_update({}, {"$inc": {"stars": 1}}), asyncio.Future[Movie | None])
    assert_type(movies.with_options(), AsyncIOMotorCollection[Movie])
    movie = await movies.find_one({"name": "Metropolis"})
    if movie is not None:
        assert_type(movie["year"], int)
        assert_type(movie.get("stars"), int | None)


async def written(movies: AsyncIOMotorCollection[Movie], raw: RawBSONDocument) -> None:
    metropolis = Movie(name="Metropolis", year=1927)
    await movies.insert_one(metropolis)
    await movies.insert_one({"name": "Metropolis", "year": 1927, "stars": 5})
    await movies.insert_one(raw)
    await movies.insert_many([metropolis, raw])
    await movies.bulk_write([InsertOne(metropolis), ReplaceOne({"name": "Metropolis"}, metropolis)])
    await movies.replace_one({"name": "Metropolis"}, metropolis)


async def other_codec_options(client: AsyncIOMotorClient[dict[str, Any]]) -> None:
    db = client.films
    movies = db.movies
    assert_type(movies.with_options(RAW), AsyncIOMotorCollection[RawBSONDocument])
    assert_type(movies.with_options(codec_options=ORDERED), AsyncIOMotorCollection[SON[str, Any]])
    assert_type(db.with_options(RAW), AsyncIOMotorDatabase[RawBSONDocument])
    assert_type(db.get_collection("movies", RAW), AsyncIOMotorCollection[RawBSONDocument])
    assert_type(client.get_database("films", RAW), AsyncIOMotorDatabase[RawBSONDocument])
    assert_type(client.get_database(codec_options=RAW)["movies"], AsyncIOMotorCollection[RawBSONDocument])
    assert_type(client.get_default_database("films", RAW), AsyncIOMotorDatabase[RawBSONDocument])
    assert_type(await db.create_collection("new", RAW), AsyncIOMotorCollection[RawBSONDocument])
    assert_type(await movies.with_options(RAW).find_one(), RawBSONDocument | None)
    assert_type(await db.command("ping"), dict[str, Any])
    assert_type(await db.command("ping", codec_options=RAW), RawBSONDocument)
    assert_type(await db.cursor_command("find", "movies"), AsyncIOMotorCommandCursor[dict[str, Any]])
    cursor = await db.cursor_command("find", "movies", codec_options=RAW)
    assert_type(cursor, AsyncIOMotorCommandCursor[RawBSONDocument])


async def other_codec_options_under_tornado(client: MotorClient[dict[str, Any]]) -> None:
    db = client.films
    assert_type(db.movies.with_options(RAW), MotorCollection[RawBSONDocument])
    assert_type(db.with_options(RAW), MotorDatabase[RawBSONDocument])
    assert_type(db.get_collection("movies", RAW), MotorCollection[RawBSONDocument])
    assert_type(client.get_database("films", RAW), MotorDatabase[RawBSONDocument])
    assert_type(await db.create_collection("new", RAW), MotorCollection[RawBSONDocument])
    assert_type(await db.cursor_command("find", "movies"), MotorCommandCursor[dict[str, Any]])


async def other_codec_options_in_either(client: AgnosticClient[dict[str, Any]]) -> None:
    assert_type(client.get_database("films", RAW), AgnosticDatabase[RawBSONDocument])
    assert_type(client.films.with_options(RAW), AgnosticDatabase[RawBSONDocument])
    assert_type(client.films.get_collection("movies", RAW), AgnosticCollection[RawBSONDocument])
    assert_type(client.films.movies.with_options(RAW), AgnosticCollection[RawBSONDocument])


async def classes_of_documents(uri: str) -> None:
    assert_type(AsyncIOMotorClient(uri), AsyncIOMotorClient[Any])
    assert_type(AsyncIOMotorClient(uri, document_class=RawBSONDocument), AsyncIOMotorClient[RawBSONDocument])
    assert_type(MotorClient(uri, document_class=dict[str, int]), MotorClient[dict[str, int]])
    read_only: AsyncIOMotorClient[Mapping[str, Any]] = AsyncIOMotorClient(uri)
    assert_type(await read_only.db.c.find_one(), Mapping[str, Any] | None)
    await read_only.db.c.insert_one({"x": 1})
    typed: AsyncIOMotorCollection[Movie] = AsyncIOMotorClient(uri).films.movies
    assert_type(await typed.find_one(), Movie | None)


def loops(client: AsyncIOMotorClient[Movie], other: MotorClient[Movie]) -> None:
    assert_type(client.io_loop, asyncio.AbstractEventLoop)
    assert_type(client.get_io_loop(), asyncio.AbstractEventLoop)
    assert_type(other.io_loop, IOLoop)
