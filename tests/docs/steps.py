"""A tutorial as the steps that its reader takes: files to write, and commands to run."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.docs.pages import DOCS, pages

_BLOCK = re.compile(r"^```(?P<kind>[^\n]+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)

_OPTION = re.compile(r":(?P<name>[\w-]+): (?P<value>.*)\n")

_CONTINUED = ", continued"


class File(NamedTuple):
    """A block whose caption names a file: all of it, or, where that says `continued`, what goes below what is there.

    `marked` has the lines that are shown as new, counted from 1. `line` is the page's line that the block starts on.
    """

    name: str
    text: str
    continued: bool
    marked: set[int]
    line: int

    def after(self, before: str) -> str:
        """What the file holds once this step is done, if it held `before`."""
        return f"{before}\n\n{self.text}" if self.continued else self.text


class Command(NamedTuple):
    """A block for a shell, and what the page says that it prints.

    Where it has a caption, that is the name of a terminal in which it stays running until the terminal is used again.
    """

    text: str
    terminal: str | None
    output: str | None
    line: int


def tutorials() -> list[str]:
    """The tutorials among the pages."""
    return [page for page in pages() if page.startswith("tutorials/")]


def steps(page: str) -> list[File | Command]:
    """The steps of a tutorial, in order. Raises ValueError for a block that is none."""
    text = (DOCS / page).read_text("utf-8")
    found: list[File | Command] = []
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        language = block["kind"].removeprefix("{code-block} ")
        options, body = _options(block["body"])
        caption = options.get("caption")
        if language == "bash":
            found.append(Command(body, caption, None, line))
        elif language == "text" and found and isinstance(found[-1], Command) and found[-1].output is None:
            found[-1] = found[-1]._replace(output=body)
        elif caption is not None:
            name = caption.removesuffix(_CONTINUED)
            found.append(File(name, body, name != caption, _lines(options.get("emphasize-lines", "")), line))
        else:
            raise ValueError(f"{page}, line {line}: neither a file, nor a command, nor what a command prints")
    return found


def files(page: str) -> list[File]:
    """The files that a tutorial has its reader write, in order."""
    return [step for step in steps(page) if isinstance(step, File)]


def _options(body: str) -> tuple[dict[str, str], str]:
    options = {}
    while option := _OPTION.match(body):
        options[option["name"]] = option["value"]
        body = body[option.end() :]
    return options, body


def _lines(ranges: str) -> set[int]:
    lines: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", ranges):
        lines.update(range(int(first), int(last or first) + 1))
    return lines
