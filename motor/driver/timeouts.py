"""Client-side operations timeout: how long the operation under way may still take.

The deadline is PyMongo's own, which :func:`pymongo.timeout` sets: it lives in the context, and so reaches whatever an
operation waits for. Nothing is armed while there is none. Source: the MongoDB specification "Client Side Operations
Timeout".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from pymongo.errors import ExecutionTimeout

from motor._pymongo import DEADLINE, TIMEOUT, TimeoutContext
from motor.driver.background import retrieve
from motor.driver.codes import MAX_TIME_MS_EXPIRED

T = TypeVar("T")

_NOTHING = nullcontext()

LATE_TIMER_GRACE = 0.02
"""Seconds between a timer and the verdict, in which the event loop looks at the socket."""


def configured() -> float | None:
    """The seconds that the operation under way was given; ``None`` or 0 if there is no limit."""
    return TIMEOUT.get()


def remaining() -> float | None:
    """The seconds that are left for the operation under way, less than 0 if it is late; ``None`` without a limit."""
    return DEADLINE.get() - time.monotonic() if TIMEOUT.get() else None


def over() -> bool:
    """Whether the operation under way has used up its time."""
    left = remaining()
    return left is not None and left <= 0


def at_most(seconds: float | None) -> float | None:
    """The smaller of `seconds` and what is left for the operation under way; ``None`` if neither is a limit."""
    left = remaining()
    if left is None or seconds is None:
        return seconds if left is None else left
    return min(left, seconds)


def exceeded(message: str, max_wire_version: int | None = None) -> ExecutionTimeout:
    """The exception for an operation whose time is over, as if the server had said so."""
    details = {"ok": 0, "errmsg": message, "code": MAX_TIME_MS_EXPIRED}
    return ExecutionTimeout(message, MAX_TIME_MS_EXPIRED, details, max_wire_version)


def applied(seconds: float) -> AbstractContextManager[object]:
    """Within its block there are `seconds` for everything together, unless the caller has set a limit already."""
    return _NOTHING if TIMEOUT.get() is not None else TimeoutContext(seconds)


async def within(seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """Await `coroutine`, which gets `seconds` for all that it does, unless the caller has set a limit already."""
    with applied(seconds):
        return await coroutine


@contextmanager
def renewed() -> Iterator[None]:
    """The whole time once more, for what has to be cleaned up after an operation that has used all of it."""
    seconds = TIMEOUT.get()
    token = DEADLINE.set(time.monotonic() + seconds if seconds else float("inf"))
    try:
        yield
    finally:
        DEADLINE.reset(token)


class Timer:
    """Calls `expire` with its arguments once `seconds` have passed, unless it is cancelled before.

    But not before the event loop has looked at its sockets: one that was blocked finds its timers due first, and what
    is waited for may be there.
    """

    __slots__ = ("_arguments", "_expire", "_handle", "_loop")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, expire: Callable[..., object], *arguments: Any
    ) -> None:
        self._loop = loop
        self._expire = expire
        self._arguments = arguments
        self._handle = loop.call_later(seconds, self._look_once_more)

    def cancel(self) -> None:
        """Do not call."""
        self._handle.cancel()

    def _look_once_more(self) -> None:
        self._handle = self._loop.call_later(LATE_TIMER_GRACE, self._expire, *self._arguments)


class Alarm:
    """Rings for a future whose time is over, which may be one after the other: `ring` gets it.

    One timer serves them all. It is armed only where there is none, or none that fires early enough; when it fires, it
    looks who is waiting now. A timer for each would cost more than all else that a deadline costs.
    """

    __slots__ = ("_at", "_awaited", "_fires_at", "_handle", "_loop", "_ring")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[asyncio.Future[Any]], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._awaited: asyncio.Future[Any] | None = None
        self._at = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._fires_at = 0.0

    def set(self, awaited: asyncio.Future[Any], seconds: float) -> None:
        """Ring if `awaited` is still awaited after `seconds`."""
        self._awaited = awaited
        self._at = self._loop.time() + seconds
        if self._handle is None or self._at < self._fires_at:
            self._arm(self._at, self._fire)

    def turn_off(self) -> None:
        """Nobody waits any more."""
        self._awaited = None

    def end(self) -> None:
        """Never ring again, and keep nothing alive."""
        self._awaited = None
        self._ring = _ring_for_nobody
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self, at: float, then: Callable[..., None], *arguments: Any) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._fires_at = at
        self._handle = self._loop.call_at(at, then, *arguments)

    def _fire(self) -> None:
        self._handle = None
        if self._awaited is None:
            return
        now = self._loop.time()
        if now < self._at:
            self._arm(self._at, self._fire)
        else:
            # As of a Timer: first the loop looks at its sockets.
            self._arm(now + LATE_TIMER_GRACE, self._decide, self._awaited)

    def _decide(self, late: asyncio.Future[Any]) -> None:
        if late is self._awaited:
            self._handle = None
            self._ring(late)
        else:
            self._fire()


def _ring_for_nobody(awaited: asyncio.Future[Any]) -> None:
    pass


class Late(TimeoutError):
    """Nobody waits any longer."""


async def before_deadline(waiting: asyncio.Future[T], what: str) -> T:
    """Await a task or a future until the operation's deadline; `what` is what goes on.

    Raises :class:`~pymongo.errors.ExecutionTimeout` then.
    """
    try:
        return await in_time(waiting, remaining())
    except Late:
        raise exceeded(f"operation exceeded its time limit: {what} takes too long") from None


async def in_time(waiting: asyncio.Future[T], seconds: float | None) -> T:
    """Await a task or a future, which is cancelled if its result is wanted no more.

    Raises :class:`Late` after `seconds`.
    """
    # Not wait_for: before Python 3.12 it can swallow a cancellation.
    waiting.add_done_callback(retrieve)
    try:
        in_time = await done_in_time(waiting, seconds)
    finally:
        waiting.cancel()
    if not in_time:
        raise Late("timed out")
    return waiting.result()


async def done_in_time(waiting: asyncio.Future[Any], seconds: float | None) -> bool:
    """Wait for a task or a future, which goes on in any case, for `seconds`: is it done?"""
    await asyncio.wait([waiting], timeout=None if seconds is None else max(seconds, 0))
    if not waiting.done():
        # As with a Timer: first the loop looks at its sockets.
        await asyncio.wait([waiting], timeout=LATE_TIMER_GRACE)
    return waiting.done()
