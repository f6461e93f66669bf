"""The driver's own threads, for what would block the event loop.

Not the loop's default executor: an application may fill that with calls that wait for the client, and a client that
waited for one of those threads would wait for ever. What ends by itself, what waits for DNS and what waits for the
application have threads apart, so that none of them waits for another.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from motor.driver import timeouts

T = TypeVar("T")

IDLE_SECONDS = 5.0
"""How long a thread waits for another call before it ends."""


class Threads(Executor):
    """At most `most` threads, which are there while there is something to do, for any number of event loops.

    They are daemons: no process waits at its end for a name server or a file. A forked child starts with none.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._start_afresh()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_afresh)

    def _start_afresh(self) -> None:
        self._changed = threading.Condition()
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads = 0
        self._idle = 0

    def call(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Call `function` in a thread, in the current context; the future is the running loop's."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self, lambda: context.run(function, *args))

    async def finish(self, what: str, function: Callable[..., T], *args: Any) -> T:
        """Call `function` likewise, and await its result until the operation's deadline; `what` is what goes on.

        Raises :class:`~pymongo.errors.ExecutionTimeout` then; the thread goes on for nobody.
        """
        return await timeouts.before_deadline(self.call(function, *args), what)

    def submit(  # type: ignore[override]  # typeshed's takes whatever the function does, by name too
        self, fn: Callable[..., T], /, *args: Any
    ) -> Future[T]:
        """Call `fn` in a thread, as soon as one is free; a call that is cancelled before is never made."""
        future: Future[T] = Future()
        with self._changed:
            self._calls.append((future, lambda: fn(*args)))
            if len(self._calls) <= self._idle:
                self._changed.notify()
            elif self._threads < self._most:
                self._start_thread()
        return future

    def _start_thread(self) -> None:
        self._threads += 1
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:
            self._threads -= 1
            if not self._threads:
                # The system has no thread for us, and there is none that could make the call later.
                self._calls.pop()
                raise

    def _work(self) -> None:
        while (next_call := self._next()) is not None:
            future, call = next_call
            if future.set_running_or_notify_cancel():
                _make(call, future)
            # Not to be kept while there is nothing to do.
            del next_call, future, call

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._calls, IDLE_SECONDS)
            self._idle -= 1
            if self._calls:
                return self._calls.popleft()
            self._threads -= 1
            return None


def _make(call: Callable[[], Any], future: Future[Any]) -> None:
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


WORK = Threads("motor work", 4)
"""For what ends by itself: to compress, to expand, to encrypt, to read the system's files and those of TLS."""

NAMES = Threads("motor names", 8)
"""For the system's resolver, which may take half a minute for one name."""

APPLICATION = Threads("motor application", 16)
"""For what the application has given us, and for what may ask a human or the cloud: its files, its key vault."""
