"""A client whose commands are seen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from tests.support.events import Commands


@pytest.fixture
async def watched(uri: str, db: AsyncIOMotorDatabase, commands: Commands) -> AsyncIterator[AsyncIOMotorCollection]:
    """A collection of ten documents, ``{"_id": 0, "x": 0}`` to 9, through a client whose commands are recorded."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, event_listeners=[commands])
    collection = client[db.name]["watched"]
    await collection.insert_many([{"_id": number, "x": number} for number in range(10)])
    commands.clear()
    yield collection
    client.close()
