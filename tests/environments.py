"""Virtual environments for the packages that Motor is tested beside: its predecessor, other PyMongos, ODMs.

They stand in a cache that git ignores, one for each name and Python, and last until their requirements change.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".environments"
"""What git ignores."""

MOTOR_3 = ("motor-3.7.1", ("motor==3.7.1", *(f"{package}=={version(package)}" for package in ("tornado", "aiohttp"))))
"""The environment of Motor's predecessor: its name, and what is in it. Its web handlers inherit from what is here."""

_MINUTES = 10

_READY = "requirements.txt"


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of the environment called `name`, with `requirements` installed: lines as of pip's requirements
    file, ``-e folder`` among them.

    Of several processes that ask at once, one makes it and the others wait. Raises RuntimeError if it cannot be made.
    """
    folder = CACHE / f"{name}-{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    wanted = "".join(f"{requirement}\n" for requirement in requirements)
    if not _is_ready(folder, wanted):
        CACHE.mkdir(exist_ok=True)
        with _alone(folder.with_name(f"{folder.name}.lock")):
            if not _is_ready(folder, wanted):
                _replace(folder, wanted)
    return folder / "bin" / "python"


def clean_variables() -> dict[str, str]:
    """This process's environment variables, without those that would lend its packages to another interpreter."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON") and key != "VIRTUAL_ENV"}


def _is_ready(folder: Path, wanted: str) -> bool:
    ready = folder / _READY
    return ready.is_file() and ready.read_text() == wanted


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _replace(folder: Path, wanted: str) -> None:
    """Make the environment beside `folder`, and put it in its place when it is whole.

    Only its interpreter is used, which finds its packages wherever it is moved to; its scripts would not.
    """
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="making-", ignore_cleanup_errors=True) as temporary:
        new = Path(temporary, folder.name)
        _run(folder.name, sys.executable, "-m", "venv", str(new))
        requirements = Path(temporary, _READY)
        requirements.write_text(wanted)
        pip = (str(new / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
        _run(folder.name, *pip, "install", "--requirement", str(requirements))
        requirements.rename(new / _READY)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)


def _run(name: str, *command: str) -> None:
    try:
        done = subprocess.run(
            command,
            env=clean_variables(),
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
