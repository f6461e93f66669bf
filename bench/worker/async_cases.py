"""The cases for drivers with an event loop. Each prepares what it sends, and returns the part that is timed."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from .cases import Case
from .documents import CROWD, ID, LARGE, MANY, unsaved
from .drivers import Opened
from .stalls import StallWatch

Timed = Callable[[], Awaitable[list[float]]]
"""Runs the operations; gives the longest stall of each run, in seconds, and an empty list for other cases."""


def prepare(driver: Opened, case: Case, operations: int) -> Timed:
    name, _, _ = case.name.partition("@")
    return _PREPARE[name](driver, operations, case.concurrency)


def _find_one(driver: Opened, operations: int, concurrency: int) -> Timed:
    return _finding(driver.collection("one"), operations, concurrency)


def _find_one_in_time(driver: Opened, operations: int, concurrency: int) -> Timed:
    if driver.in_time is None:
        raise RuntimeError("it has no timeoutMS")
    return _finding(driver.in_time("one"), operations, concurrency)


def _finding(collection: Any, operations: int, concurrency: int) -> Timed:
    async def task() -> None:
        for _ in range(operations // concurrency):
            document = await collection.find_one({"_id": ID})
            if document is None:
                raise RuntimeError("find_one found nothing")

    return lambda: _all([task() for _ in range(concurrency)])


def _insert_one(driver: Opened, operations: int, concurrency: int) -> Timed:
    collection = driver.collection("one")
    documents = [unsaved(number) for number in range(operations)]

    async def task(first: int) -> None:
        for number in range(first, operations, concurrency):
            await collection.insert_one(documents[number])

    return lambda: _all([task(first) for first in range(concurrency)])


def _update_one(driver: Opened, operations: int, concurrency: int) -> Timed:
    collection = driver.collection("one")

    async def task() -> None:
        for _ in range(operations // concurrency):
            await collection.update_one({"_id": ID}, {"$set": {"score": 0.5}, "$inc": {"visits": 1}})

    return lambda: _all([task() for _ in range(concurrency)])


def _insert_many(driver: Opened, operations: int, concurrency: int) -> Timed:
    collection = driver.collection("many")
    batches = [[unsaved(number) for number in range(MANY)] for _ in range(operations)]

    async def timed() -> list[float]:
        for batch in batches:
            await collection.insert_many(batch)
        return []

    return timed


def _insert_large(driver: Opened, operations: int, concurrency: int) -> Timed:
    collection = driver.collection("many")
    batches = [[unsaved(number) for number in range(CROWD)] for _ in range(operations)]
    # What they cost the garbage collector is not the driver's doing, and is over before.
    gc.collect()

    async def timed() -> list[float]:
        stalls = []
        for batch in batches:
            async with StallWatch() as watch:
                await collection.insert_many(batch)
            stalls.append(watch.longest)
        return stalls

    return timed


def _async_for(driver: Opened, operations: int, concurrency: int) -> Timed:
    async def timed() -> list[float]:
        for _ in range(operations):
            _expect(MANY, await _iterate(driver, "many"))
        return []

    return timed


def _to_list(driver: Opened, operations: int, concurrency: int) -> Timed:
    async def timed() -> list[float]:
        for _ in range(operations):
            _expect(MANY, len(await _list(driver, "many")))
        return []

    return timed


def _drain_for(driver: Opened, operations: int, concurrency: int) -> Timed:
    async def timed() -> list[float]:
        stalls = []
        for _ in range(operations):
            async with StallWatch() as watch:
                _expect(LARGE, await _iterate(driver, "large"))
            stalls.append(watch.longest)
        return stalls

    return timed


def _drain_list(driver: Opened, operations: int, concurrency: int) -> Timed:
    async def timed() -> list[float]:
        stalls = []
        for _ in range(operations):
            async with StallWatch() as watch:
                documents = await _list(driver, "large")
            stalls.append(watch.longest)
            _expect(LARGE, len(documents))
            # Freeing them all takes a while and is not the driver's doing: out of the watch's sight, and with
            # a turn of the loop, which until then holds the Future that they came with.
            del documents
            await asyncio.sleep(0)
        return stalls

    return timed


async def _iterate(driver: Opened, name: str) -> int:
    count = 0
    async for _ in await driver.find(driver.collection(name)):
        count += 1
    return count


async def _list(driver: Opened, name: str) -> list[Any]:
    cursor = await driver.find(driver.collection(name))
    documents: list[Any] = await cursor.to_list(None)
    return documents


async def _all(tasks: list[Coroutine[Any, Any, None]]) -> list[float]:
    await asyncio.gather(*tasks)
    return []


def _expect(wanted: int, got: int) -> None:
    if got != wanted:
        raise RuntimeError(f"{got} documents instead of {wanted}")


_PREPARE: dict[str, Callable[[Opened, int, int], Timed]] = {
    "find_one": _find_one,
    "find_one_in_time": _find_one_in_time,
    "insert_one": _insert_one,
    "update_one": _update_one,
    "async_for": _async_for,
    "to_list": _to_list,
    "insert_many": _insert_many,
    "insert_large": _insert_large,
    "drain_for": _drain_for,
    "drain_list": _drain_list,
}
