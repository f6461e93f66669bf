"""Codec options: what documents are decoded to, and how values of other types are encoded."""

from __future__ import annotations

import datetime
import struct
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import bson
from bson import SON, Binary, CodecOptions, Decimal128
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion, TypeCodec, TypeRegistry
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.database import Database

from ..harness import COLLECTION, Case, Target, outcome

OWN = UUID("00000000-0000-0000-1111-222222222222")
SOME_DATE = datetime.datetime(2007, 8, 9, 10, 11, 12)
SOME_MILLISECONDS = int(SOME_DATE.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)
WHEN = datetime.datetime(2001, 2, 3, 4, 5, 6)
NESTED = [{"_id": i, "d": {"z": 1, "a": [{"b": 1}]}, "when": WHEN} for i in range(3)]
STANDARD: CodecOptions[Any] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)
UTC_PLUS_2 = datetime.timezone(datetime.timedelta(hours=2))


class Record(dict[str, Any]):
    """A document class of the application's own."""


class Money:
    def __init__(self, amount: str) -> None:
        self.amount = amount

    def __repr__(self) -> str:
        return f"Money({self.amount!r})"


class MoneyCodec(TypeCodec):
    python_type = Money
    bson_type = Decimal128

    def transform_python(self, value: Money) -> Decimal128:
        return Decimal128(value.amount)

    def transform_bson(self, value: Decimal128) -> Money:
        return Money(str(value))


def fallback(value: Any) -> Any:
    return Decimal128(value) if isinstance(value, Decimal) else value


MONEY: CodecOptions[Any] = CodecOptions(type_registry=TypeRegistry([MoneyCodec()]))
FALLBACK: CodecOptions[Any] = CodecOptions(type_registry=TypeRegistry(fallback_encoder=fallback))


def read(options: CodecOptions[Any]) -> Callable[[Target], Any]:
    """The collection's documents, by each way to read them."""

    return lambda t: read_from(t.coll, options)


async def read_from(coll: Any, options: CodecOptions[Any]) -> Any:
    coll = coll.with_options(codec_options=options)
    return [
        await outcome(lambda: coll.find(batch_size=2)),
        await outcome(lambda: coll.find(batch_size=2).to_list()),
        await outcome(lambda: coll.aggregate([], batchSize=2)),
        *await read_without_cursors(coll, options),
    ]


async def read_without_cursors(coll: Any, options: CodecOptions[Any]) -> Any:
    """What is decoded by an operation. A cursor is over in PyMongo after a document that cannot be decoded, and goes on
    in Motor: tests/cursors/test_states.py.
    """
    coll = coll.with_options(codec_options=options)
    return [
        await outcome(lambda: coll.find_one()),
        await outcome(lambda: coll.distinct("d")),
        await outcome(lambda: coll.find_one_and_update({}, {"$set": {"y": 1}})),
        await outcome(lambda: coll.count_documents({})),
    ]


def write(options: CodecOptions[Any], value: Callable[[], Any]) -> Callable[[Target], Any]:
    """A value sent in every kind of write and query."""

    async def call(t: Target) -> Any:
        coll = t.coll.with_options(codec_options=options)
        calls = [
            lambda: coll.insert_one({"_id": 1, "v": value()}),
            lambda: coll.insert_many([{"_id": 2, "v": value()}]),
            lambda: coll.update_one({"v": value()}, {"$set": {"w": value()}}),
            lambda: coll.update_many({"v": value()}, [{"$set": {"w": value()}}]),
            lambda: coll.replace_one({"v": value()}, {"v": value()}),
            lambda: coll.bulk_write(
                [
                    InsertOne({"_id": 3, "v": value()}),
                    UpdateOne({"v": value()}, {"$set": {"w": value()}}),
                    ReplaceOne({"v": value()}, {"v": value()}),
                ]
            ),
            lambda: coll.find({"v": value()}).sort("_id"),
            lambda: coll.find_one({"v": value()}),
            lambda: coll.count_documents({"v": value()}),
            lambda: coll.distinct("v", {"v": value()}),
            lambda: coll.aggregate([{"$match": {"v": value()}}, {"$sort": {"_id": 1}}]),
            lambda: coll.find_one_and_update({"v": value()}, {"$set": {"w": value()}}),
            lambda: coll.delete_one({"v": value()}),
        ]
        return [await outcome(each) for each in calls]

    return call


