"""How each driver is opened. The calls on it are then the same for all, except where a cursor comes from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from typing import Any

DATABASE = "bench"
TIMEOUT = "&timeoutMS=60000"
"""Added to the URI."""


@dataclass(frozen=True)
class Opened:
    versions: dict[str, str]
    collection: Callable[[str], Any]
    find: Callable[[Any], Awaitable[Any]]
    """Takes a collection, gives the cursor over all its documents."""
    watch: Callable[[Any], Awaitable[Any]]
    """Takes a collection, gives a change stream."""
    in_time: Callable[[str], Any] | None = None
    """A collection of a client with timeoutMS."""
    bucket: Callable[[], Any] | None = None
    """Gives a GridFS bucket."""


async def open_driver(name: str, uri: str) -> Opened:
    if name == "mongojet":
        return await _open_mongojet(uri)
    if name == "pymongo-async":
        pymongo = import_module("pymongo")
        database = pymongo.AsyncMongoClient(uri)[DATABASE]
        in_time = pymongo.AsyncMongoClient(uri + TIMEOUT)[DATABASE]
        bucket = partial(import_module("gridfs").AsyncGridFSBucket, database)
        versions = _versions("pymongo", "uvloop")
        return Opened(versions, database.get_collection, _find, _open_watch, in_time.get_collection, bucket)
    if name.startswith("motor"):
        motor_asyncio = import_module("motor.motor_asyncio")
        versions = {"motor": str(import_module("motor").version), **_versions("pymongo", "uvloop")}
        database = motor_asyncio.AsyncIOMotorClient(uri)[DATABASE]
        in_time = motor_asyncio.AsyncIOMotorClient(uri + TIMEOUT)[DATABASE]
        bucket = partial(motor_asyncio.AsyncIOMotorGridFSBucket, database)
        return Opened(versions, database.get_collection, _find, _watch, in_time.get_collection, bucket)
    raise ValueError(f"unknown driver {name!r}")


def open_sync(uri: str) -> tuple[dict[str, str], Any]:
    client = import_module("pymongo").MongoClient(uri)
    return _versions("pymongo"), client[DATABASE]


async def _open_mongojet(uri: str) -> Opened:
    # The others give naive datetimes unless told otherwise, mongojet aware ones.
    client = await import_module("mongojet").create_client(uri, tz_aware=False)

    async def find(collection: Any) -> Any:
        return await collection.find({})

    return Opened(_versions("mongojet", "pymongo", "uvloop"), client[DATABASE].get_collection, find, _open_watch)


async def _find(collection: Any) -> Any:
    return collection.find({})


async def _watch(collection: Any) -> Any:
    return collection.watch()


async def _open_watch(collection: Any) -> Any:
    return await collection.watch()


def _versions(*distributions: str) -> dict[str, str]:
    return {name: metadata.version(name) for name in distributions}
