"""Whom the Tornado example's web server listens to, and what it gives away."""

import json

import aiohttp
import pytest

from motor.motor_asyncio import AsyncIOMotorCollection
from tests.examples.bodies import answer, chunked
from tests.examples.programs import TORNADO, Program, running

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_only_the_page_is_served(app: Program):
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/page.js", "/page.css"):
            async with session.get(app.url + path) as response:
                assert response.status == 200
                policy = response.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; script-src 'self';")
                assert "unsafe" not in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        for path in ("/app.py", "/README.md", "/page/index.html", "/..%2fapp.py", "/index.html"):
            async with session.get(app.url + path) as response:
                assert response.status == 404


async def test_pages_from_elsewhere_are_refused(app: Program):
    async with aiohttp.ClientSession() as session:
        own = {"Origin": app.url}
        async with session.ws_connect(f"{app.url}/changes", headers=own) as socket:
            assert not socket.closed
        for headers, status in (
            ({"Origin": "http://example.com"}, 403),
            ({"Origin": f"http://localhost:{app.port}"}, 403),
            # Its name leads here, and so its origin is its own.
            ({"Origin": "http://example.com", "Host": "example.com"}, 404),
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{app.url}/changes", headers=headers)
            assert refused.value.status == status
        async with session.get(app.url, headers={"Host": "example.com"}) as response:
            assert response.status == 404


async def test_a_body_has_a_limit(app: Program):
    announced = await answer(app.port, "POST /\nContent-Length: 100000000")
    sent = await answer(app.port, "POST /\nTransfer-Encoding: chunked", chunked(70_000))
    assert announced.startswith(b"HTTP/1.1 400 ")
    assert sent.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("nonsense", 1003),
        ("[" * 10_000, 1003),
        ('{"type": "start", "position": 3}', 1003),
        ('{"type": "drop"}', 1003),
        (json.dumps({"type": "insert", "text": 70_000 * "x"}), 1009),
    ],
    ids=["nonsense", "nested", "position", "unknown", "long"],
)
async def test_a_strange_message_ends_the_conversation(app: Program, message: str, code: int):
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{app.url}/changes") as socket:
        await socket.send_str(message)
        received = await socket.receive()
        assert received.type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == code


@pytest.mark.parametrize("position", ["", "{}", "[]", '{"source": "other", "token": {"_data": "82"}}', "[" * 10_000])
async def test_a_position_of_elsewhere_means_nothing(app: Program, things: AsyncIOMotorCollection, position: str):
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{app.url}/changes") as socket:
        await socket.send_json({"type": "start", "position": position})
        assert (await socket.receive_json())["type"] == "lost"
        assert (await socket.receive_json())["type"] == "watching"
        await things.insert_one({"_id": 1})
        assert (await socket.receive_json())["key"] == '{"_id": 1}'


async def test_a_page_that_reads_nothing_holds_nobody_up(app: Program, things: AsyncIOMotorCollection):
    address = f"{app.url}/changes"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(address) as slow,
        session.ws_connect(address) as page,
    ):
        for each in (slow, page):
            await each.send_json({"type": "start", "position": None})
            assert (await each.receive_json())["type"] == "watching"
        number = 400
        await things.insert_many([{"text": 20_000 * "x"} for _ in range(number)])
        for _ in range(number):
            assert (await page.receive_json())["type"] == "change"


async def test_a_port_in_use_is_said(app: Program):
    with pytest.raises(RuntimeError, match="in use"):
        async with running(TORNADO, "--uri", "mongodb://127.0.0.1:1", "--port", str(app.port)):
            pass


async def test_there_is_a_limit_to_the_pages(app: Program):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        sockets = [await session.ws_connect(f"{app.url}/changes") for _ in range(200)]
        async with session.ws_connect(f"{app.url}/changes") as one_more:
            assert (await one_more.receive()).type is aiohttp.WSMsgType.CLOSE
            assert one_more.close_code == 1013
        for socket in sockets:
            await socket.close()
