"""``scripts/test --pythons``: the suite on every interpreter that there is, with the newest packages that it gets.

The oldest interpreter runs it with the lowest packages that are supported, too.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from motor import version
from tests.compatibility import record
from tests.compatibility.interpreters import interpreter
from tests.compatibility.promises import pythons
from tests.compatibility.suite import CannotInstall, Combination, Result, run
from tests.compatibility.versions import PACKAGES

_TWO_PROCESSES = ("--numprocesses=2", "--dist=loadgroup")

_WITHOUT_THE_RECORD = "--deselect=tests/docs/test_compatibility.py"
"""It fails on what has not been recorded, which is what a run that writes is there for."""

_COLUMNS = ("python", "packages", *PACKAGES, "wire version", "passed", "failed", "skipped", "xfailed")
"""Of the table."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all combinations, print a line after each, and a table at the end. The exit status is 1 if one fails."""
    parser = argparse.ArgumentParser(
        prog="scripts/test --pythons",
        usage="%(prog)s [--write] [pytest arguments]",
        description="Run the tests on every interpreter that there is, and once with the lowest packages supported.",
        allow_abbrev=False,
    )
    parser.add_argument("--write", action="store_true", help=f"run everything, and record it in {record.RECORD.name}")
    options, of_pytest = parser.parse_known_args(arguments)
    if options.write and of_pytest:
        parser.error("what is recorded must be a run of everything: take out the arguments of pytest, or --write")
    if not of_pytest and "MOTOR_TEST_URI" not in os.environ:
        of_pytest += _TWO_PROCESSES
    if options.write:
        of_pytest.append(_WITHOUT_THE_RECORD)

    combinations = _combinations()
    table = [_line({column: column for column in _COLUMNS})]
    failed = False
    for combination in combinations:
        result = _result(combination, of_pytest)
        table.append(_line(_cells(combination, result)) + ("" if result and result.passed else "FAILED"))
        print(table[-1], flush=True)
        if result is None or not result.passed:
            failed = True
            print(combination.log.read_text("utf-8", "replace"))
        if options.write:
            _record(combination, result)
    missing = set(pythons()) - {combination.python for combination in combinations}
    print("== summary", *table, *(f"{python:<8}  is not here" for python in sorted(missing)), sep="\n")
    return int(failed or not combinations)


def _combinations() -> list[Combination]:
    found = {python: path for python in pythons() if (path := interpreter(python))}
    lowest = [Combination(python, path, "lowest") for python, path in list(found.items())[:1]]
    return lowest + [Combination(python, path, "newest") for python, path in found.items()]


def _result(combination: Combination, of_pytest: Sequence[str]) -> Result | None:
    """What came of it, or None if it cannot be installed."""
    try:
        return run(combination, of_pytest)
    except CannotInstall:
        return None


def _cells(combination: Combination, result: Result | None) -> dict[str, str]:
    cells = {"python": combination.python, "packages": combination.packages}
    if result is not None:
        cells |= result.versions | {kind: str(count) for kind, count in result.counts.items()}
    return cells


def _line(cells: Mapping[str, str]) -> str:
    return "  ".join(f"{cells.get(column, '-'):<{max(len(column), 8)}}" for column in _COLUMNS)


def _record(combination: Combination, result: Result | None) -> None:
    """Put the run in the place of the combination's last one; one that failed leaves none."""
    runs = [
        run
        for run in record.read()
        if (record.minor(run["python"]), run["packages"]) != (combination.python, combination.packages)
    ]
    if result is not None and result.passed:
        cells = _cells(combination, result) | {"motor": version, "date": f"{datetime.now(timezone.utc):%Y-%m-%d}"}
        runs.append({column: cells[column] for column in record.COLUMNS})
    record.write(runs)


if __name__ == "__main__":
    sys.exit(main())
