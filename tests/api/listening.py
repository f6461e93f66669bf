"""What a client sent, as a command listener saw it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pymongo import monitoring


class Commands(monitoring.CommandListener):
    """Every command a client has started, and how many of them have been answered."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.names: list[str] = []
        self.answered = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)
        self.sent.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self.answered += 1

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self.answered += 1

    def of(self, name: str) -> list[Mapping[str, Any]]:
        """The commands of one name, in order."""
        return [command for sent_name, command in zip(self.names, self.sent, strict=True) if sent_name == name]

    def clear(self) -> None:
        """Forget what came before."""
        self.sent.clear()
        self.names.clear()
        self.answered = 0


async def eventually(condition: Callable[[], Any]) -> None:
    """Wait for what happens in the background. Fails when it has not happened after seconds."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")
