"""What listeners are told."""

from __future__ import annotations

from typing import Any

from pymongo import monitoring


class Events(monitoring.CommandListener):
    """The events of commands, in order."""

    def __init__(self) -> None:
        self.sent: list[monitoring.CommandStartedEvent] = []
        self.answered: list[monitoring.CommandSucceededEvent] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.sent.append(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self.answered.append(event)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def of(self, *names: str) -> list[Any]:
        """The commands of these names."""
        return [event.command for event in self.sent if event.command_name in names]
