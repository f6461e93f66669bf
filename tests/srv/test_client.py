"""A client with a ``mongodb+srv://`` URI: it asks DNS when it is first used, and talks to the server that DNS names."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import dns.rcode
import pymongo
import pytest
from pymongo.driver_info import DriverInfo
from pymongo.errors import ConfigurationError, InvalidOperation, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import replace
from tests.support.waiting import until

NAME = "cluster.example.com"
HOST = "server.example.com"
URI = f"mongodb+srv://{NAME}/?tls=false&serverSelectionTimeoutMS=5000"


@pytest.fixture
async def served(dns_server, server_uri, monkeypatch):
    """DNS names the test's server, under a name that only this test resolves."""
    ((address, port),) = parse_uri(server_uri)["nodelist"]
    dns_server.records = {
        (f"_mongodb._tcp.{NAME}", "SRV"): [f"0 0 {port} {HOST}."],
        (NAME, "TXT"): ['"authSource=fromdns"'],
    }
    ask_system = socket.getaddrinfo

    def getaddrinfo(host, *args: Any, **kwargs: Any):
        if host == HOST:
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))]
        return ask_system(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return dns_server


@pytest.fixture
async def client() -> AsyncIterator[AsyncIOMotorClient]:
    client: AsyncIOMotorClient = AsyncIOMotorClient(URI)
    yield client
    await client.close()


async def test_it_finds_its_server(served, client):
    assert client.topology_description.server_descriptions() == {}
    assert served.queries == []
    reply = await client.admin.command("ping")
    assert reply["ok"] == 1
    assert client.options.pool_options is not None
    assert client.options._options["authsource"] == "fromdns"
    assert f"mongodb+srv://{NAME}" in repr(client)


async def test_all_who_wait_share_one_lookup(served, client):
    replies = await asyncio.gather(*(client.admin.command("ping") for _ in range(20)))
    assert all(reply["ok"] == 1 for reply in replies)
    assert len(served.queries) == 2


async def test_cursors_and_bulk_writes_ask_too(served, client):
    database = client["motor_test_srv"]
    await database.books.insert_many([{"_id": number} for number in range(3)])
    assert len(await database.books.find().to_list()) == 3
    await client.drop_database(database.name)


async def test_a_failure_reaches_all_and_the_next_use_asks_anew(served, client):
    served.rcode = dns.rcode.NXDOMAIN
    results = await asyncio.gather(*(client.admin.command("ping") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, ConfigurationError) for result in results)
    assert len(set(map(id, results))) == 3, "each has an exception of its own"
    served.rcode = dns.rcode.NOERROR
    assert (await client.admin.command("ping"))["ok"] == 1


async def test_one_who_gives_up_does_not_end_it_for_the_others(served, client):
    first, second = (asyncio.ensure_future(client.admin.command("ping")) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)["ok"] == 1
    assert first.cancelled()


async def test_closed_in_the_midst_of_it(served):
    served.silent = True
    client: AsyncIOMotorClient = AsyncIOMotorClient(URI)
    waiting = asyncio.ensure_future(client.admin.command("ping"))
    await until(lambda: bool(served.queries))
    await client.close()
    with pytest.raises(InvalidOperation):
        await waiting


async def test_metadata_given_before_is_sent_after(served, client):
    client.append_metadata(DriverInfo("library", "1.0"))
    await client.admin.command("ping")
    assert client.options.pool_options.metadata["driver"]["name"].endswith("|Motor|library")


async def test_a_replica_set_is_not_polled(served, client, monkeypatch):
    replace(monkeypatch, "srv.MIN_RESCAN_INTERVAL", 0.01)
    served.ttl = 0
    await client.admin.command("ping")
    asked = len(served.queries)
    await asyncio.sleep(0.1)
    assert len(served.queries) == asked


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mongodb+srv://127.0.0.1", "an IP address is not a valid hostname"),
        (f"mongodb+srv://{NAME}/?replicaSet=rs&srvMaxHosts=1", "srvMaxHosts"),
    ],
)
def test_what_needs_no_dns_is_refused_by_the_constructor(uri, message):
    with pytest.raises(ConfigurationError, match=message):
        AsyncIOMotorClient(uri)


@pytest.mark.parametrize("limit", ["timeoutMS", "serverSelectionTimeoutMS", "pymongo.timeout"])
async def test_dns_that_does_not_answer_in_time(limit, served):
    """What is waited for is a server: it is selection that fails."""
    served.silent = True
    uri = URI.partition("&")[0]
    options: dict[str, Any] = {} if limit == "pymongo.timeout" else {limit: 200}
    async with AsyncIOMotorClient(uri, **options) as client:
        with pytest.raises(ServerSelectionTimeoutError, match=f"DNS did not answer for {NAME}") as raised:
            if limit == "pymongo.timeout":
                with pymongo.timeout(0.2):
                    await client.admin.command("ping")
            else:
                await client.admin.command("ping")
        assert raised.value.timeout


async def test_the_failure_of_a_lookup_that_was_left_behind_is_nobodys(served):
    """Who comes when nobody waits for it any more asks again."""
    served.silent = True
    async with AsyncIOMotorClient(f"{URI}&connectTimeoutMS=500") as client:
        with pytest.raises(ServerSelectionTimeoutError), pymongo.timeout(0.1):
            await client.admin.command("ping")
        await until(lambda: bool(served.queries))
        served.silent = False
        assert (await client.admin.command("ping"))["ok"] == 1
