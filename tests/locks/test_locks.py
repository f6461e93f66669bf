"""`requirements/` has what pyproject.toml asks for, on every Python, and nothing else decides what is installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import locks
from tests.compatibility.promises import (
    DEMO_EXTRAS,
    DEVELOPMENT_EXTRAS,
    extra,
    group,
    lowest,
    oldest_python,
    pythons,
    requirements,
)
from tests.spec.fetch import VERSION

ASKED = {
    locks.DEVELOPMENT: [*extra(*DEVELOPMENT_EXTRAS), *group("dev")],
    locks.LOWEST: [*extra(*DEVELOPMENT_EXTRAS), *group("dev")],
    locks.DEMO: [*extra(*DEMO_EXTRAS), *group("build")],
    locks.BENCH: group("bench"),
    locks.FUZZ: group("fuzz"),
    locks.ODMS: group("odms"),
    locks.TOOL: group("lock"),
    locks.AUDIT: group("audit"),
    locks.YARDSTICK: group("yardstick"),
}


@pytest.mark.parametrize("python", pythons())
@pytest.mark.parametrize("lock", locks.ALL)
def test_it_has_what_pyproject_asks_for(lock: str, python: str) -> None:
    locked = locks.versions(lock, f"{python}.99")
    asked = [Requirement(line) for line in ASKED[lock]]
    assert asked
    for requirement in asked:
        marker = requirement.marker
        if marker is None or marker.evaluate({"python_version": python, "python_full_version": f"{python}.99"}):
            version = locked.get(canonicalize_name(requirement.name))
            assert version is not None, f"scripts/lock --keep: {locks.path(lock)} lacks {requirement}"
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, but {version}"


def test_the_lowest_are_the_lowest() -> None:
    locked = locks.versions(locks.LOWEST, oldest_python() + ".99")
    assert {name: Version(locked[name]) for name in requirements()} == {
        name: Version(lowest(requirement)) for name, requirement in requirements().items()
    }


@pytest.mark.parametrize("python", pythons())
@pytest.mark.parametrize("lock", [locks.DEMO, locks.BENCH, locks.ODMS, locks.AUDIT])
def test_they_agree(lock: str, python: str) -> None:
    development = locks.versions(locks.DEVELOPMENT, f"{python}.99")
    other = locks.versions(lock, f"{python}.99")
    assert {name: version for name, version in other.items() if development.get(name, version) != version} == {}


@pytest.mark.parametrize("lock", locks.ALL)
def test_it_names_no_place_and_has_hashes(lock: str) -> None:
    text = locks.path(lock).read_text("utf-8")
    pins = re.findall(r"^\S.*\\\n(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)
    assert len(pins) == len(locks.pins(lock)) == len(re.findall(r"^[^\s#]", text, re.MULTILINE))
    assert not re.search(r"://|--(index|extra-index|find-links|trusted-host)|[a-z]\.(org|com|io)\b", text)
    assert not re.search(r"(?<=\s)/", text), "the path of a machine"


def test_the_yardstick_is_as_long_as_the_tests_that_it_runs() -> None:
    assert locks.versions(locks.YARDSTICK, "3.11.0")["pymongo"] == VERSION


def test_every_file_is_one_of_them() -> None:
    assert {path.name for path in locks.FOLDER.iterdir()} == {locks.path(lock).name for lock in locks.ALL}


def test_this_environment_is_as_it_says() -> None:
    """Whoever wants other versions says so: see `locks.VARIABLE`."""
    if (packages := locks.of_this_run()) == locks.NEWEST:
        pytest.skip("this run is on the newest packages")
    locked = locks.versions(packages)
    found = {name: version for name, version in locks.installed().items() if name in locked}
    assert locks.differences(found, packages) == [], f"run scripts/install, or set {locks.VARIABLE}={locks.NEWEST}"


def test_differences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locks, "FOLDER", tmp_path)
    here = "python_version >= '3.0'"
    locks.path("few").write_text(
        f"a==1 \\\n    --hash=sha256:0\nB.c==2 ; {here} \\\nd==3 ; python_version < '3.0' \\\n"
    )
    assert locks.versions("few") == {"a": "1", "b-c": "2"}
    assert locks.differences({"a": "1", "b-c": "2"}, "few") == []
    assert locks.differences({"a": "2", "e": "1"}, "few") == [
        "a: 1 -> 2",
        "b-c: 2 -> not installed",
        "e: not in the lock -> 1",
    ]
