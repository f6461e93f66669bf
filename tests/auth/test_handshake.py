"""What a client says of itself in the first command of each connection, and what it leaves out where it is long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import bson
import pymongo
import pytest
from bson.objectid import ObjectId
from pymongo import AsyncMongoClient
from pymongo.driver_info import DriverInfo
from pymongo.errors import ConfigurationError
from pymongo.server_api import ServerApi

import motor
from motor.motor_asyncio import AsyncIOMotorClient
from tests.auth.scenarios import SCENARIOS, Scenario
from tests.auth.server import GuardedServer
from tests.support.fixtures import Connect
from tests.support.server import answer
from tests.support.waiting import until
from tests.support.wording import raised_by, said

MOTOR = DriverInfo("Motor", motor.version, "asyncio")

_LIMIT = 512

ENVIRONMENTS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "lambda": (
        {
            "AWS_EXECUTION_ENV": "AWS_Lambda_java8",
            "AWS_REGION": "us-east-2",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        },
        {"name": "aws.lambda", "region": "us-east-2", "memory_mb": 1024},
    ),
    "lambda-by-its-api": ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}, {"name": "aws.lambda"}),
    "azure": ({"FUNCTIONS_WORKER_RUNTIME": "python"}, {"name": "azure.func"}),
    "gcp": (
        {
            "K_SERVICE": "service",
            "FUNCTION_MEMORY_MB": "1024",
            "FUNCTION_TIMEOUT_SEC": "60",
            "FUNCTION_REGION": "us-central1",
        },
        {"name": "gcp.func", "memory_mb": 1024, "timeout_sec": 60, "region": "us-central1"},
    ),
    "vercel": ({"VERCEL": "1", "VERCEL_REGION": "cdg1"}, {"name": "vercel", "region": "cdg1"}),
    "two-at-once": ({"AWS_EXECUTION_ENV": "AWS_Lambda_java8", "FUNCTIONS_WORKER_RUNTIME": "python"}, {}),
    "region-too-long": (
        {"AWS_EXECUTION_ENV": "AWS_Lambda_java8", "AWS_REGION": "a" * 512},
        {"name": "aws.lambda"},
    ),
    "memory-is-no-number": (
        {"AWS_EXECUTION_ENV": "AWS_Lambda_java8", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "big"},
        {"name": "aws.lambda"},
    ),
    "not-lambda": ({"AWS_EXECUTION_ENV": "EC2"}, {}),
    "kubernetes": ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {"container": {"orchestrator": "kubernetes"}}),
    "lambda-in-kubernetes": (
        {"AWS_EXECUTION_ENV": "AWS_Lambda_java8", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        {"name": "aws.lambda", "container": {"orchestrator": "kubernetes"}},
    ),
}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment that clients tell of: not the one in which the tests run."""
    for variables, _ in ENVIRONMENTS.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pymongo.pool_options.DOCKER_ENV_PATH", "/no/such/file")
    monkeypatch.setattr("pymongo.pool_options._metadata_agent", lambda: None, raising=False)


def open_server(**options: Any) -> GuardedServer:
    """A server that lets in everybody."""
    server = GuardedServer({}, **options)
    server.default = answer
    return server


async def introduced(client: Any, server: GuardedServer) -> dict[str, Any]:
    """What the connection of an operation was opened with; monitors say the same of the client."""
    await client.db.c.find_one()
    await client.close()
    (said,) = [said for said in server.said.values() if any("find" in command for command in said)]
    for greeting in server.introductions:
        if isinstance(client, AsyncIOMotorClient):
            assert greeting["client"] == said[0]["client"]
        assert len(bson.encode(greeting["client"])) <= _LIMIT
    return said[0]


async def both(**options: Any) -> dict[str, Any]:
    """What Motor says of itself, which is what PyMongo says, told that it is used by Motor."""
    async with open_server() as server:
        of_motor = await introduced(AsyncIOMotorClient(server.uri, **options), server)
    async with open_server() as server:
        of_pymongo = await introduced(AsyncMongoClient(server.uri, **{"driver": MOTOR, **options}), server)
    if pymongo.version_tuple < (4, 17):
        del of_motor["backpressure"]  # which PyMongo says since then
    if "driver" not in options:
        assert of_motor == of_pymongo
    return of_motor


