"""The same application on Motor 3.7.1 and on this Motor answers the same, but where Motor 4 answers better."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gridfs import GridFS
from pymongo.synchronous.database import Database

from tests.environments import MOTOR_3, clean_variables, environment
from tests.web.differences import DELIBERATE, FILES, FRACTION, UPLOADED, Answer, Request, requests
from tests.web.sites import HOST

FOLDER = Path(__file__).parent

TEXT = b"some text, " * 50_000


@pytest.fixture(scope="module")
def motor_3() -> Path:
    """The interpreter of an environment with Motor 3.7.1."""
    return environment(*MOTOR_3)


@asynccontextmanager
async def running(python: str | Path, program: str, *arguments: str) -> AsyncIterator[int]:
    """The port of that program of this folder, run by that interpreter."""
    process = await asyncio.create_subprocess_exec(
        *(python, FOLDER / program, *arguments),
        env=clean_variables(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def ask(session: aiohttp.ClientSession, port: int, request: Request) -> Answer:
    """What the application on that port answers."""
    url = f"http://{HOST}:{port}{request.path}"
    async with session.request(request.method, url, headers=request.headers) as response:
        headers = {name.title(): value for name, value in response.headers.items() if name not in ("Date", "Server")}
        return Answer(response.status, headers, await response.read())


async def test_answers(motor_3: Path, framework: str, uri: str, database: Database[Any], files: GridFS):
    for name, options in FILES.items():
        files.put(b"" if name == "empty.txt" else TEXT, filename=name, **options)
        uploaded = UPLOADED + FRACTION if name == "fraction.txt" else UPLOADED
        database["fs.files"].update_one({"filename": name}, {"$set": {"uploadDate": uploaded}})
    unexplained: list[str] = []
    explained: set[str] = set()
    program = "motor_3_application.py"
    async with (
        running(motor_3, program, framework, uri, database.name) as old_port,
        running(sys.executable, program, framework, uri, database.name) as new_port,
        aiohttp.ClientSession() as session,
    ):
        etag = (await ask(session, old_port, Request("/name/text.txt"))).headers["Etag"]
        for request in requests(etag, UPLOADED):
            old, new = await asyncio.gather(*(ask(session, port, request) for port in (old_port, new_port)))
            reasons = [each for each in DELIBERATE if each.applies(framework, request, old, new)]
            explained.update(each.reason for each in reasons)
            unexplained += [
                f"{request}: {part} {old.part(part)!r:.80} became {new.part(part)!r:.80}"
                for part in old.differences(new)
                if not any(part in reason.parts for reason in reasons)
            ]
    assert unexplained == []
    # Each of the list is still so.
    assert explained == {each.reason for each in DELIBERATE if each.framework in (None, framework)}


async def test_the_guides_program(uri: str, database: Database[Any]):
    # Not on Motor 3.7.1, whose client is of no use any more when its first loop is closed.
    async with (
        running(sys.executable, "compressed_application.py", uri, database.name) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://{HOST}:{port}/fs/my_file") as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Encoding"] == "gzip"
        assert await response.text() == "Such stuff as dreams are made on\n" * 1000
