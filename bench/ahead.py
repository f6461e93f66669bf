"""The measurement of read-ahead, which has a table of its own: many batches from a server that is 5 ms away."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console

from .batch_server import BATCHES, LATENCY, SIZE
from .drivers import DRIVERS as ALL_DRIVERS
from .drivers import LOOPS, MOTOR_3, OURS, PYMONGO_ASYNC, Driver, Unavailable, install
from .processes import Server, Worker, cores

NAME = "read_ahead"
DRIVERS = (OURS, MOTOR_3, PYMONGO_ASYNC)
WORKS = (0.0, 0.005)
"""Seconds that the application waits for something else after each batch."""
TIMES, QUICK_TIMES = 10, 3
HEAD = tuple(f"{work * 1e3:.0f} ms of other work a batch" for work in WORKS)


@dataclass(frozen=True)
class AheadFigure:
    """One driver on one loop, with or without read-ahead: milliseconds of each run, by the work that was done."""

    driver: Driver
    loop: str
    ahead: bool
    walls: dict[float, list[float]]

    @property
    def title(self) -> str:
        return f"{self.driver.title}{', reading ahead' if self.ahead else ''}, {self.loop}"

    def cells(self) -> list[str]:
        return [f"{median(self.walls[work]):.0f}" for work in WORKS]

    def json(self) -> dict[str, Any]:
        walls = {f"{work * 1e3:.0f} ms": [round(wall, 1) for wall in found] for work, found in self.walls.items()}
        return {"driver": self.driver.name, "loop": self.loop, "ahead": self.ahead, "wall": walls}

    @classmethod
    def read(cls, line: dict[str, Any]) -> "AheadFigure":
        """The figure that `json` was made of."""
        walls = {float(work.removesuffix(" ms")) / 1e3: found for work, found in line["wall"].items()}
        return cls(ALL_DRIVERS[line["driver"]], line["loop"], line["ahead"], walls)


@dataclass(frozen=True)
class AheadTable:
    figures: list[AheadFigure]
    failures: list[str]

    def of(self, driver: Driver, loop: str) -> list[AheadFigure]:
        return [figure for figure in self.figures if figure.driver is driver and figure.loop == loop]

    def rows(self) -> Iterator[list[str]]:
        for figure in self.figures:
            yield [figure.title, *figure.cells()]

    def caption(self) -> str:
        return (
            f"Milliseconds to read {BATCHES} batches of {SIZE} documents from a server whose replies take "
            f"{LATENCY * 1e3:.0f} ms, with `async for`"
        )


async def measure(drivers: list[Driver], loops: list[str], console: Console, *, quick: bool) -> AheadTable:
    table = AheadTable([], [])
    worker_core, server_core = cores()
    server = await Server.start(server_core, "batch_server")
    try:
        for loop in [loop for loop in LOOPS if loop in loops]:
            for driver in [driver for driver in DRIVERS if driver in drivers]:
                await _try(driver, loop, server, worker_core, table, QUICK_TIMES if quick else TIMES)
                for figure in table.of(driver, loop):
                    console.print(f"{NAME}, {figure.title}, ms: {', '.join(figure.cells())}", highlight=False)
    finally:
        await server.stop()
    return table


async def _try(driver: Driver, loop: str, server: Server, core: int | None, table: AheadTable, times: int) -> None:
    try:
        await install(driver)
        worker = await Worker.start(driver, loop, server.uri, core)
        try:
            table.figures.extend(await _measure(worker, times))
        finally:
            await worker.stop()
    except (Unavailable, OSError) as reason:
        table.failures.append(f"{driver.title} on {loop}: {NAME}: {reason}")


async def _measure(worker: Worker, times: int) -> list[AheadFigure]:
    """By turns with and without read-ahead, so that whatever else the machine does falls on both alike."""
    ways = (False, True) if worker.driver is OURS else (False,)
    figures = [AheadFigure(worker.driver, worker.loop, ahead, {work: [] for work in WORKS}) for ahead in ways]
    # Round 0 fills the pool and warms the interpreter up.
    for number in range(times + 1):
        for figure in figures:
            for work in WORKS:
                answer = await worker.ask({"ahead": figure.ahead, "work": work})
                if answer["count"] != BATCHES * SIZE:
                    raise Unavailable(f"{answer['count']} documents instead of {BATCHES * SIZE}")
                if number > 0:
                    figure.walls[work].append(answer["wall"] * 1e3)
    return figures
