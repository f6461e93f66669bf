"""The versions that the tests run on: `requirements/*.txt`, which scripts/lock writes and scripts/install installs.

A file is for every Python that Motor supports, and names no package index.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "requirements"

DEVELOPMENT = "dev"
"""What `.venv` has."""
LOWEST = "lowest"
"""The same with the lowest versions of PyMongo, Tornado, aiohttp and uvloop, for the oldest Python."""
DEMO = "demo"
"""What scripts/demo needs."""
BENCH = "bench"
"""What measures; what is measured is as new as can be, on purpose."""
FUZZ = "fuzz"
"""What scripts/fuzz adds to `.venv`."""
ODMS = "odms"
"""What tests/odms adds to Motor."""
TOOL = "lock"
"""What writes these files."""
AUDIT = "audit"
"""What asks whether a version in these files is known to be vulnerable."""
YARDSTICK = "yardstick"
"""What scripts/yardstick runs PyMongo's tests with."""

ALL = (DEVELOPMENT, LOWEST, DEMO, BENCH, FUZZ, ODMS, TOOL, AUDIT, YARDSTICK)

NEWEST = "newest"
"""In place of a lock's name: whatever a package index has."""

VARIABLE = "MOTOR_TEST_PACKAGES"
"""The environment variable that says what the tests run on: dev, lowest or newest. `tests.compatibility` sets it."""

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_ENTRY = re.compile(r"^(?P<pin>[A-Za-z0-9][^\\\n]*?) *\\\n(?: +--hash=.*\n)+", re.MULTILINE)
_PIN = re.compile(r"^(?P<pin>[A-Za-z0-9][^\\\n]*?) *\\?$", re.MULTILINE)


def path(lock: str) -> Path:
    """The file of that name."""
    return FOLDER / f"{lock}.txt"


def of_this_run() -> str:
    """Which packages this run of the tests is on: `DEVELOPMENT`, `LOWEST` or `NEWEST`."""
    return os.environ.get(VARIABLE, DEVELOPMENT)


def pins(lock: str) -> list[Requirement]:
    """Every line of the file, such as ``numpy==2.2.6 ; python_full_version < '3.11'``, without its hashes."""
    return [Requirement(match["pin"]) for match in _PIN.finditer(path(lock).read_text("utf-8"))]


def versions(lock: str, python: str | None = None) -> dict[str, str]:
    """The version of each package of the file on `python`, such as "3.12.1", by default the one that runs."""
    return {canonicalize_name(pin.name): _version(pin) for pin in pins(lock) if _applies(pin, python)}


def constraints(name: str, *more: str) -> str:
    """What these locks pin, as lines for the file that `variables` is given."""
    return "".join(sorted({f"{pin}\n" for each in (name, *more) for pin in pins(each)}))


def archives(*names: str) -> dict[tuple[str, str], set[str]]:
    """The SHA-256 of each archive that these locks know of a package, by its name and version."""
    found: dict[tuple[str, str], set[str]] = {}
    for name in names:
        for match in _ENTRY.finditer(path(name).read_text("utf-8")):
            pin = Requirement(match["pin"])
            found.setdefault((canonicalize_name(pin.name), _version(pin)), set()).update(_HASH.findall(match[0]))
    return found


def variables(constraints: Path) -> dict[str, str]:
    """The environment variables that hold pip to the constraints of that file, also when it builds a package."""
    # pip takes blanks for what separates several files.
    return {"PIP_CONSTRAINT": constraints.as_uri(), "PIP_BUILD_CONSTRAINT": constraints.as_uri()}


def installed(folders: Sequence[str] = sys.path) -> dict[str, str]:
    """The versions of the packages in these folders, without Motor and what an interpreter brings along."""
    found = {canonicalize_name(each.metadata["Name"]): each.version for each in distributions(path=list(folders))}
    return {name: version for name, version in found.items() if name not in _NOT_LOCKED}


def differences(found: Mapping[str, str], lock: str) -> list[str]:
    """How `found`, versions by name, differs from what the lock has for this Python: a line for each package."""
    locked = versions(lock)
    return [
        f"{name}: {locked.get(name, 'not in the lock')} -> {found.get(name, 'not installed')}"
        for name in sorted(found.keys() | locked.keys())
        if found.get(name) != locked.get(name)
    ]


_NOT_LOCKED = ("motor", "pip", "setuptools", "wheel")


def _version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version


def _applies(pin: Requirement, python: str | None) -> bool:
    if pin.marker is None:
        return True
    if python is None:
        return pin.marker.evaluate()
    minor = ".".join(python.split(".")[:2])
    return pin.marker.evaluate({"python_version": minor, "python_full_version": python})
