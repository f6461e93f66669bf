"""The deployments that the tests run on: a replica set of one, a standalone server, a sharded cluster, load balancers.

The last two are the replica set in disguise: what SecantusDB is not can still be what a driver sees.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import motor.embedded
from tests.support.proxy import HOST

from .disguises import Relay, mongos, relays, service

_TEST_COMMANDS = "--enable-test-commands"


@dataclass(frozen=True)
class Deployment:
    """Where one is. `uri_of_several` leads to more than one mongos, or to a load balancer before more than one."""

    uri: str
    uri_of_several: str | None = None
    load_balanced: bool = False


@contextmanager
def deployments(replica_set: str) -> Iterator[list[Deployment]]:
    """All of them, while they run; the first is the one at the URI given, which runs already."""
    with ExitStack() as stack:
        standalone = stack.enter_context(motor.embedded.Server(arguments=[_TEST_COMMANDS, "--standalone"]))
        disguised = stack.enter_context(motor.embedded.Server(arguments=[_TEST_COMMANDS]))
        address = (HOST, disguised.port)
        port = _two_free_ports()
        first, second = Relay(address, [mongos()], port), Relay(address, [mongos()], port + 1)
        before_one, before_two = Relay(address, [service()]), Relay(address, [service(), service()])
        stack.enter_context(relays(first, second, before_one, before_two))
        yield [
            Deployment(replica_set),
            Deployment(standalone.uri),
            Deployment(f"mongodb://{first.address},{second.address}"),
            Deployment(
                f"mongodb://{before_one.address}/?loadBalanced=true",
                f"mongodb://{before_two.address}/?loadBalanced=true",
                load_balanced=True,
            ),
        ]


def _two_free_ports() -> int:
    """The first of two in a row: PyMongo's tests look for the second mongos there."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind((HOST, 0))
            port = int(one.getsockname()[1])
            try:
                other.bind((HOST, port + 1))
            except (OSError, OverflowError):
                continue
            return port
