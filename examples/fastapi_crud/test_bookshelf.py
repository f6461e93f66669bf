"""The service, asked as its users would."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

import motor.embedded

from bookshelf.app import create_app

EMMA = {"title": "Emma", "author": "Austen", "year": 1815, "isbn": "9780000000001"}
PERSUASION = {"title": "Persuasion", "author": "Austen", "year": 1817, "isbn": "9780000000002"}
MIDDLEMARCH = {"title": "Middlemarch", "author": "Eliot", "year": 1871, "isbn": "9780000000003"}


async def add(service: httpx.AsyncClient, book: dict[str, Any]) -> dict[str, Any]:
    """Store a book; what comes back is what the service says of it."""
    answer = await service.post("/books", json=book)
    assert answer.status_code == 201, answer.text
    stored: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/books/{stored['id']}"
    return stored


async def test_a_book_comes_and_goes(service: httpx.AsyncClient) -> None:
    stored = await add(service, EMMA)
    assert stored == {**EMMA, "id": stored["id"], "version": 1}
    address = f"/books/{stored['id']}"
    assert (await service.get(address)).json() == stored

    changed = await service.patch(address, json={"version": 1, "year": 1816})
    assert changed.json() == {**stored, "year": 1816, "version": 2}
    assert (await service.get(address)).json() == changed.json()

    assert (await service.delete(address)).status_code == 204
    for asked in (service.get(address), service.delete(address), service.patch(address, json={"version": 2})):
        assert (await asked).status_code == 404


async def test_a_list_is_filtered_sorted_and_paged(service: httpx.AsyncClient) -> None:
    for book in (MIDDLEMARCH, EMMA, PERSUASION):
        await add(service, book)

    async def titles(**asked: str | int) -> tuple[list[str], int]:
        answer = (await service.get("/books", params=asked)).json()
        return [book["title"] for book in answer["books"]], answer["total"]

    assert await titles() == (["Emma", "Middlemarch", "Persuasion"], 3)
    assert await titles(author="Austen", sort="-year") == (["Persuasion", "Emma"], 2)
    assert await titles(since=1816, sort="year") == (["Persuasion", "Middlemarch"], 2)
    assert await titles(limit=2) == (["Emma", "Middlemarch"], 3)
    assert await titles(limit=2, skip=2) == (["Persuasion"], 3)
    assert await titles(author="Joyce") == ([], 0)


async def test_an_isbn_belongs_to_one_book(service: httpx.AsyncClient) -> None:
    await add(service, EMMA)
    other = await add(service, PERSUASION)
    assert (await service.post("/books", json=EMMA)).status_code == 409
    changed = await service.patch(f"/books/{other['id']}", json={"version": 1, "isbn": EMMA["isbn"]})
    assert changed.status_code == 409
    assert (await service.get(f"/books/{other['id']}")).json() == other


async def test_of_changes_at_once_one_succeeds(service: httpx.AsyncClient) -> None:
    address = f"/books/{(await add(service, EMMA))['id']}"
    changes = [{"version": 1, "year": 1800 + number} for number in range(10)]
    answers = await asyncio.gather(*(service.patch(address, json=change) for change in changes))
    assert sorted(answer.status_code for answer in answers) == [200] + 9 * [409]
    (changed,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert (await service.get(address)).json() == changed
    late = await service.patch(address, json={"version": 1, "title": "Late"})
    assert late.json() == {"detail": "The book has been changed since, and is version 2 now: read it again."}


async def test_what_is_no_book_is_refused(service: httpx.AsyncClient) -> None:
    address = f"/books/{(await add(service, EMMA))['id']}"
    wrongs: list[dict[str, Any]] = [
        *({"year": "long ago"}, {"year": 10**30}, {"isbn": "0"}),
        *({"title": ""}, {"title": {"$ne": ""}}, {"more": 1}),
    ]
    for wrong in wrongs:
        assert (await service.post("/books", json={**PERSUASION, **wrong})).status_code == 422, wrong
        assert (await service.patch(address, json={"version": 1, **wrong})).status_code == 422, wrong
    assert (await service.get("/books")).json()["total"] == 1


async def test_what_makes_no_sense_is_refused(service: httpx.AsyncClient) -> None:
    for path in ("/books/emma", "/books?sort=isbn", "/books?limit=1000", "/books?skip=-1", "/books?since=1e99"):
        assert (await service.get(path)).status_code == 422, path


async def test_strangers_are_refused(service: httpx.AsyncClient) -> None:
    # A page from elsewhere whose name leads here, and what such a page may send without being asked whether it may.
    assert (await service.get("/books", headers={"Host": "example.com"})).status_code == 400
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        sent = await service.post("/books", content=json.dumps(EMMA), headers={"Content-Type": kind})
        assert sent.status_code == 422, kind
    # More than any book.
    assert (await service.post("/books", json={**EMMA, "title": 20_000 * "x"})).status_code == 413
    assert (await service.get("/books")).json() == {"books": [], "total": 0}


async def test_a_query_is_no_operator(service: httpx.AsyncClient) -> None:
    await add(service, EMMA)
    for name, value in (("author", '{"$ne": ""}'), ("author", "$ne"), ("author[$ne]", ""), ("$where", "1")):
        found = (await service.get("/books", params={name: value})).json()
        assert found["total"] == (0 if name == "author" else 1), name


async def test_a_database_that_goes_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        async with motor.embedded.Server(path=tmp_path) as server:
            monkeypatch.setenv("MONGODB_URI", server.uri)
            port, app = server.port, create_app()
            await stack.enter_async_context(app.router.lifespan_context(app))
            service = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
            await stack.enter_async_context(service)
            assert (await service.get("/health")).json() == {"database": "there"}
        away = await asyncio.wait_for(service.get("/health"), 60)  # a service that hangs fails the test
        assert away.status_code == 503
        assert away.json()["detail"].startswith("The database: ")
        async with motor.embedded.Server(port, tmp_path):
            while (await service.get("/health")).status_code == 503:
                pass
            assert (await service.get("/health")).json() == {"database": "there"}
