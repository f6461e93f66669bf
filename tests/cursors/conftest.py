"""Fixtures: clients whose commands are seen, on the tests' server and on a scripted one that holds cursors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from tests.support.cursors import Holder
from tests.support.events import Commands
from tests.support.server import ScriptedServer


@pytest.fixture
async def numbers(uri: str, db: AsyncIOMotorDatabase, commands: Commands) -> AsyncIterator[AsyncIOMotorCollection]:
    """The documents ``{"_id": 0, "x": 0}`` to 9, through a client whose commands are recorded."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, event_listeners=[commands])
    collection = client[db.name]["numbers"]
    await collection.insert_many([{"_id": number, "x": number} for number in range(10)])
    commands.clear()
    yield collection
    client.close()


@pytest.fixture
def holder(server: ScriptedServer) -> Holder:
    """Forty documents on `server`, ten in a batch."""
    return Holder(server, 40, 10)
