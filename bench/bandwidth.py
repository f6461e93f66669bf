"""The measurement of bandwidth, which has a table of its own: 100 MB, plain, in TLS and compressed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import quote

from rich.console import Console

from .drivers import DRIVERS, LOOPS, NO_LOOP, OURS, PYMONGO_ASYNC, Driver, Unavailable, install
from .processes import Server, Worker, cores
from .targets import LONGEST_STALL, Outcome

NAME = "bandwidth"
PLAIN, TLS = "plain", "TLS"
TRANSPORTS = (PLAIN, TLS, "zlib", "snappy", "zstd")
MEGABYTE = 1_000_000
SIZE = 100 * MEGABYTE
QUICK_PART = 5
"""With --quick, one in so many batches is read."""
TIMES, QUICK_TIMES = 5, 2
HEAD = TRANSPORTS
NOTHING = "-"


@dataclass(frozen=True)
class BandwidthFigure:
    """One driver on one loop over one transport, a value for each time: MB a second, CPU seconds for 100 MB, and the
    longest stall of the loop in milliseconds.
    """

    driver: Driver
    loop: str
    transport: str
    speeds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)

    def add(self, answer: dict[str, Any], size: int) -> None:
        self.speeds.append(size / MEGABYTE / answer["wall"])
        self.cpu.append(answer["cpu"] * SIZE / size)
        if self.loop != NO_LOOP:
            self.stalls.append(answer["stall"] * 1e3)

    def cell(self) -> str:
        stall = f"{median(self.stalls):.1f} ms" if self.stalls else NOTHING
        return f"{median(self.speeds):.0f} MB/s, {median(self.cpu):.2f} s, {stall}"

    def json(self) -> dict[str, Any]:
        return {
            "driver": self.driver.name,
            "loop": self.loop,
            "transport": self.transport,
            "MB/s": [round(speed, 1) for speed in self.speeds],
            "cpu": [round(cpu, 3) for cpu in self.cpu],
            "stalls": [round(stall, 2) for stall in self.stalls],
        }

    @classmethod
    def read(cls, line: dict[str, Any]) -> "BandwidthFigure":
        """The figure that `json` was made of."""
        driver = DRIVERS[line["driver"]]
        return cls(driver, line["loop"], line["transport"], line["MB/s"], line["cpu"], line["stalls"])


@dataclass(frozen=True)
class BandwidthTable:
    figures: list[BandwidthFigure]
    failures: list[str]

    def get(self, driver: Driver, loop: str, transport: str) -> BandwidthFigure | None:
        found = (driver, loop, transport)
        return next((one for one in self.figures if (one.driver, one.loop, one.transport) == found), None)

    def rows(self) -> Iterator[list[str]]:
        for loop in (*LOOPS, NO_LOOP):
            for driver in DRIVERS.values():
                figures = [self.get(driver, loop, transport) for transport in TRANSPORTS]
                if any(figures):
                    title = driver.title if loop == NO_LOOP else f"{driver.title}, {loop}"
                    yield [title, *(figure.cell() if figure else NOTHING for figure in figures)]

    def outcomes(self) -> Iterator[Outcome]:
        for ours in [figure for figure in self.figures if figure.driver is OURS]:
            where = f"{NAME}, {ours.transport} on {ours.loop}"
            theirs = self.get(PYMONGO_ASYNC, ours.loop, ours.transport)
            speed = median(ours.speeds)
            if theirs is None:
                yield Outcome(f"{where}: no slower than {PYMONGO_ASYNC.title}", None, "not measured")
            else:
                detail = f"{speed:.0f} MB/s against {median(theirs.speeds):.0f}"
                yield Outcome(f"{where}: no slower than {PYMONGO_ASYNC.title}", speed >= median(theirs.speeds), detail)
            stall = median(ours.stalls)
            target = f"{where}: longest stall of the loop at most {LONGEST_STALL:.0f} ms"
            yield Outcome(target, stall <= LONGEST_STALL, f"{stall:.1f} ms (worst {max(ours.stalls):.1f})")

    def caption(self) -> str:
        return (
            f"Reading {SIZE // MEGABYTE} MB of documents of 1 KB in batches of 16 MB, with `async for`: MB of them "
            "a second, CPU seconds for all of them, longest stall of the event loop"
        )


Reader = tuple[Worker, BandwidthFigure]


async def measure(drivers: list[Driver], loops: list[str], console: Console, *, quick: bool) -> BandwidthTable:
    table = BandwidthTable([], [])
    worker_core, server_core = cores()
    server = await Server.start(server_core, "bandwidth_server")
    try:
        tls = await server.ask({"do": "tls"})
        expected = await server.ask({"do": "size", "part": QUICK_PART if quick else 1})
        for transport in TRANSPORTS:
            uri = _uri(server.uri, transport, tls)
            readers = await _start(drivers, loops, transport, uri, worker_core, table)
            try:
                # Round 0 opens the connections and warms the interpreter up.
                for number in range((QUICK_TIMES if quick else TIMES) + 1):
                    for reader in list(readers):
                        await _read(reader, readers, expected, table, keep=number > 0)
            finally:
                for worker, _ in readers:
                    await worker.stop()
            for _, figure in readers:
                table.figures.append(figure)
                shown = f"{NAME}, {transport}, {figure.driver.title} on {figure.loop}: {figure.cell()}"
                console.print(shown, markup=False, highlight=False, soft_wrap=True)
    finally:
        await server.stop()
    return table


def _uri(plain: str, transport: str, tls: dict[str, Any]) -> str:
    if transport == PLAIN:
        return plain
    if transport == TLS:
        before, _, after = plain.partition("/?")
        host = before.rpartition(":")[0]
        return f"{host}:{tls['port']}/?{after}&tls=true&tlsCAFile={quote(tls['authority'], safe='')}"
    return f"{plain}&compressors={transport}"


async def _start(
    drivers: list[Driver], loops: list[str], transport: str, uri: str, core: int | None, table: BandwidthTable
) -> list[Reader]:
    readers: list[Reader] = []
    for driver in drivers:
        for loop in [loop for loop in driver.loops if loop in (*loops, NO_LOOP)]:
            await _start_one(BandwidthFigure(driver, loop, transport), uri, core, readers, table)
    return readers


async def _start_one(
    figure: BandwidthFigure, uri: str, core: int | None, readers: list[Reader], table: BandwidthTable
) -> None:
    try:
        await install(figure.driver)
        readers.append((await Worker.start(figure.driver, figure.loop, uri, core), figure))
    except (Unavailable, OSError) as reason:
        table.failures.append(f"{figure.driver.title} on {figure.loop}: {NAME}, {figure.transport}: {reason}")


async def _read(
    reader: Reader, readers: list[Reader], expected: dict[str, Any], table: BandwidthTable, *, keep: bool
) -> None:
    worker, figure = reader
    try:
        answer = await worker.ask({"readings": expected["documents"]})
    except (Unavailable, OSError) as reason:
        table.failures.append(f"{figure.driver.title} on {figure.loop}: {NAME}, {figure.transport}: {reason}")
        readers.remove(reader)
        await worker.stop()
        return
    if keep:
        figure.add(answer, expected["bytes"])
