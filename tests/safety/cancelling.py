"""Cancelling at a chosen await: not after so long a time, but at the very point where the engine waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

import pytest

from motor.api import base

T = TypeVar("T")


class Waits:
    """Counts the awaits of the user's task and of Motor's coroutines that it waits for, and cancels it at one of them.

    With `late` it does so in the moment in which what is awaited has come, before anybody has seen it.
    """

    def __init__(self, at: int, late: bool) -> None:
        self.count = 0
        self.reached = False
        self._at = at
        self._late = late
        self._task: asyncio.Future[Any] | None = None

    async def run(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work` in a task; whether it was through without ever reaching the point."""
        self._task = asyncio.ensure_future(watched(work, self.waiting))
        try:
            await self._task
        except asyncio.CancelledError:
            assert self.reached
        return not self.reached

    def waiting(self, awaited: Any) -> None:
        """A coroutine of Motor's waits for something; it waits for ``None`` if it only lets others go first."""
        if self._task is None or self._task.done() or self.reached:
            return
        self.count += 1
        if self.count < self._at:
            return
        self.reached = True
        if self._late and isinstance(awaited, asyncio.Future):
            awaited.add_done_callback(lambda _: self._cancel())
        else:
            asyncio.get_running_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()


class Watched:
    """A coroutine whose awaits are counted."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], waiting: Callable[[Any], None]) -> None:
        self._coroutine = coroutine
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._coroutine
        try:
            awaited = coroutine.send(None)
            while True:
                self._waiting(awaited)
                try:
                    sent = yield awaited
                except BaseException as error:
                    awaited = coroutine.throw(error)
                else:
                    awaited = coroutine.send(sent)
        except StopIteration as stop:
            return stop.value


async def watched(coroutine: Coroutine[Any, Any, T], waiting: Callable[[Any], None]) -> Any:
    """Run `coroutine`; `waiting` is told of each thing that it waits for."""
    return await Watched(coroutine, waiting)


def watch(monkeypatch: pytest.MonkeyPatch, waits: list[Waits]) -> None:
    """Have the awaits of every call of Motor's API counted by the last of `waits`."""
    start: Any = vars(base)["start"]

    def waiting(awaited: Any) -> None:
        if waits:
            waits[-1].waiting(awaited)

    monkeypatch.setattr(base, "start", lambda coroutine, loop: start(watched(coroutine, waiting), loop))
