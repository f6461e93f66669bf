"""The virtual environments of the tests: made once, whole or not at all, and never silently missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import environments, locks
from tests.environments import environment


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that would have been run, of environments in a folder of their own."""
    commands: list[tuple[str, ...]] = []

    def run(name: str, *command: str, **variables: str) -> None:
        commands.append(command)
        if command[2] == "venv":
            python = Path(command[-1], "bin", "python")
            python.parent.mkdir(parents=True, exist_ok=True)
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
    assert list(tmp_path.glob("*/ready")) == []


def test_what_no_lock_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str, *command: str, **variables: str) -> None:
        package = Path(command[-1]) / "lib" / "python3.99" / "site-packages" / "stranger-1.0.dist-info"
        if command[2] == "venv":
            package.mkdir(parents=True, exist_ok=True)
            (package / "METADATA").write_text("Metadata-Version: 2.1\nName: Stranger\nVersion: 1.0\n")

    monkeypatch.setattr(environments, "CACHE", tmp_path)
    monkeypatch.setattr(environments, "_run", run)
    monkeypatch.delenv(locks.VARIABLE, raising=False)
    with pytest.raises(RuntimeError, match=r"no lock has stranger: .*scripts/lock --keep"):
        environment("strange", ["stranger"])
    monkeypatch.setenv(locks.VARIABLE, locks.NEWEST)
    environment("strange", ["stranger"])


def test_made_anew_for_other_locks(steps: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    environment("one", ["a==1"], locks.ODMS)
    environment("one", ["a==1"], locks.ODMS)
    assert len(steps) == 2
    environment("one", ["a==1"], locks.DEMO)
    assert len(steps) == 4


def test_nothing_is_lent_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "here")
    monkeypatch.setenv("VIRTUAL_ENV", "there")
    variables = environments.clean_variables()
    assert "PYTHONPATH" not in variables
    assert "VIRTUAL_ENV" not in variables
    assert "PATH" in variables
