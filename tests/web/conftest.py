"""Files in a bucket, and a site of each framework that serves them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from gridfs import GridFS
from pymongo import MongoClient
from pymongo.synchronous.database import Database

from motor.motor_asyncio import AsyncIOMotorDatabase
from tests.web.sites import Site, serving


@pytest.fixture(params=["tornado", "aiohttp"])
def framework(request: pytest.FixtureRequest) -> str:
    """The name of each in turn."""
    name: str = request.param
    return name


@pytest.fixture
def database(uri: str, db: AsyncIOMotorDatabase) -> Iterator[Database[Any]]:
    """The database that is served, through PyMongo."""
    with MongoClient[Any](uri) as client:
        yield client[db.name]


@pytest.fixture
def files(database: Database[Any]) -> GridFS:
    """PyMongo's blocking GridFS, to put files into the bucket that is served."""
    return GridFS(database)


@pytest.fixture
async def site(framework: str, uri: str, db: AsyncIOMotorDatabase) -> AsyncIterator[Site]:
    """A server with no hooks."""
    async with serving(framework, uri, db.name) as site:
        yield site


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client, which leaves bodies as they are sent."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session
