"""A type registry of the application's: every operation, with a decoder for each of the types that servers use, too.

What is a document of the application's comes in its types. What the server says of itself never does, and least of all
what goes back to it: `$clusterTime` holds bytes, a Timestamp and an int.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.codec_options import TypeDecoder, TypeRegistry
from bson.objectid import ObjectId
from bson.timestamp import Timestamp
from pymongo import DeleteMany, DeleteOne, IndexModel, InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne

from ..harness import Case, Target, got, outcome, settle
from .gridfs import bucket_of

PLAIN: dict[str, Any] = {
    "int": 7,
    "float": 1.5,
    "str": "text",
    "bytes": b"blob",
    "datetime": datetime.datetime(2001, 2, 3, 4, 5, 6),
    "Timestamp": Timestamp(7, 8),
    "ObjectId": ObjectId("00000000aaaaaaaaaaaaaaaa"),
}
"""One of each type that has a decoder here."""

DOCUMENTS = [{"_id": number, **PLAIN, "inner": [{"values": list(PLAIN.values())}]} for number in range(3)]


@dataclass(frozen=True)
class Own:
    """What the application has in the place of a value."""

    value: Any


def decoder(kind: type[Any]) -> TypeDecoder:
    """Makes an Own of each `kind`."""

    class Decoder(TypeDecoder):
        bson_type = kind

        def transform_bson(self, value: Any) -> Own:
            return Own(value)

    return Decoder()


REGISTRIES = {name: TypeRegistry([decoder(type(value))]) for name, value in PLAIN.items()}
REGISTRIES["all"] = TypeRegistry([decoder(type(value)) for value in PLAIN.values()])


def without_times(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a stream but for what two streams cannot have in common."""
    return {key: value for key, value in change.items() if key not in ("_id", "clusterTime", "wallTime")}


def plain_keys(reply: Mapping[str, Any], *hidden: str) -> dict[str, Any]:
    """A server's reply without its gossip, and what is `hidden`."""
    gossip = ("$clusterTime", "operationTime", *hidden)
    return {key: value for key, value in reply.items() if key not in gossip}


async def reads(t: Target, coll: Any) -> Any:
    raw = [
        await outcome(lambda: coll.find_raw_batches(batch_size=2).sort("_id")),
        await outcome(lambda: got(coll.aggregate_raw_batches([{"$sort": {"_id": 1}}]))),
    ]
    return raw, [
        await outcome(step)
        for step in (
            lambda: coll.find(batch_size=2).sort("_id"),
            lambda: coll.find({}, {"int": 1}).sort("_id").limit(2),
            lambda: coll.find_one({"_id": 1}),
            lambda: coll.find_one({"_id": 17}),
            lambda: coll.aggregate([{"$sort": {"_id": 1}}], batchSize=2),
            lambda: coll.database.aggregate([{"$documents": [PLAIN]}]),
            lambda: coll.distinct("inner"),
            lambda: coll.distinct("_id"),
            lambda: coll.count_documents({}),
            lambda: coll.count_documents({"_id": 17}),
            lambda: coll.estimated_document_count(),
        )
    ]


async def writes(t: Target, coll: Any) -> Any:
    change = {"$set": {"seen": PLAIN}}
    return [
        await outcome(step)
        for step in (
            lambda: coll.insert_one({"_id": 10, **PLAIN}),
            lambda: coll.insert_one({"_id": 10}),
            lambda: coll.insert_many([{"_id": 11}, {"_id": 12}]),
            lambda: coll.insert_many([{"_id": 13}, {"_id": 13}]),
            lambda: coll.update_one({"_id": 1}, change),
            lambda: coll.update_one({"_id": 20}, change, upsert=True),
            lambda: coll.update_many({}, change),
            lambda: coll.replace_one({"_id": 1}, PLAIN),
            lambda: coll.replace_one({"_id": 21}, PLAIN, upsert=True),
            lambda: coll.delete_one({"_id": 10}),
            lambda: coll.delete_many({"_id": {"$gt": 10}}),
            lambda: coll.update_one({}, {"$nonsense": 1}),
            lambda: coll.find().sort("_id"),
        )
    ]


