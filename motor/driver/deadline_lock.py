"""A lock for what only one task can use at a time: a cursor, a stream, a file."""

from __future__ import annotations

import asyncio
from collections import deque

from motor.driver import timeouts


class DeadlineLock:
    """First come first served; it is waited for until the operation's deadline and no longer."""

    __slots__ = ("_taken", "_waiters")

    def __init__(self) -> None:
        self._taken = False
        # There are thousands of quiet cursors: they have none until somebody waits.
        self._waiters: deque[asyncio.Future[None]] | None = None

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._taken

    async def acquire(self) -> None:
        """Have it, as soon as whoever has it gives it back.

        Raises :class:`~pymongo.errors.ExecutionTimeout` if the operation's time is over before.
        """
        if not self._taken:
            self._taken = True
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        waiters = self._waiters = self._waiters or deque()
        waiters.append(waiter)
        left = timeouts.remaining()
        timer = None if left is None else timeouts.Timer(loop, left, _expire, waiter)
        try:
            await waiter
        except BaseException:
            if waiter in waiters:
                waiters.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                # It was given to one who was cancelled in the same turn.
                self.release()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def release(self) -> None:
        """Give it to the next who waits, or to whoever comes."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken = False

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self.release()


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(
            timeouts.exceeded("operation exceeded its time limit while it waited for another task to be done")
        )
