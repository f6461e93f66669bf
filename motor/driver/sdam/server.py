"""One server of the topology: its description, its pool, its monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo.client_options import ClientOptions
from pymongo.server_description import ServerDescription

from motor.driver.cmap.pool import Pool
from motor.driver.sdam.monitor import Monitor

if TYPE_CHECKING:
    from motor.driver.sdam.topology import Topology


class Server:
    """Holds what belongs to one address. `operation_count` is how many operations are under way on it."""

    __slots__ = ("description", "monitor", "operation_count", "pool")

    def __init__(self, description: ServerDescription, topology: Topology, options: ClientOptions) -> None:
        self.description = description
        self.pool = Pool(description.address, options)
        self.monitor = Monitor(description.address, topology, options)
        self.operation_count = 0

    def close(self) -> None:
        """Stop monitoring, close every connection."""
        self.monitor.close()
        self.pool.close()
