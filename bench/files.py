"""The measurement of GridFS, which has a table of its own: a large file, up and down, its checksum compared."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console

from .drivers import DRIVERS as ALL_DRIVERS
from .drivers import LOOPS, MOTOR_3, OURS, PYMONGO_ASYNC, Driver, Unavailable, install
from .processes import Server, Worker, cores
from .targets import Outcome
from .worker.files import CHUNK, CHUNK_SIZE

NAME = "gridfs"
DRIVERS = (OURS, MOTOR_3, PYMONGO_ASYNC)
DIRECTIONS = ("up", "down")
MEGABYTE = 1_000_000
SIZE, QUICK_SIZE = 2000 * MEGABYTE, 100 * MEGABYTE
TIMES = 3
HEAD = ("up, MB/s", "up, CPU us a MB", "down, MB/s", "down, CPU us a MB", "memory, MB")


@dataclass(frozen=True)
class GridFSFigure:
    """One driver on one loop: seconds of each transfer, on the clock and of CPU time, by its direction."""

    driver: Driver
    loop: str
    size: int
    walls: dict[str, list[float]]
    cpus: dict[str, list[float]]
    memory: int
    """Megabytes."""

    @property
    def title(self) -> str:
        return f"{self.driver.title}, {self.loop}"

    def rate(self, direction: str) -> float:
        """Megabytes a second."""
        return self.size / MEGABYTE / median(self.walls[direction])

    def cells(self) -> list[str]:
        cells: list[str] = []
        for direction in DIRECTIONS:
            cpu = median(self.cpus[direction]) * 1e6 / (self.size / MEGABYTE)
            cells += [f"{self.rate(direction):.0f}", f"{cpu:,.0f}"]
        return [*cells, str(self.memory)]

    def json(self) -> dict[str, Any]:
        walls = {direction: [round(wall, 3) for wall in found] for direction, found in self.walls.items()}
        cpus = {direction: [round(cpu, 3) for cpu in found] for direction, found in self.cpus.items()}
        return {
            "driver": self.driver.name,
            "loop": self.loop,
            "size": self.size,
            "wall": walls,
            "cpu": cpus,
            "memory": self.memory,
        }

    @classmethod
    def read(cls, line: dict[str, Any]) -> "GridFSFigure":
        """The figure that `json` was made of."""
        driver = ALL_DRIVERS[line["driver"]]
        return cls(driver, line["loop"], line["size"], line["wall"], line["cpu"], line["memory"])


@dataclass(frozen=True)
class GridFSTable:
    size: int
    figures: list[GridFSFigure]
    failures: list[str]

    def get(self, driver: Driver, loop: str) -> GridFSFigure | None:
        return next((one for one in self.figures if (one.driver, one.loop) == (driver, loop)), None)

    def rows(self) -> Iterator[list[str]]:
        for figure in self.figures:
            yield [figure.title, *figure.cells()]

    def outcomes(self) -> Iterator[Outcome]:
        by_name = {(figure.driver.name, figure.loop): figure for figure in self.figures}
        for figure in self.figures:
            peer = by_name.get((PYMONGO_ASYNC.name, figure.loop))
            if figure.driver is OURS and peer is not None:
                ratios = [figure.rate(direction) / peer.rate(direction) for direction in DIRECTIONS]
                detail = f"{ratios[0]:.2f} times as fast up, {ratios[1]:.2f} times down"
                yield Outcome(f"{NAME} on {figure.loop}: faster than PyMongo Async", min(ratios) > 1, detail)

    def caption(self) -> str:
        return (
            f"A file of {self.size // MEGABYTE:,} MB in GridFS, written in pieces of 1 MB and read chunk by chunk, on "
            "a server that keeps nothing; memory is the most that the process ever had"
        )


async def measure(drivers: list[Driver], loops: list[str], console: Console, *, quick: bool) -> GridFSTable:
    table = GridFSTable(QUICK_SIZE if quick else SIZE, [], [])
    worker_core, server_core = cores()
    server = await Server.start(server_core, "file_server")
    try:
        for loop in [loop for loop in LOOPS if loop in loops]:
            for driver in [driver for driver in DRIVERS if driver in drivers]:
                try:
                    await install(driver)
                    figure = await _measure(driver, loop, server, worker_core, table.size)
                except (Unavailable, OSError) as reason:
                    table.failures.append(f"{driver.title} on {loop}: {NAME}: {reason}")
                    continue
                table.figures.append(figure)
                shown = ", ".join(f"{name}: {cell}" for name, cell in zip(HEAD, figure.cells(), strict=True))
                console.print(f"{NAME}, {figure.title}: {shown}", highlight=False, soft_wrap=True)
    finally:
        await server.stop()
    return table


async def _measure(driver: Driver, loop: str, server: Server, core: int | None, size: int) -> GridFSFigure:
    """In a process of its own, for the memory is that of the process."""
    worker = await Worker.start(driver, loop, server.uri, core)
    try:
        walls: dict[str, list[float]] = {direction: [] for direction in DIRECTIONS}
        cpus: dict[str, list[float]] = {direction: [] for direction in DIRECTIONS}
        memory = 0
        for _ in range(TIMES):
            for direction in DIRECTIONS:
                answer = await worker.ask({"gridfs": direction, "size": size, "crc": False})
                walls[direction].append(answer["wall"])
                cpus[direction].append(answer["cpu"])
                memory = answer["memory"]
        await _check(worker, server, size)
        return GridFSFigure(driver, loop, size, walls, cpus, round(memory / MEGABYTE))
    finally:
        await worker.stop()


async def _check(worker: Worker, server: Server, size: int) -> None:
    """Raises Unavailable unless what was written last, and what is read now, are the file's very bytes."""
    expected = {"length": size, "crc": 0}
    for position in range(0, size, CHUNK_SIZE):
        expected["crc"] = zlib.crc32(CHUNK[: size - position], expected["crc"])
    read = await worker.ask({"gridfs": "down", "size": size, "crc": True})
    for what, found in (("written", await server.ask({})), ("read", read)):
        if {name: found[name] for name in expected} != expected:
            raise Unavailable(f"{found['length']} bytes were {what}, with the checksum {found['crc']}, not {expected}")
