"""The longer run: `scripts/fuzz compare`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter

import motor.embedded
from tests.differential.conftest import client_classes
from tests.differential.randomised.comparison import Comparison, Verdict, impatient
from tests.differential.randomised.comparisons import COMPARISONS
from tests.differential.randomised.stage import Stage

SHOWN = 3
"""Differences of a comparison that are printed; the others are counted."""


async def compare(comparison: Comparison, seeds: range, seconds: float, stage: Stage) -> Counter[Verdict]:
    """Run one comparison, no longer than `seconds` if there are any; differences are printed."""
    counts: Counter[Verdict] = Counter()
    ends = time.monotonic() + seconds if seconds else float("inf")
    for seed in seeds:
        if time.monotonic() > ends:
            break
        outcome = await comparison.compare(seed, client_classes(), stage)
        counts[outcome.verdict] += 1
        if outcome.verdict in (Verdict.SERVERS, Verdict.DIFFERENT) and counts[outcome.verdict] <= SHOWN:
            print(outcome, flush=True)
    return counts


def show(name: str, counts: Counter[Verdict]) -> None:
    """Print what came of a comparison."""
    others = (("a known mistake of PyMongo's", Verdict.PYMONGOS), ("the server's own fault", Verdict.SERVERS))
    added = "".join(f", {counts[verdict]} {what}" for what, verdict in others if counts[verdict])
    print(f"{name:20} {counts.total():>8,} compared, {counts[Verdict.DIFFERENT]} differ{added}", flush=True)


def main() -> int:
    """What `scripts/fuzz compare` runs; 1 if there were differences."""
    every = sum(comparison.runs for comparison in COMPARISONS.values())
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz compare",
        description=f"Compare Motor with PyMongo on random operations and faults, by {every:,} seeds.",
    )
    parser.add_argument("comparison", nargs="*", help=f"one of {', '.join(COMPARISONS)}; all of them if none is given")
    parser.add_argument("--runs", type=int, help="so many seeds for each comparison")
    parser.add_argument("--seconds", type=int, default=0, help="no longer than this for each comparison")
    parser.add_argument("--seed", type=int, help="the first seed; without --runs, this one only")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.comparison if name not in COMPARISONS]
    if unknown:
        parser.error(f"no such comparison: {', '.join(unknown)}")
    logging.disable(logging.CRITICAL)
    total: Counter[Verdict] = Counter()
    with motor.embedded.Server(arguments=["--enable-test-commands"]) as server, impatient():
        stage = Stage(server.uri)
        for name in arguments.comparison or COMPARISONS:
            comparison = COMPARISONS[name]
            first = arguments.seed or 0
            runs = arguments.runs or (comparison.runs if arguments.seed is None else 1)
            seeds = range(first, first + runs)
            counts = asyncio.run(compare(comparison, seeds, arguments.seconds, stage))
            show(name, counts)
            total += counts
        stage.close()
    show("all", total)
    return 1 if total[Verdict.DIFFERENT] else 0


if __name__ == "__main__":
    sys.exit(main())
