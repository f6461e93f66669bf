"""What the specification tests share: the server, and a driver that waits less and logs more."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.inside import look_again_soon, replace

from .deployments import deployments
from .disguises import Relay, member, relays
from .unified.server import TestServer


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """An expected failure has no traceback. Nobody reads it, and to write it takes longer than the test."""
    try:
        return (yield)
    except Exception as error:
        if pyfuncitem.config.option.runxfail or not any(pyfuncitem.iter_markers("xfail")):
            raise
        pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)


@pytest.fixture(scope="session")
def test_server(server_uri: str) -> Iterator[TestServer]:
    """The server that every test may use."""
    server = TestServer(server_uri)
    yield server
    server.close()


@pytest.fixture(scope="session")
def test_servers(test_server: TestServer) -> Iterator[list[TestServer]]:
    """That one, and others for tests that it isn't fit for; only that one if it was given with MOTOR_TEST_URI."""
    if "MOTOR_TEST_URI" in os.environ:
        yield [test_server]
        return
    with deployments(test_server.uri) as (_, *others), ExitStack() as stack:
        servers = [TestServer(other.uri, other.uri_of_several) for other in others]
        for server in servers:
            stack.callback(server.close)
        yield [test_server, *servers]


@pytest.fixture(scope="session")
def three_members(test_server: TestServer) -> Iterator[TestServer]:
    """A replica set of three members: the server that every test may use, in disguise."""
    assert test_server.client.address is not None
    members: list[Relay] = []
    members += [Relay(test_server.client.address, [member(index, members)]) for index in range(3)]
    with relays(*members):
        server = TestServer(f"mongodb://{','.join(one.address for one in members)}/?replicaSet={test_server.set_name}")
        yield server
        server.close()


@pytest.fixture(autouse=True)
def quick_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are made on purpose here, and ten seconds between two checks of a server are long, or half a second."""
    look_again_soon(monkeypatch)
    monkeypatch.setattr("pymongo.common.HEARTBEAT_FREQUENCY", 0.02)


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a command goes to an overloaded server again, the driver waits for a tenth of a second at first."""
    replace(monkeypatch, "retries._FIRST_BACKOFF", 0.01)


@pytest.fixture(autouse=True)
def whole_documents_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that looks at a command or a reply in the log looks at all of it."""
    monkeypatch.setenv("MONGOB_LOG_MAX_DOCUMENT_LENGTH", "10000")
