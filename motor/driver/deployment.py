"""A client's deployment: one topology and one executor for the event loop that the client lives on.

A client belongs to the loop that first uses it. When that loop is closed and the client is used in another, it starts
afresh there. After a fork the child starts afresh, too, and leaves the parent's connections alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from pymongo.errors import InvalidOperation, PyMongoError, ServerSelectionTimeoutError
from pymongo.topology_description import TopologyDescription

from motor.driver import timeouts
from motor.driver.background import start_task
from motor.driver.cmap.errors import another
from motor.driver.encrypted_exchange import Encrypter
from motor.driver.executor import Executor
from motor.driver.sdam.settings import TopologySettings
from motor.driver.sdam.srv import SrvRecords, resolve_options, resolve_seedlist
from motor.driver.sdam.topology import Topology
from motor.driver.sessions.server_session import ServerSessionPool
from motor.driver.threads import WORK

_process = object()
"""Another one after a fork: to compare it is cheaper than to ask for the process id."""


def _forked() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Deployment:
    """Holds the executor of the current loop, and makes it when it is first asked for."""

    def __init__(
        self,
        settings: TopologySettings,
        client_name: str,
        complete: Callable[[SrvRecords | None, dict[str, Any]], TopologySettings],
    ) -> None:
        """`complete` has the settings with the records that DNS has for a ``mongodb+srv://`` URI, and with TLS.

        An `encrypter` may be given before the first use.
        """
        self.settings = settings
        self.encrypter: Encrypter | None = None
        self._complete = complete
        self._resolving: asyncio.Task[Executor] | None = None
        self._awaiting = 0
        self._client_name = client_name
        self._executor: Executor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: object = None
        self._closed = False

    @property
    def description(self) -> TopologyDescription:
        """What is known of the deployment now."""
        if self._executor is None:
            srv = self.settings.srv
            return self.settings.initial_description() if srv is None else self.settings.empty_description()
        return self._executor.topology.description

    @property
    def sessions(self) -> ServerSessionPool:
        """The sessions that may be used again; an empty pool before the first use."""
        return ServerSessionPool() if self._executor is None else self._executor.topology.sessions

    @property
    def executor_in_use(self) -> Executor | None:
        """The executor that there is, if any, of whichever loop."""
        return self._executor

    def executor(self) -> Executor | None:
        """The executor of the running loop; ``None`` if it takes :meth:`resolve` to have one.

        Raises InvalidOperation after :meth:`close`, and RuntimeError if the client is in use in another loop that is
        alive.
        """
        loop = asyncio.get_running_loop()
        executor = self._executor
        if loop is self._loop and executor is not None and self._process is _process and not executor.topology.closed:
            return executor
        self._check_usable(loop)
        return self._start(loop) if self.settings.srv is None and not self.settings.lacks_tls else None

    async def resolve(self) -> Executor:
        """Ask DNS for the servers, read the files that TLS needs; the executor for that. All who wait share it; its
        error each gets anew.

        Raises :class:`~pymongo.errors.ConfigurationError` for records or certificates that cannot be had or used; the
        next use asks anew.
        """
        loop = asyncio.get_running_loop()
        task = self._resolving
        left_behind = not self._awaiting
        if task is None or task.get_loop() is not loop or self._process is not _process:
            left_behind = False
            task = self._resolving = start_task(self._resolve(loop), f"motor resolver {self._client_name}")
            task.add_done_callback(self._resolved)
            self._process = _process
        # Not the task itself: one who gives up must not end it for the others.
        timeout = timeouts.at_most(self.settings.options.server_selection_timeout)
        self._awaiting += 1
        try:
            await asyncio.wait([task], timeout=timeout)
        finally:
            self._awaiting -= 1
        if self._closed:
            raise InvalidOperation("Cannot use MongoClient after close")
        if not task.done():
            srv = self.settings.srv
            what = "the files for TLS were not read" if srv is None else f"DNS did not answer for {srv.fqdn}"
            raise ServerSelectionTimeoutError(f"No servers found yet: {what}, Timeout: {timeout}s")
        error = task.exception()
        if error is None:
            return task.result()
        if left_behind:
            # It was the attempt of somebody who has given up: this one is due an attempt of its own.
            return await self.resolve()
        raise another(error) if isinstance(error, PyMongoError) else error

    async def _resolve(self, loop: asyncio.AbstractEventLoop) -> Executor:
        srv = self.settings.srv
        records = await resolve_seedlist(srv) if srv is not None else None
        options = await resolve_options(srv) if srv is not None else {}
        self.settings = await WORK.call(self._complete, records, options)
        self._check_usable(loop)
        return self._start(loop)

    def _resolved(self, task: asyncio.Task[Executor]) -> None:
        self._resolving = None
        if not task.cancelled():
            task.exception()

    def close(self) -> None:
        """Close every connection and stop monitoring; the client cannot be used any more."""
        self._closed = True
        if self._resolving is not None and not self._resolving.get_loop().is_closed():
            self._resolving.get_loop().call_soon_threadsafe(self._resolving.cancel)
        executor, self._executor = self._executor, None
        if executor is not None and self._loop is not None and not self._loop.is_closed() and self._process is _process:
            if _running_loop() is self._loop:
                executor.close()
            else:
                self._loop.call_soon_threadsafe(executor.close)
        if self.encrypter is not None:
            self.encrypter.close()

    def _check_usable(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closed:
            raise InvalidOperation("Cannot use MongoClient after close")
        if self._in_use_elsewhere(loop):
            raise RuntimeError(
                f"This {self._client_name} is in use in another event loop that has not been closed. "
                "Use a client of its own in each of several loops that run at the same time."
            )

    def _start(self, loop: asyncio.AbstractEventLoop) -> Executor:
        if self._executor is not None and self._process is not _process:
            self._executor.topology.disown()
        self._executor = Executor(Topology(self.settings), self.settings.options, self.encrypter)
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
