"""Who is measured, and the environment each of them lives in."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = Path(sys.prefix).parent
"""Beside the environment that `scripts/bench` made for the benchmark itself."""

LOOPS = ("uvloop", "asyncio")
NO_LOOP = "none"


@dataclass(frozen=True)
class Driver:
    name: str
    title: str
    environment: str
    requirements: tuple[str, ...]
    loops: tuple[str, ...] = LOOPS
    checkout: Path | None = None
    """Where it is Motor from a folder and not from the package index."""

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.environment / "bin" / "python"


PYMONGO = "pymongo[snappy,zstd]"
"""With all of its compressors."""

OURS = Driver("motor", "Motor 4", "motor", (PYMONGO, "uvloop"), checkout=ROOT)
MOTOR_3 = Driver("motor-3.7.1", "Motor 3.7.1", "motor-3.7.1", ("motor==3.7.1", PYMONGO, "uvloop"))
PYMONGO_ASYNC = Driver("pymongo-async", "PyMongo Async", "pymongo", (PYMONGO, "uvloop"))
PYMONGO_SYNC = Driver("pymongo-sync", "PyMongo (sync)", "pymongo", (PYMONGO, "uvloop"), (NO_LOOP,))
MONGOJET = Driver("mongojet", "mongojet", "mongojet", ("mongojet", "uvloop"))

DRIVERS = {driver.name: driver for driver in (OURS, MOTOR_3, PYMONGO_ASYNC, PYMONGO_SYNC, MONGOJET)}


class Unavailable(Exception):
    """A driver that cannot be installed, started or asked; the message is the reason."""


def motor_at(commit: str) -> Driver:
    """Motor as of a commit of this repository, checked out beside the environments. Raises Unavailable."""
    asked = subprocess.run(
        ("git", "rev-parse", "--short=9", "--verify", f"{commit}^{{commit}}"), cwd=ROOT, capture_output=True, text=True
    )
    if asked.returncode:
        raise Unavailable(f"{commit!r} is no commit of this repository: {last_line(asked.stderr)}")
    name = asked.stdout.strip()
    checkout = ENVIRONMENTS / f"motor-{name}"
    if not checkout.exists():
        archive = subprocess.run(("git", "archive", name, "motor"), cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(checkout, filter="data")
    return replace(OURS, name=f"motor-{name}", title=f"Motor at {name}", checkout=checkout)


def environment_variables(driver: Driver) -> dict[str, str]:
    """A checkout is on the path of its own worker only; nothing that would slow Python down is passed on."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if driver.checkout is not None:
        variables["PYTHONPATH"] = str(driver.checkout)
    return variables


async def install(driver: Driver) -> None:
    """Makes the driver's environment unless it is there already with the same requirements."""
    folder = ENVIRONMENTS / driver.environment
    ready = folder / "ready"
    wanted = " ".join(driver.requirements)
    if ready.exists() and ready.read_text() == wanted:
        return
    print(f"bench: making the environment {driver.environment} ({wanted})", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    await _run(sys.executable, "-m", "venv", str(folder))
    pip = (str(driver.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    await _run(*pip, *driver.requirements)
    ready.write_text(wanted)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = await process.communicate()
    if process.returncode:
        raise Unavailable(last_line(output.decode(errors="replace")) or f"{' '.join(command)} failed")


def last_line(text: str) -> str:
    lines: Sequence[str] = text.strip().splitlines()
    return lines[-1] if lines else ""
