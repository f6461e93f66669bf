"""A closed client does nothing more, and says so."""

from __future__ import annotations

import asyncio

import pytest
from pymongo.errors import InvalidOperation

from tests.support.families import closed, every_family, in_every_family, in_thread
from tests.support.server import ScriptedServer, when
from tests.support.waiting import until

from .test_futures import CALLS

# They do no I/O of their own.
WITHOUT_IO = {"close"}


@in_every_family
async def test_every_method_after_close(collection):
    client = type(collection.database.client)(collection_uri(collection))
    mine = client[collection.database.name]["test"]
    await mine.insert_one({"_id": 1})
    cursor = mine.find()
    client.close()
    for name, call in CALLS.items():
        if name in WITHOUT_IO:
            continue
        future = call(mine)
        assert asyncio.isfuture(future), name
        with pytest.raises(InvalidOperation, match="after close"):
            await future
    with pytest.raises(InvalidOperation, match="after close"):
        await cursor.to_list()
    with pytest.raises(InvalidOperation, match="after close"):
        async for _ in mine.find():
            pass
    with pytest.raises(InvalidOperation, match="after close"):
        await mine.aggregate([])
    await closed(client)


@in_every_family
async def test_close_awaited_or_not_and_again(collection):
    client = type(collection.database.client)(collection_uri(collection))
    await client.admin.command("ping")
    assert await client.close() is None
    assert await client.close() is None
    client.close()
    with pytest.raises(InvalidOperation):
        await client.admin.command("ping")
    await closed(client)


@in_every_family
async def test_close_before_use(collection):
    client = type(collection.database.client)(collection_uri(collection))
    client.close()
    with pytest.raises(InvalidOperation, match="after close"):
        await client.admin.command("ping")


@in_every_family
async def test_a_block(collection):
    client_type = type(collection.database.client)
    async with client_type(collection_uri(collection)) as client:
        assert type(client) is client_type
        assert (await client.admin.command("ping"))["ok"] == 1
    with pytest.raises(InvalidOperation):
        await client.admin.command("ping")
    with pytest.raises(KeyError):
        async with client_type(collection_uri(collection)) as client:
            await client.admin.command("ping")
            raise KeyError("mine")
    with pytest.raises(InvalidOperation):
        await client.admin.command("ping")
    await closed(client)


@in_every_family
async def test_without_io_after_close(collection):
    """What asks no server goes on working: names, options, repr."""
    client = type(collection.database.client)(collection_uri(collection))
    client.close()
    assert client.db.c.sub.full_name == "db.c.sub"
    assert client.db.c.find().sort("x").limit(3).clone() is not None
    assert repr(client)
    assert client == type(client)(collection_uri(collection))


@every_family
def test_close_under_an_operation(family):
    """Whoever waits for an answer, a connection or a server is told."""

    async def main():
        async with ScriptedServer() as server:
            server.default = when(asyncio.Event())
            client = family.client(server.uri, maxPoolSize=2)
            waiting = [client.admin.command("ping") for _ in range(5)]
            await until(lambda: len(server.requests) == 2)
            await closed(client)
            return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)

    errors = in_thread(lambda: family.run(main))
    assert len(errors) == 5
    assert all(isinstance(error, Exception) for error in errors), errors


@every_family
def test_close_while_no_server_is_found(family):
    async def main():
        client = family.client("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=30_000)
        waiting = client.admin.command("ping")
        for _ in range(5):
            await asyncio.sleep(0)
        await closed(client)
        return await asyncio.wait_for(asyncio.gather(waiting, return_exceptions=True), 20)

    (error,) = in_thread(lambda: family.run(main))
    assert isinstance(error, Exception)


@every_family
def test_one_client_closed_another_not(family, uri):
    async def main():
        one, two = family.client(uri), family.client(uri)
        await asyncio.gather(one.admin.command("ping"), two.admin.command("ping"))
        await closed(one)
        reply = await two.admin.command("ping")
        await closed(two)
        return reply["ok"]

    assert in_thread(lambda: family.run(main)) == 1


def collection_uri(collection):
    ((host, port),) = collection.database.client.topology_description.server_descriptions()
    return f"mongodb://{host}:{port}"
