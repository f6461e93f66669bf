"""No example shows a connection string with a password: what a program prints ends in logs, and on others' screens."""

import os
from pathlib import Path

import aiohttp
import pytest

from tests.examples.programs import EXAMPLES, FASTAPI, TORNADO, finish, launch, running

PASSWORD = "S3CRETpw"

# Nothing listens on port 1.
URI = f"mongodb://ann:{PASSWORD}@127.0.0.1:1/?serverSelectionTimeoutMS=100"

GRIDFS = EXAMPLES / "aiohttp_gridfs" / "app.py"


@pytest.mark.parametrize(
    ("example", "path"),
    [(TORNADO, "/"), (FASTAPI, "/"), (GRIDFS, "/files")],
    ids=lambda value: value.parent.name if isinstance(value, Path) else "",
)
async def test_a_web_server(example: Path, path: str):
    async with (
        running(example, "--uri", URI, "--port", "0") as program,
        aiohttp.ClientSession() as session,
        session.get(program.url + path) as response,
    ):
        shown = await response.text()
    assert program.output
    assert PASSWORD not in program.output + shown


@pytest.mark.parametrize("arguments", [["--uri", URI], []], ids=["by option", "by environment"])
async def test_the_service(arguments: list[str], monkeypatch: pytest.MonkeyPatch):
    if not arguments:
        monkeypatch.setitem(os.environ, "MONGODB_URI", URI)
    # It makes its indexes first, and ends with the error.
    status, printed = await finish(await launch(EXAMPLES / "fastapi_crud" / "main.py", *arguments, "--port", "0"))
    assert status != 0
    assert "127.0.0.1:1" in printed
    assert PASSWORD not in printed


@pytest.mark.parametrize("name", ["quickstart/app.py", "transactions/app.py", "worker/app.py"])
async def test_a_program(name: str):
    status, printed = await finish(await launch(EXAMPLES / name, "--uri", URI))
    assert status != 0
    assert "127.0.0.1:1" in printed
    assert PASSWORD not in printed


async def test_the_worker():
    process = await launch(EXAMPLES / "worker" / "worker.py", "--uri", URI)
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(2)]
    process.terminate()
    _, rest = await finish(process)
    assert b"trying again" in lines[0]
    assert PASSWORD not in b"".join(lines).decode() + rest
