"""Who is measured, and the environment each of them lives in."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.environment / "bin" / "python"


PYMONGO = "pymongo[snappy,zstd]"
"""With all of its compressors."""

OURS = Driver("motor", "Motor 4", "motor", (PYMONGO, "uvloop"))
MOTOR_3 = Driver("motor-3.7.1", "Motor 3.7.1", "motor-3.7.1", ("motor==3.7.1", PYMONGO, "uvloop"))
PYMONGO_ASYNC = Driver("pymongo-async", "PyMongo Async", "pymongo", (PYMONGO, "uvloop"))
PYMONGO_SYNC = Driver("pymongo-sync", "PyMongo (sync)", "pymongo", (PYMONGO, "uvloop"), (NO_LOOP,))
MONGOJET = Driver("mongojet", "mongojet", "mongojet", ("mongojet", "uvloop"))

DRIVERS = {driver.name: driver for driver in (OURS, MOTOR_3, PYMONGO_ASYNC, PYMONGO_SYNC, MONGOJET)}


class Unavailable(Exception):
    """A driver that cannot be installed, started or asked; the message is the reason."""


def environment_variables(driver: Driver) -> dict[str, str]:
    """Ours is the checkout, on the path of its own worker only; nothing that would slow Python down is passed on."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if driver is OURS:
        variables["PYTHONPATH"] = str(ROOT)
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
