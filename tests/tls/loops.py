"""The event loops that a test runs on: asyncio's and uvloop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

_RUNS: dict[str, Callable[..., Any]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


def on_every_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a coroutine as a test, once on each loop. What the loop complains of fails it."""

    @functools.wraps(test)
    def run(loop: str, **fixtures: Any) -> None:
        complaints: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await test(**fixtures)

        _RUNS[loop](main())
        assert not complaints, complaints

    signature = inspect.signature(test)
    own = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    unwrapped: Any = run
    unwrapped.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])
    marked: Callable[..., None] = pytest.mark.parametrize("loop", list(_RUNS))(run)
    return marked
