"""Command monitoring and logging. Source: the MongoDB specification "Command Logging and Monitoring"."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Sequence
from typing import Any, Protocol

from bson.objectid import ObjectId
from pymongo.errors import NotPrimaryError, OperationFailure
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from motor._pymongo import Address
from motor.driver.events.publishing import listeners_of, log, publish

_logger = logging.getLogger("pymongo.command")


class ConnectionDetails(Protocol):
    """What events and log lines say of the connection that a command goes over."""

    id: int
    address: Address
    server_connection_id: int | None
    service_id: ObjectId | None


class CommandPublisher:
    """Tells a client's listeners and the log of its commands; the log only if it has the `client_id`."""

    __slots__ = ("_client_id", "_listeners")

    def __init__(self, listeners: Sequence[object], client_id: ObjectId | None) -> None:
        self._listeners = listeners_of(CommandListener, listeners)
        self._client_id = client_id

    @property
    def watched(self) -> bool:
        """Whether there is a listener, or the log is at debug level."""
        return bool(self._listeners) or _logger.isEnabledFor(logging.DEBUG)

    def start(
        self,
        name: str,
        database: str,
        command: dict[str, Any],
        request_id: int,
        operation_id: int,
        connection: ConnectionDetails,
    ) -> PublishedCommand:
        """A command is about to be sent. How it ends is for the result to tell."""
        return PublishedCommand(
            self._listeners, self._client_id, name, database, command, request_id, operation_id, connection
        )

    def retrying(self, name: str, operation_id: int | None, attempt: int, is_read: bool) -> None:
        """An operation is tried again: a line in the log, for which there is no event."""
        if _logger.isEnabledFor(logging.DEBUG):
            kind = "read" if is_read else "write"
            log(
                _logger,
                f"Retrying {kind} attempt number {attempt}",
                clientId=self._client_id,
                commandName=name,
                operationId=operation_id,
            )


class PublishedCommand:
    """Tells the listeners and the log of one command: how it began, when it is made, and how it ended."""

    __slots__ = (
        "_client_id",
        "_connection",
        "_database",
        "_listeners",
        "_name",
        "_operation_id",
        "_request_id",
        "_secret",
        "_started",
    )

    def __init__(
        self,
        listeners: Sequence[CommandListener],
        client_id: ObjectId | None,
        name: str,
        database: str,
        command: dict[str, Any],
        request_id: int,
        operation_id: int,
        connection: ConnectionDetails,
    ) -> None:
        self._listeners = listeners
        self._client_id = client_id
        self._name = name
        self._database = database
        self._request_id = request_id
        self._operation_id = operation_id
        self._connection = connection
        # A reply to a speculative authentication is as secret as one to an authentication.
        self._secret = "speculativeAuthenticate" in command and name.lower() in ("hello", "ismaster")
        self._log("Command started", command=command)
        if listeners:
            event = CommandStartedEvent(
                command,
                database,
                request_id,
                connection.address,
                operation_id,
                service_id=connection.service_id,
                server_connection_id=connection.server_connection_id,
            )
            for listener in listeners:
                publish(listener.started, event)
        self._started = time.monotonic()

    def succeeded(self, reply: Any) -> None:
        """The server has replied, and done what it was told."""
        duration = datetime.timedelta(seconds=time.monotonic() - self._started)
        self._log("Command succeeded", durationMS=duration, reply=reply, speculative_authenticate=self._secret)
        if self._listeners:
            if self._secret:
                reply = {}
            event = CommandSucceededEvent(
                duration,
                reply,
                self._name,
                self._request_id,
                self._connection.address,
                self._operation_id,
                service_id=self._connection.service_id,
                database_name=self._database,
                server_connection_id=self._connection.server_connection_id,
            )
            for listener in self._listeners:
                publish(listener.succeeded, event)

    def failed(self, error: BaseException) -> None:
        """The server has refused, or no reply came."""
        duration = datetime.timedelta(seconds=time.monotonic() - self._started)
        failure: Any = {"errmsg": str(error), "errtype": type(error).__name__}
        refused = isinstance(error, (NotPrimaryError, OperationFailure))
        if isinstance(error, (NotPrimaryError, OperationFailure)):
            failure = {} if self._secret else error.details
        self._log("Command failed", durationMS=duration, failure=failure, isServerSideError=refused)
        if self._listeners:
            event = CommandFailedEvent(
                duration,
                failure,
                self._name,
                self._request_id,
                self._connection.address,
                self._operation_id,
                service_id=self._connection.service_id,
                database_name=self._database,
                server_connection_id=self._connection.server_connection_id,
            )
            for listener in self._listeners:
                publish(listener.failed, event)

    def _log(self, message: str, **fields: Any) -> None:
        if self._client_id is None or not _logger.isEnabledFor(logging.DEBUG):
            return
        connection = self._connection
        log(
            _logger,
            message,
            clientId=self._client_id,
            commandName=self._name,
            databaseName=self._database,
            requestId=self._request_id,
            operationId=self._operation_id,
            driverConnectionId=connection.id,
            serverConnectionId=connection.server_connection_id,
            serverHost=connection.address[0],
            serverPort=connection.address[1],
            serviceId=connection.service_id,
            **fields,
        )
