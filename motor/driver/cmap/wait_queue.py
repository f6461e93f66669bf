"""The queue of those who wait for a connection.

Source: the MongoDB specification "Connection Monitoring and Pooling".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from pymongo.client_options import ClientOptions
from pymongo.errors import WaitQueueTimeoutError

from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pin_holder import PinHolder

Waiter = asyncio.Future[Connection]


class WaitQueue(deque[Waiter]):
    """First come, first served. Each who waits gets a connection, or an exception of its own."""

    def join(self) -> Waiter:
        """Begin to wait."""
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self.append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> Connection | None:
        """Wait no more. What `waiter` was given before it could go is returned."""
        if waiter in self:
            self.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            return waiter.result()
        return None

    def serve(self, connection: Connection) -> bool:
        """Give `connection` to the first; whether there is one."""
        waiter = self._first()
        if waiter is not None:
            waiter.set_result(connection)
        return waiter is not None

    def fail_first(self, error: Exception) -> None:
        """The first gets `error`, if there is one."""
        waiter = self._first()
        if waiter is not None:
            waiter.set_exception(error)

    def fail_all(self, failure: Callable[[], Exception]) -> None:
        """Each gets an exception made for it."""
        while (waiter := self._first()) is not None:
            waiter.set_exception(failure())

    def _first(self) -> Waiter | None:
        while self:
            waiter = self.popleft()
            # A loop that is closed refuses to wake anybody, and nobody is left to be woken.
            if not waiter.done() and not waiter.get_loop().is_closed():
                return waiter
        return None


def waited_too_long(
    options: ClientOptions, timeout: float, pinned: Mapping[PinHolder, int], in_use: int
) -> WaitQueueTimeoutError:
    """The exception for who has waited `timeout` seconds: behind a load balancer it says who has the connections."""
    maximum = options.pool_options.max_pool_size
    if not options.load_balanced:
        return WaitQueueTimeoutError(
            "Timed out while checking out a connection from connection pool. "
            f"maxPoolSize: {maximum}, timeout: {timeout}"
        )
    cursors, transactions = pinned[PinHolder.CURSOR], pinned[PinHolder.TRANSACTION]
    return WaitQueueTimeoutError(
        f"Timeout waiting for connection from the connection pool. maxPoolSize: {maximum}, "
        f"connections in use by cursors: {cursors}, connections in use by transactions: {transactions}, "
        f"connections in use by other operations: {in_use - cursors - transactions}, timeout: {timeout}"
    )
