"""Fixtures that every test may use: a server, a client on it, a database and a collection of its own; and a scripted
server, and how hard hypothesis looks.
"""

import gc
import os
import sys
import uuid
from collections.abc import AsyncIterator, Generator, Iterator

import hypothesis
import pytest

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from tests.support.fixtures import commands, connect, impatient_monitors, server

__all__ = ["commands", "connect", "impatient_monitors", "server"]

# The machine may be busy: no deadline. `MOTOR_TEST_EXAMPLES=1000` looks harder.
hypothesis.settings.register_profile(
    "motor",
    deadline=None,
    max_examples=int(os.environ.get("MOTOR_TEST_EXAMPLES", "25")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("motor")


def pytest_collection_finish() -> None:
    """Take thousands of tests out of the garbage collector's sight: many of them run it, and it would see them all."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip what cannot run because there is no server, on a Python that SecantusDB has no release for.

    The report of a failure is what is looked at, because the process that needs the server may not be this one. Where
    there is a release, a server that is missing is a failure.
    """
    report = yield
    if report.failed and (reason := _why_no_server()) is not None and reason.partition(":")[0] in report.longreprtext:
        path, line, _ = report.location
        report.outcome = "skipped"
        report.longrepr = (path, line or 0, f"Skipped: {reason}")
    return report


def _why_no_server() -> str | None:
    if sys.version_info < motor.embedded._PYTHON_WITHOUT_SECANTUSDB:
        return None
    try:
        motor.embedded._find_program()
    except ImportError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def server_uri() -> Iterator[str]:
    """Where the tests' server is: MOTOR_TEST_URI, or else an embedded server that runs for the whole session."""
    if uri := os.environ.get("MOTOR_TEST_URI"):
        yield uri
        return
    with motor.embedded.Server(arguments=["--enable-test-commands"]) as server:
        yield server.uri


@pytest.fixture
def uri(server_uri: str) -> str:
    """The short name of `server_uri`."""
    return server_uri


@pytest.fixture
async def client(uri: str) -> AsyncIterator[AsyncIOMotorClient]:
    """A client on the tests' server, closed afterwards."""
    client = AsyncIOMotorClient(uri)
    yield client
    client.close()


@pytest.fixture
async def db(client: AsyncIOMotorClient) -> AsyncIterator[AsyncIOMotorDatabase]:
    """A database that no other test uses, dropped afterwards."""
    database = client[f"motor_test_{uuid.uuid4().hex}"]
    yield database
    await client.drop_database(database.name)


@pytest.fixture
def collection(db: AsyncIOMotorDatabase) -> AsyncIOMotorCollection:
    """An empty collection in `db`."""
    return db["test"]
