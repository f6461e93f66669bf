"""Command monitoring: PyMongo's events, published to its listeners.

Source: the MongoDB specification "Command Logging and Monitoring". With no listener none of this runs.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from pymongo.errors import NotPrimaryError, OperationFailure
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from motor.driver.cmap.connection import Connection

_log = logging.getLogger("pymongo.client")


class CommandMonitor:
    """Publishes to `listeners`, those of a client."""

    __slots__ = ("_listeners", "enabled")

    def __init__(self, listeners: Sequence[object]) -> None:
        self._listeners = [listener for listener in listeners if isinstance(listener, CommandListener)]
        self.enabled = bool(self._listeners)

    def start(
        self, name: str, database: str, command: dict[str, Any], request_id: int, connection: Connection
    ) -> MonitoredCommand:
        """Publish that a command is about to be sent."""
        return MonitoredCommand(self._listeners, name, database, command, request_id, connection)


class MonitoredCommand:
    """One command under way, between its started event and its last one."""

    __slots__ = ("_connection", "_database", "_listeners", "_name", "_request_id", "_started")

    def __init__(
        self,
        listeners: Sequence[CommandListener],
        name: str,
        database: str,
        command: dict[str, Any],
        request_id: int,
        connection: Connection,
    ) -> None:
        self._listeners = listeners
        self._name = name
        self._database = database
        self._request_id = request_id
        self._connection = connection
        event = CommandStartedEvent(
            command,
            database,
            request_id,
            connection.address,
            request_id,
            server_connection_id=connection.server_connection_id,
        )
        for listener in listeners:
            _publish(listener.started, event)
        self._started = time.monotonic()

    def succeeded(self, reply: Any) -> None:
        """Publish that the server replied, and did what it was told."""
        event = CommandSucceededEvent(
            self._duration(),
            reply,
            self._name,
            self._request_id,
            self._connection.address,
            self._request_id,
            database_name=self._database,
            server_connection_id=self._connection.server_connection_id,
        )
        for listener in self._listeners:
            _publish(listener.succeeded, event)

    def failed(self, error: BaseException) -> None:
        """Publish that the server refused, or that no reply came."""
        failure: Any = {"errmsg": str(error), "errtype": type(error).__name__}
        if isinstance(error, (NotPrimaryError, OperationFailure)):
            failure = error.details
        event = CommandFailedEvent(
            self._duration(),
            failure,
            self._name,
            self._request_id,
            self._connection.address,
            self._request_id,
            database_name=self._database,
            server_connection_id=self._connection.server_connection_id,
        )
        for listener in self._listeners:
            _publish(listener.failed, event)

    def _duration(self) -> datetime.timedelta:
        return datetime.timedelta(seconds=time.monotonic() - self._started)


def _publish(call: Callable[[Any], None], event: Any) -> None:
    """A listener that raises must not break the operation it listens to."""
    try:
        call(event)
    except Exception:
        _log.exception("A command listener raised")
