"""The loops that applications run Motor on, and the classes that belong to each."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pytest
import uvloop
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import BaseAsyncIOLoop

from motor.core import AgnosticClient, AgnosticCollection
from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient

T = TypeVar("T")
Main = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Family:
    """A client class, and how an application that uses it starts its loop."""

    name: str
    client: type[AgnosticClient[Any]]
    run: Callable[[Main], Any]
    current_loop: Callable[[], Any]
    prefix: str


async def _awaited(main: Main) -> Any:
    return await main()


def _run_tornado(main: Main) -> Any:
    loop = IOLoop(make_current=False)
    try:
        return loop.run_sync(main)
    finally:
        # What asyncio.run does, and what Tornado's own test cases do.
        asyncio_loop = cast(BaseAsyncIOLoop, loop).asyncio_loop
        tasks = asyncio.all_tasks(asyncio_loop)
        for task in tasks:
            task.cancel()
        asyncio_loop.run_until_complete(_all_ended(tasks))
        loop.close(all_fds=True)


async def _all_ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


ASYNCIO = Family(
    "asyncio",
    AsyncIOMotorClient,
    lambda main: asyncio.run(_awaited(main)),
    asyncio.get_running_loop,
    "AsyncIOMotor",
)
UVLOOP = Family(
    "uvloop",
    AsyncIOMotorClient,
    lambda main: uvloop.run(_awaited(main)),
    asyncio.get_running_loop,
    "AsyncIOMotor",
)
TORNADO = Family("tornado", MotorClient, _run_tornado, IOLoop.current, "Motor")

FAMILIES = (ASYNCIO, UVLOOP, TORNADO)

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
"""Run a test once under each; it starts the loop itself."""


def in_every_family(test: Callable[[AgnosticCollection[Any]], Awaitable[None]]) -> Callable[..., None]:
    """Run a coroutine as a test under each, with an empty collection of that family."""

    def run(family: Family, uri: str) -> None:
        async def main() -> None:
            client = family.client(uri)
            database = client[f"motor_test_{uuid.uuid4().hex}"]
            try:
                await test(database["test"])
            finally:
                await client.drop_database(database.name)
                await closed(client)

        in_thread(lambda: family.run(main))

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    run.__module__ = test.__module__
    return every_family(run)


async def closed(client: AgnosticClient[Any]) -> None:
    """Close a client, and let the loop close its sockets: Tornado's `run_sync` wouldn't before it ends."""
    await client.close()
    for _ in range(3):
        await asyncio.sleep(0)


def in_thread(function: Callable[[], T]) -> T:
    """Call `function` in a thread of its own, where no event loop was ever set, and leave none behind."""
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "it hangs"
    if errors:
        raise errors[0]
    return results[0]
