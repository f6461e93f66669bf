"""Event loops: the two that a test runs on, one that goes on in a thread of its own, and the turns that one gives."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import uvloop

from tests.support.waiting import PATIENCE

RUNS: dict[str, Callable[..., Any]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


def on_every_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a coroutine as a test, once on each loop. What the loop complains of fails it."""

    @functools.wraps(test)
    def run(loop: str, **fixtures: Any) -> None:
        complaints: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await test(**fixtures)

        RUNS[loop](main())
        assert not complaints, complaints

    signature = inspect.signature(test)
    own = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    unwrapped: Any = run
    unwrapped.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])
    marked: Callable[..., None] = pytest.mark.parametrize("loop", list(RUNS))(run)
    return marked


@contextmanager
def loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs, whatever the test's own does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


class Ticker:
    """Counts the turns that another task has."""

    def __init__(self) -> None:
        self.turns = 0

    async def run(self) -> None:
        """Take every turn that there is."""
        while True:
            self.turns += 1
            await asyncio.sleep(0)


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    """Such a task, while the block runs."""
    ticker = Ticker()
    task = asyncio.ensure_future(ticker.run())
    await asyncio.sleep(0)
    yield ticker
    task.cancel()
    await asyncio.wait([task])
