"""``python -m tests.spec.yardstick [folder ...]``: both sides' counts, and the cases that only PyMongo passes.

The exit status is 1 if there is such a case that `differences.py` gives no reason for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import motor.embedded

from ..deployments import deployments
from ..differences import exception_for
from ..fetch import spec_folder
from .motor_side import run_motor
from .outcomes import KINDS, Outcome, Outcomes, counts
from .pymongo_runs import run_pymongo

_FOLDERS = (
    *("crud/unified", "retryable_reads/unified", "retryable_writes/unified", "sessions", "causal_consistency"),
    *("transactions/unified", "transactions-convenient-api/unified", "csot", "client-backpressure"),
    *("read_write_concern/operation", "read_write_concern/write-concern-errors", "versioned-api"),
    *("command_monitoring", "command_logging", "collection_management", "index_management", "run_command/unified"),
    *("change_streams/unified", "load_balancer", "unified-test-format/valid-pass"),
)
_WIDTH = max(map(len, _FOLDERS))
_CELL = 8
_SIDE = _CELL * len(KINDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides and print how they compare."""
    parser = argparse.ArgumentParser(
        prog="scripts/yardstick",
        description="Run MongoDB's specification tests through PyMongo's runner and client, and through Motor's.",
    )
    parser.add_argument("folders", nargs="*", default=_FOLDERS, help="folders of the tests (default: all that apply)")
    folders = parser.parse_args(arguments).folders
    for folder in folders:
        if not any(spec_folder().joinpath(folder).glob("*.json")):
            parser.error(f"there are no tests in a folder {folder}; there are {', '.join(_FOLDERS)}")
    with (
        motor.embedded.Server(arguments=["--enable-test-commands"]) as server,
        deployments(server.uri) as running,
    ):
        theirs = run_pymongo(folders, running)
    print("yardstick: Motor", flush=True)
    ours = run_motor(folders)
    _print_counts(folders, theirs, ours)
    return 1 if _print_behind(theirs, ours) else 0


def _print_counts(folders: Sequence[str], theirs: Outcomes, ours: Outcomes) -> None:
    print(f"{'':{_WIDTH}}  {'PyMongo':^{_SIDE}}  {'Motor':^{_SIDE}}".rstrip())
    print(f"{'':{_WIDTH}}  {_row(KINDS)}  {_row(KINDS)}")
    totals = [0] * 2 * len(KINDS)
    for folder in folders:
        numbers = [*counts(theirs, folder), *counts(ours, folder)]
        totals = [total + number for total, number in zip(totals, numbers, strict=True)]
        _print_numbers(folder, numbers)
    if len(folders) > 1:
        _print_numbers("all", totals)


def _print_numbers(title: str, numbers: Sequence[int]) -> None:
    print(f"{title:{_WIDTH}}  {_row(numbers[: len(KINDS)])}  {_row(numbers[len(KINDS) :])}")


def _row(cells: Sequence[object]) -> str:
    return "".join(f"{cell!s:>{_CELL}}" for cell in cells)


def _print_behind(theirs: Outcomes, ours: Outcomes) -> list[str]:
    """Print the cases that only PyMongo passes, by their reasons; those that have none come back."""
    listed: dict[str, list[str]] = {}
    unlisted: list[str] = []
    missing = Outcome("not run", "tests/spec/test_unified.py leaves it out")
    for case, outcome in theirs.items():
        here = ours.get(case, missing)
        if outcome.kind == "passed" and here.kind != "passed":
            exception = exception_for(case)
            if exception is None:
                unlisted.append(f"{case}: {here.kind}: {here.why}")
            else:
                listed.setdefault(exception.reason, []).append(case)
    for reason, cases in listed.items():
        print(f"\nOnly PyMongo passes, and differences.py says why: {reason}", *cases, sep="\n    ")
    if unlisted:
        print("\nOnly PyMongo passes, and differences.py does not say why:", *unlisted, sep="\n    ")
    return unlisted


if __name__ == "__main__":
    sys.exit(main())
