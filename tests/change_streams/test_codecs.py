"""The collection's codec options: they decode the changes, and must not touch the resume token."""

from __future__ import annotations

import datetime
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from bson.son import SON

from tests.change_streams.feed import take, token


class Shout(TypeDecoder):
    """Makes something else of every string, also of those in a resume token."""

    bson_type = str

    def transform_bson(self, value: Any) -> Any:
        return Loud(value.upper())


class Loud:
    """What no server takes: it cannot be encoded."""

    def __init__(self, text: str) -> None:
        self.text = text


DECODERS: CodecOptions[Any] = CodecOptions(type_registry=TypeRegistry([Shout()]))


async def test_a_decoder_of_the_users(watched, commands):
    collection = watched.with_options(codec_options=DECODERS)
    async with collection.watch() as stream:
        await watched.insert_many([{"_id": number, "name": "ada"} for number in range(3)])
        first = await stream.next()
        assert first["fullDocument"]["name"].text == "ADA"
        assert first["operationType"].text == "INSERT"
        where = stream.resume_token
    # It can be given to the server, in this process and in another.
    encoded = bson.encode({"token": where})
    async with collection.watch(resume_after=bson.decode(encoded)["token"]) as stream:
        assert [(await stream.next())["fullDocument"]["_id"] for _ in range(2)] == [1, 2]
        assert isinstance(first["_id"]["_data"], Loud)


async def test_a_decoder_of_the_users_and_a_resume(server, connect, feed):
    feed.changes = []
    collection = connect(server).db.get_collection("c", codec_options=DECODERS)
    async with collection.watch() as stream:
        for number in range(1, 4):
            feed.lose_cursors()
            feed.emit(number)
            assert await take(stream, 1) == [number]
        assert feed.stages() == [{}, *({"resumeAfter": token(number)} for number in (0, 1.5, 2.5))]


async def test_raw_changes(watched):
    raw: Any = CodecOptions(document_class=RawBSONDocument)
    collection = watched.with_options(codec_options=raw)
    async with collection.watch() as stream:
        await watched.insert_many([{"_id": number} for number in range(3)])
        change = await stream.next()
        assert isinstance(change, RawBSONDocument)
        assert bson.decode(change.raw)["fullDocument"] == {"_id": 0}
        where = stream.resume_token
    async with collection.watch(resume_after=where) as stream:
        assert await take(stream, 2) == [1, 2]


async def test_a_class_for_documents(watched):
    son: Any = CodecOptions(document_class=SON, tz_aware=True)
    async with watched.with_options(codec_options=son).watch() as stream:
        await watched.insert_one({"_id": 1, "at": datetime.datetime(2024, 1, 2)})
        change = await stream.next()
        assert type(change) is SON
        assert change["fullDocument"]["at"].tzinfo is not None


async def test_a_document_that_cannot_be_decoded(watched):
    """The caller's options are wrong for it: that is the caller's error."""

    class Broken(TypeDecoder):
        bson_type = float

        def transform_bson(self, value: Any) -> Any:
            raise ZeroDivisionError

    options: Any = CodecOptions(type_registry=TypeRegistry([Broken()]))
    async with watched.with_options(codec_options=options).watch() as stream:
        await watched.insert_many([{"_id": 1, "x": 1.5}, {"_id": 2}])
        with pytest.raises(InvalidBSON):
            await stream.next()
