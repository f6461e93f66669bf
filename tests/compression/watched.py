"""Who compresses and expands, in which thread, and how often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.support.waiting import PATIENCE


class Watched:
    """Stands in for a function: notes the thread of each call, and while `held` lets none of the threads' go on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.in_threads = 0
        self.on_loop = 0
        self.waiting = 0
        self._function = function
        self._loop_thread = threading.current_thread()
        self._free = threading.Event()
        self._free.set()

    def hold(self) -> None:
        """Stop whoever comes in a thread."""
        self._free.clear()

    def release(self) -> None:
        """Let them go on."""
        self._free.set()

    @property
    def calls(self) -> int:
        """How often it was called."""
        return self.on_loop + self.in_threads

    def __call__(self, *arguments: Any) -> Any:
        if threading.current_thread() is self._loop_thread:
            self.on_loop += 1
        else:
            self.in_threads += 1
            self.waiting += 1
            assert self._free.wait(PATIENCE)
            self.waiting -= 1
        return self._function(*arguments)
