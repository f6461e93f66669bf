"""The pool of connections to one server.

Source: the MongoDB specification "Connection Monitoring and Pooling". An idle connection is handed over without
awaiting anything (:meth:`Pool.take`); only when there is none does the caller wait, first come first served
(:meth:`Pool.check_out`). Connections are opened by tasks of the pool's own, `maxConnecting` at a time, so that a
caller that gives up leaves none half open.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect, InvalidOperation, PyMongoError, WaitQueueTimeoutError

from motor._pymongo import Address
from motor.driver.cmap.authentication import authenticate
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import connection_failure
from motor.driver.cmap.handshake import shake_hands

DRAIN_TIMEOUT = 5.0
"""How many seconds an abandoned reply may take to come before its connection is closed."""


class Pool:
    """The connections to one server: idle ones, those in use, those draining an abandoned reply, those being opened."""

    def __init__(self, address: Address, options: ClientOptions) -> None:
        self.address = address
        self.options = options
        self.generation = 0
        pool_options = options.pool_options
        self._max_size = pool_options.max_pool_size or float("inf")
        self._max_connecting = pool_options.max_connecting
        self._max_idle_time = pool_options.max_idle_time_seconds
        self._wait_queue_timeout = pool_options.wait_queue_timeout
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiters: deque[asyncio.Future[Connection]] = deque()
        self._draining: dict[Connection, asyncio.TimerHandle] = {}
        self._next_connection_id = 1
        self._paused = True
        self._closed = False

    @property
    def size(self) -> int:
        """How many connections there are, those being opened included."""
        return len(self._open) + len(self._opening)

    def ready(self) -> None:
        """The server is known to be there: connections may be opened."""
        self._paused = False

    def take(self) -> Connection | None:
        """An idle connection, the one used last, without waiting; ``None`` if there is none."""
        while self._idle:
            connection = self._idle.pop()
            if self._max_idle_time is None or time.monotonic() - connection.idle_since < self._max_idle_time:
                return connection
            connection.close()
        return None

    async def check_out(self) -> Connection:
        """A connection, as soon as one is returned or opened.

        Raises :class:`~pymongo.errors.WaitQueueTimeoutError` after waitQueueTimeoutMS, and what opening a connection
        raises: :class:`~pymongo.errors.ConnectionFailure`, :class:`~pymongo.errors.OperationFailure`.
        """
        if self._closed:
            raise InvalidOperation("Cannot use MongoClient after close")
        if self._paused:
            raise self._paused_error()
        waiter: asyncio.Future[Connection] = self._loop.create_future()
        self._waiters.append(waiter)
        self._open_more()
        timer = self._wait_queue_timeout and self._loop.call_later(self._wait_queue_timeout, self._expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.check_in(waiter.result())
            raise
        finally:
            if timer:
                timer.cancel()

    def check_in(self, connection: Connection) -> None:
        """Take a connection back: to the next who waits, to the idle ones, or to drain if its reply is still to
        come.
        """
        if connection.closed:
            return
        if connection.generation != self.generation or self._closed:
            connection.close()
        elif connection.busy:
            self._draining[connection] = self._loop.call_later(DRAIN_TIMEOUT, connection.close)
        else:
            self._hand_over(connection)

    def clear(self) -> None:
        """The server has failed: close what is idle, let what is in use close when it is returned, refuse those who
        wait.
        """
        self.generation += 1
        self._paused = True
        self._close_unused()
        self._fail_waiters(self._paused_error())

    def close(self) -> None:
        """Close every connection, and refuse all who wait or come later."""
        self._closed = True
        self.generation += 1
        for task in self._opening:
            task.cancel()
        for connection in list(self._open):
            connection.close()
        self._idle.clear()
        self._fail_waiters(InvalidOperation("Cannot use MongoClient after close"))

    def _close_unused(self) -> None:
        idle, self._idle = self._idle, []
        for connection in [*idle, *self._draining]:
            connection.close()

    def _fail_waiters(self, error: PyMongoError) -> None:
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _paused_error(self) -> AutoReconnect:
        return connection_failure(self.address, self.options, "connection pool paused")

    def _expire(self, waiter: asyncio.Future[Connection]) -> None:
        if not waiter.done():
            maximum = self.options.pool_options.max_pool_size
            waiter.set_exception(
                WaitQueueTimeoutError(
                    "Timed out while checking out a connection from connection pool. "
                    f"maxPoolSize: {maximum}, timeout: {self._wait_queue_timeout}"
                )
            )

    def _hand_over(self, connection: Connection) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if self._max_idle_time is not None:
            connection.idle_since = time.monotonic()
        self._idle.append(connection)

    def _open_more(self) -> None:
        opening = len(self._opening)
        room = min(self._max_connecting - opening, self._max_size - self.size, len(self._waiters) - opening)
        for _ in range(int(room)):
            task = self._loop.create_task(self._open_one())
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not self._closed and not self._paused:
            self._open_more()

    async def _open_one(self) -> None:
        connection = Connection(self.address, self.options, self._next_connection_id, self.generation)
        self._next_connection_id += 1
        try:
            await connection.open()
            await shake_hands(connection, self.options)
            authenticate(self.options)
        except Exception as error:
            connection.close()
            self._fail_one(error)
        except asyncio.CancelledError:
            connection.close()
            raise
        else:
            self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        if connection.closed or connection.generation != self.generation:
            connection.close()
            return
        connection.on_closed = self._forget
        connection.on_idle = self._drained
        self._open.add(connection)
        self._hand_over(connection)

    def _fail_one(self, error: Exception) -> None:
        """The caller who waited longest gets the error: it is the one for whom the connection was opened."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)
                return

    def _drained(self, connection: Connection) -> None:
        timer = self._draining.pop(connection, None)
        if timer is not None:
            timer.cancel()
            self.check_in(connection)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        timer = self._draining.pop(connection, None)
        if timer is not None:
            timer.cancel()
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiters and not self._paused and not self._closed:
            self._open_more()
