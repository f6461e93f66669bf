"""The CRUD service: its own tests pass, and it answers what its README shows."""

import argparse
import asyncio
import json
import re
import shlex
import sys
from pathlib import Path

import aiohttp

from tests.examples.bodies import answer, chunked
from tests.examples.programs import EXAMPLES, PATIENCE, finish, running
from tests.examples.readme import output

EXAMPLE = EXAMPLES / "fastapi_crud" / "main.py"

ADDRESS = "http://127.0.0.1:8891"
OBJECT_ID = re.compile(r"\b[0-9a-f]{24}\b")


async def test_its_own_tests_pass(tmp_path: Path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE.parent)),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    status, printed = await finish(process, 4 * PATIENCE)
    assert status == 0, printed
    assert re.search(r"^\d passed in ", printed, re.MULTILINE), printed


async def curl(session: aiohttp.ClientSession, command: str) -> str:
    """What curl prints, for those of its options that the README has."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-X", dest="method")
    parser.add_argument("--json")
    parser.add_argument("url")
    asked = parser.parse_args(shlex.split(command)[1:])
    method = asked.method or ("POST" if asked.json else "GET")
    headers = {"Content-Type": "application/json"}
    async with session.request(method, asked.url, data=asked.json, headers=headers) as response:
        return await response.text()


async def test_strangers_are_refused():
    book = {"title": "Emma", "author": "Austen", "year": 1815, "isbn": "9780000000001"}
    async with running(EXAMPLE, "--port", "0") as program, aiohttp.ClientSession() as session:
        address = f"{program.url}/books"
        # A page whose own name leads here.
        foreign = {"Host": "example.com"}
        for asked in (session.get(address, headers=foreign), session.post(address, headers=foreign, json=book)):
            async with asked as response:
                assert response.status == 400
        # What a page from elsewhere can send without asking first, and what it has to ask for.
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            async with session.post(address, data=json.dumps(book), headers={"Content-Type": kind}) as response:
                assert response.status == 422
        for method in ("POST", "PATCH", "DELETE"):
            headers = {"Origin": "http://example.com", "Access-Control-Request-Method": method}
            async with session.options(address, headers=headers) as response:
                assert "Access-Control-Allow-Origin" not in response.headers
                assert response.status == 405
        async with session.get(address) as response:
            assert await response.json() == {"books": [], "total": 0}


async def test_a_body_has_a_limit():
    async with running(EXAMPLE, "--port", "0") as program:
        post = "POST /books\nContent-Type: application/json\n"
        announced = await answer(program.port, f"{post} Content-Length: 1000000000")
        sent = await answer(program.port, f"{post} Transfer-Encoding: chunked", chunked(20_000))
    assert announced.startswith(b"HTTP/1.1 413 ")
    assert sent.startswith(b"HTTP/1.1 413 ")


async def test_it_answers_what_the_readme_shows():
    exchanges = re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", output(EXAMPLE), re.MULTILINE)
    assert len(exchanges) == 7
    shown_id = OBJECT_ID.findall(output(EXAMPLE))[0]
    actual_id = shown_id
    async with running(EXAMPLE, "--port", "0") as program, aiohttp.ClientSession() as session:
        for command, shown in exchanges:
            answer = await curl(session, command.replace(ADDRESS, program.url).replace(shown_id, actual_id))
            if command == exchanges[0][0]:
                (actual_id,) = OBJECT_ID.findall(answer)
            assert answer.replace(actual_id, shown_id) == shown.removesuffix("\n")
