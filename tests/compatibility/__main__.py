"""``scripts/test --pythons`` and ``scripts/test --newest``: the suite in environments of its own.

With ``--pythons`` that is every supported interpreter that is here, with the locked packages, and the oldest one again,
with the lowest packages that are supported. With ``--newest`` it is this interpreter, with the newest of everything.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from motor import version
from tests import locks
from tests.compatibility import record
from tests.compatibility.interpreters import interpreter
from tests.compatibility.promises import oldest_python, pythons
from tests.compatibility.suite import CannotInstall, Combination, Result, differences, run
from tests.compatibility.versions import PACKAGES

_THREE_PROCESSES = ("--numprocesses=3", "--dist=loadgroup")

_WITHOUT_THE_RECORD = "--deselect=tests/docs/test_compatibility.py"
"""It fails on what has not been recorded, which is what a run that writes is there for."""

_COLUMNS = ("python", "packages", *PACKAGES, "wire version", "passed", "failed", "skipped", "xfailed")
"""Of the table."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all combinations, print a line after each, and a table at the end. The exit status is 1 if one fails."""
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        usage="%(prog)s (--pythons [--write] | --newest) [pytest arguments]",
        description="Run the tests on every interpreter that there is, or with the newest packages.",
        allow_abbrev=False,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--pythons", action="store_true", help="every supported Python that is here, the locked packages"
    )
    which.add_argument("--newest", action="store_true", help="this Python, the newest packages")
    parser.add_argument("--write", action="store_true", help=f"run everything, and record it in {record.RECORD.name}")
    options, of_pytest = parser.parse_known_args(arguments)
    if options.write and options.newest:
        parser.error("what is recorded is the lock: scripts/lock moves it to the newest packages")
    if options.write and of_pytest:
        parser.error("what is recorded must be a run of everything: take out the arguments of pytest, or --write")
    if not of_pytest and "MOTOR_TEST_URI" not in os.environ:
        of_pytest += _THREE_PROCESSES
    if options.write:
        of_pytest.append(_WITHOUT_THE_RECORD)

    combinations = [_newest()] if options.newest else _on_every_python()
    table = [_line({column: column for column in _COLUMNS})]
    failed = False
    for combination in combinations:
        result = _result(combination, of_pytest)
        table.append(_line(_cells(combination, result)) + ("" if result and result.passed else "FAILED"))
        print(table[-1], flush=True)
        if result is None or not result.passed:
            failed = True
            print(combination.log.read_text("utf-8", "replace"))
        if result is not None and options.newest:
            print("== other than in the lock", *(differences(combination) or ["nothing"]), sep="\n")
        if options.write:
            _record(combination, result)
    wanted = pythons() if options.pythons else []
    here = {combination.python for combination in combinations}
    print("== summary", *table, *(f"{python:<8}  is not here" for python in wanted if python not in here), sep="\n")
    return int(failed or not combinations)


def _on_every_python() -> list[Combination]:
    found = [(python, path) for python in pythons() if (path := interpreter(python))]
    lowest = [Combination(python, path, locks.LOWEST) for python, path in found if python == oldest_python()]
    return lowest + [Combination(python, path, locks.DEVELOPMENT) for python, path in found]


def _newest() -> Combination:
    python = "{}.{}".format(*sys.version_info)
    return Combination(python, Path(sys.executable).resolve(), locks.NEWEST)


def _result(combination: Combination, of_pytest: Sequence[str]) -> Result | None:
    """What came of it, or None if it cannot be installed."""
    try:
        return run(combination, of_pytest)
    except CannotInstall:
        return None


def _cells(combination: Combination, result: Result | None) -> dict[str, str]:
    cells = {"python": combination.python, "packages": _CALLED[combination.packages]}
    if result is not None:
        cells |= result.versions | {kind: str(count) for kind, count in result.counts.items()}
    return cells


_CALLED = {locks.DEVELOPMENT: "locked", locks.LOWEST: "lowest", locks.NEWEST: "newest"}
"""What the record and the table call the packages."""


def _line(cells: Mapping[str, str]) -> str:
    return "  ".join(f"{cells.get(column, '-'):<{max(len(column), 8)}}" for column in _COLUMNS)


def _record(combination: Combination, result: Result | None) -> None:
    """Put the run in the place of the combination's last one; one that failed leaves none."""
    runs = [
        run
        for run in record.read()
        if (record.minor(run["python"]), run["packages"]) != (combination.python, _CALLED[combination.packages])
    ]
    if result is not None and result.passed:
        cells = _cells(combination, result) | {"motor": version, "date": f"{datetime.now(timezone.utc):%Y-%m-%d}"}
        runs.append({column: cells[column] for column in record.COLUMNS})
    record.write(runs)


if __name__ == "__main__":
    sys.exit(main())
