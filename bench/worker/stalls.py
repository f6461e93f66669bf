"""How long an event loop stands still while something else runs in it."""

import asyncio
import time
from types import TracebackType

INTERVAL = 0.001


class StallWatch:
    """A task that asks to run every millisecond. `longest` is the most it was late, in seconds."""

    now = staticmethod(time.perf_counter)
    interval = INTERVAL
    """How far the clock goes from one look to the next if nothing is late."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> "StallWatch":
        self._seen = self.now()
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
        now = self.now()
        self.longest = max(self.longest, now - self._seen - self.interval)
        self._seen = now
