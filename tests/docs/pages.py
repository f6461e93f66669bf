"""The pages of the documentation, and the Python in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"

_EXAMPLE = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE)


class Example(NamedTuple):
    """A block of Python, the number of the line that it starts on, and what the page says that it prints."""

    code: str
    line: int
    output: str | None


def pages() -> list[str]:
    """The pages, by their paths in `DOCS`."""
    paths = (path.relative_to(DOCS) for path in sorted(DOCS.rglob("*.md")))
    return [str(path) for path in paths if "_build" not in path.parts]


def examples(page: str) -> list[Example]:
    """The Python of a page, in order."""
    text = (DOCS / page).read_text("utf-8")
    return [
        Example(match["code"], text.count("\n", 0, match.start("code")), match["output"])
        for match in _EXAMPLE.finditer(text)
    ]
