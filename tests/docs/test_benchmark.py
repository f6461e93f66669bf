"""The README, the benchmark's page and the chart show what docs/bench.json has."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import pages
from bench.drivers import NO_LOOP, OURS
from bench.results import Results
from tests.docs.pages import DOCS

REMEDY = 'python -c "from bench import pages; pages.write()" writes it'


@pytest.fixture(scope="module")
def results() -> Results:
    return Results.read(pages.FIGURES.read_text("utf-8"))


def test_what_is_read_is_what_was_written(results: Results) -> None:
    assert results.json() == pages.FIGURES.read_text("utf-8")


@pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: path.name)
def test_a_page_shows_these_figures(path: Path, results: Results) -> None:
    text = path.read_text("utf-8")
    assert pages.filled(text, results) == text, REMEDY


def test_every_part_is_shown(results: Results) -> None:
    readme, page = (pages.names(path) for path in pages.PAGES)
    assert readme == [pages.SUMMARY]
    assert sorted([*readme, *page]) == sorted(pages.parts(results))


def test_the_readme_says_where_others_are_ahead(results: Results) -> None:
    figures, loop = results.figures, results.loops[0]
    said = pages.parts(results)[pages.SUMMARY]
    for case in results.cases:
        ours = figures.get(OURS.name, loop, case.name)
        others = [figures.get(driver.name, loop, case.name) for driver in results.drivers if driver is not OURS]
        assert ours is not None
        behind = any(other.median < ours.median for other in others if other is not None)
        assert (f"{case.title} (" in said) == behind


def test_the_chart_shows_these_figures(results: Results) -> None:
    chart = (DOCS / "bench.svg").read_text("utf-8")
    assert results.conditions() in chart
    drivers = [driver for driver in results.drivers if NO_LOOP not in driver.loops]
    found = [results.figures.get(driver.name, loop, "find_one@100") for loop in results.loops for driver in drivers]
    expected = sorted(f"{figure.median:.0f}" for figure in found if figure)
    for number in expected:
        assert f">{number}</text>" in chart
