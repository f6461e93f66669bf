"""One run of the suite, in an environment of its own: an interpreter, and the locked, lowest or newest packages."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests import locks
from tests.compatibility.promises import DEVELOPMENT_EXTRAS, group
from tests.environments import CACHE, clean_variables

_ROOT = Path(__file__).parents[2]


class Combination(NamedTuple):
    """The version of Python, an interpreter that runs it, and which packages: a lock's name, or `locks.NEWEST`."""

    python: str
    interpreter: Path
    packages: str

    @property
    def folder(self) -> Path:
        """Its environment."""
        return CACHE / f"suite-{self.python}-{self.packages}"

    @property
    def log(self) -> Path:
        """What pip, the checks and pytest print."""
        return self.folder.with_name(f"{self.folder.name}.log")


class Result(NamedTuple):
    """What the suite ran on, how many tests ended how, and whether everything passed."""

    versions: dict[str, str]
    counts: dict[str, int]
    passed: bool


class CannotInstall(Exception):
    """pip refuses the combination."""


def run(combination: Combination, arguments: Sequence[str]) -> Result:
    """Bring the environment up to date, and run pytest in it with `arguments`; on the newest packages the checks, too.

    Raises CannotInstall if an interpreter has no such packages.
    """
    CACHE.mkdir(exist_ok=True)
    with combination.log.open("w") as log:
        python = _install(combination, log.fileno())
        variables = {locks.VARIABLE: combination.packages, "MOTOR_ENVIRONMENT": str(combination.folder)}
        checked = combination.packages != locks.NEWEST or _passes("scripts/check", output=log.fileno(), **variables)
        report = combination.folder / "report.xml"
        report.unlink(missing_ok=True)
        pytest = ("pytest", f"--junitxml={report}", *arguments)
        tested = _passes(python, "-m", *pytest, output=log.fileno(), **variables)
    says_versions = (python, "-m", "tests.compatibility.versions")
    said = subprocess.run(says_versions, cwd=_ROOT, env=clean_variables(), check=True, capture_output=True).stdout
    counts = outcomes(report.read_text("utf-8")) if report.exists() else {}
    return Result(json.loads(said), counts, checked and tested)


def differences(combination: Combination) -> list[str]:
    """How what the combination has differs from the lock: a line for each package."""
    python = combination.folder / "bin" / "python"
    says_them = (
        "import tests.locks as locks; [print(line) for line in locks.differences(locks.installed(), locks.DEVELOPMENT)]"
    )
    done = subprocess.run(
        (python, "-c", says_them), cwd=_ROOT, env=clean_variables(), check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


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
    """The combination's interpreter, with all packages; one on the newest ones is made anew."""
    folder = combination.folder
    python = folder / "bin" / "python"
    if combination.packages == locks.NEWEST:
        motor = f".[{','.join(DEVELOPMENT_EXTRAS)}]"
        pip = ("pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
        done = _passes(combination.interpreter, "-m", "venv", "--clear", folder, output=log) and _passes(
            python, "-m", *pip, "--editable", motor, *group("dev"), output=log
        )
    else:
        chosen = {"PYTHON": str(combination.interpreter)}
        done = _passes("scripts/install", folder, combination.packages, output=log, **chosen)
    if not done:
        raise CannotInstall
    return python


def _passes(*command: str | Path, output: int, **variables: str) -> bool:
    done = subprocess.run(
        command,
        cwd=_ROOT,
        env=clean_variables() | variables,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    return done.returncode == 0
