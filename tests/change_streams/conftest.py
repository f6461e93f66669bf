"""Fixtures: clients whose commands are seen, on the tests' server and on a scripted one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from tests.api.listening import Commands
from tests.change_streams.feed import Feed
from tests.driver.conftest import Connect, connect, impatient_monitors, server
from tests.driver.scripted import ScriptedServer

__all__ = ["Connect", "connect", "impatient_monitors", "server"]


@pytest.fixture
def commands() -> Commands:
    """What the client of `watched` has sent."""
    return Commands()


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
