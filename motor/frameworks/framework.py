"""What a framework module has to offer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from motor.driver.timeouts import applied, within

T = TypeVar("T")


class Framework(Protocol):
    """A module of this package."""

    @property
    def CLASS_PREFIX(self) -> str:  # the name that Motor has always had for it
        """What the family's class names start with, before ``Motor``."""
        ...

    def get_event_loop(self) -> Any:
        """The current loop, of the framework's own type."""
        ...

    def check_event_loop(self, loop: Any) -> None:
        """Raises TypeError for what is not a loop."""
        ...

    def asyncio_loop(self, loop: Any) -> asyncio.AbstractEventLoop:
        """The asyncio loop that `loop` is, or runs on."""
        ...

    def platform_info(self) -> str:
        """Names the framework in the handshake."""
        ...


if sys.version_info >= (3, 12):

    def _start_in(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:

    def _start_in(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        return asyncio.Task(coroutine, loop=loop)


def start(
    coroutine: Coroutine[Any, Any, T], loop_if_none_runs: Callable[[], asyncio.AbstractEventLoop]
) -> asyncio.Future[T]:
    """Start `coroutine` at once where Python can (3.12 and later), else in the loop's next turn; its Future is the
    result.

    With no loop running it starts as soon as the loop from `loop_if_none_runs` runs.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return loop_if_none_runs().create_task(coroutine)
    return _start_in(loop, coroutine)


def start_within(
    seconds: float, coroutine: Coroutine[Any, Any, T], loop_if_none_runs: Callable[[], asyncio.AbstractEventLoop]
) -> asyncio.Future[T]:
    """Start `coroutine` likewise, and give it `seconds` from its start, unless the caller has set a limit already."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        future = loop_if_none_runs().create_task(within(seconds, coroutine))
        # One that is cancelled before it starts never gets to what it would have awaited.
        future.add_done_callback(lambda _: coroutine.close())
        return future
    # A task takes its context with it: no other coroutine is needed to set the limit.
    with applied(seconds):
        return _start_in(loop, coroutine)
