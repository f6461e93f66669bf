"""Fixtures for the examples' tests, which all run in one event loop: a browser belongs to one, and is slow to start."""

import uuid
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from tests.examples.browser import browser
from tests.examples.programs import TORNADO, Program, running, watching
from tests.examples.shown import Shown


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """A browser, one for all these tests."""
    async with browser() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="package")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A browser that remembers nothing of the tests before."""
    async with await chromium.new_context() as context:
        yield context


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def watched(server_uri: str) -> AsyncIterator[AsyncIOMotorCollection]:
    """The collection that the Tornado example watches."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(server_uri)
    database = client[f"motor_test_{uuid.uuid4().hex}"]
    yield database.things
    await client.drop_database(database.name)
    await client.close()


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def app(server_uri: str, watched: AsyncIOMotorCollection) -> AsyncIterator[Program]:
    """The Tornado example, one for all tests that leave it running."""
    async with running(TORNADO, *watching(server_uri, watched)) as program:
        yield program


@pytest_asyncio.fixture(loop_scope="package")
async def things(watched: AsyncIOMotorCollection) -> AsyncIOMotorCollection:
    """The collection to watch, which is empty."""
    await watched.delete_many({})
    return watched


@pytest_asyncio.fixture(loop_scope="package")
async def blank(context: BrowserContext) -> AsyncIterator[Shown]:
    """A browser's empty tab, for the Tornado example's page. Its scripts must end without a complaint."""
    shown = Shown(await context.new_page())
    yield shown
    assert shown.complaints == []


@pytest_asyncio.fixture(loop_scope="package")
async def page(app: Program, things: AsyncIOMotorCollection, blank: Shown) -> Shown:
    """The Tornado example's page, open and following `things`."""
    await blank.open(app.url)
    return blank
