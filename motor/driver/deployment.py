"""A client's deployment: one topology and one executor for the event loop that the client lives on.

A client belongs to the loop that first uses it. When that loop is closed and the client is used in another, it starts
afresh there. After a fork the child starts afresh, too, and leaves the parent's connections alone.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from pymongo.errors import InvalidOperation
from pymongo.topology_description import TopologyDescription

from motor.driver.executor import Executor
from motor.driver.sdam.settings import TopologySettings
from motor.driver.sdam.topology import Topology

_process = object()
"""Another one after a fork: to compare it is cheaper than to ask for the process id."""


def _forked() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Deployment:
    """Holds the executor of the current loop, and makes it when it is first asked for."""

    def __init__(self, settings: TopologySettings, client_name: str) -> None:
        self.settings = settings
        self._client_name = client_name
        self._executor: Executor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: object = None
        self._closed = False

    @property
    def description(self) -> TopologyDescription:
        """What is known of the deployment now."""
        if self._executor is None:
            return self.settings.initial_description()
        return self._executor.topology.description

    def executor(self) -> Executor:
        """The executor of the running loop.

        Raises InvalidOperation after :meth:`close`, and RuntimeError if the client is in use in another loop that is
        alive.
        """
        loop = asyncio.get_running_loop()
        executor = self._executor
        if loop is self._loop and executor is not None and self._process is _process and not executor.topology.closed:
            return executor
        return self._start(loop)

    def close(self) -> None:
        """Close every connection and stop monitoring; the client cannot be used any more."""
        self._closed = True
        executor, self._executor = self._executor, None
        if executor is not None and self._loop is not None and not self._loop.is_closed() and self._process is _process:
            if _running_loop() is self._loop:
                executor.topology.close()
            else:
                self._loop.call_soon_threadsafe(executor.topology.close)

    def _start(self, loop: asyncio.AbstractEventLoop) -> Executor:
        if self._closed:
            raise InvalidOperation("Cannot use MongoClient after close")
        if self._in_use_elsewhere(loop):
            raise RuntimeError(
                f"This {self._client_name} is in use in another event loop that has not been closed. "
                "Use a client of its own in each of several loops that run at the same time."
            )
        if self._executor is not None and self._process is not _process:
            self._executor.topology.disown()
        self._executor = Executor(Topology(self.settings), self.settings.options)
        self._loop = loop
        self._process = _process
        return self._executor

    def _in_use_elsewhere(self, loop: asyncio.AbstractEventLoop) -> bool:
        return (
            self._executor is not None
            and self._loop is not None
            and self._loop is not loop
            and not self._loop.is_closed()
            and not self._executor.topology.closed
            and self._process is _process
        )


def _running_loop() -> Any:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
