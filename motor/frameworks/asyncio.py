"""asyncio: its loops and its Futures are the engine's own.

Besides what a framework module has to offer there are the functions that this module had in Motor 3, for the libraries
that use them.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from motor.frameworks.futures import chain_future, chain_return_value, in_context

__all__ = [
    "CLASS_PREFIX",
    "add_future",
    "asyncio_loop",
    "call_soon",
    "chain_future",
    "chain_return_value",
    "check_event_loop",
    "get_event_loop",
    "get_future",
    "is_event_loop",
    "is_future",
    "platform_info",
    "run_on_executor",
]

T = TypeVar("T")

CLASS_PREFIX = "AsyncIO"


def get_event_loop() -> asyncio.AbstractEventLoop:
    """The running loop; outside of one, the thread's current loop, a new one if there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    with warnings.catch_warnings():
        # Before Python 3.14, asyncio makes one itself in the main thread, and says that it won't for ever.
        warnings.filterwarnings("ignore", "There is no current event loop", DeprecationWarning)
        try:
            return asyncio.get_event_loop()
        except RuntimeError:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            return loop


def is_event_loop(loop: Any) -> bool:
    """Whether `loop` is an asyncio loop."""
    return isinstance(loop, asyncio.AbstractEventLoop)


def check_event_loop(loop: Any) -> None:
    """Raises TypeError for what is not an asyncio loop."""
    if not is_event_loop(loop):
        raise TypeError(f"io_loop must be instance of asyncio-compatible event loop, not {loop!r}")


def asyncio_loop(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """The loop itself."""
    return loop


def platform_info() -> str:
    """Names the framework in the handshake."""
    return "asyncio"


def is_future(f: Any) -> bool:
    """Whether `f` is a Future."""
    return asyncio.isfuture(f)


def get_future(loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
    """A new Future of `loop`."""
    return loop.create_future()


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call `callback` in the loop's next turn."""
    loop.call_soon(partial(callback, *args, **kwargs))


def add_future(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], callback: Callable[..., Any], *args: Any
) -> None:
    """Call ``callback(*args, future)`` in `loop` when `future` is done."""
    future.add_done_callback(partial(loop.call_soon_threadsafe, callback, *args))


def run_on_executor(
    loop: asyncio.AbstractEventLoop, fn: Callable[..., T], *args: Any, **kwargs: Any
) -> asyncio.Future[T]:
    """Call `fn` in a thread of the loop's own pool, in the current context; a Future of its result."""
    return loop.run_in_executor(None, in_context(fn, *args, **kwargs))
