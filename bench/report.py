"""The tables, for a terminal."""

from rich import box
from rich.console import Console
from rich.table import Table

from . import ahead, bandwidth, files, streams
from .ahead import AheadTable
from .bandwidth import BandwidthTable
from .drivers import OURS, Driver
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
                cells.append(cell(figure, ours, driver) + _spread(figure))
            table.add_row(case.title, *cells)
            if case.stalls:
                table.add_row("  longest stall, ms (worst)", *stalls(results.figures, results.drivers, loop, case))
        console.print(table, markup=False)
    for _, head, own in own_tables(results):
        _print_own_table(head, own, console)
    titles = {driver.name: driver.title for driver in results.drivers}
    for (name, loop), reason in results.unavailable.items():
        console.print(f"{titles[name]} on {loop}: unavailable: {reason}", markup=False, highlight=False)
    for (name, loop, failed), reason in results.figures.failures.items():
        console.print(f"{titles[name]} on {loop}: {failed} failed: {reason}", markup=False, highlight=False)


def own_tables(results: Results) -> list[tuple[str, tuple[str, ...], OwnTable]]:
    """The measurements that are more than what an operation costs: the name, the head and the table of each."""
    return [
        (streams.NAME, streams.HEAD, results.streams),
        (ahead.NAME, ahead.HEAD, results.ahead),
        (bandwidth.NAME, bandwidth.HEAD, results.bandwidth),
        (files.NAME, files.HEAD, results.gridfs),
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


def cell(figure: Figure | None, ours: Figure | None, driver: Driver) -> str:
    if not figure:
        return NOTHING
    ratio = f" ({figure.median / ours.median:.2f})" if ours and driver is not OURS else ""
    return number(figure.median) + ratio


def _spread(figure: Figure | None) -> str:
    return f"\n{number(min(figure.cpu))}..{number(max(figure.cpu))}" if figure else ""


def stalls(figures: Figures, drivers: list[Driver], loop: str, case: Case) -> list[str]:
    found = [figures.get(driver.name, loop, case.name) for driver in drivers]
    return [f"{figure.stall:.1f} ({max(figure.stalls):.1f})" if figure else NOTHING for figure in found]


def number(microseconds: float) -> str:
    return f"{microseconds:.1f}" if microseconds < 1000 else f"{microseconds:,.0f}"
