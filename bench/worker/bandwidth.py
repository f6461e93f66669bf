"""Reading a large collection once: how long it takes, of how much CPU time, and how long the loop stands still."""

import gc
import time
from collections.abc import Mapping
from typing import Any

from .drivers import Opened
from .stalls import StallWatch

COLLECTION = "readings"


async def read_all(driver: Opened, request: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds."""
    gc.collect()
    count, wall, cpu = 0, time.perf_counter(), time.process_time()
    async with StallWatch() as watch:
        async for _ in await driver.find(driver.collection(COLLECTION)):
            count += 1
    return _answer(request, count, wall, cpu, watch.longest)


def read_all_sync(database: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """The same without a loop that could stand still."""
    gc.collect()
    count, wall, cpu = 0, time.perf_counter(), time.process_time()
    for _ in database[COLLECTION].find({}):
        count += 1
    return _answer(request, count, wall, cpu, 0.0)


def _answer(request: Mapping[str, Any], count: int, wall: float, cpu: float, stall: float) -> dict[str, Any]:
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if count != request["readings"]:
        raise RuntimeError(f"{count} documents instead of {request['readings']}")
    return {"wall": wall, "cpu": cpu, "stall": stall}
