"""PyMongo's side: its own asynchronous runner for the unified test format, on one deployment.

This is a script for an environment with PyMongo and pytest, which the runner imports, started in the folder that holds
PyMongo's package ``test``, with the environment variables that its tests want. From standard input it reads which
folders of specification files to run, and which cases to leave out; each case's outcome is written to standard output
as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
import unittest
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

_SECONDS = 15.0
"""As many as a test has in `tests/spec/test_unified.py`."""


def main() -> None:
    """Run everything."""
    # PyMongo's tests print as they please; only outcomes go where they are read.
    reports = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    order = json.load(sys.stdin)
    # In place of this script's folder. Python has a package `test`, too.
    sys.path[0] = str(Path.cwd())
    from test.asynchronous import async_setup, async_teardown, get_loop  # type: ignore[import-not-found]

    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = get_loop()
    loop.run_until_complete(async_setup())
    recorder = _Recorder(reports)
    for folder in order["folders"]:
        for suite in _suites(folder, set(order["left_out"])):
            suite.run(recorder)
    loop.run_until_complete(async_teardown())


def _suites(folder: str, left_out: set[str]) -> Iterator[unittest.TestSuite]:
    """The cases of a folder, file by file. Each has the name that it has in `tests/spec`, as the attribute `case`."""
    from bson.json_util import JSONOptions, loads
    from test.asynchronous.unified_format import (  # type: ignore[import-not-found]
        generate_test_classes,
        get_test_path,
    )

    root = Path(get_test_path())
    options = JSONOptions(tz_aware=False)
    contents = {
        path.relative_to(root).with_suffix("").as_posix(): loads(path.read_text("utf-8"), json_options=options)
        for path in root.joinpath(folder).glob("*.json")
    }
    for test_class in generate_test_classes(str(root / folder)).values():
        # A class does not know which file it has been made from.
        file = next(name for name, content in contents.items() if content == test_class.TEST_SPEC)
        suite = unittest.TestSuite()
        for name, description in _descriptions(test_class):
            case = f"{file}: {description}"
            if case not in left_out:
                test = test_class(name)
                test.case = case
                suite.addTest(test)
        yield suite


def _descriptions(test_class: type[Any]) -> Iterator[tuple[str, str]]:
    """The methods of a class with the descriptions of the tests that they have been made from."""
    for name in dir(test_class):
        method = getattr(test_class, name)
        if name.startswith("test_") and method.__closure__ is not None:
            (spec,) = [cell.cell_contents for cell in method.__closure__]
            setattr(test_class, name, _limited(method))
            yield name, spec["description"]


def _limited(method: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def limited(self: Any) -> None:
        await asyncio.wait_for(method(self), _SECONDS)

    return limited


class _Recorder(unittest.TestResult):
    """Writes what comes of each case."""

    def __init__(self, reports: IO[str]) -> None:
        super().__init__()
        self._reports = reports
        self._outcome = ("passed", "")

    def startTest(self, test: unittest.TestCase) -> None:
        """A case begins."""
        super().startTest(test)
        self._outcome = ("passed", "")

    def stopTest(self, test: unittest.TestCase) -> None:
        """A case has ended, and all that it wanted done afterwards."""
        super().stopTest(test)
        kind, why = self._outcome
        # Each has been given the attribute.
        case = test.case  # type: ignore[attr-defined]
        self._reports.write(json.dumps({"case": case, "kind": kind, "why": why}) + "\n")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """It does not suit the deployment, or PyMongo."""
        super().addSkip(test, reason)
        self._outcome = ("skipped", reason)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Something is not as it was expected."""
        super().addFailure(test, err)
        self._fail(*err)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """Something else went wrong."""
        super().addError(test, err)
        self._fail(*err)

    def _fail(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._outcome = ("failed", "".join(traceback.format_exception_only(kind, error)).strip())


if __name__ == "__main__":
    main()
