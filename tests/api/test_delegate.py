"""`delegate`: PyMongo's synchronous client, database and collection with the same options; and `wrap`, the way back."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import pytest
from bson import SON, CodecOptions
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.driver_info import DriverInfo
from pymongo.errors import InvalidOperation
from pymongo.read_concern import ReadConcern

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.events import Commands
from tests.support.families import FAMILIES, closed, every_family, in_every_family, in_thread

NOWHERE = "mongodb://127.0.0.1:1"


@in_every_family
async def test_it_does_the_same(collection: Any) -> None:
    await collection.insert_one({"_id": 1})
    delegate = collection.delegate
    assert type(delegate) is Collection
    assert await asyncio.to_thread(delegate.find_one) == {"_id": 1}
    await asyncio.to_thread(collection.database.delegate["test"].insert_one, {"_id": 2})
    assert await collection.count_documents({}) == 2
    names = await asyncio.to_thread(collection.database.client.delegate.list_database_names)
    assert collection.database.name in names


async def test_it_has_the_same_options() -> None:
    options: dict[str, Any] = {
        "tz_aware": True,
        "document_class": SON,
        "maxPoolSize": 7,
        "serverSelectionTimeoutMS": 99,
    }
    client: Any = AsyncIOMotorClient(f"{NOWHERE}/db?w=2&readConcernLevel=local&appname=shop", **options)
    delegate = client.delegate
    assert type(delegate) is MongoClient
    assert client.delegate is delegate
    for name in ("codec_options", "write_concern", "read_concern", "read_preference"):
        assert getattr(delegate, name) == getattr(client, name)
    ours, theirs = client.options, delegate.options
    assert theirs.server_selection_timeout == ours.server_selection_timeout == 0.099
    assert theirs.pool_options.max_pool_size == 7
    assert theirs.pool_options.appname == "shop"
    assert delegate.get_default_database().name == "db"
    await client.close()


async def test_databases_and_collections_have_theirs() -> None:
    client: Any = AsyncIOMotorClient(NOWHERE)
    chosen: dict[str, Any] = {
        "codec_options": CodecOptions(tz_aware=True),
        "read_preference": ReadPreference.NEAREST,
        "write_concern": WriteConcern(w=3),
        "read_concern": ReadConcern("majority"),
    }
    database, collection = client.db.with_options(**chosen), client.db["a.b"].with_options(**chosen)
    assert type(database.delegate) is Database
    assert database.delegate.name == "db"
    assert collection.delegate.full_name == "db.a.b"
    for name, value in chosen.items():
        assert getattr(database.delegate, name) == getattr(collection.delegate, name) == value
    assert client.db.delegate == client.delegate.db
    assert client.db.c.delegate.database.client is client.delegate
    await client.close()


async def test_the_way_back() -> None:
    client: Any = AsyncIOMotorClient(NOWHERE)
    database = client.db.with_options(write_concern=WriteConcern(w=3))
    assert client.wrap(database.delegate) == database
    assert client.wrap(database.delegate).write_concern == WriteConcern(w=3)
    assert database.wrap(client.other.delegate) == client.other
    collection = database.c.with_options(read_concern=ReadConcern("local"))
    for owner in (database, database.another):
        wrapped = owner.wrap(collection.delegate)
        assert wrapped == collection
        assert wrapped.read_concern == ReadConcern("local")
        assert wrapped.write_concern == WriteConcern(w=3)
        assert owner.wrap("as it is") == "as it is"
    with pytest.raises(TypeError, match="Database"):
        client.wrap(collection.delegate)
    await client.close()


@every_family
def test_it_is_named_in_the_handshake(family: Any) -> None:
    async def main() -> None:
        client = family.client(NOWHERE, driver=DriverInfo("first", "1"))
        client.append_metadata(DriverInfo("second", "2"))
        metadata = client.delegate.options.pool_options.metadata
        assert metadata["driver"]["name"].endswith("|Motor|first|second")
        await closed(client)

    in_thread(lambda: family.run(main))


async def test_it_is_heard_by_the_same_listeners(uri: str) -> None:
    commands = Commands()
    client: Any = AsyncIOMotorClient(uri, event_listeners=[commands])
    await asyncio.to_thread(client.delegate.admin.command, "ping")
    assert "ping" in commands.names
    await client.close()


@pytest.mark.parametrize("used", [True, False])
async def test_it_is_closed_with_the_client(uri: str, used: bool) -> None:
    client: Any = AsyncIOMotorClient(uri)
    delegate = client.delegate
    if used:
        await asyncio.to_thread(delegate.admin.command, "ping")
    await client.close()
    with pytest.raises(InvalidOperation):
        await asyncio.to_thread(delegate.admin.command, "ping")
    await client.close()
    assert client.delegate is delegate


async def test_it_is_a_closed_one_after_the_end() -> None:
    client: Any = AsyncIOMotorClient(NOWHERE)
    await client.close()
    assert client.db.delegate.client is client.db.c.delegate.database.client is client.delegate
    with pytest.raises(InvalidOperation, match="after close"):
        client.delegate.admin.command("ping")


def test_a_client_closed_without_a_loop_closes_it(uri: str) -> None:
    client: Any = AsyncIOMotorClient(uri)
    delegate = client.delegate
    delegate.admin.command("ping")
    client.close()
    client._delegate.close().join()
    with pytest.raises(InvalidOperation):
        delegate.admin.command("ping")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_forgotten_client_takes_it_along(family: Any, uri: str) -> None:
    async def main() -> Any:
        client = family.client(uri)
        delegate = client.delegate
        await asyncio.to_thread(delegate.admin.command, "ping")
        return delegate

    delegate = in_thread(lambda: family.run(main))
    gc.collect()
    for _ in range(1000):
        if is_closed(delegate):
            return
        time.sleep(0.01)
    pytest.fail("it is still open")


def is_closed(client: MongoClient[Any]) -> bool:
    try:
        client.admin.command("ping")
    except InvalidOperation:
        return True
    return False
