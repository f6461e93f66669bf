"""The interpreters of this machine: on the PATH, and pyenv's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.environments import clean_variables

_SAYS_VERSION = "import ensurepip, sys, venv; print('{}.{}'.format(*sys.version_info))"


def interpreter(python: str) -> Path | None:
    """One that runs Python `python`, such as "3.12", and can make virtual environments; None if there is none."""
    return next((path for path in _candidates(python) if _runs(path, python)), None)


def _candidates(python: str) -> Iterator[Path]:
    if found := shutil.which(f"python{python}"):
        yield Path(found)
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    patches = [int(match[1]) for path in versions.glob("*") if (match := re.fullmatch(rf"{python}\.(\d+)", path.name))]
    for patch in sorted(patches, reverse=True):
        yield versions / f"{python}.{patch}" / "bin" / "python"


def _runs(path: Path, python: str) -> bool:
    # pyenv leaves a python3.12 on the PATH that runs nothing, unless a 3.12 has been chosen.
    try:
        done = subprocess.run((path, "-c", _SAYS_VERSION), env=clean_variables(), capture_output=True, text=True)
    except OSError:
        return False
    return done.stdout.strip() == python
