"""What type checkers say to applications: right ones pass, wrong ones fail where they are wrong, and nowhere else.

`scripts/check` runs both checkers for the oldest Python; here it is the newest. A line of a wrong program says what
mypy and pyright have to call its error.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pymongo
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
PROGRAMS = sorted(FOLDER.glob("*/*.py"))
CHECKED = [str(path) for path in (ROOT / "motor", *PROGRAMS)]
NEWEST = "3.14"

# Both checkers are run once, by the process that has these tests.
pytestmark = pytest.mark.xdist_group("typing")

_MARK = re.compile(r"# wrong: (.*)")


class Mistake(NamedTuple):
    """An error, by what a checker calls it."""

    file: str
    line: int
    name: str


def marked(checker: str) -> set[Mistake]:
    """The mistakes that the programs say they have. Pyright's names for them begin with "report"."""
    return {
        Mistake(f"{path.parent.name}/{path.name}", number, name)
        for path in PROGRAMS
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (mark := _MARK.search(line))
        for name in mark[1].split(", ")
        if name.startswith("report") == (checker == "pyright")
    }


def run(*command: str) -> str:
    """What a checker prints. Its exit status says no more than that there are errors."""
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # it would look for a newer version
    done = subprocess.run(
        (sys.executable, "-m", *command), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def found_by_mypy() -> set[Mistake]:
    output = run("mypy", "--python-version", NEWEST, "--output", "json", *CHECKED)
    errors = map(json.loads, output.splitlines())
    return {mistake(ROOT / error["file"], error["line"], error["code"]) for error in errors if error["code"]}


def found_by_pyright() -> set[Mistake]:
    output = run("pyright", "--pythonpath", sys.executable, "--pythonversion", NEWEST, "--outputjson", *CHECKED)
    errors: list[dict[str, Any]] = json.loads(output)["generalDiagnostics"]
    return {
        mistake(Path(error["file"]), error["range"]["start"]["line"] + 1, error.get("rule", "syntax"))
        for error in errors
    }


def mistake(path: Path, line: int, name: str) -> Mistake:
    return Mistake(f"{path.parent.name}/{path.name}", line, name)


@pytest.fixture(scope="module")
def found() -> dict[str, set[Mistake]]:
    """What each of the checkers finds. They run at the same time."""
    with ThreadPoolExecutor() as threads:
        mypy, pyright = threads.submit(found_by_mypy), threads.submit(found_by_pyright)
        return {"mypy": mypy.result(), "pyright": pyright.result()}


@pytest.mark.skipif(pymongo.version_tuple < (4, 18), reason="an older PyMongo has other types")
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_right_and_wrong_programs(found: dict[str, set[Mistake]], checker: str) -> None:
    expected = marked(checker)
    assert len(expected) > 70
    assert sorted(found[checker] - expected) == []
    assert sorted(expected - found[checker]) == []
