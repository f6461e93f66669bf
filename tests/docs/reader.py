"""Runs the Python of a page as a reader would who types it into ``python -m asyncio``, one block after another."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from typing import Any

from motor.core import AgnosticClient
from tests.docs.pages import DOCS, Example

_HAS_A_LOOP = re.compile(r"\basyncio\.run\b|\.run_until_complete\(")
"""A program that runs a loop itself, and so cannot be typed where one runs already."""

_FORKS = "os.fork("


class Reader:
    """What one page has defined so far, and the event loop that it all runs on."""

    def __init__(self, page: str, substitutions: dict[str, str]) -> None:
        """`substitutions` are done in every block: the address of the server that there is, for that in the page."""
        self._page = page
        self._substitutions = substitutions
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._loop = asyncio.new_event_loop()

    def run(self, example: Example) -> str:
        """Run a block, and return what it prints.

        A program with a loop of its own shares nothing with the others; one that forks has a process of its own.
        """
        source = "\n" * example.line + example.code
        for ours, theirs in self._substitutions.items():
            source = source.replace(ours, theirs)
        if _FORKS in source:
            return subprocess.run(
                [sys.executable, "-W", "error", "-c", source], check=True, capture_output=True, text=True, timeout=60
            ).stdout
        code = compile(source, DOCS / self._page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        printed = io.StringIO()
        with redirect_stdout(printed):
            if _HAS_A_LOOP.search(source):
                exec(code, {"__name__": "__main__"})
            else:
                self._loop.run_until_complete(self._run(code))
        return printed.getvalue()

    async def _run(self, code: Any) -> None:
        result = eval(code, self._names)
        if inspect.isawaitable(result):
            await result

    def close(self) -> None:
        """Close the clients that the page has left open, as the end of the reader's interpreter does."""
        self._loop.run_until_complete(self._close_clients())
        self._loop.close()

    async def _close_clients(self) -> None:
        for client in [value for value in self._names.values() if isinstance(value, AgnosticClient)]:
            await client.close()
