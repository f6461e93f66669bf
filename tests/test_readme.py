"""What the README says works as it stands: its commands in an empty environment, its example, its links."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import motor.embedded
from tests import locks

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MINUTES = 10

NETWORK = re.compile(
    r"(?i)(https?|all|no)_proxy|ssl_cert_\w+|requests_ca_bundle|pip_(cert|find_links|\w*index\w*|\w*timeout)"
)
"""The environment variables by which a machine says how packages are reached."""

_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


class Block(NamedTuple):
    kind: str
    body: str
    before: str
    """The paragraph before it."""


class Session(NamedTuple):
    """A command, and what the README says that it prints."""

    command: str
    output: str


def blocks() -> Iterator[Block]:
    text = README.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        yield Block(match["kind"], match["body"], text[: match.start()].rstrip().rpartition("\n\n")[2])


def session(body: str) -> Session:
    """A block of one command behind a ``$``, and its output."""
    command, _, output = body.partition("\n")
    assert command.startswith("$ ")
    return Session(command.removeprefix("$ "), output)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What git has or would have of this checkout, elsewhere."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    copy = tmp_path / "motor"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """The variables of somebody who has nothing but this Python, and the server if that must come from another one.

    Packages have the versions of the development environment, so that nobody's new release fails this test.
    """
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
    if sys.version_info >= motor.embedded._PYTHON_WITHOUT_SECANTUSDB and (server := shutil.which("secantusd-py")):
        (programs / "secantusd-py").symlink_to(server)
    home = tmp_path / "home"
    home.mkdir()
    pins = tmp_path / "constraints.txt"
    pins.write_text(locks.constraints(locks.DEVELOPMENT), "utf-8")
    return {
        **{name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)},
        "HOME": str(home),
        "PATH": f"{programs}:/usr/bin:/bin",
        **locks.variables(pins),
    }


def test_its_commands_work_in_an_empty_environment(checkout: Path, empty: dict[str, str]) -> None:
    def run(command: str) -> str:
        done = subprocess.run(
            ["/bin/bash", "-euc", command],
            cwd=checkout,
            env=empty,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60 * MINUTES,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    kinds = []
    for block in blocks():
        kinds.append(block.kind)
        if block.kind == "bash":
            run(block.body)
        elif block.kind == "python":
            (file,) = re.findall(r"Write it to `(\w+\.py)`", block.before)
            (checkout / file).write_text(block.body, "utf-8")
        else:
            command, output = session(block.body)
            assert run(command) == output
            # In the clone, Motor is found without an installation, too; in isolated mode it is not.
            assert run(command.replace("python ", "python -I ")) == output
    assert kinds == ["bash", "python", "console"]


def test_its_example_raises_no_warning(tmp_path: Path) -> None:
    (code,) = (block.body for block in blocks() if block.kind == "python")
    (said,) = (session(block.body) for block in blocks() if block.kind == "console")
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stderr, result.stdout) == (0, "", said.output)


def test_its_links_into_the_repository_lead_somewhere() -> None:
    targets = [target for target in _LINK.findall(README.read_text("utf-8")) if ":" not in target]
    assert len(targets) > 5
    for target in targets:
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text("utf-8"), re.MULTILINE)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], target
