"""What a pool tells its listeners."""

from __future__ import annotations

from typing import Any

from pymongo import monitoring


class PoolEvents(monitoring.ConnectionPoolListener):
    """Records the events of a client's pools."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith(("connection_", "pool_")):
            return lambda event: self.events.append((name, event))
        return super().__getattribute__(name)

    @property
    def names(self) -> list[str]:
        """The events' names."""
        return [name for name, _ in self.events]

    @property
    def closed(self) -> list[tuple[int, str]]:
        """The ids of the connections that were closed, with the reasons."""
        return [(event.connection_id, event.reason) for name, event in self.events if name == "connection_closed"]

    def check(self) -> None:
        """Each connection was created once, is closed once, and came back as often as it was checked out."""
        created = [event.connection_id for name, event in self.events if name == "connection_created"]
        assert sorted(created) == sorted(number for number, _ in self.closed)
        assert self.names.count("connection_checked_out") == self.names.count("connection_checked_in")
        started = self.names.count("connection_check_out_started")
        failed = self.names.count("connection_check_out_failed")
        assert started == self.names.count("connection_checked_out") + failed
