"""The measurement of a thousand open change streams, which has a table of its own: what they cost beside find_one."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from .drivers import DRIVERS as ALL_DRIVERS
from .drivers import LOOPS, MOTOR_3, OURS, PYMONGO_ASYNC, Driver, Unavailable, install
from .processes import Server, Worker, cores
from .targets import LONGEST_STALL, Outcome

NAME = "change_streams"
DRIVERS = (OURS, MOTOR_3, PYMONGO_ASYNC)
STREAMS = 1000
FINDS = 500
CHANGES = 100
"""A second, each for one of the streams."""
SECONDS, QUICK_SECONDS = 10.0, 3.0
OPENING = 20.0
"""Seconds after which those streams that do not wait for changes yet are given up on."""
COLLECTING = 10.0
MEGABYTE = 1 << 20
HEAD = (
    "streams that wait",
    "memory, MB (a stream, KB)",
    "threads",
    "CPU, % of a core",
    "find_one, of those asked",
    "longest stall, ms (its own CPU time)",
    "a change arrives, ms: median, p99",
    "one for all: the last has it, ms",
)


@dataclass(frozen=True)
class StreamsFigure:
    """One driver on one loop. Seconds and bytes; `answers` are the worker's, as it gave them."""

    driver: Driver
    loop: str
    waiting: int
    before: dict[str, Any]
    run: dict[str, Any]
    all_sent: int
    all_arrived: dict[str, Any]

    def cells(self) -> list[str]:
        run = self.run
        memory, threads = "-", run["threads"] - self.before["threads"]
        if run["memory"] and self.before["memory"]:
            grown = (run["memory"] - self.before["memory"]) / max(1, self.waiting)
            memory = f"{run['memory'] / MEGABYTE:.0f} ({grown / 1024:.0f})"
        return [
            f"{self.waiting} of {STREAMS}" + (f", {run['failed']} failed" if run["failed"] else ""),
            memory,
            f"{run['threads']} ({threads:+d})",
            f"{run['cpu'] * 100:.0f}",
            f"{run['found']['count']} of {run['asked']}",
            f"{run['stall'] * 1e3:.1f} ({run['busy'] * 1e3:.1f})",
            _milliseconds(run["arrivals"], "median", "p99"),
            self._for_all(),
        ]

    def _for_all(self) -> str:
        arrived = self.all_arrived["count"]
        late = _milliseconds(self.all_arrived, "longest")
        return late if arrived == self.all_sent == STREAMS else f"{late} ({arrived} of {STREAMS})"

    def json(self) -> dict[str, Any]:
        return {
            "driver": self.driver.name,
            "loop": self.loop,
            "waiting": self.waiting,
            "before": self.before,
            "run": self.run,
            "sent to all": self.all_sent,
            "for all": self.all_arrived,
        }

    @classmethod
    def read(cls, line: dict[str, Any]) -> "StreamsFigure":
        """The figure that `json` was made of."""
        driver = ALL_DRIVERS[line["driver"]]
        return cls(
            driver, line["loop"], line["waiting"], line["before"], line["run"], line["sent to all"], line["for all"]
        )


@dataclass(frozen=True)
class StreamsTable:
    figures: list[StreamsFigure]
    failures: list[str]

    def get(self, driver: Driver, loop: str) -> StreamsFigure | None:
        return next((one for one in self.figures if (one.driver, one.loop) == (driver, loop)), None)

    def rows(self) -> Iterator[list[str]]:
        for figure in self.figures:
            yield [f"{figure.driver.title}, {figure.loop}", *figure.cells()]

    def outcomes(self) -> Iterator[Outcome]:
        for figure in self.figures:
            if figure.driver is OURS:
                target = f"{NAME} on {figure.loop}: {STREAMS} streams, no thread, stalls up to {LONGEST_STALL:.0f} ms"
                threads = figure.run["threads"] - figure.before["threads"]
                # What other processes take is none of its making.
                stall = figure.run["busy"] * 1e3
                passed = figure.waiting == STREAMS and threads <= 0 and stall <= LONGEST_STALL
                yield Outcome(target, passed, f"{figure.waiting} streams, {threads:+d} threads, {stall:.1f} ms")

    def caption(self) -> str:
        return (
            f"{STREAMS} open change streams, {CHANGES} changes a second, each for one of them, and beside them {FINDS} "
            "find_one a second, on a server that answers a getMore after a second if nothing has changed; at last one "
            "change for all streams at once"
        )


async def measure(drivers: list[Driver], loops: list[str], console: Console, *, quick: bool) -> StreamsTable:
    table = StreamsTable([], [])
    for loop in [loop for loop in LOOPS if loop in loops]:
        for driver in [driver for driver in DRIVERS if driver in drivers]:
            try:
                await install(driver)
                figure = await _measure(driver, loop, QUICK_SECONDS if quick else SECONDS)
            except (Unavailable, OSError, asyncio.TimeoutError) as reason:
                table.failures.append(f"{driver.title} on {loop}: {NAME}: {str(reason) or type(reason).__name__}")
                continue
            table.figures.append(figure)
            shown = ", ".join(f"{name}: {cell}" for name, cell in zip(HEAD, figure.cells(), strict=True))
            console.print(f"{NAME}, {driver.title} on {loop}: {shown}", markup=False, highlight=False, soft_wrap=True)
    return table


async def _measure(driver: Driver, loop: str, seconds: float) -> StreamsFigure:
    """In a process of its own, for the memory is that of the process."""
    worker_core, server_core = cores()
    server = await Server.start(server_core, "stream_server")
    try:
        # Each stream that waits has a connection.
        uri = server.uri.replace("maxPoolSize=100", f"maxPoolSize={STREAMS + 100}")
        worker = await Worker.start(driver, loop, uri, worker_core)
        try:
            before = await worker.ask({"step": "open", "streams": STREAMS})
            waiting = await _opened(server)
            await server.ask({"do": "rate", "rate": CHANGES})
            run = await worker.ask({"step": "run", "seconds": seconds, "finds": FINDS})
            await server.ask({"do": "rate", "rate": 0})
            sent = (await server.ask({"do": "all"}))["sent"]
            arrived = await worker.ask({"step": "collect", "expected": sent, "seconds": COLLECTING})
            return StreamsFigure(driver, loop, waiting, before, run, sent, arrived)
        finally:
            await worker.stop()
    finally:
        await server.stop()


async def _opened(server: Server) -> int:
    """Wait until as many streams wait for changes as will; how many these are."""
    most = 0
    for _ in range(int(OPENING / 0.1)):
        most = max(most, (await server.ask({"do": "count"}))["waiting"])
        if most == STREAMS:
            break
        await asyncio.sleep(0.1)
    return most


def _milliseconds(summary: dict[str, Any], *names: str) -> str:
    if "median" not in summary:
        return "-"
    return ", ".join(f"{summary[name] * 1e3:.1f}" for name in names)
