"""How a client introduces itself: Motor, the framework, PyMongo, and the library that is built on Motor."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import bson
import pymongo
import pytest
import tornado
from pymongo.driver_info import DriverInfo

import motor
from motor.core import AgnosticClient
from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient
from tests.support.families import TORNADO, closed, every_family, in_thread
from tests.support.server import ScriptedServer, answer, when
from tests.support.waiting import until

MINE = DriverInfo("MyODM", "1.2.3", "MyPlatform")


async def connect_again(client: AgnosticClient, server: ScriptedServer) -> None:
    """Have the client make one more connection, by having those that it has wait for their answers."""
    introduced = len(server.introductions)
    free = asyncio.Event()
    server.default = when(free)
    pings = []
    while len(server.introductions) == introduced:
        pings.append(client.admin.command("ping"))
        for _ in range(10):
            await asyncio.sleep(0.001)
    server.default = answer
    free.set()
    await asyncio.gather(*pings)


@every_family
def test_who_it_is(family):
    async def main():
        async with ScriptedServer() as server:
            client = family.client(server.uri)
            await client.admin.command("ping")
            await closed(client)
            return server.introductions

    introductions = in_thread(lambda: family.run(main))
    assert introductions
    for introduction in introductions:
        metadata = introduction["client"]
        names = metadata["driver"]["name"].split("|")
        assert names[0] == "PyMongo"
        assert "Motor" in names
        versions = metadata["driver"]["version"].split("|")
        assert versions[0] == pymongo.version
        assert motor.version in versions
        framework = f"Tornado {tornado.version}" if family is TORNADO else "asyncio"
        assert framework in metadata["platform"].split("|")
        assert metadata["os"]["type"]
        assert "application" not in metadata


def test_motor_names_its_version():
    assert motor.version
    assert motor.version.startswith("4.")


@every_family
@pytest.mark.parametrize(
    "given", [MINE, DriverInfo("MyODM", "1.2.3"), DriverInfo("MyODM"), DriverInfo("MyODM", platform="MyPlatform")]
)
def test_a_library_on_top(family, given):
    async def main():
        async with ScriptedServer() as server:
            client = family.client(server.uri, driver=given, appname="shop")
            await client.admin.command("ping")
            await closed(client)
            return server.introductions

    for introduction in in_thread(lambda: family.run(main)):
        metadata = introduction["client"]
        names = metadata["driver"]["name"].split("|")
        assert names.index("PyMongo") < names.index("Motor") < names.index("MyODM")
        if given.version:
            assert metadata["driver"]["version"].split("|").index("1.2.3") > 0
        if given.platform:
            assert metadata["platform"].split("|")[-1] == "MyPlatform"
        assert "None" not in metadata["driver"]["version"]
        assert "None" not in metadata["platform"]
        assert metadata["application"] == {"name": "shop"}


@every_family
def test_append_metadata_before_connecting(family):
    async def main():
        async with ScriptedServer() as server:
            client = family.client(server.uri)
            assert client.append_metadata(MINE) is None
            await client.admin.command("ping")
            await closed(client)
            return server.introductions

    introductions = in_thread(lambda: family.run(main))
    assert introductions
    for introduction in introductions:
        assert introduction["client"]["driver"]["name"].endswith("|MyODM")
        assert introduction["client"]["driver"]["version"].endswith("|1.2.3")
        assert introduction["client"]["platform"].endswith("|MyPlatform")


@every_family
def test_append_metadata_is_for_new_connections(family):
    async def main():
        async with ScriptedServer() as server:
            client = family.client(server.uri)
            await client.admin.command("ping")
            before = len(server.introductions)
            client.append_metadata(MINE)
            await client.admin.command("ping")
            assert len(server.introductions) == before
            await connect_again(client, server)
            await closed(client)
            return server.introductions[:before], server.introductions[before:]

    old, new = in_thread(lambda: family.run(main))
    assert not any("MyODM" in introduction["client"]["driver"]["name"] for introduction in old)
    assert all(introduction["client"]["driver"]["name"].endswith("|MyODM") for introduction in new)
    assert new


async def test_append_metadata_twice():
    async with ScriptedServer() as server:
        client = AsyncIOMotorClient(server.uri)
        client.append_metadata(MINE)
        client.append_metadata(MINE)
        client.append_metadata(DriverInfo("MyODM", "1.2.3", "MyPlatform"))
        client.append_metadata(DriverInfo("Another", "9"))
        await client.admin.command("ping")
        for introduction in server.introductions:
            names = introduction["client"]["driver"]["name"].split("|")
            assert names[-2:] == ["MyODM", "Another"]
            assert names.count("MyODM") == 1
            assert introduction["client"]["platform"].split("|").count("MyPlatform") == 1
        await closed(client)


async def test_append_metadata_to_one_client_only():
    async with ScriptedServer() as server:
        client, other = AsyncIOMotorClient(server.uri), AsyncIOMotorClient(server.uri)
        client.append_metadata(MINE)
        await other.admin.command("ping")
        assert not any("MyODM" in introduction["client"]["driver"]["name"] for introduction in server.introductions)
        await closed(client)
        await closed(other)


async def test_metadata_is_cut_to_512_bytes():
    async with ScriptedServer() as server:
        client = AsyncIOMotorClient(server.uri)
        client.append_metadata(DriverInfo("MyODM", "1", "x" * 2000))
        await client.admin.command("ping")
        for introduction in server.introductions:
            assert len(bson.encode(introduction["client"])) <= 512
            assert introduction["client"]["driver"]["name"].startswith("PyMongo|")
        await closed(client)


@pytest.mark.parametrize("client_type", [AsyncIOMotorClient, MotorClient])
@pytest.mark.parametrize("given", [5, "MyODM", ("MyODM", "1", "x"), {"name": "MyODM"}, DriverInfo])
def test_what_is_no_driver_info(client_type, given):
    with pytest.raises(TypeError, match=r"DriverInfo|driver"):
        client_type(driver=given)
    with pytest.raises(TypeError, match="driver_info must be an instance of DriverInfo"):
        client_type().append_metadata(given)


def test_no_driver_info():
    for client_type in (AsyncIOMotorClient, MotorClient):
        assert client_type(driver=None).options is not None
        with pytest.raises(TypeError):
            client_type().append_metadata(cast(Any, None))


@every_family
def test_closing_hangs_up(family):
    async def main():
        async with ScriptedServer() as server:
            client = family.client(server.uri)
            await asyncio.gather(*(client.admin.command("ping") for _ in range(5)))
            assert len(server.peers) > 1
            client.close()
            await until(lambda: not server.peers)

    in_thread(lambda: family.run(main))
