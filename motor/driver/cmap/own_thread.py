"""A thread for a call that may take minutes."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable


def call_in_own_thread(call: Callable[[], None], name: str) -> asyncio.Future[BaseException | None]:
    """Make `call` in a thread of its own; the future has what it raises, or ``None``.

    The driver's other threads are few: they must not wait for a human. Neither a loop that ends
    nor a process that ends waits for this one.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[BaseException | None] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        outcome = None
        try:
            context.run(call)
        except BaseException as error:
            outcome = error
        # A loop that is closed has nobody waiting.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_end, ended, outcome)

    threading.Thread(target=run, name=name, daemon=True).start()
    return ended


def _end(ended: asyncio.Future[BaseException | None], outcome: BaseException | None) -> None:
    if not ended.done():
        ended.set_result(outcome)
