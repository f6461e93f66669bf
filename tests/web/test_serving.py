"""Files over HTTP: whole, in part, not at all because the client has them, and not there."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from gridfs import GridFS, GridOut
from pymongo.synchronous.database import Database

from motor.file_response import http_date
from tests.web.sites import Site, serving

CONTENTS = b"".join(number.to_bytes(4, "big") for number in range(150_000))
"""600,000 bytes, so three chunks; every four of them are others."""


@pytest.fixture
def stored(files: GridFS) -> GridOut:
    """`CONTENTS` as "file.bin"."""
    return files.get(files.put(CONTENTS, filename="file.bin", content_type="my type"))


async def test_the_whole_file(site: Site, stored: GridOut, browser: aiohttp.ClientSession):
    async with browser.get(site.url("file.bin")) as response:
        assert response.status == 200
        assert await response.read() == CONTENTS
        described = dict(response.headers)
    assert described["Content-Length"] == str(len(CONTENTS))
    assert described["Content-Type"] == "my type"
    assert described["Cache-Control"] == "private"
    assert described["Accept-Ranges"] == "bytes"
    assert described["Last-Modified"] == http_date(stored.upload_date)
    assert re.fullmatch('"[0-9a-f]{64}"', described["Etag"])
    assert "Expires" not in described
    assert "Transfer-Encoding" not in described
    assert "Set-Cookie" not in described

    site.commands.clear()
    async with browser.head(site.url("file.bin"), headers={"Range": "bytes=0-9"}) as response:
        assert response.status == 200
        assert await response.read() == b""
        headers = dict(response.headers)
    del described["Date"], headers["Date"]
    assert headers == described
    # Only the file's document was read.
    assert [command["find"] for command in site.commands.of("find")] == ["fs.files"]


async def test_an_empty_file(site: Site, files: GridFS, browser: aiohttp.ClientSession):
    files.put(b"", filename="empty.html")
    for method in ("GET", "HEAD"):
        async with browser.request(method, site.url("empty.html")) as response:
            assert response.status == 200
            assert response.headers["Content-Length"] == "0"
            assert response.headers["Content-Type"] == "text/html"
            assert await response.read() == b""
    async with browser.get(site.url("empty.html"), headers={"Range": "bytes=0-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == "bytes */0"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, 599_999),
        ("bytes=599999-", 599_999, 599_999),
        ("bytes=-1", 599_999, 599_999),
        ("bytes=-700000", 0, 599_999),
        ("bytes=261119-261120", 261_119, 261_120),
        ("bytes=261120-522239", 261_120, 522_239),
        ("bytes=3-598000", 3, 598_000),
        ("bytes=500000-9999999999", 500_000, 599_999),
    ],
)
async def test_a_range(site: Site, stored: GridOut, browser: aiohttp.ClientSession, asked: str, first: int, last: int):
    async with browser.get(site.url("file.bin"), headers={"Range": asked}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {first}-{last}/600000"
        assert response.headers["Content-Length"] == str(last - first + 1)
        assert response.headers["Content-Type"] == "my type"
        assert response.headers["Etag"].startswith('"')
        assert await response.read() == CONTENTS[first : last + 1]


async def test_a_range_reads_no_chunk_before_it(site: Site, stored: GridOut, browser: aiohttp.ClientSession):
    async with browser.get(site.url("file.bin"), headers={"Range": "bytes=522240-522249"}) as response:
        assert await response.read() == CONTENTS[522_240:522_250]
    (chunks,) = (command for command in site.commands.of("find") if command["find"] == "fs.chunks")
    assert chunks["filter"]["n"] == {"$gte": 2}


async def test_chunks_of_any_size(site: Site, files: GridFS, browser: aiohttp.ClientSession):
    for size, contents in ((7, CONTENTS[:3000]), (2_000_000, CONTENTS * 5)):
        name = f"{size}.bin"
        files.put(contents, filename=name, chunkSize=size)
        for first, last in ((0, len(contents) - 1), (6, 7), (13, 13), (1000, 2999)):
            async with browser.get(site.url(name), headers={"Range": f"bytes={first}-{last}"}) as response:
                assert await response.read() == contents[first : last + 1]


async def test_a_length_that_javascript_has_written(
    site: Site, database: Database[Any], stored: GridOut, browser: aiohttp.ClientSession
):
    database["fs.files"].update_one({"_id": stored._id}, {"$set": {"length": 600_000.0}})
    for headers, expected in (({}, CONTENTS), ({"Range": "bytes=-4"}, CONTENTS[-4:])):
        async with browser.get(site.url("file.bin"), headers=headers) as response:
            assert response.headers["Content-Length"] == str(len(expected))
            assert await response.read() == expected


async def test_no_range(site: Site, stored: GridOut, browser: aiohttp.ClientSession):
    for asked in ("bytes=600000-", "bytes=-0"):
        async with browser.get(site.url("file.bin"), headers={"Range": asked}) as response:
            assert response.status == 416
            assert response.headers["Content-Range"] == "bytes */600000"
            assert response.headers["Content-Length"] == "0"
            assert "Cache-Control" not in response.headers
            assert response.headers.get("Content-Type") != "my type"
            assert await response.read() == b""
    for asked in ("bytes=0-1,5-6", "bytes=2-1", "chunks=0-1", "nonsense"):
        async with browser.get(site.url("file.bin"), headers={"Range": asked}) as response:
            assert response.status == 200
            assert "Content-Range" not in response.headers
            assert await response.read() == CONTENTS


async def test_what_the_client_has(site: Site, stored: GridOut, browser: aiohttp.ClientSession):
    async with browser.head(site.url("file.bin")) as response:
        etag, modified = response.headers["Etag"], response.headers["Last-Modified"]
    moment = parsedate_to_datetime(modified)
    second = timedelta(seconds=1)
    requests: list[tuple[dict[str, str], int]] = [
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": f'W/{etag}, "x"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": etag, "Range": "bytes=0-9"}, 304),
        ({"If-None-Match": '"x"', "If-Modified-Since": modified}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": http_date(moment + second)}, 304),
        ({"If-Modified-Since": http_date(moment - second)}, 200),
        ({"If-Modified-Since": "nonsense"}, 200),
        ({"If-Match": etag}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Unmodified-Since": http_date(moment - second)}, 412),
        ({"If-Unmodified-Since": modified}, 200),
        ({"If-Range": etag, "Range": "bytes=0-9"}, 206),
        ({"If-Range": modified, "Range": "bytes=0-9"}, 206),
        ({"If-Range": '"x"', "Range": "bytes=0-9"}, 200),
        ({"If-Range": http_date(moment - second), "Range": "bytes=0-9"}, 200),
    ]
    bodies = {200: CONTENTS, 206: CONTENTS[:10], 304: b"", 412: b""}
    for headers, status in requests:
        async with browser.get(site.url("file.bin"), headers=headers) as response:
            assert response.status == status, headers
            assert await response.read() == bodies[status]
            if status != 412:
                assert response.headers["Etag"] == etag
                assert response.headers["Cache-Control"] == "private"
            else:
                assert "Cache-Control" not in response.headers
        if "Range" not in headers:
            async with browser.head(site.url("file.bin"), headers=headers) as response:
                assert response.status == status, headers


async def test_a_header_in_two_lines(site: Site, stored: GridOut, browser: aiohttp.ClientSession):
    async with browser.head(site.url("file.bin")) as response:
        etag = response.headers["Etag"]
    answer = await site.raw(
        b"GET /files/file.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b'If-None-Match: "x"\r\nIf-None-Match: ' + etag.encode() + b"\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 304 ")


async def test_http_1_0(site: Site, stored: GridOut):
    head, _, body = (await site.raw(b"GET /files/file.bin HTTP/1.0\r\n\r\n")).partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == b"200"
    assert b"Content-Length: 600000" in head
    assert body == CONTENTS


async def test_a_new_revision(
    site: Site, database: Database[Any], stored: GridOut, files: GridFS, browser: aiohttp.ClientSession
):
    async with browser.get(site.url("file.bin")) as response:
        etag = response.headers["Etag"]
    later = {"uploadDate": stored.upload_date + timedelta(milliseconds=1)}
    database["fs.files"].update_one({"_id": files.put(b"new", filename="file.bin")}, {"$set": later})
    for headers in ({"If-None-Match": etag}, {"Range": "bytes=0-599999", "If-Range": etag}):
        async with browser.get(site.url("file.bin"), headers=headers) as response:
            assert response.status == 200
            assert response.headers["Etag"] != etag
            assert await response.read() == b"new"


async def test_types(site: Site, files: GridFS, browser: aiohttp.ClientSession):
    for name, options, expected in (
        ("a.png", {}, "image/png"),
        ("a.html", {}, "text/html"),
        ("a", {}, "application/octet-stream"),
        ("b", {"metadata": {"contentType": "video/webm"}}, "video/webm"),
        ("c.png", {"contentType": "text/html; charset=utf-8"}, "text/html; charset=utf-8"),
        ("d.png", {"contentType": "text/html\r\nSet-Cookie: a=b"}, "image/png"),
        ("e.png", {"contentType": "text/html\0"}, "image/png"),
    ):
        files.put(b"x", filename=name, **options)
        for method in ("GET", "HEAD"):
            async with browser.request(method, site.url(name)) as response:
                assert (response.status, response.headers["Content-Type"]) == (200, expected)
                assert "Set-Cookie" not in response.headers


async def test_a_client_that_is_aware_of_time_zones(
    framework: str, uri: str, database: Database[Any], stored: GridOut, browser: aiohttp.ClientSession
):
    async with serving(framework, uri, database.name, tz_aware=True) as site:
        async with browser.get(site.url("file.bin")) as response:
            modified = response.headers["Last-Modified"]
            assert modified == http_date(stored.upload_date)
        for minutes, status in ((-10, 200), (0, 304), (10, 304)):
            date = http_date(parsedate_to_datetime(modified) + timedelta(minutes=minutes))
            async with browser.get(site.url("file.bin"), headers={"If-Modified-Since": date}) as response:
                assert response.status == status


async def test_another_method(site: Site, stored: GridOut, browser: aiohttp.ClientSession):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        async with browser.request(method, site.url("file.bin"), data=b"x") as response:
            assert response.status == 405


async def test_no_browser_guesses_a_type(site: Site, stored: GridOut, browser: aiohttp.ClientSession):
    for name, headers, status in (
        ("file.bin", {}, 200),
        ("file.bin", {"Range": "bytes=5-9"}, 206),
        ("file.bin", {"If-None-Match": "*"}, 304),
        ("file.bin", {"If-Match": "x"}, 412),
        ("file.bin", {"Range": "bytes=600000-"}, 416),
        ("missing", {}, 404),
    ):
        for method in ("GET", "HEAD"):
            async with browser.request(method, site.url(name), headers=headers) as response:
                assert response.status == (200 if method == "HEAD" and status in (206, 416) else status)
                assert response.headers.getall("X-Content-Type-Options") == ["nosniff"]


async def test_connections_are_kept(site: Site, stored: GridOut):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        ports = set()
        for headers in (
            {},
            {"Range": "bytes=5-9"},
            {"Range": "bytes=600000-"},
            {"If-None-Match": "*"},
            {"If-Match": "x"},
        ):
            for name in ("file.bin", "missing"):
                for method in ("GET", "HEAD"):
                    async with session.request(method, site.url(name), headers=headers) as response:
                        assert response.connection is None or response.connection.transport is not None
                        if response.connection is not None and response.connection.transport is not None:
                            ports.add(response.connection.transport.get_extra_info("sockname"))
                        await response.read()
        assert len(ports) == 1