@pytest.mark.parametrize(("variables", "expected"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
async def test_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: dict[str, Any]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = (await both())["client"]
    assert said.get("env", {}) == expected
    assert said["os"].keys() == {"type", "name", "architecture", "version"}
    assert said["platform"].endswith("|asyncio")
    names, versions = said["driver"]["name"].split("|"), said["driver"]["version"].split("|")
    assert (names[0], names[-1]) == ("PyMongo", "Motor")
    assert versions[-1] == motor.version


async def test_name_of_the_application() -> None:
    greeting = await both(appname="shop")
    assert greeting["client"]["application"] == {"name": "shop"}
    theirs = raised_by(lambda: AsyncMongoClient(appname="x" * 129))
    assert said(raised_by(lambda: AsyncIOMotorClient(appname="x" * 129))) == said(theirs)


def stages(said: dict[str, Any], platform: str) -> Iterator[str]:
    """What has been left out of an introduction."""
    env = said.get("env")
    if env is None or "region" not in env:
        yield "env but for its name"
    if "architecture" not in said["os"]:
        yield "os but for its type"
    if env is None:
        yield "env"
    if not said.get("platform", "").endswith(platform):
        yield "the end of platform"


async def test_order_in_which_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer a library's platform, the more is left out, in the order of the specification, and no more than is
    needed: none of it while all of it fits.
    """
    monkeypatch.setenv("VERCEL", "1")
    monkeypatch.setenv("VERCEL_REGION", "cdg1")
    seen: list[list[str]] = []
    for length in range(0, 560, 14):
        platform = "p" * length
        async with open_server() as server:
            client: AsyncIOMotorClient = AsyncIOMotorClient(
                server.uri, appname="a" * 64, driver=DriverInfo("Library", "1.0", platform)
            )
            said = (await introduced(client, server))["client"]
            left_out = list(stages(said, platform))
            if not seen or seen[-1] != left_out:
                seen.append(left_out)
            assert said["application"] == {"name": "a" * 64}
            assert said["driver"]["name"].endswith("|Motor|Library")
            assert said["os"]["type"]
            if "the end of platform" in left_out:
                assert len(bson.encode(said)) == _LIMIT
    order = ["env but for its name", "os but for its type", "env", "the end of platform"]
    assert seen == [order[:count] for count in range(5)]


async def test_libraries_that_are_too_many(connect: Connect) -> None:
    """Motor and PyMongo stay; of what was added, the end is left out."""
    async with open_server() as server:
        client = connect(server)
        for number in range(40):
            client.append_metadata(DriverInfo(f"Library{number}", f"{number}.0", "platform"))
        driver = (await introduced(client, server))["client"]["driver"]
        names = driver["name"].split("|")
        assert names[0] == "PyMongo"
        assert "Motor" in names


APPENDED: list[list[tuple[str | None, ...]]] = [
    [("F1", "1.0", "P1"), ("F2", "2.0", "P2")],
    [("F1", None), ("F2", None)],
    [("F1", "1.0"), ("F1", "1.0")],
    [("F1", "1.0"), ("F2", "2.0"), ("F1", "1.0")],
    [("F1", "1.0", "P1"), ("F1", "1.0", "P2")],
    [("F1", None), ("F1", "")],
    [("PyMongo", "1.0")],
    [(None, "1.0"), (None, "2.0")],
    [(None, None), ("F2", None)],
]


@pytest.mark.parametrize("appended", APPENDED, ids=str)
@pytest.mark.parametrize("first", [None, DriverInfo("library", "1.2", "Library Platform")], ids=["", "library"])
async def test_appended(appended: list[tuple[str | None, ...]], first: DriverInfo | None) -> None:
    """What libraries add to what is said; as PyMongo does it, to which Motor is one of them."""
    said = []
    makers: tuple[tuple[Any, list[DriverInfo | None]], ...] = (
        (AsyncIOMotorClient, [first]),
        (AsyncMongoClient, [MOTOR, first]),
    )
    for make, libraries in makers:
        async with open_server() as server:
            client = make(server.uri, **({"driver": libraries[0]} if libraries[0] else {}))
            if len(libraries) > 1 and first is not None:
                client.append_metadata(first)
            for fields in appended:
                client.append_metadata(DriverInfo(*fields))  # type: ignore[arg-type]
            said.append((await introduced(client, server))["client"])
    of_motor, of_pymongo = said
    assert of_motor == of_pymongo


async def test_letters_of_several_bytes(connect: Connect) -> None:
    async with open_server() as server:
        client = connect(server, driver=DriverInfo("Bücherei", "1", "ü€😀" * 200))
        # PyMongo before 4.19 leaves out all of it.
        platform = (await introduced(client, server))["client"].get("platform", "")
        assert set(platform.partition("|asyncio|")[2]) <= set("ü€😀")


@pytest.mark.parametrize(
    "api", [ServerApi("1"), ServerApi("1", strict=True, deprecation_errors=True)], ids=["plain", "strict"]
)
async def test_server_api(connect: Connect, api: ServerApi) -> None:
    """It is declared in every command, and has the newer name of the greeting used from the beginning."""
    fields = {"apiVersion": "1"}
    if api.strict:
        fields |= {"apiStrict": True, "apiDeprecationErrors": True}  # type: ignore[dict-item]
    assert fields.items() <= (await both(server_api=api)).items()
    scenario = SCENARIOS[0]
    async with scenario.server() as server:
        client = connect(server, server_api=api, **scenario.options())
        await client.db.c.find_one()
        server.forget()
        await client.db.c.find_one()
        commands = [command for said in server.said.values() for command in said]
        assert {next(iter(command)) for command in commands} == {"hello", "saslContinue", "saslStart", "find"}
        for command in commands:
            assert fields.items() <= command.items(), json.dumps(list(command))


async def test_load_balanced() -> None:
    service = ObjectId()
    hello = {"serviceId": service, "msg": "isdbgrid"}
    for make in (AsyncIOMotorClient, AsyncMongoClient):
        async with open_server(replica_set=None, hello=hello) as server:
            client: Any = make(f"mongodb://{server.address}/?loadBalanced=true")
            said = await introduced(client, server)
            assert said["loadBalanced"] is True
            assert next(iter(said)) == "hello"
            # There is no monitor behind a load balancer.
            assert len(server.said) == 1


async def test_load_balanced_and_let_in(connect: Connect) -> None:
    scenario = SCENARIOS[0]
    async with scenario.server() as server:
        server.fields |= {"serviceId": ObjectId(), "msg": "isdbgrid"}
        client = connect(f"mongodb://{server.address}/?loadBalanced=true", **scenario.options())
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert all(greeting["loadBalanced"] for greeting in server.introductions)


async def test_no_load_balancer(connect: Connect) -> None:
    async with open_server() as server:
        client = connect(f"mongodb://{server.address}/?loadBalanced=true")
        with pytest.raises(ConfigurationError, match="load balancing mode, but the server does not support this mode"):
            await client.db.c.find_one()


@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if one.name in ("default", "x509", "oidc-machine", "scram-sha-1")], ids=str
)
async def test_monitors_carry_no_credentials(connect: Connect, scenario: Scenario) -> None:
    async with scenario.server() as server:
        client = connect(server, heartbeatFrequencyMS=20, **scenario.options())
        await client.db.c.find_one()
        monitoring = [said for said in server.said.values() if said not in server.working]
        await until(lambda: all(len(said) > 3 for said in monitoring))
        assert monitoring
        for said in monitoring:
            for number, command in enumerate(said):
                assert next(iter(command)) in ("hello", "ismaster")
                allowed = {"hello", "ismaster", "helloOk", "backpressure", "$db"}
                assert command.keys() <= (allowed | {"client"} if number == 0 else allowed)
