"""Whatever breaks between the database and its reader, the Tornado example's page shows each change once, in order."""

import asyncio
import signal
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from tests.examples.line import line_to
from tests.examples.programs import TORNADO, Program, free_port, running, start, watching
from tests.examples.shown import Shown
from tests.examples.writing import Writer, writing

pytestmark = pytest.mark.asyncio(loop_scope="package")

RECONNECTING = "Connecting again"
WEBSOCKET = b"Upgrade: websocket"
UNREACHABLE = "The database cannot be reached."


async def shows_all(shown: Shown, writer: Writer) -> None:
    """Wait for the last document, and see that the page shows all of them, once, in order."""
    await writer.stop()
    await shown.wait_for_key(writer.keys[-1])
    assert await shown.keys() == writer.keys
    await shown.wait_for_count(writer.written)


async def test_the_database_is_restarted(tmp_path: Path, blank: Shown):
    port = free_port()
    server = motor.embedded.Server(port, tmp_path)
    uri = f"mongodb://127.0.0.1:{port}"
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=500)
    things = client.library.things
    async with running(TORNADO, *watching(uri, things)) as program, writing(things) as writer:
        # It may be there before the database is.
        await blank.page.goto(program.url)
        await blank.wait_for_state(UNREACHABLE)
        async with server:
            await blank.wait_for_state("Live")
            await writer.more()
        async with server:  # back so soon that the page may not have noticed
            await writer.more()
        await blank.wait_for_state(UNREACHABLE)
        await blank.page.get_by_role("button", name="Insert", exact=True).click()
        await expect(blank.element("answer")).to_have_text(UNREACHABLE)
        async with server:
            await blank.wait_for_state("Live")
            await writer.more()
            await shows_all(blank, writer)
    await client.close()


async def test_the_web_server_is_restarted(uri: str, things: AsyncIOMotorCollection, blank: Shown):
    arguments = watching(uri, things, free_port())
    async with writing(things) as writer:
        for number in (signal.SIGTERM, signal.SIGINT):
            program = await start(TORNADO, *arguments)
            if writer.written == 0:
                await blank.open(program.url)
            await blank.wait_for_state("Live")
            await writer.more()
            # With a page that is open, and in the middle of what it is told.
            assert await program.stop(number) == 0, program.output
            await blank.wait_for_state(RECONNECTING)
            await writer.more()
        async with running(TORNADO, *arguments):
            await shows_all(blank, writer)


async def test_the_websocket_is_cut(app: Program, things: AsyncIOMotorCollection, blank: Shown):
    async with line_to(app.port) as line, writing(things) as writer:
        await blank.open(line.url)
        for number in range(2, 5):
            await writer.more()
            line.cut()
            await line.wait_until_asked(WEBSOCKET, number)
            await blank.wait_for_state("Live")
        await shows_all(blank, writer)


async def test_the_websocket_goes_dead(app: Program, things: AsyncIOMotorCollection, blank: Shown):
    await blank.page.clock.install()
    async with line_to(app.port) as line, writing(things) as writer:
        await blank.open(line.url)
        await writer.more()
        line.go_dead()
        await writer.more()
        await blank.page.clock.fast_forward("00:25")
        await line.wait_until_asked(WEBSOCKET, 2)
        await shows_all(blank, writer)


async def test_a_page_that_was_gone_too_long_is_told(tmp_path: Path, blank: Shown):
    # Once in 1000 changes it forgets all but the last ten.
    forgetful = motor.embedded.Server(path=tmp_path, arguments=["--oplog-max-entries", "10"])
    async with forgetful as server:
        client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri)
        things = client.library.things
        arguments = watching(server.uri, things, free_port())
        program = await start(TORNADO, *arguments)
        await blank.open(program.url)
        await things.insert_one({"_id": "before"})
        await blank.wait_for_key('{"_id": "before"}')
        assert await program.stop() == 0, program.output
        await things.insert_many([{} for _ in range(1000)])
        async with running(TORNADO, *arguments):
            await blank.wait_for_gap()
            await blank.wait_for_state("Live")
            await things.insert_one({"_id": "after"})
            await blank.wait_for_key('{"_id": "after"}')
        assert [entry.operation for entry in await blank.entries()] == ["insert", "gap", "insert"]
        await blank.wait_for_count(2)
        await client.close()


async def test_another_database_is_noticed(blank: Shown):
    port = str(free_port())
    for first in (True, False):
        # With no --uri it has a database of its own, which ends with it.
        async with running(TORNADO, "--port", port) as program:
            if first:
                await blank.open(program.url)
            else:
                await blank.wait_for_gap()
            await blank.wait_for_state("Live")
            await blank.page.get_by_role("button", name="Insert an example").click()
            await blank.wait_for_count(1 if first else 2)
    assert [entry.operation for entry in await blank.entries()] == ["insert", "gap", "insert"]


async def test_two_pages_that_come_and_go(
    app: Program, things: AsyncIOMotorCollection, page: Shown, context: BrowserContext
):
    other = Shown(await context.new_page())
    async with line_to(app.port) as line, writing(things) as writer:
        await other.open(line.url)
        await writer.more()
        line.cut()
        await writer.more()
        await asyncio.gather(other.wait_for_state("Live"), page.wait_for_state("Live"))
        await shows_all(other, writer)
        await shows_all(page, writer)
    assert other.complaints == []
