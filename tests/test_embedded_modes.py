"""What `motor.embedded` keeps on the disk is for the user whose server it is, and for nobody else on the machine."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

from motor.embedded import Server

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no file modes")


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """Others may read what this process writes."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(path: Path) -> dict[str, str]:
    """Who may do what with the folder and everything in it, by its relative path."""
    return {str(each.relative_to(path)): oct(stat.S_IMODE(each.stat().st_mode)) for each in (path, *path.rglob("*"))}


@pytest.mark.parametrize("kind", ["temporary", "new", "empty", "in use"])
def test_nobody_else_reads_the_data(tmp_path: Path, kind: str) -> None:
    path = None if kind == "temporary" else tmp_path / "parent" / "data"
    expected = {".": "0o700"}
    if path is not None and kind != "new":
        path.mkdir(parents=True, mode=0o755)
    if path is not None and kind == "in use":
        # It may be a folder that others need: it stays as it is.
        (path / "notes.txt").touch()
        expected = {".": "0o755", "notes.txt": "0o644"}
    for _ in range(1 if path is None else 2):
        with Server(path=path) as server:
            with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
                client.library.books.insert_one({"title": "Emma"})
            found = modes(server.path)
        assert {name: found.pop(name) for name in expected} == expected
        assert len(found) > 3
        assert set(found.values()) <= {"0o600", "0o700"}
