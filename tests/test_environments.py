"""The virtual environments of the tests: made once, whole or not at all, and never silently missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import environments
from tests.environments import environment


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that would have been run, of environments in a folder of their own."""
    commands: list[tuple[str, ...]] = []

    def run(name: str, *command: str) -> None:
        commands.append(command)
        if command[2] == "venv":
            python = Path(command[3], "bin", "python")
            python.parent.mkdir(parents=True)
            python.touch()

    monkeypatch.setattr(environments, "CACHE", tmp_path)
    monkeypatch.setattr(environments, "_run", run)
    return commands


def test_made_once(steps: list[tuple[str, ...]], tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        pythons = set(threads.map(lambda _: environment("one", ["a==1", "b"]), range(8)))
    assert len(pythons) == 1
    assert pythons.pop().is_file()
    assert [command[2] for command in steps] == ["venv", "pip"]
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("making-")] == []


def test_made_anew_for_other_requirements(steps: list[tuple[str, ...]]) -> None:
    first = environment("one", ["a==1"])
    assert environment("one", ["a==2"]) == first
    assert environment("two", ["a==2"]) != first
    assert environment("one", ["a==2"]) == first
    assert len(steps) == 6


def test_what_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "CACHE", tmp_path)
    with pytest.raises(RuntimeError, match=r"need the environment broken.*(?s:.)*no-such-folder"):
        environment("broken", ["./no-such-folder"])
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == []


def test_nothing_is_lent_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "here")
    monkeypatch.setenv("VIRTUAL_ENV", "there")
    variables = environments.clean_variables()
    assert "PYTHONPATH" not in variables
    assert "VIRTUAL_ENV" not in variables
    assert "PATH" in variables
