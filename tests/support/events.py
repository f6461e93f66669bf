"""What a client tells its listeners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import monitoring


class Commands(monitoring.CommandListener):
    """Every command that a client has sent, in order, and which of them were answered."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.names: list[str] = []
        self.succeeded_names: list[str] = []
        self.answered = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command goes out."""
        self.names.append(event.command_name)
        self.sent.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It was answered well."""
        self.succeeded_names.append(event.command_name)
        self.answered += 1

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It was not, or not well."""
        self.answered += 1

    def of(self, *names: str) -> list[Mapping[str, Any]]:
        """The commands of these names."""
        return [command for name, command in zip(self.names, self.sent, strict=True) if name in names]

    def clear(self) -> None:
        """Forget what came before."""
        self.sent.clear()
        self.names.clear()
        self.succeeded_names.clear()
        self.answered = 0


class CommandEvents(Commands):
    """Keeps the events, too, and all that they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.started_events: list[monitoring.CommandStartedEvent] = []
        self.succeeded_events: list[monitoring.CommandSucceededEvent] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command goes out."""
        super().started(event)
        self.started_events.append(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It was answered well."""
        super().succeeded(event)
        self.succeeded_events.append(event)


class Sessions(monitoring.CommandListener):
    """In which session each command was, and those of commands that were given up."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.given_up: set[bytes] = set()
        self._under_way: dict[int, bytes] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command goes out."""
        if "lsid" in event.command:
            session = bytes(event.command["lsid"]["id"])
            self.sent.append((event.command_name, session))
            self._under_way[event.request_id] = session

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Its reply has come."""
        self._under_way.pop(event.request_id, None)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It has failed: its connection has, or nobody waits for it any more, or the server has said so."""
        session = self._under_way.pop(event.request_id, None)
        if session is not None and event.failure.get("errtype") == "CancelledError":
            self.given_up.add(session)


class Heartbeats(monitoring.ServerHeartbeatListener):
    """How the checks of a client's monitors have ended."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def started(self, event: monitoring.ServerHeartbeatStartedEvent) -> None:
        """A check begins."""

    def succeeded(self, event: monitoring.ServerHeartbeatSucceededEvent) -> None:
        """The server has answered."""
        self.seen.append("succeeded")

    def failed(self, event: monitoring.ServerHeartbeatFailedEvent) -> None:
        """It has not."""
        self.seen.append("failed")


class PoolEvents(monitoring.ConnectionPoolListener):
    """The events of a client's pools."""

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
