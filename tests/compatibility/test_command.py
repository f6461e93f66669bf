"""``scripts/test --pythons`` and ``--newest`` fail when a run does, and record nothing that has not passed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.compatibility import __main__ as command
from tests.compatibility import record
from tests.compatibility.suite import CannotInstall, Combination, Result, outcomes

VERSIONS = dict.fromkeys(("pymongo", "tornado", "aiohttp", "uvloop", "server", "wire version"), "1.0")

SUITE = """
import pytest

def test_passes(): pass
def test_fails(): assert False
@pytest.fixture
def broken(): raise RuntimeError
def test_has_a_broken_fixture(broken): pass
@pytest.mark.skip(reason="x")
def test_is_skipped(): pass
@pytest.mark.xfail(strict=True, reason="x")
def test_fails_as_expected(): assert False
@pytest.mark.xfail(strict=True, reason="x")
def test_should_fail(): pass
"""


class Runs:
    """Runs that are not run: what they were given, and of which Pythons they fail or cannot be installed."""

    def __init__(self, folder: Path) -> None:
        self.of: list[tuple[str, str]] = []
        self.arguments: list[str] = []
        self.failing: str | None = None
        self.refused: str | None = None
        self._folder = folder

    def run(self, combination: Combination, arguments: Sequence[str]) -> Result:
        combination.log.parent.mkdir(exist_ok=True)
        combination.log.write_text("what pip and pytest said")
        self.of.append((combination.python, combination.packages))
        self.arguments = list(arguments)
        if combination.python == self.refused:
            raise CannotInstall
        failed = combination.python == self.failing
        counts = {"passed": 5, "failed": int(failed), "skipped": 2, "xfailed": 1}
        return Result({"python": f"{combination.python}.7", **VERSIONS}, counts, not failed)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """A machine with Python 3.10 and 3.12, and an empty record."""
    runs = Runs(tmp_path)
    monkeypatch.setattr(record, "RECORD", tmp_path / "record.csv")
    monkeypatch.setattr("tests.compatibility.suite.CACHE", tmp_path / "cache")
    monkeypatch.setattr(command, "pythons", lambda: ["3.10", "3.11", "3.12"])
    monkeypatch.setattr(command, "interpreter", lambda python: None if python == "3.11" else Path(python))
    monkeypatch.setattr(command, "run", runs.run)
    monkeypatch.setattr(command, "differences", lambda _: ["pymongo: 4.20.1 -> 4.21.0"])
    record.write([])
    return runs


def recorded() -> list[tuple[str, str]]:
    return [(run["python"], run["packages"]) for run in record.read()]


def test_every_interpreter_that_is_there(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--pythons", "-k", "cursor"]) == 0
    assert runs.of == [("3.10", "lowest"), ("3.10", "dev"), ("3.12", "dev")]
    assert runs.arguments == ["-k", "cursor"]
    assert "3.11      is not here" in capsys.readouterr().out
    assert recorded() == []


def test_passing_runs_are_recorded(runs: Runs) -> None:
    assert command.main(["--pythons", "--write"]) == 0
    assert recorded() == [("3.10.7", "locked"), ("3.10.7", "lowest"), ("3.12.7", "locked")]
    assert command.main(["--pythons", "--write"]) == 0
    assert len(recorded()) == 3


@pytest.mark.parametrize("how", ["failing", "refused"])
def test_a_failing_run_loses_its_place(how: str, runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--pythons", "--write"]) == 0
    setattr(runs, how, "3.12")
    assert command.main(["--pythons", "--write"]) == 1
    assert recorded() == [("3.10.7", "locked"), ("3.10.7", "lowest")]
    printed = capsys.readouterr().out
    assert "FAILED" in printed
    assert "what pip and pytest said" in printed


def test_a_part_of_the_tests_is_not_recorded(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--pythons", "--write", "-k", "cursor"])
    assert "a run of everything" in capsys.readouterr().err
    assert runs.of == []


def test_the_newest_packages(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--newest", "-k", "cursor"]) == 0
    here = "{}.{}".format(*sys.version_info)
    assert runs.of == [(here, "newest")]
    assert "== other than in the lock\npymongo: 4.20.1 -> 4.21.0\n" in capsys.readouterr().out
    runs.failing = here
    assert command.main(["--newest"]) == 1


def test_the_newest_packages_are_not_recorded(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--newest", "--write"])
    assert "scripts/lock" in capsys.readouterr().err
    assert (runs.of, recorded()) == ([], [])


def test_no_interpreter(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "interpreter", lambda _: None)
    assert command.main(["--pythons"]) == 1


def test_outcomes_are_counted(tmp_path: Path) -> None:
    suite = tmp_path / "test_it.py"
    suite.write_text(SUITE)
    report = tmp_path / "report.xml"
    pytest_ = (
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--rootdir={tmp_path}",
        f"--junitxml={report}",
    )
    subprocess.run((*pytest_, str(suite)), cwd=tmp_path, capture_output=True, timeout=60)
    assert outcomes(report.read_text("utf-8")) == {"passed": 1, "failed": 3, "skipped": 1, "xfailed": 1}
