"""What applications override: the file, its time in caches, its headers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import aiohttp.web
import pytest
from bson import ObjectId
from gridfs import GridFS
from pymongo.synchronous.database import Database

from motor.aiohttp import AIOHTTPGridFS
from motor.api.gridfs.bucket import AgnosticGridFSBucket
from motor.api.gridfs.grid_out import AgnosticGridOut
from motor.motor_asyncio import AsyncIOMotorDatabase
from tests.web.sites import HOST, Hooks, listening, serving


async def test_another_file(framework: str, uri: str, db: AsyncIOMotorDatabase, files: GridFS, browser: Any):
    stored = files.put(b"by id", filename="x.png")

    def by_id(bucket: AgnosticGridFSBucket, filename: str, request: Any) -> Any:
        return bucket.open_download_stream(ObjectId(filename))

    async def by_id_later(bucket: AgnosticGridFSBucket, filename: str, request: Any) -> Any:
        assert request.headers["Host"].startswith("127.0.0.1")
        return await by_id(bucket, filename, request)

    for hook in (by_id, by_id_later):
        async with serving(framework, uri, db.name, Hooks(file=hook)) as site:
            async with browser.get(site.url(str(stored))) as response:
                assert response.status == 200
                assert response.headers["Content-Type"] == "image/png"
                assert await response.read() == b"by id"
            for name in ("x.png", str(ObjectId()), "", "%00"):
                async with browser.get(site.url(name)) as response:
                    assert response.status == 404


async def test_time_in_caches(framework: str, uri: str, db: AsyncIOMotorDatabase, files: GridFS, browser: Any):
    stored = files.get(files.put(b"x", filename="x.png"))
    seen: list[tuple[str, datetime, str]] = []

    def ten_seconds(path: str, modified: datetime, mime_type: str) -> int:
        seen.append((path, modified.replace(microsecond=0), mime_type))
        return 10

    async with serving(framework, uri, db.name, Hooks(cache_time=ten_seconds)) as site:
        before = datetime.now(timezone.utc).replace(microsecond=0)
        for headers, status in (({}, 200), ({"If-None-Match": "*"}, 304), ({"Range": "bytes=0-"}, 206)):
            async with browser.get(site.url("x.png"), headers=headers) as response:
                assert response.status == status
                assert response.headers["Cache-Control"] == "max-age=10"
                expires = parsedate_to_datetime(response.headers["Expires"])
                assert timedelta(seconds=10) <= expires - before < timedelta(seconds=70)
        for headers, status in (({"If-Match": '"x"'}, 412), ({"Range": "bytes=1-"}, 416)):
            async with browser.get(site.url("x.png"), headers=headers) as response:
                assert response.status == status
                assert "Expires" not in response.headers
                assert "Cache-Control" not in response.headers
    path = "x.png" if framework == "tornado" else "/files/x.png"
    assert set(seen) == {(path, stored.upload_date.replace(microsecond=0), "image/png")}


async def test_public_is_what_an_application_says(
    framework: str, uri: str, db: AsyncIOMotorDatabase, files: GridFS, browser: Any
):
    files.put(b"x", filename="x")

    def public(set_header: Any, grid_out: AgnosticGridOut) -> None:
        set_header("Cache-Control", "public, max-age=10")

    def not_at_all(set_header: Any, grid_out: AgnosticGridOut) -> None:
        pass

    authorized = {"Authorization": "Bearer ann"}
    for headers, cache_time, asked, expected in (
        (not_at_all, 0, {}, "private"),
        (not_at_all, 0, authorized, "private"),
        (not_at_all, 10, {}, "max-age=10"),
        (not_at_all, 10, authorized, "private, max-age=10"),
        (public, 0, {}, "public, max-age=10"),
        (public, 0, authorized, "private, max-age=10"),
    ):
        hooks = Hooks(headers=headers, cache_time=lambda *arguments, seconds=cache_time: seconds)
        async with serving(framework, uri, db.name, hooks) as site:
            for more in ({}, {"Range": "bytes=0-"}, {"If-None-Match": "*"}):
                async with browser.get(site.url("x"), headers={**asked, **more}) as response:
                    assert response.headers.getall("Cache-Control") == [expected]


async def test_other_headers(framework: str, uri: str, db: AsyncIOMotorDatabase, files: GridFS, browser: Any):
    files.put(b"compressed", filename="x", metadata={"compressed": True, "etag": 'W/"own"'})

    def headers(set_header: Any, grid_out: AgnosticGridOut) -> None:
        assert grid_out.metadata is not None
        if grid_out.metadata.get("compressed"):
            set_header("Content-Encoding", "gzip")
        set_header("Etag", grid_out.metadata["etag"])
        set_header("Cache-Control", "no-cache")
        set_header("Content-Type", "text/css")
        set_header("X-Own", "own")

    async with serving(framework, uri, db.name, Hooks(headers=headers)) as site:
        async with browser.get(site.url("x")) as response:
            assert response.status == 200
            assert response.headers["Content-Encoding"] == "gzip"
            assert response.headers["Cache-Control"] == "no-cache"
            assert response.headers["Content-Type"] == "text/css"
            assert response.headers["X-Own"] == "own"
            assert await response.read() == b"compressed"
        # What the client has is the file that this entity tag names.
        for tag, status in (('"own"', 304), ('"other"', 200)):
            async with browser.get(site.url("x"), headers={"If-None-Match": tag}) as response:
                assert response.status == status
        # A range is one of the compressed bytes.
        async with browser.get(site.url("x"), headers={"Range": "bytes=0-3"}) as response:
            assert response.status == 206
            assert response.headers["Content-Encoding"] == "gzip"
            assert await response.read() == b"comp"
        async with browser.get(site.url("x"), headers={"Range": "bytes=99-"}) as response:
            assert response.status == 416
            assert response.headers["X-Own"] == "own"
            assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: b=c", "a\nb", "a\0b"])
async def test_a_header_made_of_a_name_is_one_header(
    framework: str, uri: str, db: AsyncIOMotorDatabase, files: GridFS, browser: Any, name: str
):
    stored = files.put(b"x", filename=name)

    def by_id(bucket: AgnosticGridFSBucket, filename: str, request: Any) -> Any:
        return bucket.open_download_stream(ObjectId(filename))

    def headers(set_header: Any, grid_out: AgnosticGridOut) -> None:
        set_header("Content-Disposition", f'attachment; filename="{grid_out.filename}"')

    async with serving(framework, uri, db.name, Hooks(file=by_id, headers=headers)) as site:
        answer = await site.raw(f"GET /files/{stored} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert b"Set-Cookie" not in answer
    # The framework itself refuses to send it, in its own words; aiohttp minds line breaks only.
    assert answer.startswith(b"HTTP/1.1 500 ") or (framework == "aiohttp" and "\0" in name)


async def test_another_bucket(framework: str, uri: str, database: Database[Any], files: GridFS, browser: Any):
    files.put(b"elsewhere", filename="x")
    GridFS(database, "a.b").put(b"here", filename="y")
    async with serving(framework, uri, database.name, bucket="a.b") as site:
        async with browser.get(site.url("y")) as response:
            assert await response.read() == b"here"
        async with browser.get(site.url("x")) as response:
            assert response.status == 404


async def test_an_error_in_a_hook_is_the_servers(
    framework: str, uri: str, db: AsyncIOMotorDatabase, files: GridFS, browser: Any
):
    files.put(b"x", filename="x")

    def broken(*arguments: Any) -> Any:
        raise RuntimeError("broken")

    for hooks in (Hooks(file=broken), Hooks(cache_time=broken), Hooks(headers=broken)):
        async with serving(framework, uri, db.name, hooks) as site, browser.get(site.url("x")) as response:
            assert response.status == 500
            assert b"broken" not in await response.read()


async def test_a_route_without_a_name(db: AsyncIOMotorDatabase, browser: Any):
    application = aiohttp.web.Application()
    application.router.add_get("/x/{wrong}", AIOHTTPGridFS(db))
    async with listening(application) as port, browser.get(f"http://{HOST}:{port}/x/y") as response:
        assert response.status == 500
        assert 'Bad AIOHTTPGridFS route "/x/{wrong}"' in await response.text()


def test_a_database_of_another_kind():
    with pytest.raises(TypeError, match="First argument to AIOHTTPGridFS must be AsyncIOMotorDatabase"):
        AIOHTTPGridFS("test")  # type: ignore[arg-type]
