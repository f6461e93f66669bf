"""Motor's side: `tests/spec/test_unified.py`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from .outcomes import Outcome, Outcomes, folder_of

_TESTS = Path(__file__).parents[1] / "test_unified.py"


def run_motor(folders: Collection[str]) -> Outcomes:
    """Run the cases of these folders."""
    recorder = _Recorder(folders)
    # Of what pytest says, nothing is of interest here.
    status = pytest.main([str(_TESTS), "-p", "no:terminal", "-p", "no:cacheprovider"], plugins=[recorder])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest {_TESTS} ended with {status!r}")
    return recorder.outcomes


class _Recorder:
    def __init__(self, folders: Collection[str]) -> None:
        self.outcomes: Outcomes = {}
        self._folders = folders
        self._names: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        # A parametrized test has what it has been given in its `callspec`.
        self._names = {item.nodeid: item.callspec.params["case"].name for item in items}
        items[:] = [item for item in items if folder_of(self._names[item.nodeid]) in self._folders]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = self._names[report.nodeid]
        if report.failed or report.skipped:
            self.outcomes[name] = _outcome(report)
        elif report.when == "call":
            self.outcomes[name] = Outcome("passed")


def _outcome(report: pytest.TestReport) -> Outcome:
    if hasattr(report, "wasxfail"):
        return Outcome("failed", report.wasxfail)
    if report.longreprtext.startswith("[XPASS"):
        return Outcome("passed")
    if report.skipped:
        return Outcome("skipped", report.longreprtext)
    return Outcome("failed", report.longreprtext.strip().splitlines()[-1])
