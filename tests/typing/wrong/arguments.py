"""Arguments that a method does not take, and methods that are not there."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient, UpdateOne

from motor.core import AgnosticDatabase
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from motor.motor_tornado import MotorClient, MotorDatabase

Document = dict[str, Any]


async def queries(coll: AsyncIOMotorCollection[Document]) -> None:
    coll.find(5)  # wrong: arg-type, reportArgumentType
    coll.find({}, limit="5")  # wrong: arg-type, reportArgumentType
    coll.find({}, limt=5)  # wrong: call-arg, reportCallIssue
    coll.find_raw_batches({}, skip="5")  # wrong: arg-type, reportArgumentType
    coll.find().sort(5)  # wrong: arg-type, reportArgumentType
    coll.find().sort([("x", 1.5)])  # wrong: list-item, reportArgumentType
    coll.find().limit("5")  # wrong: arg-type, reportArgumentType
    coll.find().hint(5)  # wrong: arg-type, reportArgumentType
    await coll.find().to_list("5")  # wrong: arg-type, reportArgumentType
    await coll.count_documents()  # wrong: call-arg, reportCallIssue
    await coll.distinct()  # wrong: call-arg, reportCallIssue
    coll.aggregate({"$match": {}})  # wrong: arg-type, reportArgumentType
    coll.watch(full_document=True)  # wrong: arg-type, reportArgumentType
    coll.watch(fullDocument="updateLookup")  # wrong: call-arg, reportCallIssue


async def writes(coll: AsyncIOMotorCollection[Document]) -> None:
    await coll.insert_one()  # wrong: call-arg, reportCallIssue
    await coll.insert_one("x")  # wrong: arg-type, reportArgumentType
    await coll.insert_many({"x": 1})  # wrong: dict-item, reportArgumentType
    await coll.update_one({})  # wrong: call-arg, reportCallIssue
    await coll.update_one({}, "x")  # wrong: arg-type, reportArgumentType
    await coll.update_many({}, {"$set": {}}, array_filters={"i.x": 1})  # wrong: arg-type, reportArgumentType
    await coll.delete_one("x")  # wrong: arg-type, reportArgumentType
    await coll.bulk_write([{"insertOne": {}}])  # wrong: list-item, reportArgumentType
    await coll.bulk_write([UpdateOne])  # wrong: list-item, reportArgumentType
    await coll.create_indexes(["x"])  # wrong: list-item, reportArgumentType
    await coll.find_one_and_update({}, {"$set": {}}, sort=5)  # wrong: arg-type, reportArgumentType


async def misspelled(client: AsyncIOMotorClient[Document]) -> None:
    await client.db.coll.fnd_one({})  # wrong: operator, reportCallIssue
    await client.db.coll.with_options().insert({})  # wrong: operator, reportCallIssue
    client.strt_session()  # wrong: operator, reportCallIssue
    await client.db.comand("ping")  # wrong: operator, reportCallIssue
    client.db.coll.find().lmit(5)  # wrong: attr-defined, reportAttributeAccessIssue
    client.db.coll.read_preference = None  # wrong: assignment, misc, reportAttributeAccessIssue


async def sessions(client: AsyncIOMotorClient[Document], sync: MongoClient[Document]) -> None:
    await client.db.coll.insert_one({}, session=client)  # wrong: arg-type, reportArgumentType
    await client.db.coll.find_one_and_delete({}, session=sync.start_session())  # wrong: arg-type, reportArgumentType
    client.db.coll.find({}, session="session")  # wrong: arg-type, reportArgumentType
    client.start_session(causal="yes")  # wrong: call-arg, reportCallIssue


def families(client: MotorClient[Document], database: AgnosticDatabase[Document]) -> None:
    db: AsyncIOMotorDatabase[Document] = client.db  # wrong: assignment, reportAssignmentType
    other: MotorDatabase[Document] = database  # wrong: assignment, reportAssignmentType
    print(db, other)
