"""What a client sent, as a command listener saw it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import monitoring


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


class Commands(monitoring.CommandListener):
    """Every command that a client has sent, and whether it was answered well."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.names: list[str] = []
        self.succeeded_names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command goes out."""
        self.names.append(event.command_name)
        self.sent.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It was answered."""
        self.succeeded_names.append(event.command_name)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It was not, or not well."""

    def of(self, name: str) -> list[Mapping[str, Any]]:
        """The commands of one name."""
        return [command for command in self.sent if next(iter(command)) == name]

    def clear(self) -> None:
        """Forget what came before."""
        self.sent.clear()
        self.names.clear()
        self.succeeded_names.clear()
