"""A key vault, explicit encryption with it, and a mongocryptd."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from bson.binary import Binary

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientEncryption, AsyncIOMotorDatabase

from .keys import encryption
from .query_analysis import Mongocryptd


@pytest.fixture
def vault(db: AsyncIOMotorDatabase[Any]) -> str:
    """The namespace of a key vault that no other test uses."""
    return f"{db.name}.keys"


@pytest.fixture
async def keys(client: AsyncIOMotorClient[Any], vault: str) -> AsyncIterator[AsyncIOMotorClientEncryption[Any]]:
    """Explicit encryption with that key vault."""
    async with encryption(client, vault) as keys:
        yield keys


@pytest.fixture
async def key(keys: AsyncIOMotorClientEncryption[Any]) -> Binary:
    """A data key, whose other name is "one"."""
    return await keys.create_data_key("local", key_alt_names=["one"])


@pytest.fixture
async def mongocryptd() -> AsyncIterator[Mongocryptd]:
    """A mongocryptd."""
    async with Mongocryptd() as mongocryptd:
        yield mongocryptd
