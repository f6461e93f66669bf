"""What Motor 3's framework modules did with Futures, the same way in each framework."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def chain_future(a: asyncio.Future[T], b: asyncio.Future[T]) -> None:
    """Give `b` the result of `a`, or its exception, unless `b` has one already."""
    a.add_done_callback(lambda future: _copy(future, b, future.result))


def chain_return_value(future: asyncio.Future[Any], loop: Any, return_value: T) -> asyncio.Future[T]:
    """A Future with the result `return_value` once `future` is done, or with its exception."""
    chained: asyncio.Future[T] = future.get_loop().create_future()
    future.add_done_callback(lambda done: _copy(done, chained, lambda: return_value))
    return chained


def _copy(source: asyncio.Future[Any], target: asyncio.Future[T], result: Callable[[], T]) -> None:
    if target.done():
        return
    if source.cancelled():
        target.cancel()
    elif (error := source.exception()) is not None:
        target.set_exception(error)
    else:
        target.set_result(result())


def in_context(fn: Callable[..., T], *args: Any, **kwargs: Any) -> Callable[[], T]:
    """A call of `fn`, in what is the current context now."""
    return partial(contextvars.copy_context().run, partial(fn, *args, **kwargs))
