"""The deployment as it is known now: its servers, and the choice of one for an operation.

Source: the MongoDB specifications "Server Discovery and Monitoring" and "Server Selection".
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from pymongo.errors import (
    ConnectionFailure,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteError,
)
from pymongo.server_description import ServerDescription
from pymongo.topology_description import TOPOLOGY_TYPE, TopologyDescription, updated_topology_description

from motor._pymongo import NOT_PRIMARY_CODES, SHUTDOWN_CODES, Address
from motor.driver.cmap.connection import Connection
from motor.driver.sdam.selection import Selector, selection_error, suitable_addresses
from motor.driver.sdam.server import Server
from motor.driver.sdam.settings import TopologySettings
from motor.driver.sessions.cluster_clock import ClusterClock
from motor.driver.sessions.server_session import ServerSessionPool

_MAX_CACHED_SELECTORS = 64
_NOT_WRITABLE_PRIMARY = 10107


class Topology:
    """Servers by address, kept up to date by their monitors, on one event loop."""

    def __init__(self, settings: TopologySettings) -> None:
        self.settings = settings
        self.description = settings.initial_description()
        self.clock = ClusterClock()
        self.sessions = ServerSessionPool()
        self.single = False
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._servers: dict[Address, Server] = {}
        self._suitable: dict[int, tuple[Selector, list[Server]]] = {}
        self._changed: asyncio.Future[None] = self._loop.create_future()
        self._apply(self.description)

    def select_now(self, selector: Selector) -> Server | None:
        """A suitable server among those known, without waiting; ``None`` if there is none."""
        cached = self._suitable.get(id(selector))
        servers = cached[1] if cached is not None else self._find_suitable(selector)
        if len(servers) == 1:
            return servers[0]
        if not servers:
            return None
        first, second = random.sample(servers, 2)
        return first if first.operation_count <= second.operation_count else second

    async def select(self, selector: Selector, operation: str) -> Server:
        """A suitable server, waiting for one up to serverSelectionTimeoutMS.

        Raises :class:`~pymongo.errors.ServerSelectionTimeoutError`, which says what was found and what failed.
        """
        timeout = self.settings.options.server_selection_timeout
        deadline = time.monotonic() + timeout
        while True:
            if self.closed:
                raise InvalidOperation("Cannot use MongoClient after close")
            server = self.select_now(selector)
            if server is not None:
                return server
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise ServerSelectionTimeoutError(
                    f"{selection_error(self.description, self.settings, selector)}, "
                    f"Timeout: {timeout}s, Topology Description: {self.description!r}"
                )
            self.request_check_all()
            await asyncio.wait([self._changed], timeout=remaining)

    def server_at(self, address: Address) -> Server | None:
        """The server at `address`, if it still belongs to the deployment."""
        return self._servers.get(address)

    def request_check_all(self) -> None:
        """Have every server checked soon."""
        for server in self._servers.values():
            server.monitor.request_check()

    def knows(self, address: Address) -> bool:
        """Whether the server at `address` answered its last check."""
        server = self._servers.get(address)
        return server is not None and server.description.is_server_type_known

    def update(self, description: ServerDescription) -> None:
        """Take in what a monitor found out about one server."""
        if self.closed or not self.description.has_server(description.address):
            return
        self.clock.advance(description.cluster_time)
        self._apply(updated_topology_description(self.description, description))
        server = self._servers.get(description.address)
        if server is not None and (description.is_readable or description.is_writable):
            server.pool.ready()
        elif server is not None and description.error is not None:
            server.pool.clear()

    def server_failed(self, address: Address, error: Exception) -> None:
        """The server at `address` is of unknown state, and its connections are of no use."""
        server = self._servers.get(address)
        if server is not None:
            self.update(ServerDescription(address, error=error))

    def handle_error(self, server: Server, connection: Connection | None, error: Exception) -> None:
        """Draw the conclusions from an operation's error: is the server gone, is it primary no more?

        `connection` is ``None`` when there never was one, or its handshake failed.
        """
        if connection is not None and connection.generation != server.pool.generation:
            return
        address = server.description.address
        if isinstance(error, (WriteError, WaitQueueTimeoutError)):
            return
        if isinstance(error, NetworkTimeout) and connection is not None:
            return
        if isinstance(error, (NotPrimaryError, OperationFailure)):
            details: dict[str, Any] = error.details if isinstance(error.details, dict) else {}
            default = _NOT_WRITABLE_PRIMARY if isinstance(error, NotPrimaryError) else None
            code = details.get("code", default)
            if code in NOT_PRIMARY_CODES:
                self._apply(updated_topology_description(self.description, ServerDescription(address, error=error)))
                if code in SHUTDOWN_CODES:
                    server.pool.clear()
                server.monitor.request_check()
            elif connection is None:
                self.server_failed(address, error)
        elif isinstance(error, ConnectionFailure):
            self.server_failed(address, error)

    def close(self) -> None:
        """Stop the monitors and close every connection. Nothing can be selected any more."""
        if self.closed:
            return
        self.closed = True
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        self._suitable.clear()
        self.description = self.description.reset()
        self._announce()

    def _find_suitable(self, selector: Selector) -> list[Server]:
        addresses = suitable_addresses(self.description, self.settings, selector)
        servers = [self._servers[address] for address in addresses]
        if len(self._suitable) >= _MAX_CACHED_SELECTORS:
            self._suitable.clear()
        # The selector is kept with its servers, so that its id stays its own.
        self._suitable[id(selector)] = (selector, servers)
        return servers

    def _apply(self, description: TopologyDescription) -> None:
        self.description = description
        self.single = description.topology_type == TOPOLOGY_TYPE.Single
        self.sessions.timeout_minutes = description.logical_session_timeout_minutes
        for address, server_description in description.server_descriptions().items():
            server = self._servers.get(address)
            if server is None:
                self._servers[address] = Server(server_description, self, self.settings.options)
            else:
                server.description = server_description
        for address in [address for address in self._servers if not description.has_server(address)]:
            self._servers.pop(address).close()
        self._suitable.clear()
        self._announce()

    def _announce(self) -> None:
        """Wake everyone who waits for a change."""
        changed, self._changed = self._changed, self._loop.create_future()
        changed.set_result(None)