async def find_and_modify(t: Target, coll: Any) -> Any:
    change = {"$set": {"seen": PLAIN}}
    after = {"return_document": ReturnDocument.AFTER}
    return [
        await outcome(step)
        for step in (
            lambda: coll.find_one_and_update({"_id": 1}, change),
            lambda: coll.find_one_and_update({"_id": 1}, change, **after),
            lambda: coll.find_one_and_update({"_id": 20}, change, upsert=True, **after),
            lambda: coll.find_one_and_replace({"_id": 1}, PLAIN, **after),
            lambda: coll.find_one_and_delete({"_id": 1}),
            lambda: coll.find_one_and_delete({"_id": 99}),
        )
    ]


def statements(namespace: str | None = None) -> list[Any]:
    where: dict[str, Any] = {} if namespace is None else {"namespace": namespace}
    return [
        InsertOne({"_id": 10, **PLAIN}, **where),
        UpdateOne({"_id": 1}, {"$set": {"seen": 1}}, **where),
        UpdateOne({"_id": 20}, {"$set": {"seen": 1}}, upsert=True, **where),
        UpdateMany({}, {"$set": {"seen": 2}}, **where),
        ReplaceOne({"_id": 21}, {"seen": 3}, upsert=True, **where),
        DeleteOne({"_id": 10}, **where),
        DeleteMany({"_id": {"$gt": 20}}, **where),
    ]


async def bulk(t: Target, coll: Any) -> Any:
    twice: list[Any] = [InsertOne({"_id": 1}), InsertOne({"_id": 30}), InsertOne({"_id": 30})]
    return [
        await outcome(step)
        for step in (
            lambda: coll.bulk_write(statements()),
            lambda: coll.bulk_write(statements(), ordered=False),
            lambda: coll.bulk_write(twice),
            lambda: coll.bulk_write(twice, ordered=False),
        )
    ]


async def client_bulk(t: Target, coll: Any) -> Any:
    client = coll.database.client
    twice: list[Any] = [InsertOne({"_id": number}, namespace=coll.full_name) for number in (1, 30, 30)]
    return [
        await outcome(step)
        for step in (
            lambda: client.bulk_write(statements(coll.full_name)),
            lambda: client.bulk_write(statements(coll.full_name), verbose_results=True),
            lambda: client.bulk_write(statements(coll.full_name), ordered=False, verbose_results=True),
            lambda: client.bulk_write(twice),
            lambda: client.bulk_write(twice, ordered=False, verbose_results=True),
        )
    ]


async def commands(t: Target, coll: Any) -> Any:
    db = coll.database
    results = [
        plain_keys(await got(step()))
        for step in (
            lambda: db.command("ping"),
            lambda: db.command("count", coll.name),
            lambda: db.command("insert", coll.name, documents=[{"_id": 10}]),
            lambda: db.command("find", coll.name, sort={"_id": 1}),
        )
    ]
    typed = await db.command("count", coll.name, codec_options=coll.codec_options)
    cursor = await got(db.cursor_command("find", coll.name, sort={"_id": 1}))
    return results, plain_keys(typed), await settle(cursor)


async def listings(t: Target, coll: Any) -> Any:
    db = coll.database
    names = await db.client.list_database_names()
    databases = [each async for each in await got(db.client.list_databases())]
    found = [each for each in databases if each["name"] in (db.name, Own(db.name))]
    collections = [{**each, "info": sorted(each["info"])} async for each in await got(db.list_collections())]
    return (
        [name for name in names if name in (db.name, Own(db.name))],
        [{key: type(value) for key, value in each.items()} for each in found],
        collections,
        await db.list_collection_names(),
        await coll.options(),
        await outcome(lambda: db.validate_collection("nothing")),
        plain_keys(await db.validate_collection(coll.name), "uuid"),
    )


async def indexes(t: Target, coll: Any) -> Any:
    return [
        await outcome(step)
        for step in (
            lambda: coll.create_index("int"),
            lambda: coll.create_indexes([IndexModel("str"), IndexModel([("float", -1)], name="mine")]),
            lambda: coll.list_indexes(),
            lambda: coll.index_information(),
            lambda: coll.drop_index("mine"),
            lambda: coll.drop_index("mine"),
            lambda: coll.drop_indexes(),
            lambda: coll.index_information(),
        )
    ]


