"""Virtual environments for the packages that Motor is tested beside: its predecessor, other PyMongos, ODMs.

They stand in a cache that git ignores, one for each name and Python, and last until their requirements change. Their
versions are locked as those of the tests are (`tests.locks`); a run on the newest packages makes them anew each day.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tests import locks

CACHE = Path(__file__).parents[1] / ".environments"
"""What git ignores."""

MOTOR_3 = ("motor-3.7.1", ("motor==3.7.1", *(f"{package}=={version(package)}" for package in ("tornado", "aiohttp"))))
"""The environment of Motor's predecessor: its name, and what is in it. Its web handlers inherit from what is here."""

_NOT_LOCKED = {("motor", "3.7.1"): {"8a63b9049e38eeeb56b4fdd57c3312a6d1f25d01db717fe7d82222393c410298"}}
"""The SHA-256 of what comes from a package index and is in no lock."""

_MINUTES = 10

_READY = "ready"
"""The file that says what an environment was made of, once it is whole."""


def environment(name: str, requirements: Sequence[str], lock: str | None = None) -> Path:
    """The interpreter of the environment called `name`, with `requirements` installed: lines as of pip's requirements
    file, ``-e folder`` among them. Their versions are those of `lock`, by default those that this run is on.

    Of several processes that ask at once, one makes it and the others wait. Raises RuntimeError if it cannot be made.
    """
    folder = CACHE / f"{name}-{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    lines = "".join(f"{requirement}\n" for requirement in requirements)
    held_to = _locks(lock)
    wanted = lines + (locks.constraints(*held_to) if held_to else f"{date.today()}\n")
    if not _is_ready(folder, wanted):
        CACHE.mkdir(exist_ok=True)
        with _alone(folder.with_name(f"{folder.name}.lock")):
            if not _is_ready(folder, wanted):
                _make(folder, lines, held_to)
                (folder / _READY).write_text(wanted)
    return folder / "bin" / "python"


def clean_variables() -> dict[str, str]:
    """This process's environment variables, without those that would lend its packages to another interpreter."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON") and key != "VIRTUAL_ENV"}


def _locks(lock: str | None) -> Sequence[str]:
    """The locks that its versions are held to: none on the newest packages."""
    if locks.of_this_run() == locks.NEWEST:
        return ()
    # What builds a package is in the lock of development, with which the others agree.
    return (lock, locks.DEVELOPMENT) if lock else (locks.of_this_run(),)


def _is_ready(folder: Path, wanted: str) -> bool:
    ready = folder / _READY
    return ready.is_file() and ready.read_text() == wanted


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, lines: str, held_to: Sequence[str]) -> None:
    """Make the environment in its place, where its scripts will find their interpreter."""
    _run(folder.name, sys.executable, "-m", "venv", "--clear", str(folder))
    requirements = folder / "requirements.txt"
    requirements.write_text(lines)
    report = folder / "report.json"
    options = [f"--report={report}", f"--requirement={requirements}"]
    variables: dict[str, str] = {}
    if held_to:
        constraints = folder / "constraints.txt"
        constraints.write_text(locks.constraints(*held_to))
        variables = locks.variables(constraints)
        options.append("--only-binary=:all:")
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    _run(folder.name, *pip, "install", *options, **variables)
    if held_to:
        _check(folder.name, json.loads(report.read_text()), locks.archives(*held_to) | _NOT_LOCKED)


def _check(name: str, report: Any, known: Mapping[tuple[str, str], set[str]]) -> None:
    """Whatever is not known by its SHA-256 may be something else on another day, or from another place.

    pip itself checks hashes only where it is given those of all that it installs, and of nothing else.
    """
    for installed in report["install"]:
        package = (canonicalize_name(installed["metadata"]["name"]), installed["metadata"]["version"])
        archive = installed["download_info"].get("archive_info")  # the checkout is a folder
        if archive is not None and archive["hashes"]["sha256"] not in known.get(package, ()):
            what = f"{' '.join(package)} with the SHA-256 {archive['hashes']['sha256']}"
            raise _unavailable(name, f"no lock has {what}: see `scripts/lock --keep`")


def _run(name: str, *command: str, **variables: str) -> None:
    try:
        done = subprocess.run(
            command,
            env=clean_variables() | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MINUTES * 60,
        )
    except subprocess.TimeoutExpired:
        raise _unavailable(name, f"{command[2]} did not finish within {_MINUTES} minutes") from None
    if done.returncode:
        raise _unavailable(name, done.stderr.strip() or done.stdout.strip())


def _unavailable(name: str, reason: str) -> RuntimeError:
    return RuntimeError(
        f"The tests need the environment {name} in {CACHE.name}, and it could not be made. Connect to a package index, "
        f"or leave out the tests that fail so. The reason:\n{reason}"
    )
