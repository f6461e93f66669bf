"""The tutorials lead where they say: each is followed to the letter, with only what it has its reader install."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import closing
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from tests import locks
from tests.docs.follower import Follower
from tests.docs.steps import Command, File, files, steps, tutorials
from tests.environments import environment
from tests.examples.programs import free_port

ROOT = Path(__file__).parents[2]

PORTS = ("27017", "8000", "8888")
"""The pages' ports, for each of which the test has a free one."""

STYLE = [
    *("--config", str(ROOT / "pyproject.toml"), "--no-cache"),
    *("--config", "line-length = 88"),  # what fits on a page
    *("--config", "lint.isort.known-first-party = []"),  # Motor is not the reader's
]

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="the tutorials call their applications with curl"
)


def requirements(install: Command) -> list[str]:
    """What a page has its reader install, but Motor from this checkout."""
    *_, pip = install.text.splitlines()
    command, subcommand, *packages = shlex.split(pip)
    assert (command, subcommand) == ("pip", "install")
    return [
        # A line for pip, which reads it as a shell does.
        f"-e {shlex.quote(str(ROOT) + each.removeprefix('motor'))}" if each.startswith("motor[") else each
        for each in packages
    ]


def new_lines(before: str, after: str) -> set[int]:
    """The lines of `after`, counted from 1, that are not in `before`; blank ones do not count."""
    lines = after.splitlines()
    changes = SequenceMatcher(None, before.splitlines(), lines, autojunk=False).get_opcodes()
    return {n + 1 for kind, _, _, first, end in changes if kind != "equal" for n in range(first, end) if lines[n]}


def test_there_are_tutorials() -> None:
    assert tutorials() == ["tutorials/fastapi.md", "tutorials/tornado.md"]


@needs_curl
@pytest.mark.parametrize("page", tutorials())
def test_followed_to_the_letter(page: str, tmp_path: Path) -> None:
    install, *rest = steps(page)
    assert isinstance(install, Command)
    python = environment(Path(page).stem + "-tutorial", requirements(install), locks.DEVELOPMENT)
    with closing(Follower(tmp_path, python, {port: str(free_port()) for port in PORTS})) as follower:
        for step in rest:
            if isinstance(step, File):
                follower.write(step)
            else:
                printed = follower.run(step)
                assert printed.rstrip("\n") == (step.output or "").rstrip("\n"), f"{page}, line {step.line}"


@pytest.mark.parametrize("page", tutorials())
def test_what_is_marked_is_new(page: str) -> None:
    written: dict[str, str] = {}
    for file in files(page):
        assert not file.continued or file.name in written, f"{page}, line {file.line}"
        before = written.get(file.name, "")
        again = file.name in written and not file.continued
        new = new_lines(before, file.text) if again else set()
        lines = file.text.splitlines()
        assert {n for n in file.marked if lines[n - 1]} == new, f"{page}, line {file.line}"
        written[file.name] = file.after(before)


@pytest.mark.parametrize("page", tutorials())
def test_style(page: str, tmp_path: Path) -> None:
    follower = Follower(tmp_path, Path(sys.executable), {})
    for file in files(page):
        follower.write(file)
    for check in (["check"], ["format", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *check, *STYLE]
        result = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr
