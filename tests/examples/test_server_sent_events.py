"""The FastAPI example: a browser's EventSource goes on where it was, whatever broke in between."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from motor.motor_asyncio import AsyncIOMotorCollection
from tests.examples.bodies import answer, chunked
from tests.examples.line import line_to
from tests.examples.programs import FASTAPI, Program, free_port, running, watching
from tests.examples.writing import Writer, writing

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def program(server_uri: str, watched: AsyncIOMotorCollection) -> AsyncIterator[Program]:
    """The FastAPI example, one for the tests that leave it running."""
    async with running(FASTAPI, *watching(server_uri, watched)) as program:
        yield program


class Event(NamedTuple):
    """A server-sent event; what it doesn't say is empty."""

    kind: str
    data: str
    identifier: str

    @property
    def key(self) -> Any:
        return json.loads(self.data)["documentKey"]["_id"]


async def events(session: aiohttp.ClientSession, url: str, last: str | None = None) -> AsyncIterator[Event]:
    """What the server sends, without end."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with session.get(f"{url}/changes", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        fields: dict[str, list[str]] = {}
        async for line in response.content:
            name, _, value = line.decode().removesuffix("\n").partition(": ")
            if name:
                fields.setdefault(name, []).append(value)
            else:
                kind, data, identifier = ("\n".join(fields.get(name, ())) for name in ("event", "data", "id"))
                fields.clear()
                yield Event(kind, data, identifier)


async def shows_all(page: Page, writer: Writer) -> None:
    """Wait for the last document, and see that the page shows all of them, once, in order."""
    await writer.stop()
    newest = page.locator("#changes > li:first-child")
    await expect(newest).to_contain_text(f'"documentKey": {{\n    "_id": {writer.written - 1}\n')
    texts = await page.locator("#changes > li").all_text_contents()
    keys = [json.loads(text)["documentKey"]["_id"] for text in reversed(texts)]
    assert keys == list(range(writer.written))


async def test_the_last_event_id_is_where_it_goes_on(program: Program, things: AsyncIOMotorCollection):
    async with aiohttp.ClientSession() as session:
        first = events(session, program.url)
        watched = await anext(first)
        assert (watched.kind, watched.data) == ("watching", things.full_name)
        await things.insert_many([{"_id": number} for number in range(10)])
        seen = [await anext(first) for _ in range(4)]
        await first.aclose()  # type: ignore[attr-defined]
        assert [event.key for event in seen] == [0, 1, 2, 3]

        for last, rest in ((seen[-1].identifier, range(4, 10)), (watched.identifier, range(10))):
            again = events(session, program.url, last)
            assert (await anext(again)).kind == "watching"
            assert [(await anext(again)).key for _ in rest] == list(rest)
            await again.aclose()  # type: ignore[attr-defined]

        # From anywhere in a large batch.
        await things.insert_many([{"_id": number, "text": 5000 * "x"} for number in range(10, 310)])
        long = events(session, program.url, watched.identifier)
        assert (await anext(long)).kind == "watching"
        seen = [await anext(long) for _ in range(310)]
        await long.aclose()  # type: ignore[attr-defined]
        for number in range(0, 309, 7):
            again = events(session, program.url, seen[number].identifier)
            assert (await anext(again)).kind == "watching"
            assert (await anext(again)).key == number + 1
            await again.aclose()  # type: ignore[attr-defined]

        for nonsense in ("nonsense", "{}", 5000 * "[", '{"source": "other", "token": {}}', "[1]"):
            lost = events(session, program.url, nonsense)
            assert [(await anext(lost)).kind for _ in range(2)] == ["lost", "watching"]
            await lost.aclose()  # type: ignore[attr-defined]


async def test_a_database_that_is_not_there_is_said():
    # Nothing listens on port 1.
    async with (
        running(FASTAPI, "--uri", "mongodb://127.0.0.1:1", "--port", "0") as away,
        aiohttp.ClientSession() as session,
    ):
        stream = events(session, away.url)
        event = await anext(stream)
        assert (event.kind, event.data) == ("unavailable", "Waiting for the database: ServerSelectionTimeoutError")
        await stream.aclose()  # type: ignore[attr-defined]


async def test_strangers_are_refused(program: Program, things: AsyncIOMotorCollection):
    async with aiohttp.ClientSession() as session:
        async with session.get(program.url, headers={"Host": "example.com"}) as response:
            assert response.status == 400
        # What a page from elsewhere can send without asking first.
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            headers = {"Content-Type": kind}
            async with session.post(f"{program.url}/things", data='{"a": 1}', headers=headers) as response:
                assert response.status == 422
        assert await things.count_documents({}) == 0


async def test_a_body_has_a_limit(program: Program):
    post = "POST /things\nContent-Type: application/json\n"
    announced = await answer(program.port, f"{post} Content-Length: 1000000000")
    sent = await answer(program.port, f"{post} Transfer-Encoding: chunked", chunked(70_000))
    assert announced.startswith(b"HTTP/1.1 413 ")
    assert sent.startswith(b"HTTP/1.1 413 ")


async def test_what_cannot_be_stored_is_said(program: Program, things: AsyncIOMotorCollection):
    await things.insert_one({"_id": 1})
    async with aiohttp.ClientSession() as session:
        for document in ('{"a": 99999999999999999999}', '{"_id": 1}', "[1]", "{", '{"a": ' + 9999 * "["):
            headers = {"Content-Type": "application/json"}
            async with session.post(f"{program.url}/things", data=document, headers=headers) as response:
                assert response.status in (400, 422), document[:20]
    assert await things.count_documents({}) == 1


async def test_no_page_has_this_one_in_a_frame(program: Program):
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/page.js"):
            async with session.get(program.url + path) as response:
                assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_there_is_a_limit_to_the_pages(program: Program):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        pages = [events(session, program.url) for _ in range(200)]
        for page in pages:
            assert (await anext(page)).kind == "watching"
        async with session.get(f"{program.url}/changes") as response:
            assert response.status == 503
        for page in pages:
            await page.aclose()  # type: ignore[attr-defined]

        async def one_more() -> int:
            async with session.get(f"{program.url}/changes") as response:
                return response.status

        # Their places are free again, as soon as the server has noticed.
        while await one_more() == 503:  # noqa: ASYNC110  # now and then is enough
            await asyncio.sleep(0.02)


async def test_a_browser_goes_on_by_itself(server_uri: str, things: AsyncIOMotorCollection, context: BrowserContext):
    page = await context.new_page()
    arguments = watching(server_uri, things, port := free_port())
    state = page.locator("#state")
    async with writing(things) as writer, line_to(port) as line:
        async with running(FASTAPI, *arguments):
            await page.goto(line.url)
            await expect(state).to_have_text(f"Watching {things.full_name}")
            await writer.more()
            line.cut()
            await writer.more()
            await line.wait_until_asked(b"Last-Event-ID: {")
            await expect(state).to_have_text(f"Watching {things.full_name}")
        await expect(state).to_have_text("Connecting again")
        await writer.more()
        async with running(FASTAPI, *arguments):
            await shows_all(page, writer)


async def test_a_document_is_text(context: BrowserContext):
    page = await context.new_page()
    # With no --uri it has a database of its own.
    async with running(FASTAPI, "--port", "0") as program, aiohttp.ClientSession() as session:
        await page.goto(program.url)
        await expect(page.locator("#state")).to_have_text("Watching test.things")
        await page.get_by_role("button").click()
        await expect(page.locator("#changes > li")).to_contain_text(['"title": "Emma"'])
        markup = "<img src=x onerror=\"window.ran = 'image'\">"
        async with session.post(f"{program.url}/things", json={markup: f"{markup} ☀"}) as response:
            assert response.status == 201
        newest = page.locator("#changes > li:first-child")
        await expect(newest).to_contain_text("☀")
        document = json.loads(await newest.text_content() or "")["fullDocument"]
        assert document[markup] == f"{markup} ☀"
        assert await page.locator("img").count() == 0
        assert await page.evaluate("window.ran") is None
