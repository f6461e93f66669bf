"""The connections of a pool that are being opened, each in a task of the pool's own: none is half open because somebody
has given up.

Source: the MongoDB specification "Connection Monitoring and Pooling", which calls them pending.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect

from motor.driver.cmap.authentication import Authentication
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import mark_overloaded
from motor.driver.cmap.generations import Generations
from motor.driver.cmap.handshake import shake_hands
from motor.driver.owner import Owner

SLOW = 1.0
"""Seconds after which nobody counts on a connection that is still being opened: who waits gets another."""


class PendingConnection:
    """One that is being opened. It is `given_up` when nobody counts on it any more, `ended` when it was broken off."""

    __slots__ = ("ended", "given_up", "started", "task")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.started = time.monotonic()
        self.given_up = False
        self.ended = False

    @property
    def slow(self) -> bool:
        """Whether it may well hang."""
        return time.monotonic() - self.started >= SLOW

    def end(self) -> None:
        """Break it off."""
        self.ended = True
        self.task.cancel()


class PendingConnections:
    """Those under way, the oldest first.

    They belong to those who wait. One whose owner has gone may still be of use, but nobody who comes later counts on
    it, since it may hang: it makes way for another when there may not be more.
    """

    def __init__(self, maximum: int, owner: Owner) -> None:
        self._maximum = maximum
        self._owner = owner
        self._pending: dict[asyncio.Task[None], PendingConnection] = {}

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def full(self) -> bool:
        """Whether there are as many as maxConnecting allows."""
        return len(self._pending) >= self._maximum

    @property
    def running(self) -> PendingConnection:
        """The one whose task is running."""
        return self._pending[cast("asyncio.Task[None]", asyncio.current_task())]

    @property
    def counted_on(self) -> int:
        """How many of those who wait have one that is likely to serve them."""
        return sum(not one.given_up and not one.slow for one in self._pending.values())

    def start(self, opening: Coroutine[Any, Any, None], name: str, on_done: Callable[[], None]) -> None:
        """Open one more."""

        def done(task: asyncio.Task[None]) -> None:
            self._pending.pop(task, None)
            on_done()

        task = self._owner.start(opening, name)
        self._pending[task] = PendingConnection(task)
        task.add_done_callback(done)

    def opened(self) -> None:
        """The running task has opened its connection. One that has taken more than twice as long so far may hang."""
        # Not to be counted twice until the task is seen to be done.
        opened = self.running
        del self._pending[opened.task]
        now = time.monotonic()
        for one in self._pending.values():
            one.given_up |= now - one.started > 2 * (now - opened.started)

    def give_up(self, wanted: int) -> None:
        """Somebody has gone: nobody counts any more on the oldest of those that are more than `wanted`."""
        owned = [one for one in self._pending.values() if not one.given_up]
        for one in owned[: max(len(owned) - wanted, 0)]:
            one.given_up = True

    def make_way(self) -> None:
        """Break off the oldest that nobody counts on, if it is slow, for somebody who waits."""
        if any(one.ended for one in self._pending.values()):
            return
        for one in self._pending.values():
            if one.given_up and one.slow:
                one.end()
                return

    def end(self) -> None:
        """Break all of them off."""
        for one in self._pending.values():
            one.end()


async def establish(connection: Connection, options: ClientOptions, generations: Generations) -> None:
    """Open `connection`, shake hands and authenticate.

    Raises :class:`~pymongo.errors.ConnectionFailure`, :class:`~pymongo.errors.OperationFailure`.
    """
    authentication = Authentication(connection, options)
    try:
        await connection.open()
        await shake_hands(connection, options, authentication)
    except AutoReconnect as error:
        mark_overloaded(error)
        raise
    if connection.service_id is not None:
        connection.generation = generations.current(connection.service_id)
    await authentication.finish()
    # The server may have closed it as soon as it knew who we are.
    connection.check_open()
    connection.authentication = authentication
    # It is no stranger any more.
    connection.max_message_size = connection.facts.max_message_size
