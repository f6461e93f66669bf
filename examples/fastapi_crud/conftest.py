"""Fixtures: one server for all tests, and for each a service with a database of its own, asked without a network."""

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient

from bookshelf.app import create_app


@pytest.fixture(scope="session")
def uri() -> Iterator[str]:
    with motor.embedded.Server() as server:
        yield server.uri


@pytest.fixture
async def service(uri: str) -> AsyncIterator[httpx.AsyncClient]:
    name = f"test_{uuid.uuid4().hex}"
    app = create_app(uri, name)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking,
    ):
        yield asking
    async with AsyncIOMotorClient[dict[str, Any]](uri) as client:
        await client.drop_database(name)
