"""What the specification tests share: the server, and a driver that waits less and logs more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import motor.embedded

from .disguises import Relay, member, mongos, relays, service
from .unified.server import TestServer


@pytest.fixture(scope="session")
def test_server(server_uri: str) -> Iterator[TestServer]:
    """The server that every test may use."""
    server = TestServer(server_uri)
    yield server
    server.close()


@pytest.fixture(scope="session")
def test_servers(test_server: TestServer) -> Iterator[list[TestServer]]:
    """That one, and others for tests that it isn't fit for: a standalone one, and a sharded cluster and load balancers,
    which are the standalone one in disguise.

    Only that one if it was given with MOTOR_TEST_URI.
    """
    if "MOTOR_TEST_URI" in os.environ:
        yield [test_server]
        return
    with motor.embedded.Server(arguments=["--enable-test-commands", "--standalone"]) as standalone:
        address = ("127.0.0.1", standalone.port)
        first, second = Relay(address, [mongos]), Relay(address, [mongos])
        before_one, before_two = Relay(address, [service()]), Relay(address, [service(), service()])
        with relays(first, second, before_one, before_two), ExitStack() as stack:
            servers = [
                TestServer(standalone.uri),
                TestServer(f"mongodb://{first.address},{second.address}"),
                TestServer(
                    f"mongodb://{before_one.address}/?loadBalanced=true",
                    f"mongodb://{before_two.address}/?loadBalanced=true",
                ),
            ]
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
    """Failures are made on purpose here, and half a second between two checks of a server is long."""
    monkeypatch.setattr("motor.driver.sdam.monitor.MIN_HEARTBEAT_INTERVAL", 0.05)


@pytest.fixture(autouse=True)
def whole_documents_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that looks at a command or a reply in the log looks at all of it."""
    monkeypatch.setenv("MONGOB_LOG_MAX_DOCUMENT_LENGTH", "10000")
