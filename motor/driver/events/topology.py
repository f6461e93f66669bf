"""Monitoring and logging of discovery. Source: the MongoDB specification "SDAM Logging and Monitoring"."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from bson.objectid import ObjectId
from pymongo.hello import Hello
from pymongo.monitoring import (
    ServerClosedEvent,
    ServerDescriptionChangedEvent,
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
    ServerListener,
    ServerOpeningEvent,
    TopologyClosedEvent,
    TopologyDescriptionChangedEvent,
    TopologyListener,
    TopologyOpenedEvent,
)
from pymongo.server_description import ServerDescription
from pymongo.topology_description import TopologyDescription

from motor._pymongo import Address
from motor.driver.events.publishing import listeners_of, log, publish

_logger = logging.getLogger("pymongo.topology")


class TopologyPublisher:
    """Tells a client's listeners and the log of its topology and servers, and of the checks of those.

    Durations are in seconds.
    """

    __slots__ = ("_heartbeat", "_server", "_topology", "_topology_id")

    def __init__(self, listeners: Sequence[object], topology_id: ObjectId) -> None:
        self._topology_id = topology_id
        self._topology = listeners_of(TopologyListener, listeners)
        self._server = listeners_of(ServerListener, listeners)
        self._heartbeat = listeners_of(ServerHeartbeatListener, listeners)

    def opened(self) -> None:
        """Discovery has started."""
        self._log("Starting topology monitoring")
        for topology_listener in self._topology:
            publish(topology_listener.opened, TopologyOpenedEvent(self._topology_id))

    def changed(self, previous: TopologyDescription, new: TopologyDescription) -> None:
        """What is known of the deployment has changed."""
        for listener in self._topology:
            publish(listener.description_changed, TopologyDescriptionChangedEvent(previous, new, self._topology_id))
        if _logger.isEnabledFor(logging.DEBUG):
            self._log("Topology description changed", previousDescription=repr(previous), newDescription=repr(new))

    def closed(self) -> None:
        """Discovery has ended."""
        for listener in self._topology:
            publish(listener.closed, TopologyClosedEvent(self._topology_id))
        self._log("Stopped topology monitoring")

    def server_opened(self, address: Address) -> None:
        """A server has become a part of the topology, and is monitored from now on."""
        self._log("Starting server monitoring", address)
        for listener in self._server:
            publish(listener.opened, ServerOpeningEvent(address, self._topology_id))

    def server_changed(self, previous: ServerDescription, new: ServerDescription) -> None:
        """What is known of a server has changed."""
        for listener in self._server:
            event = ServerDescriptionChangedEvent(previous, new, new.address, self._topology_id)
            publish(listener.description_changed, event)

    def server_closed(self, address: Address) -> None:
        """A server is no part of the topology any more."""
        for listener in self._server:
            publish(listener.closed, ServerClosedEvent(address, self._topology_id))
        self._log("Stopped server monitoring", address)

    def heartbeat_started(self, address: Address, awaited: bool) -> None:
        """A server is about to be checked; `awaited` if it answers only when something changes, or after a while."""
        for listener in self._heartbeat:
            publish(listener.started, ServerHeartbeatStartedEvent(address, awaited))

    def heartbeat_sent(
        self, address: Address, awaited: bool, connection_id: int, server_connection_id: int | None
    ) -> None:
        """The check goes over this connection: a line in the log, for which there is no event."""
        self._log(
            "Server heartbeat started",
            address,
            awaited=awaited,
            driverConnectionId=connection_id,
            serverConnectionId=server_connection_id,
        )

    def heartbeat_succeeded(
        self,
        address: Address,
        duration: float,
        hello: Hello[dict[str, Any]],
        connection_id: int,
        server_connection_id: int | None,
    ) -> None:
        """A server has answered a check, after `duration` seconds."""
        for listener in self._heartbeat:
            event = ServerHeartbeatSucceededEvent(duration, hello, address, hello.awaitable)
            publish(listener.succeeded, event)
        self._log(
            "Server heartbeat succeeded",
            address,
            awaited=hello.awaitable,
            driverConnectionId=connection_id,
            serverConnectionId=server_connection_id,
            durationMS=duration * 1000,
            reply=hello.document,
        )

    def heartbeat_failed(
        self, address: Address, duration: float, error: Exception, awaited: bool, connection_id: int
    ) -> None:
        """A check has failed: no answer came, or no connection could be opened."""
        for listener in self._heartbeat:
            publish(listener.failed, ServerHeartbeatFailedEvent(duration, error, address, awaited))
        self._log(
            "Server heartbeat failed",
            address,
            awaited=awaited,
            durationMS=duration * 1000,
            failure=error,
            driverConnectionId=connection_id,
        )

    def _log(self, message: str, address: Address | None = None, **fields: Any) -> None:
        if _logger.isEnabledFor(logging.DEBUG):
            if address is not None:
                fields.update(serverHost=address[0], serverPort=address[1])
            log(_logger, message, topologyId=self._topology_id, **fields)
