"""A loop without a network and without waiting: connections are memory, and time passes only when nothing else does.

A client that waits ten seconds for its next heartbeat, or half a minute for a server that never comes, takes no time at
all here: a thousand servers can lie to it in a few seconds.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

TURNS = 50_000
"""Turns of the loop that no input needs, unless something spins."""

_THREAD_PATIENCE = 0.25
"""Real seconds that a thread gets to have something for the loop, before time passes."""

_THREAD_TURN = 0.001

_OWN_THREAD = "motor authentication"
"""The name of the threads that do one thing and end; those that wait for the next are seen by what they do."""


class Finding(AssertionError):
    """What must never happen, has happened."""


class Peer(Protocol):
    """The far end of a connection."""

    def received(self, data: bytes) -> None:
        """Bytes from the client."""
        ...

    def closed(self) -> None:
        """The client has closed."""
        ...


class MemoryTransport(asyncio.Transport):
    """Carries bytes to a peer and back, in the loop's next turn, and hands them in as a real transport does."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.BufferedProtocol, peer: Peer) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._peer = peer
        self._incoming = bytearray()
        self._closing = False
        self._ends = False
        self._paused = False
        self.piece = 1 << 20

    def write(self, data: Any) -> None:
        """To the peer."""
        if not self._closing:
            self._loop.call_soon(self._peer.received, bytes(data))

    def feed(self, data: bytes) -> None:
        """From the peer, `piece` bytes a turn at most."""
        self._incoming += data
        self._loop.call_soon(self._deliver)

    def end(self) -> None:
        """The peer closes, once what it has sent is read."""
        self._ends = True
        self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        if self._closing or self._paused:
            return
        if self._incoming:
            buffer = cast(memoryview, self._protocol.get_buffer(-1))
            if not len(buffer):
                raise Finding("get_buffer gave an empty buffer")
            count = min(len(buffer), len(self._incoming), self.piece)
            buffer[:count] = self._incoming[:count]
            del buffer, self._incoming[:count]
            self._protocol.buffer_updated(count)
            self._loop.call_soon(self._deliver)
        elif self._ends:
            self.abort()

    def pause_reading(self) -> None:
        """Deliver nothing."""
        self._paused = True

    def resume_reading(self) -> None:
        """Deliver again."""
        self._paused = False
        self._loop.call_soon(self._deliver)

    def is_closing(self) -> bool:
        """Whether the connection is over."""
        return self._closing

    def close(self) -> None:
        """What was written reaches the peer."""
        self.abort()

    def abort(self) -> None:
        """The end, for both."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._peer.closed)
            self._loop.call_soon(self._protocol.connection_lost, None)


class _Clockwork(selectors.SelectSelector):
    """What the loop sleeps in."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.jobs = 0
        self.turns = 0

    @property
    def _threads_work(self) -> bool:
        return bool(self.jobs) or any(thread.name == _OWN_THREAD for thread in threading.enumerate())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        if self.turns > TURNS:
            raise Finding(f"something spins: {TURNS} turns of the loop")
        patience = _THREAD_PATIENCE
        while (timeout is None or timeout > 0) and patience > 0 and self._threads_work:
            events = super().select(_THREAD_TURN)
            if events:
                return events
            patience -= _THREAD_TURN
        if timeout is None:
            raise Finding("a hang: everything waits, and nothing will ever come")
        self.now += max(timeout, 0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """`accept` makes the peer of a new connection. `complaints` are what asyncio would have logged."""

    def __init__(self, accept: Callable[[], Any]) -> None:
        self._clockwork = _Clockwork()
        self._accept = accept
        self.complaints: list[str] = []
        self._futures: list[asyncio.Future[Any]] = []
        super().__init__(self._clockwork)
        self.set_exception_handler(lambda _, context: self.complaints.append(_described(context)))

    def time(self) -> float:
        """The loop's own clock, in seconds."""
        return self._clockwork.now

    def create_future(self) -> asyncio.Future[Any]:
        """Kept, to see at the end whether somebody saw how it ended."""
        future = super().create_future()
        self._futures.append(future)
        return future

    def create_task(  # type: ignore[override]  # of whatever it can be given
        self, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        """Kept likewise."""
        task = super().create_task(coroutine, **options)
        self._futures.append(task)
        return task

    def run_in_executor(  # type: ignore[override]  # of whatever it can be given
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """As long as a thread works, time is real. Every name has an address."""
        if func is socket.getaddrinfo:
            found = super().create_future()
            found.set_result([(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("192.0.2.1", args[1]))])
            return found
        future = super().run_in_executor(executor, func, *args)
        self._clockwork.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """At once."""

    async def create_connection(  # type: ignore[override]  # with fewer options
        self, protocol_factory: Callable[[], Any], *, sock: socket.socket, **options: Any
    ) -> tuple[asyncio.Transport, Any]:
        """A connection to a new peer."""
        sock.close()
        protocol, peer = protocol_factory(), self._accept()
        transport = MemoryTransport(self, protocol, peer)
        peer.transport = transport
        protocol.connection_made(transport)
        return transport, protocol

    def check_left_behind(self) -> None:
        """Raises a Finding for a task that goes on, and for an exception that nobody has seen."""
        for future in self._futures:
            unseen = cast(Any, future)
            if isinstance(future, asyncio.Task) and not future.done():
                raise Finding(f"a task is left behind: {future!r}")
            if future.done() and unseen._log_traceback:
                raise Finding(f"an exception was never retrieved: {future!r}") from future.exception()
        if self.complaints:
            raise Finding(self.complaints[0])

    def forget(self) -> None:
        """Let go of the futures: their errors lead to all that there was."""
        self._futures.clear()

    def _job_done(self, future: asyncio.Future[Any]) -> None:
        self._clockwork.jobs -= 1


def _described(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return context["message"] if error is None else f"{context['message']}: {error!r} in {_place(error)}"


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "nowhere"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


@contextmanager
def running(accept: Callable[[], Any]) -> Iterator[VirtualLoop]:
    """A loop for one input, by whose clock all of this process goes meanwhile; what is left behind is a Finding."""
    loop = VirtualLoop(accept)
    real, time.monotonic = time.monotonic, loop.time
    hook = sys.unraisablehook
    sys.unraisablehook = lambda raised: loop.complaints.append(f"unraisable: {raised.exc_value!r}")
    try:
        yield loop
        loop.check_left_behind()
    finally:
        sys.unraisablehook = hook
        time.monotonic = real
        _discard(loop)


def _discard(loop: VirtualLoop) -> None:
    """After a Finding there may be tasks that nobody will end."""
    loop.set_exception_handler(lambda _, context: None)
    for task in asyncio.all_tasks(loop):
        cast(Any, task)._log_destroy_pending = False
        cast(Any, task.get_coro()).close()
    loop.close()
    loop.forget()
