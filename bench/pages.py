"""What the README and the documentation show of a run: written between two marks, out of docs/bench.json alone.

    python -c "from bench import pages; pages.write()"

writes it again without measuring, as one does who has changed how it looks.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from . import files, streams
from .drivers import NO_LOOP, OURS, ROOT
from .report import NOTHING, cell, number, own_tables, stalls
from .results import Results

FIGURES = ROOT / "docs" / "bench.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "benchmark.md")

SUMMARY, OPERATIONS, CONDITIONS = "summary", "operations", "conditions"
"""The parts, beside those that have the names of measurements."""

Measured = TypeVar("Measured")

_PART = re.compile(r"(?P<begin><!-- bench:(?P<name>(?!end\b)\w+) -->\n).*?(?P<end><!-- bench:end -->)", re.DOTALL)


def write() -> list[str]:
    """Write the parts of all pages, and return the pages' paths."""
    results = Results.read(FIGURES.read_text("utf-8"))
    for path in PAGES:
        path.write_text(filled(path.read_text("utf-8"), results), "utf-8")
    return [str(path.relative_to(ROOT)) for path in PAGES]


def filled(text: str, results: Results) -> str:
    """A page with every part as `results` have it."""
    contents = parts(results)
    return _PART.sub(lambda match: f"{match['begin']}{contents[match['name']]}\n{match['end']}", text)


def names(path: Path) -> list[str]:
    """Which parts a page has."""
    return [match["name"] for match in _PART.finditer(path.read_text("utf-8"))]


def parts(results: Results) -> dict[str, str]:
    found = {
        SUMMARY: _summary(results),
        OPERATIONS: "\n\n".join("\n".join(_operations(results, loop)) for loop in results.loops),
        CONDITIONS: f"{results.conditions()}. Medians of {results.rounds} interleaved rounds.",
    }
    for name, head, table in own_tables(results):
        found[name] = f"{table.caption()}:\n\n" + "\n".join(_table("", head, table.rows()))
    return found


def _summary(results: Results) -> str:
    """The chart, five lines that tell most, and where Motor is not ahead."""
    loop = results.loops[0]
    drivers = [driver for driver in results.drivers if NO_LOOP not in driver.loops]

    def cost(case: str) -> list[str]:
        return [_or_nothing(results.figures.get(one.name, loop, case), lambda it: number(it.median)) for one in drivers]

    stalled = [results.figures.get(driver.name, loop, "drain_for") for driver in drivers]
    watching = [results.streams.get(driver, loop) for driver in drivers]
    storing = [results.gridfs.get(driver, loop) for driver in drivers]
    rows = {
        "CPU time of a `find_one`, 100 at a time, µs": cost("find_one@100"),
        "CPU time of an `insert_many` of 1000 documents, µs": cost("insert_many"),
        "longest stall of the event loop in `async for` over a 7 MB batch, ms": [
            _or_nothing(one, lambda it: f"{it.stall:.1f}") for one in stalled
        ],
        f"CPU time with {streams.STREAMS} open change streams, % of a core": [
            _or_nothing(one, _watching) for one in watching
        ],
        f"a file of {results.gridfs.size // files.MEGABYTE:,} MB into GridFS, MB/s": [
            _or_nothing(one, lambda it: f"{it.rate('up'):.0f}") for one in storing
        ],
    }
    table = _table(f"on {loop}", [driver.title for driver in drivers], ([title, *row] for title, row in rows.items()))
    chart = "![CPU time of a find_one with 100 at a time, by driver](docs/bench.svg)"
    return "\n".join([chart, "", *table, "", f"Measured {results.day}, on canned replies. {_behind(results, loop)}"])


def _or_nothing(figure: Measured | None, show: Callable[[Measured], str]) -> str:
    return NOTHING if figure is None else show(figure)


def _watching(figure: streams.StreamsFigure) -> str:
    cpu = f"{figure.run['cpu'] * 100:.0f}"
    return cpu if figure.waiting == streams.STREAMS else f"{cpu} ({figure.waiting} of them work)"


def _behind(results: Results, loop: str) -> str:
    """Where another driver needs less CPU time for an operation, and how much."""
    places = []
    for case in results.cases:
        ours = results.figures.get(OURS.name, loop, case.name)
        measured = [(driver, results.figures.get(driver.name, loop, case.name)) for driver in results.drivers]
        ranked = sorted((figure.median, driver.title) for driver, figure in measured if figure and driver is not OURS)
        if ours and ranked and ranked[0][0] < ours.median:
            best, title = ranked[0]
            places.append(f"{case.title} ({number(best)} µs with {title}, {number(ours.median)} with {OURS.title})")
    return f"Another driver needs less CPU time for: {'; '.join(places)}." if places else ""


def _operations(results: Results, loop: str) -> Iterator[str]:
    rows = []
    for case in results.cases:
        ours = results.figures.get(OURS.name, loop, case.name)
        found = [results.figures.get(driver.name, loop, case.name) for driver in results.drivers]
        cells = [cell(figure, ours, driver) for figure, driver in zip(found, results.drivers, strict=True)]
        rows.append([case.title, *cells])
        if case.stalls:
            stalled = stalls(results.figures, results.drivers, loop, case)
            rows.append(["its longest stall of the event loop, ms (worst)", *stalled])
    return _table(loop, [driver.title for driver in results.drivers], rows)


def _table(corner: str, head: Sequence[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {corner} | {' | '.join(head)} |".replace("|  |", "| |")
    yield "|---|" + "---:|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