async def administration(t: Target, coll: Any) -> Any:
    db = coll.database
    made = await db.create_collection("made", capped=True, size=4096)
    return [
        made.name,
        await outcome(lambda: db.create_collection("made")),
        await made.options(),
        plain_keys(await made.rename("renamed")),
        await outcome(lambda: made.rename("again")),
        await db.renamed.drop(),
        plain_keys(await db.drop_collection("c")),
        await db.client.drop_database(db.name),
    ]


async def sessions(t: Target, coll: Any) -> Any:
    """A cluster time that comes in documents of the application's would be no good to the next command."""
    results: list[Any] = []
    async with coll.database.client.start_session(causal_consistency=True) as session:
        results.append(await coll.insert_one({"_id": 10}, session=session))
        results.append(await coll.find_one({"_id": 10}, session=session))
        results.append(await coll.update_one({"_id": 10}, {"$set": {"a": 1}}, session=session))
        results.append(await coll.find({}, session=session).sort("_id").to_list())
        results.append(type(session.operation_time))
        results.append({key: type(value) for key, value in session.cluster_time.items()})
        async with await got(session.start_transaction()):
            results.append(await coll.insert_many([{"_id": 11}], session=session))
            results.append(await coll.count_documents({}, session=session))
            results.append(await coll.find_one_and_update({"_id": 11}, {"$set": {"a": 1}}, session=session))
        await got(session.start_transaction())
        results.append(await coll.delete_many({}, session=session))
        await session.abort_transaction()

        async def work(session: Any) -> Any:
            return await coll.update_many({}, {"$set": {"b": 1}}, session=session)

        results.append(await session.with_transaction(work))
    async with coll.database.client.start_session(snapshot=True) as session:
        results.append(await outcome(lambda: coll.find({}, session=session).sort("_id")))
        results.append(await outcome(lambda: coll.distinct("_id", session=session)))
    return results


async def changes(t: Target, coll: Any) -> Any:
    shown: list[Any] = []
    async with await got(coll.watch(full_document="updateLookup", max_await_time_ms=30)) as stream:
        shown.append(await stream.try_next())
        await coll.insert_one({"_id": 10, **PLAIN})
        await coll.update_one({"_id": 10}, {"$set": {"int": 8}})
        await coll.delete_one({"_id": 10})
        seen = [await stream.next() for _ in range(3)]
        shown.extend(without_times(change) for change in seen)
        shown.append({key: type(value) for key, value in seen[-1].items()})
        shown.append([type(value) for value in stream.resume_token.values()])
        token = stream.resume_token
    async with await got(coll.watch(resume_after=token)) as stream:
        await coll.insert_one({"_id": 11})
        shown.append(without_times(await stream.next()))
    return shown


async def files(t: Target, coll: Any) -> Any:
    """A file's length and chunks are read by whoever made them: they have no types of the application's."""
    bucket = bucket_of(t, coll.database)
    key = await bucket.upload_from_stream("name", b"0123456789", chunk_size_bytes=4, metadata={"int": 7})
    file = await bucket.open_download_stream(key)
    shown: list[Any] = [await file.read(), file.length, file.chunk_size, file.filename, file.metadata]
    shown.append([(each.filename, each.length) async for each in bucket.find({})])
    await bucket.rename(key, "other")
    shown.append((await bucket.open_download_stream_by_name("other")).filename)
    await bucket.delete(key)
    return shown


EVERYTHING: Sequence[Callable[[Target, Any], Any]] = (
    reads,
    writes,
    find_and_modify,
    bulk,
    client_bulk,
    commands,
    listings,
    indexes,
    sessions,
    changes,
    files,
    administration,
)


def with_registry(step: Callable[[Target, Any], Any], registry: TypeRegistry) -> Callable[[Target], Any]:
    """`step` on a client that has the registry, which still works afterwards, and closes."""

    async def call(t: Target) -> Any:
        client = t.new_client(type_registry=registry)
        result = await outcome(step, t, client[t.db.name]["c"])
        pong = await client.admin.command("ping")
        await client[t.db.name].after.insert_one({"_id": 1})
        await got(client.close())
        return result, sorted(pong)

    return call


CASES = [
    Case(f"{step.__name__}, {name}", with_registry(step, registry), DOCUMENTS)
    for step in EVERYTHING
    for name, registry in REGISTRIES.items()
]
