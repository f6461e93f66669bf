"""Database.command and cursor_command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import SON, CodecOptions, ObjectId
from pymongo.read_preferences import Nearest, ReadPreference
from pymongo.write_concern import WriteConcern

from ..harness import COLLECTION, Case, Target, got, outcome
from .cursor import state
from .data import TEN, THREE


def command(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.db.command(*args, **options)


def admin(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.client.admin.command(*args, **options)


def cursor(*args: Any, **options: Any) -> Callable[[Target], Any]:
    return lambda t: t.db.cursor_command(*args, **options)


async def database_options_do_not_apply(t: Target) -> Any:
    db = t.db.with_options(
        codec_options=CodecOptions(document_class=SON),
        read_preference=ReadPreference.SECONDARY_PREFERRED,
        write_concern=WriteConcern(w="majority"),
    )
    return await db.command("ping"), await db.command("insert", "c", documents=[{"_id": 9}])


async def explain_aggregate(t: Target) -> Any:
    stages = [{"$match": {"x": 1}}]
    reply = await t.db.command("aggregate", COLLECTION, pipeline=stages, explain=True)
    return sorted(reply)


async def with_a_password(t: Target) -> Any:
    """Listeners are not told it."""
    user, roles = "u", [{"role": "read", "db": t.db.name}]
    made = await outcome(lambda: t.db.command("createUser", user, pwd="secret", roles=roles))
    return made, await outcome(lambda: t.db.command("dropUser", user))


async def half_read_cursor(t: Target) -> Any:
    cursor = await got(t.db.cursor_command("find", COLLECTION, batchSize=2))
    first = await cursor.next()
    shown = state(cursor)
    await cursor.close()
    return first, shown, state(cursor)


CASES = [
    Case("a name", command("ping")),
    Case("a name and a value", command("dbStats", 1024)),
    Case("a name and keywords", command("find", COLLECTION, limit=1, singleBatch=True), THREE),
    Case("a dict", command({"ping": 1})),
    Case("a dict of several", lambda t: t.db.command({"count": "c", "query": {"x": 1}}), THREE),
    Case("a dict and keywords", lambda t: t.db.command({"count": "c"}, query={"x": 1}), THREE),
    Case("SON", lambda t: t.db.command(SON([("count", "c"), ("query", SON(x=1))])), THREE),
    Case("value None", command("ping", None)),
    Case("value a string", command("count", COLLECTION), THREE),
    Case("comment", command("ping", comment="why")),
    Case("comment a document", command("ping", comment={"a": 1})),
    Case("on admin", admin("buildInfo")),
    Case("unknown command", command("nonsense")),
    Case("unknown command, check=False", command("nonsense", check=False)),
    Case("unknown command, allowed by code", command("nonsense", allowable_errors=[59])),
    Case("unknown command, allowed by text", command("nonsense", allowable_errors=["no such"])),
    Case("unknown command, other allowed", command("nonsense", allowable_errors=[1])),
    Case("refused", command("find", COLLECTION, filter={"$nonsense": 1})),
    Case("refused, check=False", command("find", COLLECTION, filter={"$nonsense": 1}, check=False)),
    Case("positional", command("ping", 1, True, None, ReadPreference.NEAREST)),
    Case("read_preference", command("ping", read_preference=ReadPreference.SECONDARY_PREFERRED)),
    Case("read_preference with tags", command("ping", read_preference=Nearest([{"dc": "x"}, {}]))),
    Case("codec_options", command("ping", codec_options=CodecOptions(document_class=SON))),
    Case("insert", command("insert", COLLECTION, documents=[{"_id": 9}, {"x": 1, "_id": 8}])),
    Case("insert, write errors are not raised", command("insert", COLLECTION, documents=[{"_id": 1}]), THREE),
    Case(
        "update",
        command("update", COLLECTION, updates=[{"q": {}, "u": {"$set": {"y": 1}}, "multi": True}]),
        THREE,
    ),
    Case("delete", command("delete", COLLECTION, deletes=[{"q": {}, "limit": 1}]), THREE),
    Case("findAndModify", command("findAndModify", COLLECTION, remove=True), THREE),
    Case("distinct", command("distinct", COLLECTION, key="x"), THREE),
    Case("writeConcern", command("insert", COLLECTION, documents=[{"_id": 9}], writeConcern={"w": 1})),
    Case("readConcern", command("count", COLLECTION, readConcern={"level": "majority"}), THREE),
    Case("maxTimeMS", command("ping", maxTimeMS=9000)),
    Case("explain of an aggregate", explain_aggregate, THREE),
    Case("a value of every kind", command("ping", x={"a": [1, None, ObjectId("0" * 24)]})),
    Case("with a password", with_a_password),
    Case("the database's options do not apply", database_options_do_not_apply),
    Case("cursor", cursor("find", COLLECTION), THREE),
    Case("cursor, batches", cursor("find", COLLECTION, batchSize=3), TEN),
    Case("cursor, dict", lambda t: t.db.cursor_command({"find": "c", "filter": {"x": 1}}), THREE),
    Case("cursor, comment", cursor("find", COLLECTION, batchSize=4, comment="why"), TEN),
    Case(
        "cursor, read_preference", cursor("find", COLLECTION, batchSize=4, read_preference=ReadPreference.NEAREST), TEN
    ),
    Case("cursor, codec_options", cursor("find", COLLECTION, codec_options=CodecOptions(document_class=SON)), THREE),
    Case("cursor, max_await_time_ms", cursor("find", COLLECTION, batchSize=4, max_await_time_ms=10), TEN),
    Case("cursor, half read", half_read_cursor, TEN),
    Case("cursor, aggregate", cursor("aggregate", COLLECTION, pipeline=[], cursor={}), THREE),
    Case("cursor, refused", cursor("find", COLLECTION, filter={"$nonsense": 1})),
    Case("cursor, no cursor in the reply", cursor("ping")),
]
