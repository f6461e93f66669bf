"""One run of the suite: an interpreter, and the newest or the lowest packages, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.compatibility.promises import lowest, requirements
from tests.environments import CACHE, clean_variables

_ROOT = Path(__file__).parents[2]


class Combination(NamedTuple):
    """The version of Python, an interpreter that runs it, and whether the packages are the "newest" or the "lowest"."""

    python: str
    interpreter: Path
    packages: str

    @property
    def folder(self) -> Path:
        """Its environment."""
        return CACHE / f"suite-{self.python}-{self.packages}"

    @property
    def log(self) -> Path:
        """What pip and pytest print."""
        return self.folder.with_name(f"{self.folder.name}.log")


class Result(NamedTuple):
    """What the suite ran on, how many tests ended how, and whether pytest is content."""

    versions: dict[str, str]
    counts: dict[str, int]
    passed: bool


class CannotInstall(Exception):
    """pip refuses the combination."""


def run(combination: Combination, arguments: Sequence[str]) -> Result:
    """Bring the environment up to date, and run pytest in it with `arguments`.

    Raises CannotInstall if an interpreter has no such packages.
    """
    CACHE.mkdir(exist_ok=True)
    with combination.log.open("w") as log:
        python = _install(combination, log.fileno())
        report = combination.folder / "report.xml"
        report.unlink(missing_ok=True)
        done = _execute(python, "-m", "pytest", f"--junitxml={report}", *arguments, output=log.fileno())
    says_versions = (python, "-m", "tests.compatibility.versions")
    said = subprocess.run(says_versions, cwd=_ROOT, env=clean_variables(), check=True, capture_output=True).stdout
    return Result(json.loads(said), outcomes(report.read_text("utf-8")) if report.exists() else {}, done == 0)


def outcomes(report: str) -> dict[str, int]:
    """How many tests passed, failed, were skipped, and failed as expected, of a report in JUnit's XML."""
    kinds = Counter(_outcome(case) for case in ElementTree.fromstring(report).iter("testcase"))
    return {kind: kinds[kind] for kind in ("passed", "failed", "skipped", "xfailed")}


def _outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    return "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def _install(combination: Combination, log: int) -> Path:
    python = combination.folder / "bin" / "python"
    packages = list(requirements())
    if combination.packages == "lowest":
        packages = [f"{name}=={lowest(requirement)}" for name, requirement in requirements().items()]
    venv = ("-m", "venv", str(combination.folder))
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--upgrade")
    if _execute(combination.interpreter, *venv, output=log) or _execute(
        python, *pip, "--editable", ".[dev]", *packages, output=log
    ):
        raise CannotInstall
    return python


def _execute(*command: str | os.PathLike[str], output: int) -> int:
    return subprocess.run(
        command, cwd=_ROOT, env=clean_variables(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    ).returncode
