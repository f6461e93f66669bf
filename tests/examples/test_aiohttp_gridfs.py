"""The aiohttp example: files go into GridFS and come out of it, and a browser plays one from the middle."""

import asyncio
import io
import uuid
import wave
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timezone
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from tests.examples.bodies import answer, chunked
from tests.examples.programs import EXAMPLES, PATIENCE, Program, running

pytestmark = pytest.mark.asyncio(loop_scope="package")

EXAMPLE = EXAMPLES / "aiohttp_gridfs" / "app.py"


def silence(seconds: int) -> bytes:
    """A WAV file of 88,200 bytes a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(44_100)
        writer.writeframes(bytes(seconds * 88_200))
    return file.getvalue()


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def stored(server_uri: str) -> AsyncIterator[AsyncIOMotorDatabase]:
    """The database that the example has its files in."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(server_uri)
    database = client[f"motor_test_{uuid.uuid4().hex}"]
    yield database
    await client.drop_database(database.name)
    await client.close()


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def program(server_uri: str, stored: AsyncIOMotorDatabase) -> AsyncIterator[Program]:
    """The example, one for the tests that leave it running."""
    async with running(EXAMPLE, "--uri", server_uri, "--db", stored.name, "--port", "0") as program:
        yield program


async def test_a_sound_is_played_from_the_middle(context: BrowserContext, tmp_path: Path):
    sound = silence(200)
    (tmp_path / "a sound?.wav").write_bytes(sound)
    (tmp_path / "text.txt").write_bytes(b"text")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # With no --uri it has a database of its own.
    async with running(EXAMPLE, "--port", "0") as program:
        await page.goto(program.url)
        await page.get_by_label("Store files").set_input_files([tmp_path / "a sound?.wav", tmp_path / "text.txt"])
        await expect(page.locator("#state")).to_have_text("Stored.")
        await expect(page.locator("li")).to_contain_text(["text.txt 4 bytes", "a sound?.wav 17,640,044 bytes"])
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.headers.get("range", "")))
        player = page.locator("audio")
        await player.evaluate("sound => { sound.muted = true; sound.currentTime = 150; return sound.play(); }")
        await page.wait_for_function(
            "() => document.querySelector('audio').currentTime > 150.2", timeout=1000 * PATIENCE
        )
        await player.evaluate("sound => sound.pause()")
        starts = [int(each.removeprefix("bytes=").split("-")[0]) for each in asked if each]
        assert any(140 * 88_200 < start <= 151 * 88_200 for start in starts)

        await page.get_by_role("button", name="Delete").first.click()
        await expect(page.locator("#state")).to_have_text("Deleted.")
        await expect(page.locator("li")).to_contain_text(["a sound?.wav"])
        async with aiohttp.ClientSession() as session, session.get(f"{program.url}/files/a%20sound%3F.wav") as response:
            assert response.content_type == "audio/wav"
            assert await response.read() == sound
    assert complaints == []


async def test_files_come_and_go(program: Program, stored: AsyncIOMotorDatabase):
    address = f"{program.url}/files"
    async with aiohttp.ClientSession() as session:
        for contents in (b"first", b"second"):
            async with session.put(f"{address}/folder/x.png", data=contents) as response:
                assert response.status == 201
        async with session.get(address) as response:
            listed = await response.json()
        assert listed == [{"name": "folder/x.png", "length": 6, "type": "application/octet-stream"}]
        async with session.get(f"{address}/folder/x.png", headers={"Range": "bytes=-3"}) as response:
            assert (response.status, await response.read()) == (206, b"ond")
        for status in (204, 404):
            async with session.delete(f"{address}/folder/x.png") as response:
                assert response.status == status
        assert await stored["fs.chunks"].count_documents({}) == 0


async def test_a_stored_page_is_a_strangers(program: Program, context: BrowserContext):
    attack = "<p>shown</p><script>document.querySelector('p').textContent = 'run'</script>"
    async with aiohttp.ClientSession() as session:
        async with session.put(
            f"{program.url}/files/page.html", data=attack, headers={"Content-Type": "text/html"}
        ) as response:
            assert response.status == 201
        page = await context.new_page()
        await page.goto(f"{program.url}/files/page.html")
        await expect(page.locator("p")).to_have_text("shown")
        async with session.delete(f"{program.url}/files/page.html") as response:
            assert response.status == 204


async def test_half_a_file_is_none(program: Program, stored: AsyncIOMotorDatabase):
    async def until(holds: Callable[[int], bool]) -> None:
        while not holds(await stored["fs.chunks"].count_documents({})):  # noqa: ASYNC110  # now and then is enough
            await asyncio.sleep(0.02)

    _, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(b"PUT /files/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" + bytes(3_000_000))
    await writer.drain()
    await asyncio.wait_for(until(lambda count: count > 0), PATIENCE)
    writer.close()
    await asyncio.wait_for(until(lambda count: count == 0), PATIENCE)
    assert await stored["fs.files"].count_documents({}) == 0


async def test_strangers_are_refused(program: Program):
    async with aiohttp.ClientSession() as session:
        async with session.get(program.url, headers={"Host": "example.com"}) as response:
            assert response.status == 421
        # A page from elsewhere has to ask before it stores or deletes, and is not allowed to.
        for method in ("PUT", "DELETE"):
            headers = {"Origin": "http://example.com", "Access-Control-Request-Method": method}
            async with session.options(f"{program.url}/files/x", headers=headers) as response:
                assert "Access-Control-Allow-Origin" not in response.headers
                assert response.status == 405
        async with session.get(f"{program.url}/app.py") as response:
            assert response.status == 404


async def test_a_file_has_a_limit(server_uri: str, stored: AsyncIOMotorDatabase):
    arguments = ["--uri", server_uri, "--db", stored.name, "--port", "0", "--max-size", "1"]
    async with running(EXAMPLE, *arguments) as program, aiohttp.ClientSession() as session:
        put = "PUT /files/x\n"
        announced = await answer(program.port, f"{put} Content-Length: 1000000000", b"x")
        sent = await answer(program.port, f"{put} Transfer-Encoding: chunked", chunked(1_000_001))
        assert announced.startswith(b"HTTP/1.1 413 ")
        assert sent.startswith(b"HTTP/1.1 413 ")
        for collection in ("fs.files", "fs.chunks"):
            assert await stored[collection].count_documents({}) == 0
        async with session.put(f"{program.url}/files/x", data=bytes(1_000_000)) as response:
            assert response.status == 201
        async with session.delete(f"{program.url}/files/x") as response:
            assert response.status == 204


async def test_a_list_has_a_limit(program: Program, stored: AsyncIOMotorDatabase):
    now = datetime.now(timezone.utc)
    files = [{"filename": f"{number}", "length": 0, "chunkSize": 1, "uploadDate": now} for number in range(110)]
    await stored["fs.files"].insert_many(files)
    async with aiohttp.ClientSession() as session, session.get(f"{program.url}/files") as response:
        assert len(await response.json()) == 100
    await stored["fs.files"].delete_many({})


async def test_no_page_has_this_one_in_a_frame(program: Program):
    async with aiohttp.ClientSession() as session, session.get(program.url) as response:
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


async def test_a_database_that_is_not_there_is_said():
    # Nothing listens on port 1.
    async with (
        running(EXAMPLE, "--uri", "mongodb://127.0.0.1:1", "--port", "0") as away,
        aiohttp.ClientSession() as session,
        session.get(f"{away.url}/files") as response,
    ):
        assert response.status == 503
        assert await response.text() == "The database: ServerSelectionTimeoutError"