def with_uuids(db: Database[Any]) -> None:
    db[COLLECTION].insert_many(
        [
            {"_id": 1, "v": Binary.from_uuid(OWN, UuidRepresentation.STANDARD)},
            {"_id": 2, "v": Binary.from_uuid(OWN, UuidRepresentation.PYTHON_LEGACY)},
            {"_id": 3, "v": Binary.from_uuid(OWN, UuidRepresentation.JAVA_LEGACY)},
        ]
    )


def read_far_dates(options: CodecOptions[Any]) -> Callable[[Target], Any]:
    """A date past the year 9999."""

    async def call(t: Target) -> Any:
        far = 2**53
        db = await t.altered_db(struct.pack("<q", SOME_MILLISECONDS), struct.pack("<q", far))
        decodable = options.datetime_conversion is not DatetimeConversion.DATETIME
        return await (read_from if decodable else read_without_cursors)(db.c, options)

    return call


def read_broken_text(options: CodecOptions[Any]) -> Callable[[Target], Any]:
    """A string that is no UTF-8."""

    async def call(t: Target) -> Any:
        db = await t.altered_db(b"grun", b"gr\xfcn")
        decodable = options.unicode_decode_error_handler != "strict"
        return await (read_from if decodable else read_without_cursors)(db.c, options)

    return call


async def write_broken_text(t: Target) -> Any:
    """A server may not take it: then both sides say so."""
    broken = bson.encode({"_id": 1, "s": "grun"}).replace(b"grun", b"gr\xfcn")
    return await outcome(t.coll.insert_one, RawBSONDocument(broken)), await outcome(t.coll.find_one)


def with_money(db: Database[Any]) -> None:
    db[COLLECTION].insert_many([{"_id": 1, "d": Decimal128("1.10")}, {"_id": 2, "d": 5}])


def read_uuids(representation: int) -> Case:
    options: CodecOptions[Any] = CodecOptions(uuid_representation=representation)
    return Case(f"read uuid_representation {representation}", read(options), prepare=with_uuids)


def write_uuids(representation: int) -> Case:
    options: CodecOptions[Any] = CodecOptions(uuid_representation=representation)
    return Case(f"write uuid_representation {representation}", write(options, lambda: OWN))


async def database_passes_on(t: Target) -> Any:
    db = t.db.with_options(codec_options=CodecOptions(document_class=SON))
    return db, db.c, await db.c.find_one(), await db["c"].sub.find_one(), await db.command("ping")


async def client_passes_on(t: Target) -> Any:
    db = t.own_db(document_class=SON, tz_aware=True, tzinfo=UTC_PLUS_2, uuidRepresentation="standard")
    return db, await db.c.find_one(), await db.c.insert_one({"_id": 9, "v": OWN})


async def client_type_registry(t: Target) -> Any:
    db = t.own_db(type_registry=TypeRegistry([MoneyCodec()]))
    return await db.c.find_one({"d": Money("1.10")})


async def get_collection_overrides(t: Target) -> Any:
    coll = t.db.get_collection("c", codec_options=CodecOptions(document_class=OrderedDict))
    return coll, await coll.find_one()


async def raw_documents_from_batches(t: Target) -> Any:
    """A raw document outlives the reply it came in."""
    coll = t.coll.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
    documents = await coll.find(batch_size=1).to_list()
    return [(bytes(document.raw), document["d"]) for document in documents]


async def raw_written_back(t: Target) -> Any:
    coll = t.coll.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
    document = await coll.find_one()
    return (
        await t.db.other.insert_one(document),
        await t.db.more.insert_many([document]),
        await coll.replace_one({"_id": 1}, document),
        await coll.find_one(document),
        await t.db.other.find_one(),
    )


