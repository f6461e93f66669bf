"""One server of the topology: its description, its pool, its monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo.client_options import ClientOptions
from pymongo.server_description import ServerDescription

from motor.driver.cmap.pool import Pool
from motor.driver.events.pool import PoolPublisher
from motor.driver.sdam.monitor import Monitor

if TYPE_CHECKING:
    from motor.driver.sdam.topology import Topology


class Server:
    """Holds what belongs to one address. `operation_count` is how many operations are under way on it."""

    __slots__ = ("description", "monitor", "operation_count", "pool", "supports_retryable_writes")

    def __init__(self, description: ServerDescription, topology: Topology, options: ClientOptions) -> None:
        address = description.address
        self.describe(description)
        self.operation_count = 0
        events = PoolPublisher(address, options.event_listeners, topology.settings.topology_id)
        self.pool = Pool(
            address,
            options,
            events,
            lambda error, connection: topology.handle_error(
                self, error, connection.generation, handshake_completed=False, service_id=connection.service_id
            ),
            topology.owner,
        )
        # Behind a load balancer there is nothing to be monitored.
        self.monitor = None if options.load_balanced else Monitor(address, topology, options, topology.events)

    def describe(self, description: ServerDescription) -> None:
        """Take note of what the server is now."""
        self.description = description
        self.supports_retryable_writes = description.retryable_writes_supported

    def request_check(self) -> None:
        """Have the server checked soon."""
        if self.monitor is not None:
            self.monitor.request_check()

    def cancel_check(self) -> None:
        """Break off a check that is under way: the server is known to be gone."""
        if self.monitor is not None:
            self.monitor.cancel_check()

    def remove(self) -> None:
        """It has left the deployment: stop monitoring, and let operations that are under way on it end."""
        if self.monitor is not None:
            self.monitor.close()
        self.pool.remove()

    def close(self) -> None:
        """Stop monitoring, close every connection."""
        if self.monitor is not None:
            self.monitor.close()
        self.pool.close()
