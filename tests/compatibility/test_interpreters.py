"""Interpreters are found on the PATH and at pyenv's, and one that runs something else isn't taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compatibility.interpreters import interpreter


def script(path: Path, says: str) -> Path:
    """A program that answers what an interpreter is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python: its `bin` is on the PATH, its `pyenv` is pyenv's."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


def test_none(machine: Path) -> None:
    assert interpreter("3.99") is None


def test_the_path_comes_first(machine: Path) -> None:
    script(machine / "pyenv/versions/3.99.1/bin/python", "echo 3.99")
    wanted = script(machine / "bin/python3.99", "echo 3.99")
    assert interpreter("3.99") == wanted


def test_the_newest_of_pyenv(machine: Path) -> None:
    for patch in (2, 10, 9):
        script(machine / f"pyenv/versions/3.99.{patch}/bin/python", "echo 3.99")
    script(machine / "pyenv/versions/3.99.11t/bin/python", "echo 3.99")
    assert interpreter("3.99") == machine / "pyenv/versions/3.99.10/bin/python"


@pytest.mark.parametrize("says", ["echo 3.98", "exit 127"])
def test_one_that_runs_something_else(says: str, machine: Path) -> None:
    script(machine / "bin/python3.99", says)
    assert interpreter("3.99") is None
    wanted = script(machine / "pyenv/versions/3.99.1/bin/python", "echo 3.99")
    assert interpreter("3.99") == wanted
