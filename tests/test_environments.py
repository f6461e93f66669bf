"""The virtual environments of the tests: made once, whole or not at all, and never silently missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests import environments, locks
from tests.environments import environment


def report(command: Sequence[str], installed: list[dict[str, Any]]) -> None:
    """Write pip's report of what it has installed, where the command says."""
    (path,) = (option.removeprefix("--report=") for option in command if option.startswith("--report="))
    Path(path).write_text(json.dumps({"install": installed}))


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
        else:
            report(command, [])

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


@pytest.mark.parametrize(("name", "right"), [("Stranger", False), ("PyMongo", False), ("PyMongo", True)])
def test_what_no_lock_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, right: bool) -> None:
    """Not by its name, nor by its hash, whatever the version says."""
    version = locks.versions(locks.ODMS).get(name.lower(), "1.0")
    sha256 = min(locks.archives(locks.ODMS)["pymongo", version]) if right else "0" * 64
    installed = [
        {
            "metadata": {"name": name, "version": version},
            "download_info": {"archive_info": {"hashes": {"sha256": sha256}}},
        },
        {"metadata": {"name": "motor", "version": "4.0"}, "download_info": {"dir_info": {"editable": True}}},
    ]

    def run(_: str, *command: str, **variables: str) -> None:
        if command[2] == "venv":
            Path(command[-1]).mkdir(exist_ok=True)
        else:
            report(command, installed)

    monkeypatch.setattr(environments, "CACHE", tmp_path)
    monkeypatch.setattr(environments, "_run", run)
    monkeypatch.delenv(locks.VARIABLE, raising=False)
    if right:
        environment("strange", [name], locks.ODMS)
    else:
        with pytest.raises(RuntimeError, match=rf"no lock has {name.lower()} {version} with .*scripts/lock --keep"):
            environment("strange", [name], locks.ODMS)
    monkeypatch.setenv(locks.VARIABLE, locks.NEWEST)
    environment("strange", [name], locks.ODMS)


def test_every_archive_has_a_hash() -> None:
    known = locks.archives(*locks.ALL)
    assert known.keys() == {
        (canonicalize_name(pin.name), str(pin.specifier)[2:]) for lock in locks.ALL for pin in locks.pins(lock)
    }
    assert all(known.values())


def test_made_anew_for_other_locks(steps: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(locks.VARIABLE, raising=False)
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
