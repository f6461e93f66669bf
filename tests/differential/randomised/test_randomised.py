"""A few seeds of each comparison; `scripts/fuzz compare` has the others. And: what is different is found."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pymongo
import pytest

from motor.motor_asyncio import AsyncIOMotorClient
from tests.differential.conftest import REFERENCE, client_classes
from tests.differential.randomised.comparison import Scene, Sides, Verdict, impatient, judge
from tests.differential.randomised.comparisons import COMPARISONS
from tests.differential.randomised.seen import Seen
from tests.differential.randomised.stage import Stage

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # PyMongo's monitors leave sockets to the collector

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def stage(server_uri: str) -> Iterator[Stage]:
    if pymongo.version_tuple < REFERENCE:
        pytest.skip("an older PyMongo differs from the newest too")
    stage = Stage(server_uri)
    with impatient():
        yield stage
    stage.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize("name", COMPARISONS)
async def test_same(name: str, stage: Stage) -> None:
    comparison = COMPARISONS[name]
    for seed in range(comparison.few):
        outcome = await comparison.compare(seed, client_classes(), stage)
        assert outcome.verdict is not Verdict.DIFFERENT, str(outcome)


def flipped(option: str) -> Callable[..., Any]:
    """Makes clients of Motor's that do one thing that they are told not to do, or the other way round."""
    return lambda uri, **options: AsyncIOMotorClient(uri, **{**options, option: not options.get(option, True)})


def impatient_of_writes(uri: str, **options: Any) -> AsyncIOMotorClient:
    """Makes clients that ask for more than they are told to."""
    return AsyncIOMotorClient(uri, **{**options, "w": "majority"})


WRONG = {
    "operations": flipped("retryWrites"),
    "faults": flipped("retryReads"),
    "cursors": flipped("retryReads"),
    "bulk": flipped("retryWrites"),
    "real_bulk": flipped("retryWrites"),
    "client_bulk": flipped("retryWrites"),
    "real_client_bulk": flipped("retryWrites"),
    "splitting": impatient_of_writes,
    "change_streams": flipped("retryReads"),
    "gridfs": flipped("retryReads"),
}
"""Clients that behave otherwise than they should, each in what its comparison is about."""


@pytest.mark.parametrize("name", COMPARISONS)
async def test_a_wrong_client_is_found(name: str, stage: Stage) -> None:
    sides: Sides = [client_classes()[0], ("wrong", WRONG[name])]
    comparison = COMPARISONS[name]
    for seed in range(comparison.few):
        outcome = await comparison.compare(seed, sides, stage)
        if outcome.verdict is Verdict.DIFFERENT:
            assert f"compare {name} --seed {seed}\n--- pymongo\n+++ wrong\n" in str(outcome)
            return
    pytest.fail(f"no difference in {comparison.few} seeds")


class Nothing(Scene):
    """Is never played."""

    excuses = MappingProxyType({("KeyError", "ValueError"): "it is known"})

    async def play(self, connect: Any, seen: Seen, stage: Stage) -> None:
        raise NotImplementedError


def seen(*exchanges: tuple[Any, Any], result: Any = 1) -> Seen:
    """One side."""
    side = Seen("db", ())
    for command, reply in exchanges:
        side.answered(side.sent(command), reply)
    if isinstance(result, Exception):
        side.failed("step", result)
    else:
        side.note("step", result)
    return side


def killing(side: Seen) -> Seen:
    """One that has killed a cursor, too."""
    side.kills = True
    return side


FIND, PING = {"find": "c"}, {"ping": 1}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (seen((FIND, {"ok": 1})), seen((FIND, {"ok": 1})), Verdict.SAME),
        (seen((FIND, {"ok": 1})), seen((FIND, {"ok": 1}), result=2), Verdict.DIFFERENT),
        (seen((FIND, {"ok": 1})), seen((PING, {"ok": 0})), Verdict.DIFFERENT),
        (seen((FIND, {"ok": 1})), seen((FIND, {"ok": 1}), (FIND, {"ok": 1})), Verdict.DIFFERENT),
        (seen((FIND, {"ok": 1})), seen((FIND, {"ok": 0}), result=2), Verdict.SERVERS),
        (seen((FIND, {"ok": 1})), seen((FIND, {"ok": 0}), (PING, {"ok": 1}), result=2), Verdict.SERVERS),
        (killing(seen((FIND, {"ok": 1}))), seen((FIND, {"ok": 0})), Verdict.DIFFERENT),
        (seen(result=KeyError()), seen(result=ValueError()), Verdict.PYMONGOS),
        (seen(result=ValueError()), seen(result=KeyError()), Verdict.DIFFERENT),
        (seen(result=KeyError()), seen(result=1), Verdict.DIFFERENT),
    ],
)
def test_whose_difference_it_is(first: Seen, second: Seen, verdict: Verdict) -> None:
    assert judge(Nothing(), first, second) is verdict


def compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.differential.randomised", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("stage")
def test_command() -> None:
    process = compare("bulk", "real_bulk", "--seed", "7", "--runs", "2")
    assert process.returncode == 0, process.stdout + process.stderr
    lines = [line.split() for line in process.stdout.splitlines()]
    assert [(line[0], line[1]) for line in lines] == [("bulk", "2"), ("real_bulk", "2"), ("all", "4")]


def test_command_knows_its_comparisons() -> None:
    process = compare("nonsense")
    assert process.returncode == 2
    assert "no such comparison: nonsense" in process.stderr
