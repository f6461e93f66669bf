"""The pool of connections to one server.

Source: the MongoDB specification "Connection Monitoring and Pooling". An idle connection is handed over without
awaiting anything (:meth:`Pool.take`); only when there is none does the caller wait, first come first served
(:meth:`Pool.check_out`). Every connection that nobody uses comes in by the same door (:meth:`Pool.check_in`).

Nobody pays for those who have gone: a reply or an opening that they have left behind is waited for as long as it is in
nobody's way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto

from bson.objectid import ObjectId
from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect, InvalidOperation, PyMongoError, WaitQueueTimeoutError
from pymongo.monitoring import ConnectionCheckOutFailedReason, ConnectionClosedReason

from motor._pymongo import Address, non_default_pool_options
from motor.driver import timeouts
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import connection_failure
from motor.driver.cmap.generations import Generations
from motor.driver.cmap.pending import PendingConnections, establish
from motor.driver.cmap.pin_holder import PinHolder
from motor.driver.cmap.wait_queue import Waiter, WaitQueue, waited_too_long
from motor.driver.codes import CLIENT_CLOSED
from motor.driver.events.pool import PoolPublisher
from motor.driver.owner import Owner

DRAIN_TIMEOUT = 5.0
"""How many seconds an abandoned reply may take to come before its connection is closed."""

PATIENCE = 0.2
"""How many seconds an abandoned reply may take when somebody waits for a connection, before its own has to make way for
a new one. Many replies come sooner, and then none has to be opened.
"""

MAINTENANCE_INTERVAL = 1.0
"""Seconds between two looks at what is idle too long or missing, in pools that have minPoolSize or maxIdleTimeMS."""


class _State(Enum):
    """`REMOVED` is the pool of a server that has left the deployment, `CLOSED` that of a client that was closed."""

    PAUSED = auto()
    READY = auto()
    REMOVED = auto()
    CLOSED = auto()


class Pool:
    """The connections to one server: idle ones, those in use, those draining an abandoned reply, those being opened."""

    def __init__(
        self,
        address: Address,
        options: ClientOptions,
        events: PoolPublisher,
        on_error: Callable[[Exception, Connection], None],
        owner: Owner,
    ) -> None:
        """`on_error` is told what has kept a connection from being opened."""
        self.address = address
        self.options = options
        self.generations = Generations()
        self.pinned = dict.fromkeys(PinHolder, 0)
        pool_options = options.pool_options
        self._events = events
        self._on_error = on_error
        self._owner = owner
        self._max_size = pool_options.max_pool_size or float("inf")
        self._min_size = pool_options.min_pool_size
        self._max_idle_time = pool_options.max_idle_time_seconds
        self._wait_queue_timeout = pool_options.wait_queue_timeout
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = PendingConnections(pool_options.max_connecting, owner)
        self._waiters = WaitQueue()
        self._draining: dict[Connection, asyncio.TimerHandle] = {}
        self._maintenance: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._next_connection_id = 1
        self._state = _State.PAUSED
        self._ended = False
        events.pool_created(non_default_pool_options(options))

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
        if self._state is _State.PAUSED:
            self._state = _State.READY
            self._events.pool_ready()
            if self._min_size or self._max_idle_time is not None:
                self._maintain()

    def take(self) -> Connection | None:
        """An idle connection, the one used last, without waiting; ``None`` if it takes :meth:`check_out` to get one."""
        if self._events.watched:
            return None
        return self._pop_idle()

    async def check_out(self) -> Connection:
        """A connection, as soon as one is returned or opened.

        Raises :class:`~pymongo.errors.WaitQueueTimeoutError` after waitQueueTimeoutMS, or at the operation's deadline
        if it has one, and what opening a connection raises: :class:`~pymongo.errors.ConnectionFailure`,
        :class:`~pymongo.errors.OperationFailure`.
        """
        started = time.monotonic()
        self._events.check_out_started()
        try:
            connection = self._pop_idle() or await self._wait_for_connection()
        except BaseException as error:
            self._events.check_out_failed(self._failure_reason(error), time.monotonic() - started)
            raise
        self._events.checked_out(connection.id, time.monotonic() - started)
        connection.watched = self._events.watched
        return connection

    def check_out_idle(self) -> Connection | None:
        """An idle connection, if there is one, for what must not wait."""
        connection = self._pop_idle()
        if connection is not None:
            self._events.check_out_started()
            self._events.checked_out(connection.id, 0.0)
            connection.watched = self._events.watched
        return connection

    def check_in(self, connection: Connection) -> None:
        """The way of every connection into the pool, whoever had it: one that is at rest, and not to be closed, goes to
        the next who waits, or to the idle ones.
        """
        connection.checked_out = False
        if connection.watched:
            connection.watched = False
            self._events.checked_in(connection.id)
        if connection.closed:
            self._events.connection_closed(connection.id, self._reason_for_failure)
        elif self._ended:
            self._close(connection, ConnectionClosedReason.POOL_CLOSED)
        elif self.generations.is_stale(connection.generation, connection.service_id):
            self._close(connection, ConnectionClosedReason.STALE)
        elif not connection.at_rest:
            self._drain(connection)
        elif self._waiters and self._waiters.serve(connection):
            connection.checked_out = True
        else:
            if self._max_idle_time is not None:
                connection.idle_since = time.monotonic()
            self._idle.append(connection)

    def clear(self, service_id: ObjectId | None = None, interrupt: bool = False) -> None:
        """The server has failed: close what is idle, let what is in use close when it is returned, refuse who waits.

        With `interrupt` what is in use is closed, too. Behind a load balancer only one service's connections are stale.
        """
        if self._ended:
            return
        was_ready = self._state is _State.READY
        self.generations.advance(service_id)
        if not self.options.load_balanced:
            self._state = _State.PAUSED
            self._stop_timers()
            self._opening.give_up(0)
        if was_ready:
            self._events.pool_cleared(service_id, interrupt)
        for connection in [*self._idle, *self._draining]:
            if self.generations.is_stale(connection.generation, connection.service_id):
                self._close(connection, ConnectionClosedReason.STALE)
        if interrupt:
            self._interrupt()
        if self._state is _State.PAUSED:
            self._waiters.fail_all(self._refusal)

    def remove(self) -> None:
        """The server has left the deployment: refuse who waits or comes later. What is in use is closed when it is
        returned.
        """
        if not self._ended:
            self._end(_State.REMOVED)
            self._events.pool_closed()

    def close(self) -> None:
        """Close every connection, and refuse all who wait or come later."""
        previous = self._state
        if previous is not _State.CLOSED:
            self._end(_State.CLOSED)
            for connection in list(self._open):
                connection.close()
            if previous is not _State.REMOVED:
                self._events.pool_closed()

    def _end(self, state: _State) -> None:
        self._state = state
        self._ended = True
        self._stop_timers()
        self._opening.end()
        self._waiters.fail_all(self._refusal)
        for connection in [*self._idle, *self._draining]:
            self._close(connection, ConnectionClosedReason.POOL_CLOSED)

    def _drain(self, connection: Connection) -> None:
        if connection.streaming or self._loop.is_closed():
            # Nothing but its end keeps the server from going on; on a closed loop the reply never comes.
            self._close(connection, ConnectionClosedReason.ERROR)
        else:
            connection.idle_since = time.monotonic()
            self._draining[connection] = self._loop.call_later(
                DRAIN_TIMEOUT, self._close, connection, ConnectionClosedReason.ERROR
            )
            self._provide()

    def _drained(self, connection: Connection) -> None:
        timer = self._draining.pop(connection, None)
        if timer is not None:
            timer.cancel()
            self.check_in(connection)

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
        if self._state is not _State.READY:
            raise self._refusal()
        waiter = self._waiters.join()
        self._provide()
        timeout: float | None = timeouts.configured() or self._wait_queue_timeout
        timer = None
        if timeout:
            left = timeouts.remaining()
            timer = self._loop.call_later(timeout if left is None else max(left, 0), self._expire, waiter, timeout)
        try:
            return await waiter
        except (asyncio.CancelledError, WaitQueueTimeoutError):
            connection = self._waiters.leave(waiter)
            if connection is not None:
                self.check_in(connection)
            self._opening.give_up(max(len(self._waiters), self._min_size - len(self._open)))
            raise
        finally:
            if timer is not None:
                timer.cancel()

    @property
    def _reason_for_failure(self) -> str:
        """Why a connection is closed that has failed: when the pool has ended, for that."""
        return ConnectionClosedReason.POOL_CLOSED if self._ended else ConnectionClosedReason.ERROR

    def _failure_reason(self, error: BaseException) -> str:
        if self._ended:
            return ConnectionCheckOutFailedReason.POOL_CLOSED
        if isinstance(error, WaitQueueTimeoutError):
            return ConnectionCheckOutFailedReason.TIMEOUT
        return ConnectionCheckOutFailedReason.CONN_ERROR

    def _close(self, connection: Connection, reason: str) -> None:
        self._discard(connection, reason)
        self._provide()

    def _discard(self, connection: Connection, reason: str) -> None:
        connection.on_closed = None
        connection.close()
        self._forget(connection)
        self._events.connection_closed(connection.id, reason)

    def _lost(self, connection: Connection) -> None:
        """A connection has closed by itself; one in use is reported when it is returned."""
        self._forget(connection)
        if not connection.checked_out:
            self._events.connection_closed(connection.id, ConnectionClosedReason.ERROR)
        self._provide()

    def _interrupt(self) -> None:
        self._opening.end()
        for connection in list(self._open):
            if connection.checked_out and self.generations.is_stale(connection.generation, connection.service_id):
                connection.close(self._failed("connection pool cleared while the operation ran"))

    def _refusal(self) -> PyMongoError:
        """Why there is no connection to be had: an exception for one of those who wanted one."""
        if self._state is _State.CLOSED:
            return InvalidOperation(CLIENT_CLOSED)
        removed = self._state is _State.REMOVED
        return self._failed("the server has left the deployment" if removed else "connection pool paused")

    def _failed(self, reason: str) -> AutoReconnect:
        return connection_failure(self.address, self.options, reason)

    def _expire(self, waiter: Waiter, timeout: float) -> None:
        if not waiter.done():
            waiter.set_exception(waited_too_long(self.options, timeout, self.pinned, self.in_use))

    def _provide(self) -> None:
        """See to it that all who wait are going to be served; look again while what they count on may prove to hang."""
        if self._state is not _State.READY or not self._waiters:
            return
        while len(self._waiters) > self._opening.counted_on:
            if self._has_room():
                self._open_another()
            elif not self._make_way():
                break
        if self._look is None and (self._opening or self._draining):
            self._look = self._loop.call_later(PATIENCE, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._provide()

    def _has_room(self) -> bool:
        return not self._opening.full and self.size < self._max_size

    def _make_way(self) -> bool:
        """Close what somebody has left behind who has gone; whether there is room now."""
        if not self._opening.full:
            due = time.monotonic() - PATIENCE
            for connection in self._draining:
                if connection.idle_since <= due and not connection.awaited:
                    self._discard(connection, ConnectionClosedReason.ERROR)
                    return True
        self._opening.make_way()
        return False

    def _open_another(self) -> None:
        self._opening.start(self._open_one(), f"motor connection to {self.address}", self._provide)

    async def _open_one(self) -> None:
        generation = self.generations.current()
        connection = Connection(self.address, self.options, self._owner, self._next_connection_id, generation)
        self._next_connection_id += 1
        started = time.monotonic()
        self._events.connection_created(connection.id)
        try:
            await establish(connection, self.options, self.generations)
        except GeneratorExit:
            # The loop is gone, and with it everybody who could be told.
            raise
        except BaseException as error:
            connection.close()
            self._events.connection_closed(connection.id, self._reason_for_failure)
            if not isinstance(error, Exception):
                raise
            if not self._opening.running.given_up:
                self._waiters.fail_first(error)
            self._on_error(error, connection)
        else:
            self._events.connection_ready(connection.id, time.monotonic() - started)
            self._opening.opened()
            connection.on_closed = self._lost
            connection.on_rest = self._drained
            self._open.add(connection)
            self.check_in(connection)
            self._fill()

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        timer = self._draining.pop(connection, None)
        if timer is not None:
            timer.cancel()
        if connection in self._idle:
            self._idle.remove(connection)

    def _stop_timers(self) -> None:
        for timer in (self._maintenance, self._look):
            if timer is not None:
                timer.cancel()
        self._maintenance = self._look = None

    def _fill(self) -> None:
        """Open what is missing of minPoolSize."""
        while self._state is _State.READY and self.size < self._min_size and self._has_room():
            self._open_another()

    def _maintain(self) -> None:
        """Close what has been idle too long, open what is missing, and look again later."""
        if self._state is not _State.READY:
            return
        if self._max_idle_time is not None:
            now = time.monotonic()
            for connection in [one for one in self._idle if now - one.idle_since >= self._max_idle_time]:
                self._close(connection, ConnectionClosedReason.IDLE)
        self._fill()
        self._maintenance = self._loop.call_later(MAINTENANCE_INTERVAL, self._maintain)
