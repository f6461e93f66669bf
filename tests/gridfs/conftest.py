"""Fixtures: a bucket on the tests' server, and one on a scripted server that a test may look into."""

from __future__ import annotations

import pytest

from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket
from tests.gridfs.stored_bucket import StoredBucket
from tests.support.fixtures import Connect
from tests.support.server import ScriptedServer


@pytest.fixture(autouse=True)
def _quick_recovery(impatient_monitors: None) -> None:
    """A server that has closed a connection is asked again at once."""


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
