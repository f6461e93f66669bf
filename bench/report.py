"""The tables: for a terminal, and for the README."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table

from . import ahead, bandwidth, files, streams
from .ahead import AheadTable
from .bandwidth import BandwidthTable
from .drivers import DRIVERS, OURS, Driver
from .figures import Figure, Figures
from .files import GridFSTable
from .results import Results
from .streams import StreamsTable
from .targets import Outcome
from .worker.cases import Case

NOTHING = "-"

OwnTable = StreamsTable | AheadTable | BandwidthTable | GridFSTable


def print_tables(results: Results, console: Console) -> None:
    for loop in results.loops if results.cases else ():
        title = f"{loop}: CPU us an operation: median (times Motor 4's) lowest..highest round"
        table = Table("", title=title, box=box.SIMPLE)
        for driver in results.drivers:
            table.add_column(driver.title, justify="right", no_wrap=True)
        for case in results.cases:
            cells = []
            for driver in results.drivers:
                figure = results.figures.get(driver.name, loop, case.name)
                ours = results.figures.get(OURS.name, loop, case.name)
                cells.append(_cell(figure, ours, driver) + _spread(figure))
            table.add_row(case.title, *cells)
            if case.drains:
                table.add_row("  longest stall, ms (worst)", *_stalls(results.figures, results.drivers, loop, case))
        console.print(table, markup=False)
    for head, own in _own_tables(results):
        _print_own_table(head, own, console)
    for (name, loop), reason in results.unavailable.items():
        console.print(f"{DRIVERS[name].title} on {loop}: unavailable: {reason}", markup=False, highlight=False)
    for (name, loop, failed), reason in results.figures.failures.items():
        console.print(f"{DRIVERS[name].title} on {loop}: {failed} failed: {reason}", markup=False, highlight=False)


def _own_tables(results: Results) -> list[tuple[tuple[str, ...], OwnTable]]:
    return [
        (streams.HEAD, results.streams),
        (ahead.HEAD, results.ahead),
        (bandwidth.HEAD, results.bandwidth),
        (files.HEAD, results.gridfs),
    ]


def _print_own_table(head: tuple[str, ...], own: OwnTable, console: Console) -> None:
    if own.figures:
        table = Table("", *head, title=own.caption(), box=box.SIMPLE)
        for row in own.rows():
            table.add_row(*row)
        console.print(table, markup=False)
    for failure in own.failures:
        console.print(failure, markup=False, highlight=False)


def print_targets(found: list[Outcome], console: Console) -> None:
    if not found:
        return
    console.print("Targets")
    for outcome in found:
        word = {True: "[green]pass[/]", False: "[red]FAIL[/]", None: "[yellow]none[/]"}[outcome.passed]
        console.print(f"  {word}  {outcome.target}: {outcome.detail}", highlight=False, soft_wrap=True)


def markdown(results: Results) -> str:
    """The README's part between its two marks."""
    lines = [
        "![CPU time of a find_one with 100 at a time, by driver](docs/bench.svg)",
        "",
        "CPU microseconds an operation (lower is better), in brackets how many times Motor 4's:",
    ]
    for loop in results.loops:
        lines += ["", *_markdown_table(results, loop)]
    method = (
        "Every driver talks to the same replay server on another core, whose replies are canned, so that the driver is "
        f"what is measured: a real server adds its own time. Medians of {results.rounds} interleaved rounds. Every "
        "figure is in [docs/bench.json](docs/bench.json); `scripts/bench` measures them again."
    )
    for head, own in _own_tables(results):
        if own.figures:
            lines += ["", f"{own.caption()}:", "", *_own_markdown_table(head, own)]
    lines += ["", f"{results.conditions()}. {method}"]
    return "\n".join(lines)


def _markdown_table(results: Results, loop: str) -> Iterator[str]:
    yield f"| {loop} | " + " | ".join(driver.title for driver in results.drivers) + " |"
    yield "|---|" + "---:|" * len(results.drivers)
    for case in results.cases:
        ours = results.figures.get(OURS.name, loop, case.name)
        cells = [_cell(results.figures.get(driver.name, loop, case.name), ours, driver) for driver in results.drivers]
        yield f"| {case.title} | " + " | ".join(cells) + " |"
        if case.drains:
            stalls = _stalls(results.figures, results.drivers, loop, case)
            yield "| its longest stall of the event loop, ms (worst) | " + " | ".join(stalls) + " |"


def _own_markdown_table(head: tuple[str, ...], own: OwnTable) -> Iterator[str]:
    yield "| | " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * len(head)
    for row in own.rows():
        yield "| " + " | ".join(row) + " |"


def _cell(figure: Figure | None, ours: Figure | None, driver: Driver) -> str:
    if not figure:
        return NOTHING
    ratio = f" ({figure.median / ours.median:.2f})" if ours and driver is not OURS else ""
    return number(figure.median) + ratio


def _spread(figure: Figure | None) -> str:
    return f"\n{number(min(figure.cpu))}..{number(max(figure.cpu))}" if figure else ""


def _stalls(figures: Figures, drivers: list[Driver], loop: str, case: Case) -> list[str]:
    found = [figures.get(driver.name, loop, case.name) for driver in drivers]
    return [f"{figure.stall:.1f} ({max(figure.stalls):.1f})" if figure else NOTHING for figure in found]


def number(microseconds: float) -> str:
    return f"{microseconds:.1f}" if microseconds < 1000 else f"{microseconds:,.0f}"
