"""A thousand change streams and five hundred find_one a second: what they cost the process that has them."""

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from .documents import ID
from .drivers import Opened
from .stalls import StallWatch

INTERVAL = 0.01
"""Seconds between two handfuls of find_one."""


class BusyWatch(StallWatch):
    """`longest` is the most CPU time that the loop's thread took without a turn for this: a stall of its own making."""

    now = staticmethod(time.thread_time)
    interval = 0.0


class Streams:
    """Answers one request after the other, of which the streams are the state."""

    def __init__(self, driver: Opened) -> None:
        self._driver = driver
        self._tasks: list[asyncio.Task[None]] = []
        self._arrivals: list[float] = []
        self._for_all: list[float] = []
        self._errors: list[str] = []
        self._found: list[float] = []

    async def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request["step"] == "open":
            return await self._open(request["streams"])
        if request["step"] == "run":
            return await self._run(request["seconds"], request["finds"])
        return await self._collect(request["expected"], request["seconds"])

    async def _open(self, count: int) -> dict[str, Any]:
        """Start to watch. The client has been used before: what it needs for itself doesn't count."""
        await self._driver.collection("one").find_one({"_id": ID})
        before = {"memory": _memory(), "threads": _threads()}
        collection = self._driver.collection("watched")
        self._tasks = [asyncio.ensure_future(self._watch(collection)) for _ in range(count)]
        return before

    async def _watch(self, collection: Any) -> None:
        try:
            stream = await self._driver.watch(collection)
            async for change in stream:
                document = change["fullDocument"]
                late = time.monotonic() - document["sent"]
                (self._for_all if document["for_all"] else self._arrivals).append(late)
        except Exception as error:
            self._errors.append(f"{type(error).__name__}: {error}")

    async def _run(self, seconds: float, finds: int) -> dict[str, Any]:
        self._arrivals.clear()
        self._found.clear()
        asked = 0
        running: set[asyncio.Task[None]] = set()
        cpu, start = time.process_time(), time.monotonic()
        async with StallWatch() as watch, BusyWatch() as busy:
            while (passed := time.monotonic() - start) < seconds:
                for _ in range(int(passed * finds) - asked):
                    asked += 1
                    task = asyncio.ensure_future(self._find())
                    running.add(task)
                    task.add_done_callback(running.discard)
                await asyncio.sleep(INTERVAL)
        wall, cpu = time.monotonic() - start, time.process_time() - cpu
        figures = {
            "memory": _memory(),
            "threads": _threads(),
            "cpu": cpu / wall,
            "stall": watch.longest,
            "busy": busy.longest,
            "asked": asked,
            "found": _summary(self._found),
            "arrivals": _summary(self._arrivals),
            "failed": len(self._errors),
            "first_error": self._errors[0] if self._errors else None,
        }
        for task in running:
            task.cancel()
        return figures

    async def _find(self) -> None:
        start = time.monotonic()
        await self._driver.collection("one").find_one({"_id": ID})
        self._found.append(time.monotonic() - start)

    async def _collect(self, expected: int, seconds: float) -> dict[str, Any]:
        """What came of the change for all."""
        for _ in range(int(seconds / INTERVAL)):
            if len(self._for_all) >= expected:
                break
            await asyncio.sleep(INTERVAL)
        return _summary(self._for_all)


def _summary(seconds: list[float]) -> dict[str, Any]:
    if len(seconds) < 2:
        return {"count": len(seconds)}
    found = sorted(seconds)
    return {"count": len(found), "median": median(found), "p99": quantiles(found, n=100)[98], "longest": found[-1]}


def _memory() -> int | None:
    """Resident bytes, where the system says so."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _threads() -> int:
    """Those of extensions as well, where the system says so."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return threading.active_count()
    return int(next(line for line in status.splitlines() if line.startswith("Threads:")).split()[1])
