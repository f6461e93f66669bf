"""Who compresses what, and with what: the prose tests of the specification "OP_COMPRESSED", and PyMongo beside us."""

from __future__ import annotations

import contextlib
import sys
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient, InsertOne, ReadPreference
from pymongo.cursor import CursorType
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.compression.proxy import CompressingProxy
from tests.support.envelope import wrap
from tests.support.loops import on_every_loop
from tests.support.waiting import until
from tests.support.wording import raised_by, said

COMPRESSORS = ("snappy", "zlib", "zstd")

NEVER_COMPRESSED = (
    *("hello", "isMaster", "ismaster", "saslStart", "saslContinue", "getnonce", "authenticate", "createUser"),
    *("updateUser", "copydbSaslStart", "copydbgetnonce", "copydb"),
)


def _name() -> str:
    return f"motor_test_{uuid.uuid4().hex}"


async def _work(client: Any) -> list[dict[str, Any]]:
    """What applications do, of every kind."""
    database = client[_name()]
    collection = database["test"]
    await collection.insert_many([{"_id": number, "text": "abc" * 1000} for number in range(30)])
    await collection.update_many({}, {"$set": {"seen": True}})
    await collection.bulk_write([InsertOne({"_id": 100}), InsertOne({"_id": 101})])
    await collection.with_options(write_concern=WriteConcern(0)).insert_one({"_id": 102})
    await collection.delete_one({"_id": 101})
    found = await collection.find({"_id": {"$lt": 100}}, batch_size=7).sort("_id").to_list()
    await collection.count_documents({})
    await collection.distinct("_id")
    await collection.create_index("seen")
    await database.command("ping")
    await database.list_collection_names()
    cursor = collection.find(batch_size=2)
    await cursor.to_list(1)
    await cursor.close()
    await client.drop_database(database.name)
    return list(found)


@pytest.mark.parametrize("compressor", COMPRESSORS)
@on_every_loop
async def test_everything_is_compressed_but_greetings(target, compressor):
    async with CompressingProxy(target) as proxy:
        async with AsyncIOMotorClient(proxy.uri, compressors=compressor) as client:
            found = await _work(client)
            assert found == [{"_id": number, "text": "abc" * 1000, "seen": True} for number in range(30)]
        await proxy.all_closed()
        assert {request.compressor for request in proxy.of("hello", "ismaster")} == {None}
        others = [request for request in proxy.requests if request.name not in ("hello", "ismaster", "endSessions")]
        assert {request.compressor for request in others} == {compressor}
        assert {name for name, used in proxy.replies if used is None} <= {"hello", "ismaster"}
        assert [compressor] in proxy.asked


async def test_monitors_never_compress(target):
    async with CompressingProxy(target) as proxy:
        async with AsyncIOMotorClient(proxy.uri, compressors="zlib", heartbeatFrequencyMS=500) as client:
            await client.admin.command("ping")
            await until(lambda: len(proxy.of("hello", "ismaster")) > 4, "monitors at work")
        of_operations = {request.connection for request in proxy.of("ping")}
        monitors = [request for request in proxy.requests if request.connection not in of_operations]
        assert {request.name for request in monitors} <= {"hello", "ismaster"}
        assert {request.compressor for request in monitors} == {None}
        assert not any("compression" in request.command for request in monitors)


@pytest.mark.parametrize("level", range(-1, 10))
async def test_zlib_levels(target, level):
    text = "".join(str(number * number) for number in range(20_000))
    async with CompressingProxy(target) as proxy:
        async with AsyncIOMotorClient(proxy.uri, compressors="zlib", zlibCompressionLevel=level) as client:
            await client.admin.command("ping", comment=text)
        (request,) = proxy.of("ping")
        assert request.compressor == "zlib"
        assert request.command["comment"] == text
        assert (request.size < len(text)) == (level != 0)


@pytest.mark.parametrize("level", [-2, 10, "high"])
def test_no_such_level(level):
    theirs = raised_by(lambda: AsyncMongoClient(compressors="zlib", zlibCompressionLevel=level))
    assert said(raised_by(lambda: AsyncIOMotorClient(compressors="zlib", zlibCompressionLevel=level))) == said(theirs)


@pytest.mark.parametrize(
    ("asked", "known", "used"),
    [
        (["snappy", "zlib"], ["zlib", "snappy"], "snappy"),
        (["snappy", "zlib"], ["zlib"], "zlib"),
        (["zstd", "zlib"], ["snappy"], None),
        (["zlib"], [], None),
        ([], ["zlib"], None),
    ],
)
async def test_the_first_that_both_know(target, asked, known, used):
    async with CompressingProxy(target, known) as proxy:
        options = "&compressors=" + ",".join(asked) if asked else ""
        async with AsyncIOMotorClient(proxy.uri + options) as client:
            await client.admin.command("ping")
        (request,) = proxy.of("ping")
        assert request.compressor == used


@pytest.mark.parametrize(("offers", "used"), [(["zstd", "zlib"], "zlib"), (["zstd", "lzma"], None)])
async def test_a_server_that_offers_what_nobody_asked_for(target, offers, used):
    async with CompressingProxy(target) as proxy:
        proxy.offers = offers
        async with AsyncIOMotorClient(proxy.uri, compressors="snappy,zlib") as client:
            await client.admin.command("ping")
        (request,) = proxy.of("ping")
        assert request.compressor == used


