"""Tornado 6: its IOLoop runs on asyncio, and its coroutines await or yield asyncio's Futures.

Besides what a framework module has to offer there are the functions that this module had in Motor 3, for the libraries
that use them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

import tornado
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import BaseAsyncIOLoop

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

CLASS_PREFIX = ""


def get_event_loop() -> IOLoop:
    """The current IOLoop."""
    return IOLoop.current()


def is_event_loop(loop: Any) -> bool:
    """Whether `loop` is an IOLoop."""
    return isinstance(loop, IOLoop)


def check_event_loop(loop: Any) -> None:
    """Raises TypeError for what is not an IOLoop."""
    if not is_event_loop(loop):
        raise TypeError(f"io_loop must be instance of IOLoop, not {loop!r}")


def asyncio_loop(loop: IOLoop) -> asyncio.AbstractEventLoop:
    """The asyncio loop that `loop` runs on."""
    return cast(BaseAsyncIOLoop, loop).asyncio_loop


def platform_info() -> str:
    """Names the framework in the handshake."""
    return f"Tornado {tornado.version}"


def is_future(f: Any) -> bool:
    """Whether `f` is a Future: Tornado's are asyncio's."""
    return asyncio.isfuture(f)


def get_future(loop: IOLoop) -> asyncio.Future[Any]:
    """A new Future of `loop`."""
    return asyncio_loop(loop).create_future()


def call_soon(loop: IOLoop, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call `callback` in the loop's next turn."""
    loop.add_callback(callback, *args, **kwargs)


def add_future(loop: IOLoop, future: asyncio.Future[Any], callback: Callable[..., Any], *args: Any) -> None:
    """Call ``callback(*args, future)`` in `loop` when `future` is done."""
    loop.add_future(future, partial(callback, *args))


def run_on_executor(loop: IOLoop, fn: Callable[..., T], *args: Any, **kwargs: Any) -> asyncio.Future[T]:
    """Call `fn` in a thread of the loop's own pool, in the current context; a Future of its result."""
    return asyncio_loop(loop).run_in_executor(None, in_context(fn, *args, **kwargs))
