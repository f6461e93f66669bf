"""Every method that takes a session: it takes none, by name and by place, and any kind of the caller's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bson import DBRef
from pymongo import DeleteOne, IndexModel, ReadPreference
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, got, outcome
from .bad_names import everywhere
from .data import THREE
from .update import SET

METHODS: tuple[Callable[[Target, Any], Any], ...] = (
    lambda t, s: t.coll.insert_one({"_id": 9}, session=s),
    lambda t, s: t.coll.insert_many([{"_id": 8}], session=s),
    lambda t, s: t.coll.update_one({}, SET, session=s),
    lambda t, s: t.coll.update_many({}, SET, session=s),
    lambda t, s: t.coll.replace_one({"_id": 9}, {}, session=s),
    lambda t, s: t.coll.delete_one({"_id": 9}, session=s),
    lambda t, s: t.coll.delete_many({"_id": 8}, session=s),
    lambda t, s: t.coll.bulk_write([DeleteOne({"_id": 7})], session=s),
    lambda t, s: t.coll.find_one_and_update({}, SET, session=s),
    lambda t, s: t.coll.find_one_and_replace({}, {"y": 1}, session=s),
    lambda t, s: t.coll.find_one_and_delete({"_id": 7}, session=s),
    lambda t, s: t.coll.find({}, session=s),
    lambda t, s: t.coll.find_one({}, session=s),
    lambda t, s: t.coll.aggregate([], session=s),
    lambda t, s: t.coll.count_documents({}, session=s),
    lambda t, s: t.coll.distinct("x", session=s),
    lambda t, s: t.coll.create_index("x", session=s),
    lambda t, s: t.coll.create_indexes([IndexModel("y")], session=s),
    lambda t, s: t.coll.list_indexes(session=s),
    lambda t, s: t.coll.index_information(session=s),
    lambda t, s: t.coll.drop_index("y_1", session=s),
    lambda t, s: t.coll.drop_indexes(session=s),
    lambda t, s: t.coll.options(session=s),
    lambda t, s: t.coll.rename("renamed", session=s),
    lambda t, s: t.db.aggregate([{"$documents": []}], session=s),
    lambda t, s: t.db.command("ping", session=s),
    lambda t, s: t.db.cursor_command("find", "renamed", session=s),
    lambda t, s: t.db.create_collection("made", session=s),
    lambda t, s: t.db.list_collections(session=s, filter={"name": "made"}),
    lambda t, s: t.db.list_collection_names(session=s, filter={"name": "made"}),
    lambda t, s: t.db.validate_collection("made", session=s),
    lambda t, s: t.db.dereference(DBRef("renamed", 2), session=s),
    lambda t, s: t.db.drop_collection("made", session=s),
    lambda t, s: t.db.renamed.drop(session=s),
    lambda t, s: t.client.list_databases(session=s, filter={"name": t.db.name}),
    lambda t, s: t.client.server_info(session=s),
    lambda t, s: t.client.drop_database(t.db.name, session=s),
)
"""Each takes the session that it is given; together they leave nothing behind."""

# Every argument in its place, up to the last.
BY_PLACE: tuple[Any, ...] = (
    lambda t: t.coll.insert_one({"_id": 9}, None, None, "why"),
    lambda t: t.coll.insert_many([{"_id": 8}], False, None, None, "why"),
    lambda t: t.coll.update_one({}, SET, False, None, None, None, "_id_", None, {"v": 1}, {"x": 1}, "why"),
    lambda t: t.coll.update_many({}, SET, False, None, None, None, "_id_", None, {"v": 1}, "why"),
    lambda t: t.coll.replace_one({}, {"y": 1}, False, None, None, "_id_", None, {"v": 1}, {"x": 1}, "why"),
    lambda t: t.coll.delete_one({}, None, "_id_", None, {"v": 1}, "why"),
    lambda t: t.coll.delete_many({"_id": 9}, None, "_id_", None, {"v": 1}, "why"),
    lambda t: t.coll.bulk_write([DeleteOne({"_id": 7})], False, None, None, "why", {"v": 1}),
    lambda t: t.coll.find_one_and_update({}, SET, ["x"], {"x": 1}, False, True, None, "_id_", None, {"v": 1}, "why"),
    lambda t: t.coll.find_one_and_replace({}, {}, ["x"], {"x": 1}, False, True, "_id_", None, {"v": 1}, "why"),
    lambda t: t.coll.find_one_and_delete({}, ["x"], {"x": 1}, "_id_", None, {"v": 1}, "why"),
    lambda t: t.coll.find({}, ["x"], 1, 5, False, 0, {"x": 1}, False, False, 2, {"locale": "en"}, "_id_"),
    lambda t: t.coll.find_one({}, ["x"], 1, 5, False, 0, {"x": 1}, False, False, 2, {"locale": "en"}, "_id_"),
    lambda t: t.coll.aggregate([], None, {"v": 1}, "why"),
    lambda t: t.coll.count_documents({}, None, "why"),
    lambda t: t.coll.estimated_document_count("why"),
    lambda t: t.coll.distinct("x", {}, None, "why", "_id_"),
    lambda t: t.coll.create_index("x", None, "why"),
    lambda t: t.coll.create_indexes([IndexModel("y")], None, "why"),
    lambda t: t.coll.list_indexes(None, "why"),
    lambda t: t.coll.index_information(None, "why"),
    lambda t: t.coll.drop_index("y_1", None, "why"),
    lambda t: t.coll.drop_indexes(None, "why"),
    lambda t: t.coll.options(None, "why"),
    lambda t: t.coll.rename("renamed", None, "why"),
    lambda t: t.db.aggregate([{"$documents": []}], None),
    lambda t: t.db.command("ping", 1, True, None, None, None, None, "why"),
    lambda t: t.db.create_collection("made", None, None, None, None, None, False),
    lambda t: t.db.list_collections(None, {"name": "made"}, "why"),
    lambda t: t.db.list_collection_names(None, {"name": "made"}, "why"),
    lambda t: t.db.validate_collection("made", False, False, None, False, "why"),
    lambda t: t.db.dereference(DBRef("renamed", 2), None, "why"),
    lambda t: t.db.drop_collection("made", None, "why"),
    lambda t: t.db.renamed.drop(None, "why"),
    lambda t: t.client.list_databases(None, "why", filter={"name": t.db.name}),
    lambda t: t.client.server_info(None),
    lambda t: t.client.drop_database(t.db.name, None, "why"),
)


async def used(t: Target, **options: Any) -> Any:
    """All of them in one session, which has read something before."""
    async with t.client.start_session(**options) as session:
        await t.coll.find_one(session=session)
        return [await outcome(method, t, session) for method in METHODS]


async def begun(t: Target, options: Mapping[str, Any], first: bool) -> Any:
    """Each in a transaction of its own, as the first command or the second, on a collection with other concerns."""
    results = []
    concerned = t.db.get_collection(
        t.coll.name,
        read_preference=ReadPreference.NEAREST,
        read_concern=ReadConcern("local"),
        write_concern=WriteConcern(w="majority", wtimeout=5000),
    )
    changed = replace(t, coll=concerned)
    async with t.client.start_session() as session:
        for method in METHODS:
            await got(session.start_transaction(**options))
            if not first:
                await t.coll.find_one(session=session)
            results.append(await outcome(method, changed, session))
            results.append(session.in_transaction)
            await session.abort_transaction()
    return results


CASES = [
    Case("by name", everywhere(*[partial(lambda method, t: method(t, None), method) for method in METHODS]), THREE),
    Case("by place", everywhere(*BY_PLACE), THREE),
    Case("plain", partial(used, causal_consistency=False), THREE),
    Case("causally consistent", used, THREE),
    Case("snapshot", partial(used, snapshot=True), THREE),
    Case("in a transaction, first", partial(begun, options={}, first=True), THREE),
    Case("in a transaction, second", partial(begun, options={}, first=False), THREE),
    Case(
        "in a transaction with options",
        partial(
            begun,
            options={
                "read_concern": ReadConcern("snapshot"),
                "write_concern": WriteConcern(w=1, j=True),
                "read_preference": ReadPreference.PRIMARY,
                "max_commit_time_ms": 5000,
            },
            first=True,
        ),
        THREE,
    ),
    Case(
        "in a transaction with another read preference",
        partial(begun, options={"read_preference": ReadPreference.SECONDARY_PREFERRED}, first=True),
        THREE,
    ),
]
