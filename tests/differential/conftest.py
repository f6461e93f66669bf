"""One arena for all cases: a client of each driver, on the tests' server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient

from .harness import Arena

# The PyMongo whose behaviour Motor has, whichever version it runs on.
REFERENCE = (4, 20)


def client_classes() -> list[tuple[str, type[Any]]]:
    """PyMongo and Motor; or PyMongo twice, which shows that a case is the same each time."""
    if os.environ.get("MOTOR_DIFFERENTIAL_SELF"):
        return [("pymongo", AsyncMongoClient), ("pymongo again", AsyncMongoClient)]
    from motor.motor_asyncio import AsyncIOMotorClient

    return [("pymongo", AsyncMongoClient), ("motor", AsyncIOMotorClient)]


@pytest.fixture(scope="package")
def arena(server_uri: str) -> Iterator[Arena]:
    if pymongo.version_tuple < REFERENCE:
        pytest.skip("an older PyMongo differs from the newest too: in messages, in what it sends, in what it refuses")
    arena = Arena(server_uri, client_classes())
    yield arena
    arena.close()
