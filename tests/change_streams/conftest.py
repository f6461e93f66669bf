"""Fixtures: clients whose commands are seen, on the tests' server and on a scripted one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from tests.change_streams.feed import Feed
from tests.support.events import Commands
from tests.support.server import ScriptedServer


@pytest.fixture
async def watched(uri: str, db: AsyncIOMotorDatabase, commands: Commands) -> AsyncIterator[AsyncIOMotorCollection]:
    """An empty collection through a client of its own, whose commands are recorded."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, event_listeners=[commands])
    yield client[db.name]["watched"]
    client.close()


@pytest.fixture
def feed(server: ScriptedServer) -> Feed:
    """The changes on `server`."""
    return Feed(server)
