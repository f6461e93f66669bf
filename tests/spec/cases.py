"""Cases: one a JSON file, or one for each test in it. A name is that of the file, and of the test if there are more."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bson.json_util import JSONOptions, loads

from .differences import exception_for
from .fetch import spec_folder

NAMES: list[str] = []
"""Every case that a test of this package has been given."""

_JSON = JSONOptions(tz_aware=False)


@dataclass(frozen=True)
class Case:
    """A file, and the test that this case is, if the file holds a list of them: then `file` is what they share."""

    name: str
    file: dict[str, Any]
    test: dict[str, Any]

    def copy(self) -> Case:
        """A copy that a runner may change."""
        return copy.deepcopy(self)


def cases(*globs: str, but: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Give a test each case in the files that match, as `case`, with what `differences.py` says of it."""
    without = {path for glob in but for path in _files(glob)}
    found = [case for glob in globs for path in _files(glob) if path not in without for case in _read(path)]
    NAMES.extend(case.name for case in found)
    return pytest.mark.parametrize("case", [_parameter(case) for case in found])


def _files(glob: str) -> list[Path]:
    paths = sorted(spec_folder().glob(glob))
    assert paths, f"no file of the specifications matches {glob}"
    return paths


def _read(path: Path) -> list[Case]:
    name = path.relative_to(spec_folder()).with_suffix("").as_posix()
    file = loads(path.read_text("utf-8"), json_options=_JSON)
    if "tests" not in file:
        return [Case(name, file, file)]
    tests = file.pop("tests")
    return [Case(f"{name}: {test['description']}", file, test) for test in tests]


def _parameter(case: Case) -> Any:
    exception = exception_for(case.name)
    marks = []
    if exception is not None:
        marks.append(pytest.mark.xfail(reason=exception.reason, run=exception.is_run, strict=True))
    return pytest.param(case, id=case.name, marks=marks)
