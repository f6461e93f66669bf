"""``scripts/soak [--minutes M] [--loop asyncio|uvloop]``: one event loop after the other, in one process.

In each, clients work on deployments that never rest: one lives as long as the process, one is closed in its loop, one
is closed when its loop has ended, one is only dropped. Between two loops the process is looked at: its descriptors,
threads and memory, how many futures and objects of the driver there are. After the first rounds nothing may grow.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from motor.motor_asyncio import AsyncIOMotorClient
from tests.soak.workload import Client, Tally, Worker, check, prepare
from tests.support.leaks import drivers_tasks
from tests.support.loops import RUNS

_ROUND_SECONDS = 5.0
_WORKERS = 6
"""On each client."""
_OPTIONS: dict[str, Any] = {
    "maxPoolSize": 5,
    "serverSelectionTimeoutMS": 10_000,
    "heartbeatFrequencyMS": 500,
    "connectTimeoutMS": 2000,
}
_WATCHED = ("Connection", "Pool", "Topology", "Monitor", "Executor", "Future", "Task", "TimerHandle")
_MEGABYTES = 6
"""By how much the process's memory may be greater in the last quarter than in the second one, on average."""

_troubles: list[str] = []
"""What was warned of, or logged by asyncio: nothing should be."""


class Sample(NamedTuple):
    """The process between two loops."""

    descriptors: int
    threads: int
    memory: float
    """Megabytes."""
    objects: Counter[str]

    @classmethod
    def now(cls) -> Sample:
        for _ in range(3):
            gc.collect()
        kinds = Counter(type(each).__name__ for each in gc.get_objects())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            len(list(Path("/proc/self/fd").iterdir())),
            threading.active_count(),
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            Counter({kind: kinds[kind] for kind in _WATCHED}),
        )


class Soak:
    """The clients, and what is counted of them, over all rounds."""

    def __init__(self, uris: Sequence[str], seed: int) -> None:
        self._uris = uris
        self._dice = random.Random(seed)
        self._lasting = [self._client(uri) for uri in uris]
        self.tallies = [Tally() for _ in uris]

    def _client(self, uri: str) -> Client:
        return AsyncIOMotorClient(uri, **_OPTIONS)

    async def prepare(self) -> None:
        for client in self._lasting:
            await prepare(client)

    async def check(self) -> list[str]:
        return [
            await check(client, tally, _prefix(number))
            for number, (client, tally) in enumerate(zip(self._lasting, self.tallies, strict=True))
        ]

    def round(self, run: Callable[..., Any]) -> None:
        """One loop, start to end."""
        closed, left, dropped = ([self._client(uri) for uri in self._uris] for _ in range(3))
        run(self._work([self._lasting, closed, left, dropped], closed))
        for client in left:
            client.close()

    def close(self) -> None:
        for client in self._lasting:
            client.close()

    async def _work(self, clients: Sequence[Sequence[Client]], closed: Sequence[Client]) -> None:
        until = asyncio.get_running_loop().time() + _ROUND_SECONDS
        workers = [
            Worker(client, self.tallies[number], random.Random(self._dice.random()), _prefix(number))
            for each in clients
            for number, client in enumerate(each)
            for _ in range(_WORKERS)
        ]
        await asyncio.gather(*(worker.run(until) for worker in workers))
        for client in closed:
            await client.close()


def _prefix(number: int) -> str:
    return "abc"[number]


async def _nothing_runs() -> int:
    """How many of the driver's tasks there are in a loop in which nobody has used a client."""
    return len(drivers_tasks())


def _soak(name: str, minutes: float, seed: int) -> bool:
    """Work on one kind of loop; whether all is well at the end."""
    run = RUNS[name]
    deployments = subprocess.Popen(
        [sys.executable, "-m", "tests.soak.deployments", str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert deployments.stdin is not None
    assert deployments.stdout is not None
    soak = Soak(deployments.stdout.readline().split(), seed)
    run(soak.prepare())
    samples = []
    ends = time.monotonic() + 60 * minutes
    while time.monotonic() < ends:
        soak.round(run)
        assert run(_nothing_runs()) == 0
        samples.append(Sample.now())
        _show(len(samples), samples[-1], soak.tallies)
    deployments.stdin.write("calm\n")
    deployments.stdin.flush()
    assert deployments.stdout.readline() == "calm\n"
    found = run(soak.check())
    soak.close()
    deployments.stdin.close()
    deployments.stdout.close()
    assert deployments.wait() == 0, "the deployments failed"
    print(*found, sep="\n")
    complaints = [*verdict(samples), *_troubles]
    _troubles.clear()
    print(*(complaints or [f"{name}: nothing grows, nothing is lost, nothing was complained of"]), sep="\n", flush=True)
    return not complaints


def _show(number: int, sample: Sample, tallies: Sequence[Tally]) -> None:
    outcomes = sum((tally.outcomes for tally in tallies), Counter[str]())
    objects = " ".join(f"{kind}={sample.objects[kind]}" for kind in _WATCHED)
    print(
        f"{number:4}  fds={sample.descriptors} threads={sample.threads} MB={sample.memory:.1f} {objects}  "
        + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()),
        flush=True,
    )


def verdict(samples: Sequence[Sample]) -> list[str]:
    """What grows from the second quarter of the rounds to the last one; that there are too few of them is one, too."""
    quarter = len(samples) // 4
    if quarter < 2:
        return [f"{len(samples)} rounds say nothing yet: take more minutes"]
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    complaints = []
    for what in ("descriptors", "threads"):
        before, after = (max(getattr(sample, what) for sample in part) for part in (second, last))
        if after > before:
            complaints.append(f"{what}: {before} -> {after}")
    for kind in _WATCHED:
        before, after = (max(sample.objects[kind] for sample in part) for part in (second, last))
        if after > before:
            complaints.append(f"objects of {kind}: {before} -> {after}")
    before_mb, after_mb = (sum(sample.memory for sample in part) / len(part) for part in (second, last))
    if after_mb > before_mb + _MEGABYTES:
        complaints.append(f"memory: {before_mb:.1f} -> {after_mb:.1f} MB")
    return complaints


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak on each loop; the exit status is 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=10, help="on each loop (default: 10)")
    parser.add_argument("--loop", choices=RUNS, help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_: _troubles.append(f"warning: {message}")
    sys.unraisablehook = lambda unraisable: _troubles.append(f"unraisable: {unraisable.exc_value!r}")
    complain = logging.Handler(logging.WARNING)
    complain.emit = lambda record: _troubles.append(f"log: {record.getMessage()}")  # type: ignore[method-assign]
    logging.getLogger("asyncio").addHandler(complain)
    loops = [options.loop] if options.loop else list(RUNS)
    passed = [_soak(name, options.minutes, options.seed) for name in loops]
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
