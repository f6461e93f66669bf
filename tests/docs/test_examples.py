"""Every Python block of the documentation runs as it stands, and prints what the page says that it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pymongo
import pytest

import motor.embedded
from tests.docs.pages import DOCS, examples, pages
from tests.docs.reader import Reader
from tests.docs.steps import files, tutorials

ADDRESS = "localhost:27017"
"""Where the pages' server is: what ``python -m motor.embedded --port 27017`` starts."""

KEPT = {"admin", "config", "local"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with motor.embedded.Server() as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture
def empty(address: str) -> Iterator[str]:
    """The address of a server without data."""
    yield address
    with closing(pymongo.MongoClient[Any](f"mongodb://{address}")) as client:
        for name in set(client.list_database_names()) - KEPT:
            client.drop_database(name)


def test_no_python_is_overlooked() -> None:
    assert examples("index.md")
    for page in pages():
        blocks = re.findall(r"(?:```|~~~|:::)\W*(?:code-block\W+)?py", (DOCS / page).read_text("utf-8"))
        of_tutorial = [file for file in files(page) if file.name.endswith(".py")] if page in tutorials() else []
        assert len(blocks) == len(examples(page)) + len(of_tutorial), page


@pytest.mark.parametrize("page", [page for page in pages() if examples(page)])
def test_page(page: str, empty: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader(page, {ADDRESS: empty})
    try:
        for example in examples(page):
            printed = reader.run(example)
            assert example.output is None or printed == example.output, f"{page}, line {example.line + 1}"
    finally:
        reader.close()
