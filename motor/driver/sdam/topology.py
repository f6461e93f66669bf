"""The deployment as it is known now: its servers, and the choice of one for an operation.

Source: the MongoDB specifications "Server Discovery and Monitoring" and "Server Selection".
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Collection, Sequence

from bson.objectid import ObjectId
from pymongo.errors import (
    ConnectionFailure,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ProtocolError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteError,
)
from pymongo.hello import Hello
from pymongo.server_description import ServerDescription
from pymongo.topology_description import (
    SRV_POLLING_TOPOLOGIES,
    TOPOLOGY_TYPE,
    TopologyDescription,
    updated_topology_description,
)

from motor._pymongo import (
    NOT_PRIMARY_CODES,
    SHUTDOWN_CODES,
    Address,
    any_server_selector,
    topology_description_after_srv_poll,
)
from motor.driver import timeouts
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import ANOTHER_SERVER
from motor.driver.cmap.hello import MOST_MEMBERS
from motor.driver.codes import CLIENT_CLOSED, SYSTEM_OVERLOADED
from motor.driver.events.selection import SelectionLog
from motor.driver.events.topology import TopologyPublisher
from motor.driver.operations.operation import Selector
from motor.driver.owner import Owner
from motor.driver.sdam.errors import error_code, is_stale_description, is_stale_error
from motor.driver.sdam.selection import AddressSelector, selection_error, suitable_addresses
from motor.driver.sdam.server import Server
from motor.driver.sdam.settings import TopologySettings
from motor.driver.sdam.srv import SrvPoller
from motor.driver.sessions.cluster_clock import ClusterClock, bounded
from motor.driver.sessions.server_session import ServerSessionPool

_MAX_CACHED_SELECTORS = 64

_MOST_SERVERS = 3 * MOST_MEMBERS
"""How many servers there may be by what they say themselves, and how many of them may be new within
heartbeatFrequencyMS: as many as one hello may name. Seeds are not counted.
"""

_LOAD_BALANCED_WIRE_VERSION = 13


class Topology:
    """Servers by address, kept up to date by their monitors, on one event loop.

    What it has running and open is its `owner`'s, who closes it.
    """

    def __init__(self, settings: TopologySettings, owner: Owner) -> None:
        self.settings = settings
        self.owner = owner
        self._events = TopologyPublisher(settings.options.event_listeners, settings.topology_id)
        self.description = settings.empty_description()
        self.clock = ClusterClock()
        self.sessions = ServerSessionPool()
        self.single = False
        self.sharded = False
        self.closed = False
        self._servers: dict[Address, Server] = {}
        self._reached: set[Address] = set()
        self._removed: list[Server] = []
        self._named: deque[float] = deque()
        self._suitable: dict[int, tuple[Selector, list[Server]]] = {}
        self._changed: asyncio.Future[None] = owner.loop.create_future()
        self._srv_poller: SrvPoller | None = None
        self._events.opened()
        self._replace(settings.initial_description())
        if settings.srv is not None and self._is_polled():
            self._srv_poller = SrvPoller(
                settings.srv,
                settings.srv_min_ttl,
                settings.heartbeat_frequency,
                self._is_polled,
                self._on_srv_hosts,
                owner,
            )
        if settings.options.load_balanced:
            self._assume_load_balancer()

    def select_now(self, selector: Selector, quietly: bool = False) -> Server | None:
        """A suitable server among those known, without waiting; ``None`` if it takes :meth:`select`: to find one, or to
        tell the log, unless the choice is made `quietly`.
        """
        return None if SelectionLog.watched() and not quietly else self._choose(selector)

    async def select(
        self,
        selector: Selector,
        operation: str,
        operation_id: int | None = None,
        deprioritized: Collection[Address] = (),
    ) -> Server:
        """A suitable server, a `deprioritized` one if there is no other; the log names the operation and its id.

        One that is known is taken at once. Another is waited for up to serverSelectionTimeoutMS, or to the operation's
        deadline if that is sooner. Raises :class:`~pymongo.errors.ServerSelectionTimeoutError`, which says what was
        found and what failed.
        """
        known = None if deprioritized else self.select_now(selector)
        if known is not None:
            return known
        left = timeouts.remaining()
        timeout: float = self.settings.options.server_selection_timeout
        if left is not None:
            timeout = min(timeout, left)
        deadline = time.monotonic() + timeout
        log = SelectionLog(selector, operation, operation_id, self.settings.topology_id)
        log.started(self.description)
        waiting = False
        while True:
            if self.closed:
                raise InvalidOperation(CLIENT_CLOSED)
            server = self._choose(selector, deprioritized)
            if server is not None:
                log.succeeded(self.description, server.description.address)
                return server
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                failure = selection_error(self.description, self.settings, selector, self._reached)
                log.failed(self.description, failure)
                raise ServerSelectionTimeoutError(
                    f"{failure}, Timeout: {timeout}s, Topology Description: {self.description!r}"
                )
            if not waiting:
                waiting = True
                log.waiting(self.description, remaining)
            self.request_check_all()
            await asyncio.wait([self._changed], timeout=remaining)

    def server_at(self, address: Address) -> Server | None:
        """The server at `address`, if it still belongs to the deployment."""
        return self._servers.get(address)

    async def select_address(self, address: Address, operation: str) -> Server | None:
        """The server at `address`, once it is known; ``None`` if it does not belong to the deployment any more."""
        server = self._servers.get(address)
        if server is None or server.description.is_server_type_known:
            return server
        await self.select(AddressSelector(address), operation)
        return self._servers.get(address)

    def request_check_all(self) -> None:
        """Have every server checked soon."""
        for server in self._servers.values():
            server.request_check()

    def update(self, description: ServerDescription) -> None:
        """Take in what a server says of itself. Raises what is wrong if it makes no sense."""
        address = description.address
        if self.closed or not self.description.has_server(address):
            return
        if description.is_server_type_known:
            self._reached.add(address)
        self.clock.advance(bounded(description.cluster_time))
        self._process(description)

    def check_failed(self, server: Server, error: Exception) -> None:
        """Take in that a server cannot be reached. Its connections are closed; if it was silent, those in use, too."""
        address = server.description.address
        if self._servers.get(address) is server:
            self._process(ServerDescription(address, error=error))
            server.pool.clear(interrupt=isinstance(error, NetworkTimeout))

    def handle_error(
        self,
        server: Server,
        error: Exception,
        generation: int,
        handshake_completed: bool = True,
        service_id: ObjectId | None = None,
    ) -> None:
        """Draw the conclusions from an operation's error: is the server gone, is it primary no more?

        `generation` is that of the connection it happened on: an error from before the pool was cleared is old news.
        """
        address = server.description.address
        load_balanced = bool(self.settings.options.load_balanced)
        if self._servers.get(address) is not server or server.pool.generations.is_stale(generation, service_id):
            return
        if is_stale_error(server.description, error) or isinstance(error, (WriteError, WaitQueueTimeoutError)):
            return
        if load_balanced and service_id is None and not handshake_completed:
            return
        if isinstance(error, NetworkTimeout) and handshake_completed:
            return
        if isinstance(error, (NotPrimaryError, OperationFailure)):
            self._handle_server_error(server, error, handshake_completed, service_id)
        elif isinstance(error, ConnectionFailure) and not error.has_error_label(SYSTEM_OVERLOADED):
            if not load_balanced:
                self._process(ServerDescription(address, error=error))
            server.pool.clear(service_id)
            server.cancel_check()

    def close(self) -> None:
        """Stop the monitors and close every connection. Nothing can be selected any more."""
        if self.closed:
            return
        self.closed = True
        self._stop_polling()
        for address, server in self._servers.items():
            server.close()
            self._events.server_closed(address)
        for server in self._removed:
            server.close()
        self._servers.clear()
        self._suitable.clear()
        previous, self.description = self.description, self.settings.empty_description()
        self._events.changed(previous, self.description)
        self._events.closed()
        self._announce()

    def _choose(self, selector: Selector, deprioritized: Collection[Address] = ()) -> Server | None:
        if deprioritized:
            addresses = suitable_addresses(self.description, self.settings, selector, deprioritized)
            servers = [self._servers[address] for address in addresses]
            return choose_by_load(servers) if servers else None
        cached = self._suitable.get(id(selector))
        servers = cached[1] if cached is not None else self._find_suitable(selector)
        return choose_by_load(servers) if servers else None

    def _handle_server_error(
        self, server: Server, error: Exception, handshake_completed: bool, service_id: ObjectId | None
    ) -> None:
        address = server.description.address
        code = error_code(error)
        if code in NOT_PRIMARY_CODES:
            if not self.settings.options.load_balanced:
                self._process(ServerDescription(address, error=error))
            if code in SHUTDOWN_CODES:
                server.pool.clear(service_id)
            server.request_check()
        elif not handshake_completed:
            if not self.settings.options.load_balanced:
                self._process(ServerDescription(address, error=error))
            server.pool.clear(service_id)

    def _find_suitable(self, selector: Selector) -> list[Server]:
        addresses = suitable_addresses(self.description, self.settings, selector)
        servers = [self._servers[address] for address in addresses]
        if self.settings.options.server_selector is not any_server_selector:
            # It is the application's, and may want another server each time.
            return servers
        if len(self._suitable) >= _MAX_CACHED_SELECTORS:
            self._suitable.clear()
        # The selector is kept with its servers, so that its id stays its own.
        self._suitable[id(selector)] = (selector, servers)
        return servers

    def _process(self, description: ServerDescription) -> None:
        """A server is in another state: so may be the topology."""
        address = description.address
        previous = self.description.server_descriptions()[address]
        if is_stale_description(previous, description):
            return
        new = updated_topology_description(self.description, description)
        self._check_named(new)
        with self.owner.undisturbed():
            self._make_ready(description, new)
            if previous != description:
                self._events.server_changed(previous, description)
            self._replace(new, quiet=previous == description)

    def _check_named(self, new: TopologyDescription) -> None:
        """Raises ProtocolError for more servers than there can be, at once or in a while: each is connected to, and may
        name others.
        """
        known = self.description.server_descriptions()
        named = sum(address not in known for address in new.server_descriptions())
        if not named:
            return
        now = time.monotonic()
        while self._named and self._named[0] < now - self.settings.heartbeat_frequency:
            self._named.popleft()
        all_named = set(new.server_descriptions()).difference(self.settings.seeds)
        if len(all_named) > _MOST_SERVERS or len(self._named) + named > _MOST_SERVERS:
            raise ProtocolError(f"More than {_MOST_SERVERS} servers are named by those that are known{ANOTHER_SERVER}")
        self._named.extend([now] * named)

    def _make_ready(self, description: ServerDescription, new: TopologyDescription) -> None:
        """The pool has to be ready before anybody can select its server."""
        single = new.topology_type == TOPOLOGY_TYPE.Single
        server = self._servers.get(description.address)
        if server is not None and (description.is_readable or (description.is_server_type_known and single)):
            server.pool.ready()

    def _is_polled(self) -> bool:
        """Whether DNS has the last word on which servers there are."""
        return not self.closed and self.description.topology_type in SRV_POLLING_TOPOLOGIES

    def _on_srv_hosts(self, hosts: list[Address]) -> None:
        new = topology_description_after_srv_poll(self.description, hosts)
        if new is not self.description:
            with self.owner.undisturbed():
                self._replace(new)

    def _stop_polling(self) -> None:
        poller, self._srv_poller = self._srv_poller, None
        if poller is not None:
            poller.close()

    def _assume_load_balancer(self) -> None:
        """A load balancer is not monitored, and taken for available."""
        (address,) = self.settings.seeds
        hello = Hello({"ok": 1, "serviceId": self.settings.topology_id, "maxWireVersion": _LOAD_BALANCED_WIRE_VERSION})
        self._process(ServerDescription(address, hello))

    def _replace(self, description: TopologyDescription, quiet: bool = False) -> None:
        previous, self.description = self.description, description
        self.single = description.topology_type == TOPOLOGY_TYPE.Single
        self.sharded = description.topology_type == TOPOLOGY_TYPE.Sharded
        self.sessions.set_timeout(description.logical_session_timeout_minutes)
        for address in [address for address in self._servers if not description.has_server(address)]:
            removed = self._servers.pop(address)
            removed.remove()
            self._removed = [server for server in [*self._removed, removed] if server.pool.in_use]
            self._reached.discard(address)
            self._events.server_closed(address)
        if not quiet:
            self._events.changed(previous, description)
        for address, server_description in description.server_descriptions().items():
            server = self._servers.get(address)
            if server is None:
                self._events.server_opened(address)
                self._servers[address] = self._new_server(server_description)
            else:
                server.describe(server_description)
        self._suitable.clear()
        if not self._is_polled():
            self._stop_polling()
        self._announce()

    def _new_server(self, description: ServerDescription) -> Server:
        return Server(
            description,
            self.settings,
            self.owner,
            self._events,
            on_hello=self.update,
            on_check_failed=self.check_failed,
            on_opening_failed=self._opening_failed,
        )

    def _opening_failed(self, server: Server, error: Exception, connection: Connection) -> None:
        self.handle_error(
            server, error, connection.generation, handshake_completed=False, service_id=connection.service_id
        )

    def _announce(self) -> None:
        """Wake everyone who waits for a change."""
        changed, self._changed = self._changed, self.owner.loop.create_future()
        if not self.owner.loop.is_closed():
            changed.set_result(None)


def choose_by_load(servers: Sequence[Server]) -> Server:
    """One of the servers within the latency window: of two at random, the one with fewer operations under way."""
    if len(servers) == 1:
        return servers[0]
    first, second = random.sample(servers, 2)
    return first if first.operation_count <= second.operation_count else second
