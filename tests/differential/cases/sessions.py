"""No session given, by name and by place: every method that takes one takes None.

Sessions of the caller's own come with the issue that brings them.
"""

from __future__ import annotations

from typing import Any

from bson import DBRef
from pymongo import DeleteOne, IndexModel

from ..harness import Case
from .bad_names import everywhere
from .data import THREE
from .update import SET

BY_NAME: tuple[Any, ...] = (
    lambda t: t.coll.insert_one({"_id": 9}, session=None),
    lambda t: t.coll.insert_many([{"_id": 8}], session=None),
    lambda t: t.coll.update_one({}, SET, session=None),
    lambda t: t.coll.update_many({}, SET, session=None),
    lambda t: t.coll.replace_one({"_id": 9}, {}, session=None),
    lambda t: t.coll.delete_one({"_id": 9}, session=None),
    lambda t: t.coll.delete_many({"_id": 8}, session=None),
    lambda t: t.coll.bulk_write([DeleteOne({"_id": 7})], session=None),
    lambda t: t.coll.find_one_and_update({}, SET, session=None),
    lambda t: t.coll.find_one_and_replace({}, {"y": 1}, session=None),
    lambda t: t.coll.find_one_and_delete({"_id": 7}, session=None),
    lambda t: t.coll.find({}, session=None),
    lambda t: t.coll.find_one({}, session=None),
    lambda t: t.coll.aggregate([], session=None),
    lambda t: t.coll.count_documents({}, session=None),
    lambda t: t.coll.distinct("x", session=None),
    lambda t: t.coll.create_index("x", session=None),
    lambda t: t.coll.create_indexes([IndexModel("y")], session=None),
    lambda t: t.coll.list_indexes(session=None),
    lambda t: t.coll.index_information(session=None),
    lambda t: t.coll.drop_index("y_1", session=None),
    lambda t: t.coll.drop_indexes(session=None),
    lambda t: t.coll.options(session=None),
    lambda t: t.coll.rename("renamed", session=None),
    lambda t: t.db.aggregate([{"$documents": []}], session=None),
    lambda t: t.db.command("ping", session=None),
    lambda t: t.db.cursor_command("find", "renamed", session=None),
    lambda t: t.db.create_collection("made", session=None),
    lambda t: t.db.list_collections(session=None, filter={"name": "made"}),
    lambda t: t.db.list_collection_names(session=None, filter={"name": "made"}),
    lambda t: t.db.validate_collection("made", session=None),
    lambda t: t.db.dereference(DBRef("renamed", 2), session=None),
    lambda t: t.db.drop_collection("made", session=None),
    lambda t: t.db.renamed.drop(session=None),
    lambda t: t.client.list_databases(session=None, filter={"name": t.db.name}),
    lambda t: t.client.server_info(session=None),
    lambda t: t.client.drop_database(t.db.name, session=None),
)

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

CASES = [
    Case("by name", everywhere(*BY_NAME), THREE),
    Case("by place", everywhere(*BY_PLACE), THREE),
]
