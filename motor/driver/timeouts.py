"""Client-side operations timeout: how long the operation under way may still take.

The deadline is PyMongo's own, which :func:`pymongo.timeout` sets: it lives in the context, and so reaches whatever an
operation waits for. Nothing is armed while there is none. Source: the MongoDB specification "Client Side Operations
Timeout".
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from motor._pymongo import DEADLINE, TIMEOUT, TimeoutContext

T = TypeVar("T")


def configured() -> float | None:
    """The seconds that the operation under way was given; ``None`` or 0 if there is no limit."""
    return TIMEOUT.get()


def remaining() -> float | None:
    """The seconds that are left for the operation under way, less than 0 if it is late; ``None`` without a limit."""
    return DEADLINE.get() - time.monotonic() if TIMEOUT.get() else None


async def within(seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """Await `coroutine`, which gets `seconds` for all that it does, unless the caller has set a limit already."""
    if TIMEOUT.get() is not None:
        return await coroutine
    with TimeoutContext(seconds):
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
