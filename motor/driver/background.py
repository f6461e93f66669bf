"""Tasks that do not belong to the operation that happens to start them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar, cast

T = TypeVar("T")


def start_task(coroutine: Coroutine[Any, Any, T], name: str, context: Context | None = None) -> asyncio.Task[T]:
    """Start a task in `context`, or in one of its own: the deadline of the operation that starts it is none of its
    own.
    """
    task = (context or Context()).run(asyncio.get_running_loop().create_task, coroutine, name=name)
    # A loop that ends without cancelling its tasks, as Tornado's does, is none of the application's mistakes.
    cast(Any, task)._log_destroy_pending = False
    return task


def retrieve(future: asyncio.Future[Any]) -> None:
    """See how a task or a future has ended whose owner may be gone by then: asyncio complains of what nobody saw."""
    if not future.cancelled():
        future.exception()
