"""``scripts/check --slow``: whether a version in `requirements/` is known to be vulnerable. pip-audit asks OSV.

What could not be looked up is a failure, too: nobody is to take silence for an answer. The lowest versions that Motor
runs on are left out: they are there for tests, and old on purpose. Arguments go to pip-audit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.locks import ALL, LOWEST, pins

Package = tuple[str, str]
"""A name and a version."""

_SECONDS = 600


class UnansweredError(Exception):
    """pip-audit has no answer; what it says instead."""


def main(options: Sequence[str]) -> int:
    """Print what is known; the exit status is 1 if a version is vulnerable, or may be."""
    locked = audited()
    vulnerable: dict[Package, str] = {}
    unknown: dict[Package, str] = {}
    for packages in _rounds(locked):
        more_vulnerable, more_unknown = _look_up(packages, options)
        vulnerable |= more_vulnerable
        unknown |= more_unknown
    for package, known in vulnerable.items():
        print(f"vulnerable: {' '.join(package)} (in requirements/: {', '.join(locked[package])}): {known}")
    for reason in dict.fromkeys(unknown.values()):
        packages = [package for package in unknown if unknown[package] == reason]
        print(f"not looked up: {', '.join(' '.join(package) for package in packages)}: {reason}")
    print(f"{len(locked)} versions: {len(vulnerable)} vulnerable, {len(unknown)} not looked up")
    return 1 if vulnerable or unknown else 0


def audited() -> dict[Package, list[str]]:
    """Every version of every package, on whichever Python or system, and the locks that have it."""
    found: dict[Package, list[str]] = {}
    for lock in ALL:
        for pin in pins(lock) if lock != LOWEST else ():
            (specifier,) = pin.specifier
            locks = found.setdefault((pin.name, specifier.version), [])
            if lock not in locks:
                locks.append(lock)
    return found


def _look_up(packages: Sequence[Package], options: Sequence[str]) -> tuple[dict[Package, str], dict[Package, str]]:
    try:
        return findings(packages, _ask(packages, options))
    except UnansweredError as error:
        return {}, dict.fromkeys(packages, str(error))


def findings(
    packages: Sequence[Package], answers: Sequence[Mapping[str, Any]]
) -> tuple[dict[Package, str], dict[Package, str]]:
    """The vulnerable ones of `packages`, with what is known of them, and those without an answer, with the reason."""
    by_name = {answer["name"]: answer for answer in answers}
    vulnerable, unknown = {}, {}
    for package in packages:
        answer = by_name.get(package[0], {})
        if "vulns" not in answer:
            unknown[package] = answer.get("skip_reason", "pip-audit says nothing of it")
        elif answer["vulns"]:
            vulnerable[package] = "; ".join(
                f"{one['id']}, fixed in {', '.join(one['fix_versions']) or 'no version'}" for one in answer["vulns"]
            )
    return vulnerable, unknown


def _rounds(packages: Mapping[Package, object]) -> Iterator[list[Package]]:
    """pip-audit takes one version of a package at a time."""
    versions: dict[str, list[Package]] = {}
    for package in packages:
        versions.setdefault(package[0], []).append(package)
    for packages_of_round in zip_longest(*versions.values()):
        yield [package for package in packages_of_round if package is not None]


def _ask(packages: Sequence[Package], options: Sequence[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        # Not the lock itself: of that, pip-audit leaves out what is not for this Python and system.
        requirements = Path(folder, "requirements.txt")
        requirements.write_text("".join(f"{name}=={version}\n" for name, version in packages))
        command = [
            *(sys.executable, "-m", "pip_audit", "--vulnerability-service=osv", "--format=json"),
            *("--progress-spinner=off", "--disable-pip", "--no-deps", f"--requirement={requirements}", *options),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise UnansweredError(f"no answer within {_SECONDS} seconds") from None
    try:
        answers: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        raise UnansweredError((done.stderr.strip() or "pip-audit says nothing").splitlines()[-1]) from None
    return answers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
