"""``scripts/lock``: brings `requirements/` in line with pyproject.toml, and with what the package index has today.

Then all tests run on every Python that is here, and what passes is put on record, so that the record is of the lock.
With ``--keep`` a version changes only where pyproject.toml asks for it, and no test runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.compatibility.promises import DEMO_EXTRAS, DEVELOPMENT_EXTRAS, lowest, oldest_python, requirements
from tests.locks import ALL, AUDIT, BENCH, DEMO, DEVELOPMENT, FUZZ, LOWEST, ODMS, TOOL, YARDSTICK, path, pins

_ROOT = Path(__file__).parents[2]
_PROJECT = "pyproject.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; the exit status is that of uv, or of the tests."""
    parser = argparse.ArgumentParser(prog="scripts/lock", description=__doc__, allow_abbrev=False)
    parser.add_argument("--keep", action="store_true", help="change only what pyproject.toml asks for; run no test")
    keep = parser.parse_args(arguments).keep
    before = {lock: _lines(lock) for lock in ALL}
    with tempfile.TemporaryDirectory() as folder:
        of_the_lowest = Path(folder, "lowest.txt")
        of_the_lowest.write_text("".join(f"{name}=={lowest(each)}\n" for name, each in requirements().items()))
        for lock, sources in _sources(of_the_lowest).items():
            _compile(lock, sources, upgrade=not keep)
            # uv says of each package who asked for it, by the paths that it was given.
            said = path(lock).read_text("utf-8").replace(f"{folder}{os.sep}", "")
            path(lock).write_text(said, "utf-8")
    for lock in ALL:
        _show(lock, before[lock], _lines(lock))
    if keep:
        return 0
    return subprocess.run([_ROOT / "scripts" / "test", "--pythons", "--write"]).returncode


def _sources(of_the_lowest: Path) -> dict[str, list[str]]:
    """What each file is made from, in an order in which each may follow those before it."""
    development = [_PROJECT, "--group=dev", *(f"--extra={extra}" for extra in DEVELOPMENT_EXTRAS)]
    as_in_development = ["--constraint", str(path(DEVELOPMENT))]
    return {
        DEVELOPMENT: development,
        LOWEST: [*development, "--constraint", str(of_the_lowest)],
        DEMO: [_PROJECT, "--group=build", *(f"--extra={extra}" for extra in DEMO_EXTRAS), *as_in_development],
        # What the ODMs require as "motor" is the checkout.
        ODMS: [_PROJECT, "--group=odms", "--no-emit-package=motor", *as_in_development],
        BENCH: ["--group=bench", *as_in_development],
        FUZZ: ["--group=fuzz"],
        TOOL: ["--group=lock"],
        AUDIT: ["--group=audit", *as_in_development],
        YARDSTICK: ["--group=yardstick"],
    }


def _compile(lock: str, sources: Sequence[str], *, upgrade: bool) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv is not None, "scripts/lock installs it"
    command = [
        *(uv, "pip", "compile", "--quiet", "--universal", f"--python-version={oldest_python()}", "--generate-hashes"),
        *("--custom-compile-command=scripts/lock", f"--output-file={path(lock)}", *sources),
        *(["--upgrade"] if upgrade else []),
    ]
    subprocess.run(command, cwd=_ROOT, check=True)


def _lines(lock: str) -> list[str]:
    return [str(pin) for pin in pins(lock)] if path(lock).exists() else []


def _show(lock: str, before: Sequence[str], after: Sequence[str]) -> None:
    print(f"== {path(lock).name}", "" if before != after else ": nothing changes", sep="")
    for line in before:
        if line not in after:
            print(f"  - {line}")
    for line in after:
        if line not in before:
            print(f"  + {line}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
