"""How long an event loop stands still while something else runs in it."""

import asyncio
import time
from types import TracebackType

INTERVAL = 0.001


class StallWatch:
    """A task that asks to run every millisecond. `longest` is the most it was late, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> "StallWatch":
        self._seen = time.perf_counter()
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(INTERVAL)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A stall that lasts until here has not let the ticker run since.
        self._look()
        self._task.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self._look()

    def _look(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._seen - INTERVAL)
        self._seen = now
