"""A topology whose monitors do nothing, so that a test is the only one that tells it about servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo.hello import Hello
from pymongo.server_description import ServerDescription

from motor._pymongo import Address, split_hosts
from motor.api.client_settings import parse_settings
from motor.driver.owner import Owner
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology
from tests.support.inside import replace


class IdleMonitor:
    """Monitors nothing."""

    def __init__(self, *args: Any) -> None:
        pass

    def request_check(self) -> None:
        """Nothing is checked."""

    def cancel_check(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def idle_topology(uri: str, **options: Any) -> Iterator[Topology]:
    """A topology for the seed list of `uri`, closed afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        replace(patch, "server.Monitor", IdleMonitor)
        owner = Owner(asyncio.get_running_loop())
        topology = Topology(parse_settings(uri, None, options, "asyncio").topology, owner)
        owner.end = topology.close
        try:
            yield topology
        finally:
            owner.close()


def respond(topology: Topology, address: str, response: Mapping[str, Any], round_trip_time: float = 0) -> None:
    """Let a server answer hello."""
    topology.update(ServerDescription(node(address), Hello(dict(response)), round_trip_time))


def server_at(topology: Topology, address: str) -> Server:
    """The server at ``host:port``."""
    server = topology.server_at(node(address))
    assert server is not None, f"{address} is not among {topology.description}"
    return server


def node(address: str) -> Address:
    """``host:port`` as the driver has it."""
    ((host, port),) = split_hosts(address)
    return host.lower(), port
