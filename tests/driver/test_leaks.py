"""A task that the driver leaves behind is seen, and nobody else's is, whatever the folders are called."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.leaks import drivers_tasks
from tests.support.server import silence
from tests.support.waiting import until

Start = Callable[[Coroutine[Any, Any, Any]], Awaitable[asyncio.Task[Any]]]

WAITING = """
import asyncio

async def wait():
    await asyncio.sleep(60)
"""


def package_in(folder: Path) -> ModuleType:
    """A package that is imported from a folder of this name, and is not among the modules of this process."""
    folder.mkdir(parents=True)
    source = folder / "__init__.py"
    source.write_text(WAITING)
    spec = importlib.util.spec_from_file_location(folder.name, source)
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts tasks, and ends them."""
    tasks: list[asyncio.Task[Any]] = []

    async def start(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        tasks.append(asyncio.create_task(coroutine))
        await asyncio.sleep(0)
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_monitor_of_a_client_that_is_not_closed(server):
    client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri)
    assert not drivers_tasks()
    await client.db.c.find_one()
    (monitor,) = drivers_tasks()
    assert monitor.get_name().startswith("motor monitor ")
    client.close()
    await until(lambda: not drivers_tasks())


async def test_an_operation_that_is_not_answered(server):
    server.default = silence
    client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri)
    operation = client.db.c.find_one()
    assert operation in drivers_tasks()
    client.close()
    await asyncio.wait([operation])
    assert operation.exception()
    assert operation not in drivers_tasks()


async def test_a_connection_that_is_not_open_yet(server, monkeypatch):
    """Its code is the event loop's."""

    async def never(*args: Any, **options: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri)
    operation = asyncio.ensure_future(client.db.c.find_one())
    await until(lambda: any(task.get_name().startswith("motor opening ") for task in drivers_tasks()))
    client.close()
    await asyncio.wait([operation])
    assert operation.exception()
    await until(lambda: not drivers_tasks())


async def test_nobody_elses(server, start, tmp_path):
    """The test's, those of packages in a checkout called `motor`, of an object that has no code, and of PyMongo."""

    async def generator() -> AsyncIterator[None]:
        await asyncio.sleep(60)
        yield

    await start(asyncio.sleep(60))
    await start(generator().__anext__())
    await start(package_in(tmp_path / "motor" / ".venv" / "lib" / "pytest_asyncio").wait())
    await start(package_in(tmp_path / "motor" / "tests").wait())
    theirs: AsyncMongoClient[Any] = AsyncMongoClient(server.uri)
    async with theirs:
        await theirs.db.c.find_one()
        assert not drivers_tasks()
        assert drivers_tasks(pymongo)
        assert asyncio.current_task() not in drivers_tasks(pymongo)


async def test_the_driver_wherever_it_is(start, tmp_path):
    checkout = tmp_path / "motor"
    driver, namesake = package_in(checkout / "motor"), package_in(checkout / "motor_of_another")
    left = await start(driver.wait())
    await start(namesake.wait())
    await start(package_in(checkout / "build" / "motor").wait())
    assert drivers_tasks(driver) == {left}
    assert not drivers_tasks()
