"""The compatibility matrix says what pyproject.toml, the driver, the record, and this very run say."""

from __future__ import annotations

import re
from importlib.metadata import metadata

import pymongo
from packaging.requirements import Requirement
from packaging.version import Version

from motor._version import version
from tests import locks
from tests.compatibility import record
from tests.compatibility.promises import lowest, oldest_python, pythons, pythons_of_the_server, requirements
from tests.docs.pages import DOCS
from tests.support.inside import module

PAGE = "compatibility.md"

NAMES = {"python": "Python", "pymongo": "PyMongo", "tornado": "Tornado", "aiohttp": "aiohttp", "uvloop": "uvloop"}
"""What the page calls the packages."""


def rows(head: str) -> dict[str, list[str]]:
    """Of the table with that head, the other cells of each row, by its first one."""
    text = (DOCS / PAGE).read_text("utf-8")
    (table,) = re.findall(rf"^{re.escape(head)}\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return {name: cells for name, *cells in (line.strip("| ").split(" | ") for line in table.splitlines())}


def range_of(requirement: Requirement) -> str:
    """As the page says it."""
    below = [each.version for each in requirement.specifier if each.operator == "<"]
    return f"{lowest(requirement)} and later" + "".join(f", below {each}" for each in below)


def minors(package: str) -> list[str]:
    """The versions that are on record, without their last part."""
    return sorted({record.minor(run[package]) for run in record.read()}, key=Version)


def test_the_page_is_about_this_motor() -> None:
    release = Version(version)
    assert f"Motor {release.major}.{release.minor} supports" in (DOCS / PAGE).read_text("utf-8")


def test_what_is_supported_is_what_pyproject_says() -> None:
    supported = {name: cells[0] for name, cells in rows("| | Supported | Tested |").items()}
    assert oldest_python() == pythons()[0]
    assert supported == {
        "Python": f"{pythons()[0]} to {pythons()[-1]}",
        **{NAMES[name]: range_of(requirement) for name, requirement in requirements().items()},
    }


def test_what_is_tested_is_what_is_on_record() -> None:
    tested = {name: cells[1] for name, cells in rows("| | Supported | Tested |").items()}
    assert tested == {name: ", ".join(minors(package)) for package, name in NAMES.items()}
    assert set(minors("python")) <= set(pythons())


def test_the_lowest_packages_are_on_record() -> None:
    runs = [run for run in record.read() if run["packages"] == "lowest"]
    assert runs
    for run in runs:
        for package, requirement in requirements().items():
            assert Version(run[package]) == Version(lowest(requirement)), package


def test_the_servers_are_those_of_pymongo() -> None:
    table = rows("| PyMongo | on Python | Wire versions | MongoDB |")
    assert next(iter(table)) == lowest(requirements()["pymongo"])
    python, wire_versions, mongodb = table[record.minor(pymongo.version)]
    required = metadata("pymongo")["Requires-Python"]
    assert python == range_of(Requirement(f"python{required}"))
    assert wire_versions == f"{pymongo.MIN_SUPPORTED_WIRE_VERSION} to {pymongo.MAX_SUPPORTED_WIRE_VERSION}"
    assert mongodb == {8: "4.2 and later", 9: "4.4 and later"}[pymongo.MIN_SUPPORTED_WIRE_VERSION]


def test_what_needs_a_newer_server_is_what_the_driver_says() -> None:
    assert {name: int(cells[0]) for name, cells in rows("| | Wire version | MongoDB |").items()} == {
        "sessions with `snapshot=True`": module("engine_session")._SNAPSHOT_WIRE_VERSION,
        "creating collections for Queryable Encryption": module("encrypted_collections")._WIRE_VERSION,
        "`client.bulk_write`": module("bulk_write").WIRE_VERSION,
        "`sort` of unacknowledged updates and replacements": module("update")._SORT_WIRE_VERSION,
    }


def test_the_server_of_the_record_is_that_of_the_page() -> None:
    text = (DOCS / PAGE).read_text("utf-8").replace("\n", " ")
    named = re.search(r"which has wire version (\d+) and calls itself", text)
    assert named is not None
    assert {(run["server"].split()[0], run["wire version"]) for run in record.read()} == {("SecantusDB", named[1])}


def test_the_record_is_of_the_lock() -> None:
    runs = {record.minor(run["python"]): run for run in record.read() if run["packages"] == "locked"}
    assert set(pythons_of_the_server()) <= runs.keys(), "scripts/test --pythons --write"
    for python, run in runs.items():
        locked = locks.versions(locks.DEVELOPMENT, run["python"])
        assert {package: run[package] for package in requirements()} == {
            package: locked[package] for package in requirements()
        }, f"of another lock: {python}; scripts/test --pythons --write"
        if python in pythons_of_the_server():
            assert run["server"] == f"SecantusDB {locked['secantusdb']}"
