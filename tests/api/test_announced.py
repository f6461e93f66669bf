"""The code of the release announcements, as it stood there, as far as it needs no change stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pymongo import ReadPreference, ReturnDocument, UpdateMany, UpdateOne

from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient
from tests.support.families import in_every_family

POINTS = {"_id": 1, "points": [{"x": -1, "y": 0}, {"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 2, "y": 0}]}
MOVED = [0, 0, 5, 5]


def heights(document):
    return [point["y"] for point in document["points"]]


@in_every_family
async def test_array_filters(collection):
    await collection.insert_one(dict(POINTS))
    await collection.update_one(
        {'_id': 1}, {'$set': {'points.$[i].y': 5}}, array_filters=[{'i.x': {'$gt': 0}}])  # fmt: skip
    assert heights(await collection.find_one({"_id": 1})) == MOVED


@in_every_family
async def test_array_filters_everywhere(collection):
    update = {"$set": {"points.$[i].y": 5}}
    filters: list[Mapping[str, Any]] = [{"i.x": {"$gt": 0}}]
    await collection.insert_many([{**POINTS, "_id": number} for number in range(1, 6)])
    result = await collection.update_many({"_id": {"$in": [1, 2]}}, update, array_filters=filters)
    assert (result.matched_count, result.modified_count) == (2, 2)
    changed = await collection.find_one_and_update(
        {"_id": 3}, update, array_filters=filters, return_document=ReturnDocument.AFTER
    )
    assert heights(changed) == MOVED
    bulk = await collection.bulk_write(
        [
            UpdateOne({"_id": 4}, update, array_filters=filters),
            UpdateMany({"_id": 5}, update, array_filters=filters),
        ]
    )
    assert bulk.modified_count == 2
    assert [heights(document) async for document in collection.find()] == [MOVED] * 5


@pytest.mark.parametrize("client_type", [AsyncIOMotorClient, MotorClient])
def test_a_replica_set_with_retryable_writes(client_type):
    client = client_type('mongodb://host1,host2,host3/?replicaSet=rs&retryWrites=true')  # fmt: skip
    assert client.options.replica_set_name == "rs"
    assert client.options.retry_writes is True
    assert set(client.topology_description.server_descriptions()) == {
        ("host1", 27017),
        ("host2", 27017),
        ("host3", 27017),
    }
    assert client.nodes == frozenset()


@in_every_family
async def test_a_secondary_is_asked_for(collection):
    """On one server alone, which answers whatever is asked for."""
    await collection.insert_one({"_id": 1, "x": 1})
    secondary = collection.with_options(read_preference=ReadPreference.SECONDARY_PREFERRED)
    assert [document async for document in secondary.find()] == [{"_id": 1, "x": 1}]


@in_every_family
async def test_a_causally_consistent_session(collection):
    """On one server alone; `tests/replica_set` has a secondary that lags."""
    client = collection.database.client
    secondary = collection.with_options(read_preference=ReadPreference.SECONDARY_PREFERRED)
    with await client.start_session() as s:
        await collection.insert_one({'_id': 1}, session=s)  # fmt: skip
        assert [document async for document in secondary.find(session=s)] == [{"_id": 1}]
    assert s.has_ended
