"""What a client says of its deployment: where its servers are, and what they are."""

from __future__ import annotations

from pymongo.errors import InvalidOperation
from pymongo.server_description import ServerDescription
from pymongo.server_type import SERVER_TYPE
from pymongo.topology_description import TOPOLOGY_TYPE, TopologyDescription

from motor._pymongo import (
    Address,
    Selection,
    arbiter_server_selector,
    secondary_server_selector,
    writable_server_selector,
)
from motor.api.base import AgnosticBaseProperties, DocumentType
from motor.api.known import KnownAddress, KnownAddresses, KnownTruth
from motor.driver.execution.deployment import Deployment
from motor.driver.execution.executor import Executor
from motor.driver.operations.operation import Selector


class DeploymentView(AgnosticBaseProperties[DocumentType]):
    """What is known at the moment, without I/O; and what can be found out, by awaiting it."""

    _deployment: Deployment

    @property
    def topology_description(self) -> TopologyDescription:
        """What is known of the deployment at this moment, without waiting for anything."""
        return self._deployment.description

    @property
    def nodes(self) -> frozenset[Address]:
        """The addresses of the servers that answered their last check."""
        return frozenset(server.address for server in self.topology_description.known_servers)

    @property
    def address(self) -> KnownAddress:
        """The ``(host, port)`` of the server that is written to: a standalone, the primary, or the only mongos.

        It is what is known at the moment, without I/O: empty, and equal to ``None``, before the first operation.
        Awaited it waits for a server, as an operation would. Raises :class:`~pymongo.errors.InvalidOperation` if there
        are several mongos (see :attr:`nodes`); awaited also :class:`~pymongo.errors.ServerSelectionTimeoutError`.

        .. versionchanged:: 4.0 It may be awaited, and does not block the event loop.
        """
        description = self.topology_description
        several = len(description.server_descriptions()) > 1
        if description.topology_type == TOPOLOGY_TYPE.Sharded and several:
            raise InvalidOperation(
                'Cannot use "address" property when load balancing among mongoses, use "nodes" instead.'
            )
        server = self._writable_now()
        return KnownAddress(None if server is None else server.address, self._writable_address)

    async def _writable_address(self) -> Address:
        return (await self._writable_server()).address

    @property
    def primary(self) -> KnownAddress:
        """The ``(host, port)`` of the replica set's primary; empty, and equal to ``None``, while none is known.

        It is what is known at the moment, without I/O. It may be awaited, and then is the same as a plain tuple or
        ``None``; that connects, and waits for nothing else.

        .. versionchanged:: 4.0 It may be awaited.
        """
        return KnownAddress(self._known_primary(), self._primary)

    def _known_primary(self) -> Address | None:
        return next(iter(self._members(writable_server_selector)), None)

    async def _primary(self) -> Address | None:
        await self._connect()
        return self._known_primary()

    @property
    def secondaries(self) -> KnownAddresses:
        """The ``(host, port)`` of each secondary of the replica set that is known at the moment; a set.

        It may be awaited, which connects, and waits for nothing else.

        .. versionchanged:: 4.0 It may be awaited.
        """
        return KnownAddresses(self._members(secondary_server_selector), self._secondaries)

    async def _secondaries(self) -> set[Address]:
        await self._connect()
        return self._members(secondary_server_selector)

    @property
    def arbiters(self) -> KnownAddresses:
        """The ``(host, port)`` of each arbiter of the replica set that is known at the moment; a set.

        It may be awaited, which connects, and waits for nothing else.

        .. versionchanged:: 4.0 It may be awaited.
        """
        return KnownAddresses(self._members(arbiter_server_selector), self._arbiters)

    async def _arbiters(self) -> set[Address]:
        await self._connect()
        return self._members(arbiter_server_selector)

    @property
    def is_primary(self) -> KnownTruth:
        """Whether a server that can be written to is known at the moment: a standalone, a primary or a mongos.

        Awaited it waits for one, as an operation would: ``True``, or
        :class:`~pymongo.errors.ServerSelectionTimeoutError`.

        .. versionchanged:: 4.0 It may be awaited, and does not block the event loop.
        """
        server = self._writable_now()
        return KnownTruth(server is not None and server.is_writable, self._is_primary)

    async def _is_primary(self) -> bool:
        return (await self._writable_server()).is_writable

    @property
    def is_mongos(self) -> KnownTruth:
        """Whether the servers are known to be mongos. Awaited it waits for one that can be written to.

        Awaited it may raise :class:`~pymongo.errors.ServerSelectionTimeoutError`.

        .. versionchanged:: 4.0 It may be awaited, and does not block the event loop.
        """
        server = self._writable_now()
        return KnownTruth(server is not None and server.server_type == SERVER_TYPE.Mongos, self._is_mongos)

    async def _is_mongos(self) -> bool:
        return (await self._writable_server()).server_type == SERVER_TYPE.Mongos

    def _members(self, selector: Selector) -> set[Address]:
        """The members of a replica set that `selector` selects; none of what is no replica set."""
        description = self.topology_description
        if description.topology_type not in (TOPOLOGY_TYPE.ReplicaSetNoPrimary, TOPOLOGY_TYPE.ReplicaSetWithPrimary):
            return set()
        return {server.address for server in selector(Selection.from_topology_description(description))}

    def _writable_now(self) -> ServerDescription | None:
        servers = self.topology_description.apply_selector(writable_server_selector)
        return servers[0] if servers else None

    async def _writable_server(self) -> ServerDescription:
        executor = await self._connect()
        return (await executor.topology.select(writable_server_selector, "test")).description

    async def _connect(self) -> Executor:
        return self._deployment.executor() or await self._deployment.resolve()
