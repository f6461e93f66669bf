"""The pool of connections to one server.

Source: the MongoDB specification "Connection Monitoring and Pooling". An idle connection is handed over without
awaiting anything (:meth:`Pool.take`); only when there is none does the caller wait, first come first served
(:meth:`Pool.check_out`). Connections are opened by tasks of the pool's own, `maxConnecting` at a time, so that a caller
that gives up leaves none half open.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

from bson.objectid import ObjectId
from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect, InvalidOperation, WaitQueueTimeoutError
from pymongo.monitoring import ConnectionCheckOutFailedReason, ConnectionClosedReason

from motor._pymongo import Address, non_default_pool_options
from motor.driver import timeouts
from motor.driver.background import start_task
from motor.driver.cmap.authentication import Authentication
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import connection_failure, mark_overloaded
from motor.driver.cmap.generations import Generations
from motor.driver.cmap.handshake import shake_hands
from motor.driver.events.pool import PoolMonitor

DRAIN_TIMEOUT = 5.0
"""How many seconds an abandoned reply may take to come before its connection is closed."""

MAINTENANCE_INTERVAL = 1.0
"""Seconds between two looks at what is idle too long or missing, in pools that have minPoolSize or maxIdleTimeMS."""


class PinHolder(Enum):
    """What may keep a connection to itself behind a load balancer."""

    CURSOR = "cursor"
    TRANSACTION = "transaction"


class Pool:
    """The connections to one server: idle ones, those in use, those draining an abandoned reply, those being opened."""

    def __init__(
        self,
        address: Address,
        options: ClientOptions,
        monitor: PoolMonitor,
        on_error: Callable[[Exception, int], None],
    ) -> None:
        self.address = address
        self.options = options
        self.generations = Generations()
        self.pinned = dict.fromkeys(PinHolder, 0)
        pool_options = options.pool_options
        self._monitor = monitor
        self._on_error = on_error
        self._max_size = pool_options.max_pool_size or float("inf")
        self._min_size = pool_options.min_pool_size
        self._max_connecting = pool_options.max_connecting
        self._max_idle_time = pool_options.max_idle_time_seconds
        self._wait_queue_timeout = pool_options.wait_queue_timeout
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiters: deque[asyncio.Future[Connection]] = deque()
        self._draining: dict[Connection, asyncio.TimerHandle] = {}
        self._maintenance: asyncio.TimerHandle | None = None
        self._next_connection_id = 1
        self._paused = True
        self._closed = False
        monitor.pool_created(non_default_pool_options(options))

    @property
    def size(self) -> int:
        """How many connections there are, those being opened included."""
        return len(self._open) + len(self._opening)

    @property
    def in_use(self) -> int:
        """How many connections are checked out."""
        return sum(connection.checked_out for connection in self._open)

    def ready(self) -> None:
        """The server is known to be there: connections may be opened."""
        if self._paused and not self._closed:
            self._paused = False
            self._monitor.pool_ready()
            if self._min_size or self._max_idle_time is not None:
                self._maintain()

    def take(self) -> Connection | None:
        """An idle connection, the one used last, without waiting; ``None`` if it takes :meth:`check_out` to get one."""
        if self._monitor.watched:
            return None
        return self._pop_idle()

    async def check_out(self) -> Connection:
        """A connection, as soon as one is returned or opened.

        Raises :class:`~pymongo.errors.WaitQueueTimeoutError` after waitQueueTimeoutMS, or at the operation's deadline
        if it has one, and what opening a connection raises: :class:`~pymongo.errors.ConnectionFailure`,
        :class:`~pymongo.errors.OperationFailure`.
        """
        started = time.monotonic()
        self._monitor.check_out_started()
        try:
            connection = self._pop_idle() or await self._wait_for_connection()
        except BaseException as error:
            self._monitor.check_out_failed(self._failure_reason(error), time.monotonic() - started)
            raise
        self._monitor.checked_out(connection.id, time.monotonic() - started)
        connection.watched = self._monitor.watched
        return connection

    def check_out_idle(self) -> Connection | None:
        """An idle connection, if there is one, for what must not wait."""
        connection = self._pop_idle()
        if connection is not None:
            self._monitor.check_out_started()
            self._monitor.checked_out(connection.id, 0.0)
            connection.watched = self._monitor.watched
        return connection

    def check_in(self, connection: Connection) -> None:
        """Take a connection back: to the next who waits, to the idle ones, or to drain if its reply is still to
        come.
        """
        connection.checked_out = False
        if connection.watched:
            self._monitor.checked_in(connection.id)
        if connection.closed:
            reason = ConnectionClosedReason.POOL_CLOSED if self._closed else ConnectionClosedReason.ERROR
            self._monitor.connection_closed(connection.id, reason)
        elif self._closed:
            self._close(connection, ConnectionClosedReason.POOL_CLOSED)
        elif self.generations.is_stale(connection.generation, connection.service_id):
            self._close(connection, ConnectionClosedReason.STALE)
        elif connection.busy:
            self._draining[connection] = self._loop.call_later(
                DRAIN_TIMEOUT, self._close, connection, ConnectionClosedReason.ERROR
            )
        else:
            self._hand_over(connection)

    def clear(self, service_id: ObjectId | None = None, interrupt: bool = False) -> None:
        """The server has failed: close what is idle, let what is in use close when it is returned, refuse who waits.

        With `interrupt` what is in use is closed, too. Behind a load balancer only one service's connections are stale.
        """
        if self._closed:
            return
        was_paused = self._paused
        self.generations.advance(service_id)
        if not self.options.load_balanced:
            self._paused = True
        if not was_paused:
            self._monitor.pool_cleared(service_id, interrupt)
        for connection in [*self._idle, *self._draining]:
            if self.generations.is_stale(connection.generation, connection.service_id):
                self._close(connection, ConnectionClosedReason.STALE)
        if interrupt:
            self._interrupt()
        if self._paused:
            self._fail_waiters(self._paused_error())

    def close(self) -> None:
        """Close every connection, and refuse all who wait or come later."""
        if self._closed:
            return
        self._closed = True
        if self._maintenance is not None:
            self._maintenance.cancel()
        for task in self._opening:
            task.cancel()
        self._fail_waiters(self._closed_error())
        for connection in list(self._open):
            if connection.checked_out:
                connection.close()
            else:
                self._close(connection, ConnectionClosedReason.POOL_CLOSED)
        self._monitor.pool_closed()

    def _pop_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if self._max_idle_time is None or time.monotonic() - connection.idle_since < self._max_idle_time:
                connection.checked_out = True
                connection.watched = False
                return connection
            self._close(connection, ConnectionClosedReason.IDLE)
        return None

    async def _wait_for_connection(self) -> Connection:
        if self._closed:
            raise self._closed_error()
        if self._paused:
            raise self._paused_error()
        waiter: asyncio.Future[Connection] = self._loop.create_future()
        self._waiters.append(waiter)
        self._open_more()
        timeout: float | None = timeouts.configured() or self._wait_queue_timeout
        timer = self._start_timer(waiter, timeout) if timeout else None
        try:
            return await waiter
        except (asyncio.CancelledError, WaitQueueTimeoutError):
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _start_timer(self, waiter: asyncio.Future[Connection], timeout: float) -> asyncio.TimerHandle:
        left = timeouts.remaining()
        return self._loop.call_later(timeout if left is None else max(left, 0), self._expire, waiter, timeout)

    def _give_back(self, connection: Connection) -> None:
        """Take back what was handed over to somebody who has gone in the meantime."""
        connection.checked_out = False
        if not connection.closed:
            self._hand_over(connection)

    def _failure_reason(self, error: BaseException) -> str:
        if self._closed:
            return ConnectionCheckOutFailedReason.POOL_CLOSED
        if isinstance(error, WaitQueueTimeoutError):
            return ConnectionCheckOutFailedReason.TIMEOUT
        return ConnectionCheckOutFailedReason.CONN_ERROR

    def _close(self, connection: Connection, reason: str) -> None:
        if not connection.closed:
            connection.on_closed = None
            connection.close()
            self._forget(connection)
            self._monitor.connection_closed(connection.id, reason)

    def _lost(self, connection: Connection) -> None:
        """A connection has closed by itself; one in use is reported when it is returned."""
        self._forget(connection)
        if not connection.checked_out:
            self._monitor.connection_closed(connection.id, ConnectionClosedReason.ERROR)

    def _interrupt(self) -> None:
        for task in self._opening:
            task.cancel()
        error = connection_failure(self.address, self.options, "connection pool cleared while the operation ran")
        for connection in list(self._open):
            if connection.checked_out and self.generations.is_stale(connection.generation, connection.service_id):
                connection.close(error)

    def _fail_waiters(self, error: Exception) -> None:
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _paused_error(self) -> AutoReconnect:
        return connection_failure(self.address, self.options, "connection pool paused")

    def _closed_error(self) -> InvalidOperation:
        return InvalidOperation("Cannot use MongoClient after close")

    def _expire(self, waiter: asyncio.Future[Connection], timeout: float) -> None:
        if not waiter.done():
            waiter.set_exception(WaitQueueTimeoutError(self._timeout_message(timeout)))

    def _timeout_message(self, timeout: float) -> str:
        maximum = self.options.pool_options.max_pool_size
        if not self.options.load_balanced:
            return (
                "Timed out while checking out a connection from connection pool. "
                f"maxPoolSize: {maximum}, timeout: {timeout}"
            )
        cursors, transactions = self.pinned[PinHolder.CURSOR], self.pinned[PinHolder.TRANSACTION]
        return (
            f"Timeout waiting for connection from the connection pool. maxPoolSize: {maximum}, "
            f"connections in use by cursors: {cursors}, connections in use by transactions: {transactions}, "
            f"connections in use by other operations: {self.in_use - cursors - transactions}, timeout: {timeout}"
        )

    def _hand_over(self, connection: Connection) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                connection.checked_out = True
                waiter.set_result(connection)
                return
        if self._max_idle_time is not None:
            connection.idle_since = time.monotonic()
        self._idle.append(connection)

    def _open_more(self) -> None:
        opening = len(self._opening)
        self._open_some(len(self._waiters) - opening)

    def _open_some(self, wanted: int) -> None:
        opening = len(self._opening)
        room = min(wanted, self._max_connecting - opening, self._max_size - self.size)
        for _ in range(int(room)):
            task = start_task(self._open_one(), f"motor connection to {self.address}")
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not self._closed and not self._paused:
            self._open_more()

    async def _open_one(self) -> None:
        generation = self.generations.current()
        connection = Connection(self.address, self.options, self._next_connection_id, generation)
        self._next_connection_id += 1
        started = time.monotonic()
        self._monitor.connection_created(connection.id)
        try:
            await self._establish(connection)
        except Exception as error:
            connection.close()
            self._monitor.connection_closed(connection.id, ConnectionClosedReason.ERROR)
            self._fail_one(error)
            self._on_error(error, generation)
        except asyncio.CancelledError:
            connection.close()
            reason = ConnectionClosedReason.POOL_CLOSED if self._closed else ConnectionClosedReason.ERROR
            self._monitor.connection_closed(connection.id, reason)
            raise
        else:
            self._monitor.connection_ready(connection.id, time.monotonic() - started)
            # Not to be counted twice until the task is seen to be done.
            self._opening.discard(asyncio.current_task())
            self._keep(connection)

    async def _establish(self, connection: Connection) -> None:
        authentication = Authentication(connection, self.options)
        try:
            await connection.open()
            await shake_hands(connection, self.options, authentication)
        except AutoReconnect as error:
            mark_overloaded(error)
            raise
        if connection.service_id is not None:
            connection.generation = self.generations.current(connection.service_id)
        await authentication.finish()
        connection.authentication = authentication

    def _keep(self, connection: Connection) -> None:
        if connection.closed or self.generations.is_stale(connection.generation, connection.service_id):
            self._close(connection, ConnectionClosedReason.STALE)
            return
        connection.on_closed = self._lost
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
            self._hand_over(connection)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        timer = self._draining.pop(connection, None)
        if timer is not None:
            timer.cancel()
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiters and not self._paused and not self._closed:
            self._open_more()

    def _maintain(self) -> None:
        """Close what has been idle too long, open what is missing, and look again later."""
        if self._closed or self._paused:
            return
        if self._max_idle_time is not None:
            now = time.monotonic()
            for connection in [one for one in self._idle if now - one.idle_since >= self._max_idle_time]:
                self._close(connection, ConnectionClosedReason.IDLE)
        self._open_some(self._min_size - self.size)
        self._maintenance = self._loop.call_later(MAINTENANCE_INTERVAL, self._maintain)