@pytest.mark.parametrize("name", NEVER_COMPRESSED)
async def test_never_compressed(target, name):
    async with CompressingProxy(target) as proxy, AsyncIOMotorClient(proxy.uri, compressors="zlib") as client:
        await client.admin.command("ping")
        with contextlib.suppress(OperationFailure):
            await client.admin.command(name, "nobody", mechanism="PLAIN", payload=b"")
        await client.admin.command("ping")
        assert {request.compressor for request in proxy.of(name)} == {None}
        assert {request.compressor for request in proxy.of("ping")} == {"zlib"}


@pytest.mark.parametrize("answer", [None, "noop", "snappy", "zlib", "zstd"])
async def test_the_server_answers_as_it_likes(target, answer):
    """Not compressed, or with another compressor than the client's."""
    async with CompressingProxy(target) as proxy, AsyncIOMotorClient(proxy.uri, compressors="zlib") as client:
        proxy.answers["find"] = (lambda reply: reply) if answer is None else lambda reply: wrap(reply, answer)
        collection = client[_name()]["test"]
        await collection.insert_one({"_id": 1, "text": "x" * 500_000})
        document = await collection.find_one()
        assert document is not None
        assert len(document["text"]) == 500_000
        await client.drop_database(collection.database.name)


@on_every_loop
async def test_without_an_answer(target):
    """A write that is not acknowledged has moreToCome, and is compressed all the same."""
    async with CompressingProxy(target) as proxy, AsyncIOMotorClient(proxy.uri, compressors="zlib") as client:
        database = client[_name()]
        collection = database.get_collection("test", write_concern=WriteConcern(0))
        for number in range(3):
            await collection.insert_one({"_id": number, "text": "x" * 200_000})
        await until(lambda: len(proxy.of("insert")) == 3, "three writes")
        assert [(request.compressor, request.answered) for request in proxy.of("insert")] == [("zlib", False)] * 3
        assert await database["test"].count_documents({}) == 3
        await client.drop_database(database.name)


@pytest.mark.parametrize("compressor", COMPRESSORS)
@on_every_loop
async def test_exhaust(target, compressor):
    """Batches that the server sends unasked, some of which are expanded in a thread: none overtakes another."""
    async with CompressingProxy(target) as proxy, AsyncIOMotorClient(proxy.uri, compressors=compressor) as client:
        database = client[_name()]
        documents = [{"_id": number, "text": "x" * (400_000 if number % 3 == 0 else 10)} for number in range(30)]
        await database["test"].insert_many(documents)
        cursor = database["test"].find(cursor_type=CursorType.EXHAUST, batch_size=1).sort("_id")
        assert await cursor.to_list() == documents
        assert {request.compressor for request in proxy.of("find", "getMore")} == {compressor}
        await client.drop_database(database.name)


def _warnings_of(make: Callable[..., Any], uri: str, **options: Any) -> list[tuple[type[Warning], str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make(uri, **options)
    return [(warning.category, str(warning.message)) for warning in caught]


@pytest.mark.parametrize("compressors", ["lzma", "zlib,lzma,snappy,bz2", "snappy", "zstd", "snappy,zstd,zlib"])
@pytest.mark.parametrize("without", [[], ["snappy", "backports.zstd", "backports", "compression.zstd", "compression"]])
def test_warnings(monkeypatch, compressors, without):
    """A compressor that nobody knows, or whose package is missing: PyMongo's warning, and it is not asked for."""
    for module in without:
        monkeypatch.setitem(sys.modules, module, None)
    for uri, options in (
        ("mongodb://127.0.0.1:1", {"compressors": compressors}),
        (f"mongodb://127.0.0.1:1/?compressors={compressors}", {}),
    ):
        expected = _warnings_of(AsyncMongoClient, uri, connect=False, **options)
        assert _warnings_of(AsyncIOMotorClient, uri, **options) == expected
        assert bool(expected) == (bool(without) or "lzma" in compressors)


@pytest.mark.skipif(pymongo.version_tuple < (4, 18), reason="an older PyMongo greets in an OP_QUERY")
async def test_as_pymongo_does(target):
    """The same work through both drivers: the same commands are compressed, with the same compressor."""
    seen = []
    for make in (AsyncIOMotorClient, AsyncMongoClient):
        async with CompressingProxy(target) as proxy:
            client: Any = make(proxy.uri, compressors="zstd,zlib", maxPoolSize=1, retryWrites=False)
            await _work(client)
            with contextlib.suppress(OperationFailure):
                await client.admin.command("saslStart", mechanism="PLAIN", payload=b"")
            await client.admin.command("ping", read_preference=ReadPreference.NEAREST)
            await client.close()
            assert ["zstd", "zlib"] in proxy.asked
            # Motor's goodbye is sent while its connection is being closed, where there is no time for more.
            seen.append(
                [
                    (request.name, request.compressor)
                    for request in proxy.requests
                    if request.name not in ("hello", "ismaster", "endSessions")
                ]
            )
    assert seen[0] == seen[1]
    assert {compressor for _, compressor in seen[0]} == {"zstd", None}
