"""`scripts/bench --against COMMIT`: what is compared, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import drivers
from bench.drivers import OURS, Unavailable, motor_at
from bench.figures import Figure, Figures
from bench.targets import outcomes

FORMER = replace(OURS, name="motor-before", title="Motor at before", checkout=Path("before"))


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(drivers, "ENVIRONMENTS", tmp_path)
    return tmp_path


def test_a_commit_is_checked_out_once(environments):
    former = motor_at("HEAD")
    assert former.title == former.name.replace("motor-", "Motor at ")
    assert drivers.environment_variables(former)["PYTHONPATH"] == str(former.checkout)
    assert former.checkout is not None
    assert (former.checkout / "motor" / "motor_asyncio.py").exists()
    (former.checkout / "kept").touch()
    assert motor_at("HEAD") == former
    assert (former.checkout / "kept").exists()


def test_what_is_no_commit(environments):
    with pytest.raises(Unavailable, match="'no-such-commit' is no commit of this repository"):
        motor_at("no-such-commit")


@pytest.mark.parametrize(("now", "passed"), [(102, True), (103, False)])
def test_slower_than_before(now, passed):
    """Round by round: in one of them all was slow."""
    figures = Figures()
    figures.put(OURS.name, "uvloop", "insert_many", Figure(cpu=[now, 5 * now, now]))
    figures.put(FORMER.name, "uvloop", "insert_many", Figure(cpu=[100, 500, 100]))
    (outcome,) = outcomes(figures, [OURS, FORMER], ["uvloop"], ["insert_many"])
    assert outcome.passed is passed


@pytest.mark.parametrize(("now", "passed"), [(60, True), (61, False)])
def test_what_a_deadline_costs(now, passed):
    figures = Figures()
    figures.put(OURS.name, "uvloop", "find_one@100", Figure(cpu=[50]))
    figures.put(OURS.name, "uvloop", "find_one_in_time@100", Figure(cpu=[now]))
    (outcome,) = outcomes(figures, [OURS], ["uvloop"], ["find_one@100", "find_one_in_time@100"])
    assert outcome.passed is passed
