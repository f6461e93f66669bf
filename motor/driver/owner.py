"""The owner of what belongs to one topology: its tasks and its connections, from its first moment to its end.

Whoever wants the topology to end tells its owner, from wherever it is: in the loop, outside of it while the loop does
not run or after it was closed, in another thread, in a forked child, or from the garbage collector. The loop itself
tells it, too, when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from enum import Enum
from typing import Any, Protocol, TypeVar

from motor.driver.background import retrieve, start_task

T = TypeVar("T")

RESTART_PAUSE = 0.5
"""Seconds between the end of a task that should not have ended, and its next beginning."""

_TURNS = 5
"""How many turns of the loop it takes at most until a cancelled task's own tasks have ended, and its sockets."""

_PATIENCE = 1.0
"""How many seconds a loop that does not run is run for, at most, so that cancelled tasks can end."""


class State(Enum):
    """How far the life of a topology has come."""

    OPEN = "open"
    CLOSING = "closing"
    """It was told to end, and does so in its loop's next turn, or when a change under way is complete."""
    CLOSED = "closed"
    DISOWNED = "disowned"
    """It is the parent's of this forked process."""


class Held(Protocol):
    """A connection, as far as its owner needs to know it."""

    def close(self) -> None:
        """Close at once. A loop that runs closes the socket in its next turn."""
        ...

    def drop(self) -> None:
        """Close, and the socket, too, although the loop does not run."""
        ...

    def disown(self) -> None:
        """Let go of the parent's socket, of which the parent and its peer are to notice nothing."""
        ...


class Owner:
    """Holds what a topology has running and open on one event loop, and ends it all.

    `end` is called first, when it does: it is the topology's own way to come to its end, with its events.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.open = True
        self.state = State.OPEN
        self.end: Callable[[], None] | None = None
        self._thread = threading.get_ident()
        self._undisturbed = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connections: set[Held] = set()
        self._handed_over: deque[Coroutine[Any, Any, None]] = deque()
        self._end_of_loop = self._until_the_loop_ends()
        # asyncio.run and its like close a loop's asynchronous generators when every task has ended: only so does
        # one hear of the loop's end who must not end before the tasks that clean up.
        with contextlib.suppress(StopIteration, ResourceWarning):
            self._end_of_loop.__anext__().send(None)
        _owners.add(self)

    def start(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task that does not outlive the topology. It is the loop's thread that calls this."""
        task = start_task(coroutine, name)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        if self._has_ended:
            task.cancel()
        return task

    def start_soon(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start a task for something that may as well be left undone, from any thread; none if the topology has
        ended.
        """
        self._handed_over.append(coroutine)
        try:
            if self.open:
                self.loop.call_soon_threadsafe(self._start_handed_over)
        except RuntimeError:
            # The loop was closed.
            self._drop_handed_over()
        if not self.open:
            self._drop_handed_over()

    def keep_running(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> Service:
        """Run `work` until it returns, or the result is told to stop, or the topology ends: nothing else ends it."""
        return Service(self, work, name)

    def adopt(self, connection: Held) -> None:
        """A connection has a socket from now on, until :meth:`let_go`."""
        self._connections.add(connection)
        if self._has_ended:
            connection.close()

    def let_go(self, connection: Held) -> None:
        """A connection has no socket any more."""
        self._connections.discard(connection)

    @contextlib.contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Put off the end that a listener may ask for in the midst of what is done here, until it is done."""
        self._undisturbed += 1
        try:
            yield
        finally:
            self._undisturbed -= 1
            if self.state is State.CLOSING:
                self._close()

    def close(self) -> None:
        """End everything. Sockets are closed when this returns, unless the loop runs in another thread, which then does
        it; tasks have been cancelled, and end in the loop's next turns.
        """
        if self._has_ended:
            return
        if _running_loop() is not self.loop:
            self._become(State.CLOSING)
            if self.hand_over(self._close):
                return
        self._close()

    def hand_over(self, call: Callable[[], None]) -> bool:
        """Have `call` made by the loop, from whatever is interrupted by this; ``False`` if the loop does not run."""
        if self.loop.is_running():
            # It may be closed in this very moment.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(call)
                return True
        return False

    def settle(self) -> None:
        """Run the loop, if it does not run and is this thread's, until what was cancelled has ended."""
        if self.loop.is_running() or self.loop.is_closed() or _running_loop() is not None:
            return
        if self.state is State.CLOSED and self._thread == threading.get_ident():
            settling = self._settled()
            # Something else may stop the loop. It has had its turns then.
            with contextlib.suppress(RuntimeError):
                self.loop.run_until_complete(settling)
            settling.close()

    def disown(self) -> None:
        """Leave everything to the process that this one was forked from, and do without its sockets."""
        if self.state is State.CLOSED:
            return
        self._become(State.DISOWNED)
        for connection in list(self._connections):
            connection.disown()
            if self.loop.is_closed():
                # Nothing will be said of it in a turn of the loop: it would be complained of as unclosed.
                connection.drop()

    @property
    def is_undisturbed(self) -> bool:
        """Whether something is done in whose midst the topology does not end."""
        return self._undisturbed > 0

    @property
    def _has_ended(self) -> bool:
        return self.state in (State.CLOSED, State.DISOWNED)

    def _close(self) -> None:
        if self._has_ended:
            return
        if self._undisturbed:
            self._become(State.CLOSING)
            return
        self._become(State.CLOSED)
        for task in list(self._tasks):
            _cancel(task)
        self._drop_handed_over()
        try:
            if self.end is not None:
                self.end()
        finally:
            self._close_connections()
            # It is closed already if it is its end that brings us here.
            with contextlib.suppress(StopIteration, RuntimeError):
                self._end_of_loop.aclose().send(None)

    def _close_connections(self) -> None:
        running = self.loop.is_running()
        for connection in list(self._connections):
            if running:
                connection.close()
            else:
                connection.drop()

    def _become(self, state: State) -> None:
        self.state = state
        self.open = state is State.OPEN

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            if not self._has_ended:
                self._close()
                await self._settled()

    async def _settled(self) -> None:
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=_PATIENCE)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _start_handed_over(self) -> None:
        while self._handed_over and self.open:
            self.start(self._handed_over.popleft(), "motor clean-up")

    def _drop_handed_over(self) -> None:
        while self._handed_over:
            self._handed_over.popleft().close()

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        retrieve(task)


class Service:
    """A task that begins anew whenever it ends before it is done, although nobody has told it to stop: it was cancelled
    by an application that cancels all tasks, or a KeyboardInterrupt came just there. `task` is the one that runs now.
    """

    def __init__(self, owner: Owner, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._owner = owner
        self._work = work
        self._name = name
        self._stopped = False
        self.task = self._start(work())

    def stop(self) -> None:
        """Stop for good."""
        self._stopped = True
        _cancel(self.task)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._owner.start(coroutine, self._name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        broken_off = task.cancelled() or task.exception() is not None
        if broken_off and self._owner.open and not self._stopped:
            self.task = self._start(self._again())

    async def _again(self) -> None:
        await asyncio.sleep(RESTART_PAUSE)
        await self._work()


_owners: weakref.WeakSet[Owner] = weakref.WeakSet()


def after_fork(call: Callable[[], None]) -> Callable[[], None]:
    """Have `call` made in each process that is forked from this one, before anything else."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)
    return call


@after_fork
def _disown_all() -> None:
    for owner in list(_owners):
        owner.disown()


def _cancel(task: asyncio.Task[Any]) -> None:
    # A loop that is closed does not let it be told. It never runs again, either.
    with contextlib.suppress(RuntimeError):
        task.cancel()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
