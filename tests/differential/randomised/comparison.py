"""What a comparison is, and what comes of a seed."""

from __future__ import annotations

import difflib
import pprint
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from random import Random
from types import MappingProxyType
from typing import Any

import pytest

from tests.differential.randomised.seen import Exchange, Seen
from tests.differential.randomised.stage import Stage
from tests.support.inside import look_again_soon

Connect = Callable[..., Any]
"""A client's class, or what else makes one."""

Sides = Sequence[tuple[str, Connect]]
"""PyMongo, and Motor."""


class Scene(ABC):
    """What one seed is about. Its dice are thrown when it is made, so that both sides play the same."""

    left_out: tuple[str, ...] = ()
    """Fields of commands that are not compared, for a reason that stands beside it."""
    compares_commands = True
    excuses: Mapping[tuple[str, str], str] = MappingProxyType({})
    """Where PyMongo raises one thing and Motor another, for the reason that stands there: what PyMongo does wrongly."""

    @abstractmethod
    async def play(self, connect: Connect, seen: Seen, stage: Stage) -> None:
        """One side's turn."""


class Verdict(Enum):
    """What comes of a seed."""

    SAME = "the same"
    SERVERS = "the server answered differently"
    """To the same commands in the same order, from the same state, and no cursor was killed: no driver can do that."""
    PYMONGOS = "different, by a mistake of PyMongo's that is known"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Comparison:
    """`runs` seeds make a good look, `few` are in the suite."""

    name: str
    scene: Callable[[Random], Scene]
    runs: int
    few: int

    async def compare(self, seed: int, sides: Sides, stage: Stage) -> Outcome:
        """Both sides' turns with this seed."""
        scene = self.scene(Random(f"{self.name} {seed}"))
        both = []
        for _, connect in sides:
            seen = Seen(stage.new_name(), scene.left_out)
            await scene.play(connect, seen, stage)
            both.append(seen)
        return Outcome(self.name, seed, judge(scene, *both), _difference(both, sides))


@dataclass(frozen=True)
class Outcome:
    """What came of a seed, and how the sides differ, for a human."""

    comparison: str
    seed: int
    verdict: Verdict
    difference: str

    def __str__(self) -> str:
        again = f"scripts/fuzz compare {self.comparison} --seed {self.seed}"
        return f"{self.comparison}, seed {self.seed}: {self.verdict.value}\nagain: {again}\n{self.difference}"


def judge(scene: Scene, first: Seen, second: Seen) -> Verdict:
    """Who is to blame for the first difference, if there is one."""
    if scene.compares_commands:
        for one, other in zip_longest(first.exchanges, second.exchanges):
            if one is None or other is None or repr(one.command) != repr(other.command):
                return Verdict.DIFFERENT
            if repr(one.reply) != repr(other.reply):
                return Verdict.DIFFERENT if first.kills or second.kills else Verdict.SERVERS
    differing = [each for each in zip_longest(first.steps, second.steps) if repr(each[0]) != repr(each[1])]
    if all(_raised(one, other) in scene.excuses for one, other in differing):
        return Verdict.PYMONGOS if differing else Verdict.SAME
    return Verdict.DIFFERENT


def _raised(*steps: Any) -> tuple[str, ...]:
    """The names of the exceptions that a step raised on either side, where both raised one."""
    results = [step[1] for step in steps if step is not None and isinstance(step[1], dict) and "raised" in step[1]]
    return tuple(result["raised"].rpartition(".")[2] for result in results)


def _difference(both: list[Seen], sides: Sides) -> str:
    left, right = (name for name, _ in sides)
    return "\n".join(difflib.unified_diff(_lines(both[0]), _lines(both[1]), left, right, n=4, lineterm=""))


def _lines(seen: Seen) -> list[str]:
    shown = {"steps": seen.steps, "exchanges": [_shown(exchange) for exchange in seen.exchanges]}
    return pprint.pformat(shown, width=100, sort_dicts=False).splitlines()


def _shown(exchange: Exchange) -> dict[str, Any]:
    return {"sent": exchange.command, "answered": exchange.reply}


@contextmanager
def impatient() -> Iterator[None]:
    """A server that is lost twice within half a second is looked for again at once, by both drivers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.005)
        look_again_soon(patch)
        yield
