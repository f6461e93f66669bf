"""Fixtures: a bucket on the tests' server, and one on a scripted server that a test may look into."""

from __future__ import annotations

import pytest

from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket
from tests.driver.conftest import Connect, connect, server
from tests.driver.scripted import ScriptedServer
from tests.gridfs.stored_bucket import StoredBucket
from tests.support.inside import look_again_soon

__all__ = ["Connect", "connect", "server"]


@pytest.fixture(autouse=True)
def _quick_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has closed a connection is asked again at once, and not after half a second."""
    look_again_soon(monkeypatch, 0.005)


@pytest.fixture
def bucket(db: AsyncIOMotorDatabase) -> AsyncIOMotorGridFSBucket:
    """An empty bucket."""
    return AsyncIOMotorGridFSBucket(db)


@pytest.fixture
def stored(server: ScriptedServer) -> StoredBucket:
    """What is in the bucket of `scripted`."""
    return StoredBucket(server)


@pytest.fixture
def scripted(server: ScriptedServer, stored: StoredBucket, connect: Connect) -> AsyncIOMotorGridFSBucket:
    """A bucket on the scripted server."""
    return AsyncIOMotorGridFSBucket(connect(server).db)
