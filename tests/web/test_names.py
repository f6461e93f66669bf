"""Whatever stands in the URL is the name of a file in the bucket, and nothing else."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from gridfs import GridFS

from tests.web.sites import Site

NAMES = [
    "plain",
    "with space & more?#%",
    "a/b/c.txt",
    "../../etc/passwd",
    "..",
    "C:\\x\\y",
    "fs.chunks",
    "$where",
    '{"$gt": ""}',
    "[object]",
    "ünïcödé ☀ 東京.png",
    "nul\0byte",
    "line\r\nbreak: x",
    "<script>alert(1)</script>",
    "data:text/html,x",
    "x" * 3000,
]

TARGETS = [
    *(b"/files/", b"/files/%", b"/files/%ff", b"/files/%c3%28", b"/files/%ed%a0%80", b"/files/%u0000", b"/files/\xff"),
    *(
        b"/files/../files/x",
        b"//files/x",
        b"/files/?filename=x&_id=1",
        b"/files/x%00",
        b"/files/x/",
        b"/files/%24where",
    ),
]


async def test_names(site: Site, files: GridFS):
    for name in NAMES:
        request = f"GET /files/{quote(name, safe='')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        assert (await site.raw(request)).startswith(b"HTTP/1.1 404 "), name
        (command,) = site.commands.of("find")
        assert (command["find"], command["filter"]) == ("fs.files", {"filename": name})
        contents = f"the bytes of {name!r}".encode()
        files.put(contents, filename=name)
        answer = await site.raw(request)
        assert answer.startswith(b"HTTP/1.1 200 "), name
        assert answer.endswith(b"\r\n\r\n" + contents)
        site.commands.clear()


@pytest.mark.parametrize("parser", [HttpRequestParser, HttpRequestParserPy])
async def test_what_names_no_file(site: Site, files: GridFS, parser: type, monkeypatch: pytest.MonkeyPatch):
    # Which one aiohttp has depends on whether there is a wheel for the Python that is used.
    monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", parser)
    files.put(b"secret", filename="x")
    files.put(b"secret", metadata={"no": "name"})
    for target in TARGETS:
        answer = await site.raw(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.split(b" ", 2)[1] in (b"400", b"404"), target
        assert b"secret" not in answer
