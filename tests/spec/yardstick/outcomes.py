"""What came of a case, on either side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

KINDS = ("passed", "failed", "skipped")


@dataclass(frozen=True)
class Outcome:
    """One of KINDS, and why it is not "passed"."""

    kind: str
    why: str = ""


Outcomes = dict[str, Outcome]
"""By the name of the case."""


def folder_of(case: str) -> str:
    """The folder that a case's file is in."""
    return case.split(": ")[0].rpartition("/")[0]


def counts(outcomes: Outcomes, folder: str) -> list[int]:
    """How many of a folder's cases there are of each of KINDS."""
    counter = Counter(outcome.kind for case, outcome in outcomes.items() if folder_of(case) == folder)
    return [counter[kind] for kind in KINDS]
