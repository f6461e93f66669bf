"""What only one of the frameworks has: Tornado's handler classes and compression, aiohttp's responses."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import aiohttp.web
import pytest
from gridfs import GridFS
from tornado.web import Application

from motor.aiohttp import AIOHTTPGridFS
from motor.motor_asyncio import AsyncIOMotorDatabase
from motor.motor_tornado import MotorClient
from motor.web import GridFSHandler
from tests.web.sites import HOST, listening

TEXT = b"The same text again and again. " * 50_000


@pytest.fixture
async def arguments(uri: str, db: AsyncIOMotorDatabase) -> AsyncIterator[dict[str, Any]]:
    """What Tornado's handler is mapped with."""
    client: MotorClient = MotorClient(uri)
    yield {"database": client[db.name]}
    await client.close()


async def test_tornado_compresses_whole_files_only(arguments: dict[str, Any], files: GridFS, browser: Any):
    files.put(TEXT, filename="text.txt")
    files.put(TEXT, filename="sound.wav")
    application = Application([(r"/(.*)", GridFSHandler, arguments)], compress_response=True)
    accepting = {"Accept-Encoding": "gzip"}
    async with listening(application) as port:
        for headers in (accepting, {**accepting, "Range": "bytes=10-19"}):
            async with browser.get(f"http://{HOST}:{port}/text.txt", headers=headers) as response:
                assert response.status == 200
                assert response.headers["Content-Encoding"] == "gzip"
                assert "Accept-Ranges" not in response.headers
                assert gzip.decompress(await response.read()) == TEXT
        # As a browser asks for a part of a video.
        headers = {"Accept-Encoding": "identity;q=1, *;q=0", "Range": "bytes=10-19"}
        async with browser.get(f"http://{HOST}:{port}/sound.wav", headers=headers) as response:
            assert response.status == 206
            assert "Content-Encoding" not in response.headers
            assert await response.read() == TEXT[10:20]


async def test_aiohttp_compresses_whole_files_only(db: AsyncIOMotorDatabase, files: GridFS, browser: Any):
    files.put(TEXT, filename="text.txt")
    application = aiohttp.web.Application()
    handler = AIOHTTPGridFS(db, set_extra_headers=lambda response, grid_out: response.enable_compression())
    application.router.add_get("/{filename}", handler)
    async with listening(application) as port:
        for headers in ({}, {"Range": "bytes=10-19"}):
            headers["Accept-Encoding"] = "deflate"
            async with browser.get(f"http://{HOST}:{port}/text.txt", headers=headers) as response:
                assert response.status == 200
                assert response.headers["Content-Encoding"] == "deflate"
                assert "Accept-Ranges" not in response.headers
                assert zlib.decompress(await response.read()) == TEXT


async def test_a_tornado_handler_of_ones_own(arguments: dict[str, Any], files: GridFS, browser: Any):
    files.put(b"contents", filename="images/x.png")
    files.put(b"page", filename="images/")
    finished: list[int] = []

    class Images(GridFSHandler):
        def initialize(self, folder: str, **arguments: Any) -> None:  # type: ignore[override]
            super().initialize(**arguments)
            self.folder = folder

        async def get(self, path: str, include_body: bool = True) -> None:
            if path == "forbidden":
                self.send_error(403)
                return
            await super().get(f"{self.folder}/{path}", include_body)

        def get_cache_time(self, path: str, modified: Any, mime_type: str) -> int:
            return 60 if path == "images/x.png" and mime_type.startswith("image/") else 0

        def on_finish(self) -> None:
            finished.append(self.get_status())

    application = Application([(r"/i/(?P<path>.*)", Images, {"folder": "images", **arguments})])
    async with listening(application) as port:
        for method, body in (("GET", b"contents"), ("HEAD", b"")):
            async with browser.request(method, f"http://{HOST}:{port}/i/x.png") as response:
                assert response.status == 200
                assert response.headers["Content-Length"] == "8"
                assert response.headers["Cache-Control"] == "max-age=60"
                assert await response.read() == body
        async with browser.get(f"http://{HOST}:{port}/i/x.png", headers={"If-None-Match": "*"}) as response:
            assert response.status == 304
        async with browser.get(f"http://{HOST}:{port}/i/") as response:
            assert (response.status, await response.read()) == (200, b"page")
        async with browser.get(f"http://{HOST}:{port}/i/forbidden") as response:
            assert response.status == 403
    assert finished == [200, 200, 304, 200, 403]


async def test_a_group_that_matched_nothing(arguments: dict[str, Any], files: GridFS, browser: Any):
    files.put(b"default", filename="index.html")

    class Site(GridFSHandler):
        def get_gridfs_file(self, bucket: Any, filename: str | None, request: Any) -> Any:
            return bucket.open_download_stream_by_name(filename or "index.html")

    async with listening(Application([(r"/site(?:/(.*))?", Site, arguments)])) as port:
        for path in ("/site", "/site/"):
            async with browser.get(f"http://{HOST}:{port}{path}") as response:
                assert response.status == 200
                assert response.headers["Content-Type"] == "text/html"
                assert await response.read() == b"default"


async def test_aiohttp_middleware_sees_the_response(db: AsyncIOMotorDatabase, files: GridFS, browser: Any):
    files.put(b"contents", filename="x.png")
    seen: list[tuple[int, str | None]] = []

    @aiohttp.web.middleware
    async def middleware(request: aiohttp.web.Request, handler: Any) -> aiohttp.web.StreamResponse:
        try:
            response: aiohttp.web.StreamResponse = await handler(request)
        except aiohttp.web.HTTPException as error:
            seen.append((error.status, error.text))
            raise
        seen.append((response.status, response.headers.get("Content-Length")))
        return response

    application = aiohttp.web.Application(middlewares=[middleware])
    handler = AIOHTTPGridFS(db)
    application.router.add_get("/{filename}", handler)
    application.router.add_post("/{filename}", handler)
    requests = (("GET", "x.png", 200), ("HEAD", "x.png", 200), ("GET", "y", 404), ("POST", "x.png", 405))
    async with listening(application) as port:
        for method, path, status in requests:
            async with browser.request(method, f"http://{HOST}:{port}/{path}") as response:
                assert response.status == status
    assert seen == [(200, "8"), (200, "8"), (404, "/y"), (405, "405: Method Not Allowed")]
