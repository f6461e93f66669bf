"""Follows a tutorial to the letter, in a folder that is empty at first."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from pathlib import Path

from tests.docs.steps import Command, File

PATIENCE = 60.0
"""How long a command may take, in seconds, on a machine that does much else."""

VARIES = re.compile(r"\b[0-9a-f]{24}\b|(?<=process \[)\d+|(?<= in )\d+\.\d+s")
"""What is another one each time: ObjectIds, the ids of processes, how long tests take."""


class Follower:
    """Somebody who has what one virtual environment has, and types what the page says.

    What varies is learned where it is first printed, and stands for what the page has there from then on.
    """

    def __init__(self, folder: Path, python: Path, here: dict[str, str]) -> None:
        """`here` has what stands for words of the page in this place, such as a free port for the page's."""
        self._folder = folder
        self._here = here
        self._variables = {
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",  # as in a terminal
        }
        self._running: dict[str, subprocess.Popen[str]] = {}

    def write(self, file: File) -> None:
        path = self._folder / file.name
        before = path.read_text("utf-8") if path.exists() else ""
        path.write_text(_replaced(file.after(before), self._here), "utf-8")

    def run(self, command: Command) -> str:
        """Run a command, and return what it prints, in the page's words.

        Of one that stays running that is as many lines as the page shows.
        """
        if command.terminal is None:
            process = self._start(command, stderr=subprocess.PIPE)
            try:
                printed, errors = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
            assert process.returncode == 0, printed + errors
        else:
            self._interrupt(command.terminal)
            assert command.output, "without a line that it prints nobody knows when it is ready"
            process = self._running[command.terminal] = self._start(command, stderr=subprocess.STDOUT)
            printed = _first_lines(process, command.output.count("\n"))
        return self._in_the_words_of_the_page(printed, command.output or "")

    def close(self) -> None:
        """Interrupt what still runs, the last first. Each has to end well."""
        for terminal in reversed(list(self._running)):
            self._interrupt(terminal)

    def _start(self, command: Command, stderr: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", f"exec {_replaced(command.text, self._here)}"],
            cwd=self._folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            preexec_fn=_take_ctrl_c,
        )

    def _interrupt(self, terminal: str) -> None:
        """Press Ctrl-C, if anything runs there."""
        process = self._running.pop(terminal, None)
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            printed, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode == 0, f"{terminal}: {printed}"
        assert "Traceback" not in printed, f"{terminal}: {printed}"

    def _in_the_words_of_the_page(self, printed: str, shown: str) -> str:
        for theirs, ours in zip(VARIES.findall(shown), VARIES.findall(printed), strict=False):
            self._here.setdefault(theirs, ours)
        return _replaced(printed, {ours: theirs for theirs, ours in self._here.items()})


def _take_ctrl_c() -> None:
    """What runs in the background of a shell would ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _first_lines(process: subprocess.Popen[str], count: int) -> str:
    assert process.stdout is not None
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        return "".join(process.stdout.readline() for _ in range(count))
    finally:
        timer.cancel()


def _replaced(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = re.sub(rf"\b{re.escape(old)}\b", new, text)
    return text
