"""One server of the topology: its description, its pool, its monitor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pymongo.server_description import ServerDescription

from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pool import Pool
from motor.driver.events.pool import PoolPublisher
from motor.driver.events.topology import TopologyPublisher
from motor.driver.owner import Owner
from motor.driver.sdam.monitor import Monitor
from motor.driver.sdam.settings import TopologySettings
from motor.driver.server_facts import ServerFacts


class Server:
    """Holds what belongs to one address. `operation_count` is how many operations are under way on it."""

    __slots__ = ("description", "facts", "monitor", "operation_count", "pool")

    def __init__(
        self,
        description: ServerDescription,
        settings: TopologySettings,
        owner: Owner,
        events: TopologyPublisher,
        on_hello: Callable[[ServerDescription], None],
        on_check_failed: Callable[[Server, Exception], None],
        on_opening_failed: Callable[[Server, Exception, Connection], None],
    ) -> None:
        """`on_hello` and `on_check_failed` are told what the monitor finds; the former raises what makes no sense.
        `on_opening_failed` is told what has kept a connection of the pool from being opened.
        """
        address, options = description.address, settings.options
        self.describe(description)
        self.operation_count = 0
        self.pool = Pool(
            address,
            options,
            PoolPublisher(address, options.event_listeners, settings.topology_id),
            partial(on_opening_failed, self),
            owner,
        )
        self.monitor: Monitor | None = None
        # Behind a load balancer there is nothing to be monitored.
        if not options.load_balanced:
            self.monitor = Monitor(address, options, owner, events, on_hello, partial(on_check_failed, self))

    def describe(self, description: ServerDescription) -> None:
        """Take note of what the server is now."""
        self.description = description
        self.facts = ServerFacts.of(description)

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
