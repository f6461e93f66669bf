"""Applications on older drivers, whose comments say what is to be found in each line: that, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from motor.migrate import RULES, check_source

APPLICATIONS = Path(__file__).parent / "applications"
CODES = re.compile(r"# ((?:M\d{3} ?)+)$")


def marked(source: str) -> Counter[tuple[int, str]]:
    marks: Counter[tuple[int, str]] = Counter()
    for number, line in enumerate(source.splitlines(), 1):
        if found := CODES.search(line):
            marks.update((number, code) for code in found[1].split())
    return marks


@pytest.mark.parametrize("name", sorted(path.stem for path in APPLICATIONS.glob("*.txt")))
def test_what_is_marked_is_found_and_nothing_else(name):
    source = (APPLICATIONS / f"{name}.txt").read_text()
    findings = check_source(source, name)
    assert Counter((finding.line, finding.code) for finding in findings) == marked(source)
    assert findings == sorted(findings)


def test_the_applications_have_every_code():
    sources = [path.read_text() for path in APPLICATIONS.glob("*.txt")]
    assert {code for source in sources for _, code in marked(source)} == set(RULES) - {"M001"}
    for name in ("clean", "unrelated"):
        assert not marked((APPLICATIONS / f"{name}.txt").read_text())


def test_the_replacement_is_named():
    source = "import motor\nmotor.MotorClient().a.b.insert({})\nthings.ensure_index('x')\n"
    insert, ensure_index = check_source(source, "app.py")
    assert insert == (
        "app.py", 2, 25, "M101", "collection.insert is gone", "use insert_one or insert_many",
    )  # fmt: skip
    assert ensure_index.message == "perhaps a collection's ensure_index, which is gone"


def test_a_guess_is_called_one():
    source = "import motor\nasync def f(db):\n    await db.users.insert({}, callback=print)\n"
    assert [finding.message for finding in check_source(source)] == [
        "perhaps a collection's insert, which is gone",
        "perhaps a collection's insert, which takes no callback",
    ]
    assert check_source(source.replace("motor", "nothing")) == []


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("c.größe; c.ä.delegate", 1, 14),
        ("(c\n .a\n   .delegate)", 3, 5),
        ("\f\nx = 'ü', c.delegate", 2, 12),
    ],
)
def test_the_place_is_where_the_name_stands_counted_in_characters(source, line, column):
    preamble = "from motor.motor_asyncio import AsyncIOMotorClient\nc = AsyncIOMotorClient()\n"
    (finding,) = check_source(preamble + source)
    assert (finding.line, finding.column, finding.code) == (line + 2, column, "M301")
