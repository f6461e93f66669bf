"""Pool monitoring and logging. Source: the MongoDB specification "Connection Monitoring and Pooling"."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from bson.objectid import ObjectId
from pymongo.monitoring import (
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionCheckOutFailedEvent,
    ConnectionCheckOutFailedReason,
    ConnectionCheckOutStartedEvent,
    ConnectionClosedEvent,
    ConnectionClosedReason,
    ConnectionCreatedEvent,
    ConnectionPoolListener,
    ConnectionReadyEvent,
    PoolClearedEvent,
    PoolClosedEvent,
    PoolCreatedEvent,
    PoolReadyEvent,
)

from motor._pymongo import Address
from motor.driver.events.publishing import listeners_of, log, publish

_logger = logging.getLogger("pymongo.connection")

_REASONS = {
    ConnectionClosedReason.POOL_CLOSED: "Connection pool was closed",
    ConnectionClosedReason.STALE: "Connection pool was stale",
    ConnectionClosedReason.ERROR: "An error occurred while using the connection",
    ConnectionClosedReason.IDLE: "Connection was idle too long",
    ConnectionCheckOutFailedReason.CONN_ERROR: "An error occurred while trying to establish a new connection",
    ConnectionCheckOutFailedReason.TIMEOUT: "Wait queue timeout elapsed without a connection becoming available",
}


class PoolPublisher:
    """Tells a client's listeners and the log of one pool. Durations are in seconds."""

    __slots__ = ("_address", "_client_id", "_listeners")

    def __init__(self, address: Address, listeners: Sequence[object], client_id: ObjectId) -> None:
        self._address = address
        self._client_id = client_id
        self._listeners = listeners_of(ConnectionPoolListener, listeners)

    @property
    def watched(self) -> bool:
        """Whether there is a listener, or the log is at debug level."""
        return bool(self._listeners) or _logger.isEnabledFor(logging.DEBUG)

    def pool_created(self, options: dict[str, Any]) -> None:
        """The pool has been made, with these options that are not the defaults."""
        self._publish("pool_created", PoolCreatedEvent, options)
        self._log("Connection pool created", **options)

    def pool_ready(self) -> None:
        """The server is known to be there: connections may be opened and checked out."""
        self._publish("pool_ready", PoolReadyEvent)
        self._log("Connection pool ready")

    def pool_cleared(self, service_id: ObjectId | None, interrupt: bool) -> None:
        """The connections are stale, or those to one service behind a load balancer; with `interrupt` those in use are
        closed at once.
        """
        self._publish("pool_cleared", PoolClearedEvent, service_id, interrupt)
        self._log("Connection pool cleared", serviceId=service_id)

    def pool_closed(self) -> None:
        """The pool has been closed."""
        self._publish("pool_closed", PoolClosedEvent)
        self._log("Connection pool closed")

    def connection_created(self, connection_id: int) -> None:
        """A connection is about to be opened."""
        self._publish("connection_created", ConnectionCreatedEvent, connection_id)
        self._log("Connection created", driverConnectionId=connection_id)

    def connection_ready(self, connection_id: int, duration: float) -> None:
        """A connection has been opened and authenticated."""
        self._publish("connection_ready", ConnectionReadyEvent, connection_id, duration)
        self._log("Connection ready", driverConnectionId=connection_id, durationMS=duration * 1000)

    def connection_closed(self, connection_id: int, reason: str) -> None:
        """A connection is closed; `reason` is one of :class:`~pymongo.monitoring.ConnectionClosedReason`."""
        self._publish("connection_closed", ConnectionClosedEvent, connection_id, reason)
        self._log("Connection closed", driverConnectionId=connection_id, reason=_REASONS[reason], error=reason)

    def check_out_started(self) -> None:
        """An operation asks for a connection."""
        self._publish("connection_check_out_started", ConnectionCheckOutStartedEvent)
        self._log("Connection checkout started")

    def checked_out(self, connection_id: int, duration: float) -> None:
        """An operation is given a connection, after `duration` seconds."""
        self._publish("connection_checked_out", ConnectionCheckedOutEvent, connection_id, duration)
        self._log("Connection checked out", driverConnectionId=connection_id, durationMS=duration * 1000)

    def check_out_failed(self, reason: str, duration: float) -> None:
        """An operation gets no connection; `reason` is one of
        :class:`~pymongo.monitoring.ConnectionCheckOutFailedReason`.
        """
        self._publish("connection_check_out_failed", ConnectionCheckOutFailedEvent, reason, duration)
        self._log("Connection checkout failed", reason=_REASONS[reason], error=reason, durationMS=duration * 1000)

    def checked_in(self, connection_id: int) -> None:
        """An operation gives its connection back."""
        self._publish("connection_checked_in", ConnectionCheckedInEvent, connection_id)
        self._log("Connection checked in", driverConnectionId=connection_id)

    def _publish(self, name: str, event: Any, *details: Any) -> None:
        if self._listeners:
            published = event(self._address, *details)
            for listener in self._listeners:
                publish(getattr(listener, name), published)

    def _log(self, message: str, **fields: Any) -> None:
        if _logger.isEnabledFor(logging.DEBUG):
            host, port = self._address
            log(_logger, message, clientId=self._client_id, serverHost=host, serverPort=port, **fields)
