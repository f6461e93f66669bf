"""Logging of server selection. Source: the MongoDB specification "Server Selection", "Logging"."""

from __future__ import annotations

import logging
from typing import Any

from bson.objectid import ObjectId
from pymongo.topology_description import TopologyDescription

from motor._pymongo import Address
from motor.driver.events.publishing import log

_logger = logging.getLogger("pymongo.serverSelection")


class SelectionLog:
    """Tells the log of one selection, for one operation."""

    __slots__ = ("_client_id", "_operation", "_operation_id", "_selector")

    def __init__(self, selector: Any, operation: str, operation_id: int | None, client_id: ObjectId) -> None:
        self._selector = selector
        self._operation = operation
        self._operation_id = operation_id
        self._client_id = client_id

    @staticmethod
    def watched() -> bool:
        """Whether the log is at debug level."""
        return _logger.isEnabledFor(logging.DEBUG)

    def started(self, description: TopologyDescription) -> None:
        """A server is looked for, among those of `description`."""
        self._log("Server selection started", description)

    def waiting(self, description: TopologyDescription, remaining: float) -> None:
        """There is no suitable server yet; `remaining` seconds are left to find one."""
        self._log("Waiting for suitable server to become available", description, remainingTimeMS=int(remaining * 1000))

    def succeeded(self, description: TopologyDescription, address: Address) -> None:
        """A suitable server has been found."""
        self._log("Server selection succeeded", description, serverHost=address[0], serverPort=address[1])

    def failed(self, description: TopologyDescription, failure: str) -> None:
        """No suitable server was found in time."""
        self._log("Server selection failed", description, failure=failure)

    def _log(self, message: str, description: TopologyDescription, **fields: Any) -> None:
        if self.watched():
            log(
                _logger,
                message,
                clientId=self._client_id,
                selector=self._selector,
                operation=self._operation,
                operationId=self._operation_id,
                topologyDescription=description,
                **fields,
            )