async def command_with_codec(t: Target) -> Any:
    options: CodecOptions[Any] = CodecOptions(document_class=SON, tz_aware=True)
    command = {"find": COLLECTION, "limit": 1}
    reply = await t.db.command(command, codec_options=options)
    return type(reply), reply["cursor"]["firstBatch"]


async def command_without_codec(t: Target) -> Any:
    """`command` does not take the database's codec options."""
    db = t.db.with_options(codec_options=CodecOptions(document_class=SON))
    return await db.command("find", COLLECTION, limit=1)


async def list_indexes_are_son(t: Target) -> Any:
    coll = t.coll.with_options(codec_options=CodecOptions(document_class=Record))
    await coll.create_index([("x", 1), ("y", -1)])
    return await outcome(coll.list_indexes), await coll.index_information()


async def bulk_error_details(t: Target) -> Any:
    """An error's details are plain dicts whatever the document class."""
    coll = t.coll.with_options(codec_options=CodecOptions(document_class=SON))
    return (
        await outcome(lambda: coll.insert_one({"_id": 0})),
        await outcome(lambda: coll.insert_many([{"_id": 0}])),
        await outcome(lambda: coll.update_one({"_id": 0}, {"$nonsense": 1})),
        await outcome(lambda: coll.find_one({"$nonsense": 1})),
        await coll.update_one({"_id": 7}, {"$set": {"d": 1}}, upsert=True),
    )


CASES = [
    Case("document_class SON", read(CodecOptions(document_class=SON)), NESTED),
    Case("document_class OrderedDict", read(CodecOptions(document_class=OrderedDict)), NESTED),
    Case("document_class one's own", read(CodecOptions(document_class=Record)), NESTED),
    Case("document_class raw", read(CodecOptions(document_class=RawBSONDocument)), NESTED),
    Case("raw documents from batches", raw_documents_from_batches, NESTED),
    Case("raw documents written back", raw_written_back, NESTED),
    Case("tz_aware", read(CodecOptions(tz_aware=True)), NESTED),
    Case("tzinfo", read(CodecOptions(tz_aware=True, tzinfo=UTC_PLUS_2)), NESTED),
    *[read_uuids(representation) for representation in (0, 3, 4, 5, 6)],
    *[write_uuids(representation) for representation in (0, 3, 4, 5, 6)],
    Case("type registry, read", read(MONEY), prepare=with_money),
    Case("type registry, write", write(MONEY, lambda: Money("2.50"))),
    Case("fallback encoder, write", write(FALLBACK, lambda: Decimal("2.50"))),
    Case("type without a codec", write(CodecOptions(), lambda: Money("2.50"))),
    *[
        Case(
            f"far date, {conversion.name}",
            read_far_dates(CodecOptions(tz_aware=True, datetime_conversion=conversion)),
            [{"_id": 1, "d": SOME_DATE}, {"_id": 2, "d": WHEN}],
        )
        for conversion in DatetimeConversion
    ],
    *[
        Case(
            f"broken text, {handler}",
            read_broken_text(CodecOptions(unicode_decode_error_handler=handler)),
            [{"_id": 1, "d": "grun"}, {"_id": 2, "d": "rot"}],
        )
        for handler in ("strict", "replace", "ignore", "surrogateescape")
    ],
    Case("broken text, written", write_broken_text),
    Case("database passes them on", database_passes_on, NESTED),
    Case("client passes them on", client_passes_on, NESTED),
    Case("client, type_registry", client_type_registry, prepare=with_money),
    Case("get_collection overrides", get_collection_overrides, NESTED),
    Case("command with codec_options", command_with_codec, NESTED),
    Case("command without codec_options", command_without_codec, NESTED),
    Case("list_indexes gives SON", list_indexes_are_son),
    Case("error details", bulk_error_details, NESTED),
]
