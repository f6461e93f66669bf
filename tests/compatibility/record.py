"""The committed record of what the suite passed on: a line for each combination, which docs/compatibility.md shows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.version import Version

RECORD = Path(__file__).parents[2] / "docs" / "compatibility.csv"

COLUMNS = (
    *("python", "packages", "pymongo", "tornado", "aiohttp", "uvloop", "server", "wire version"),
    *("passed", "skipped", "xfailed", "motor", "date"),
)
"""`packages` says whether the packages are the "newest" that there were, or the "lowest" that are supported."""

Run = dict[str, str]
"""A line, by `COLUMNS`."""


def read() -> list[Run]:
    """The runs, oldest Python first."""
    with RECORD.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(runs: Iterable[Run]) -> None:
    """Replace the record by `runs`."""
    with RECORD.open("w", encoding="utf-8", newline="") as file:
        lines = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(sorted(runs, key=_age))


def minor(version: str) -> str:
    """Of "3.12.1", "3.12"."""
    return "{}.{}".format(*Version(version).release)


def _age(run: Mapping[str, str]) -> tuple[Version, str]:
    return Version(run["python"]), run["packages"]
