"""Where the specification's files come from: PyMongo's source distribution, of one version and one hash.

pip downloads it by name into a temporary folder, and only its tests are kept, in a cache that git ignores: the JSON
files, and PyMongo's own runner of them for the yardstick.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path

VERSION = "4.20.0"
SHA256 = "f773b0aec28687587cdeda490463a82debc4566a4a3620dcc8dada9d2c0a1acd"

CACHE = Path(__file__).parents[2] / ".spec-cache"
"""What git ignores."""

_MINUTES = 5

# pip asks even a source distribution that it only downloads for its metadata, and installs the build backend for it.
# This one stands in, so that nothing else is downloaded and nothing of the archive is run.
_BACKEND = f"""
from pathlib import Path


def prepare_metadata_for_build_wheel(directory, config_settings=None):
    folder = Path(directory, "pymongo-{VERSION}.dist-info")
    folder.mkdir()
    folder.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: pymongo\\nVersion: {VERSION}\\n")
    return folder.name
"""


@cache
def spec_folder() -> Path:
    """The folder with the files, fetched if it is not there yet; it is PyMongo's package ``test``, too.

    Raises RuntimeError if they cannot be had.
    """
    folder = CACHE / f"pymongo-{VERSION}-tests"
    if not folder.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetching-") as temporary:
            unpacked = _unpack(_download(Path(temporary)), Path(temporary, "unpacked"))
            try:
                unpacked.rename(folder)
            except OSError:
                # Another run was first.
                if not folder.is_dir():
                    raise
    return folder / "test"


def _download(folder: Path) -> Path:
    package = folder / "backend" / "hatchling"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "build.py").write_text(_BACKEND)
    requirements = folder / "requirements.txt"
    requirements.write_text(f"pymongo=={VERSION} --hash=sha256:{SHA256}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        # Its tests are data for us, whatever Python it is for.
        *("--no-binary", ":all:", "--no-deps", "--no-build-isolation", "--ignore-requires-python"),
        *("--dest", str(folder / "dest"), "--requirement", str(requirements)),
    ]
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_MINUTES * 60
        )
    except subprocess.TimeoutExpired:
        raise _unavailable(f"pip did not finish within {_MINUTES} minutes") from None
    if done.returncode:
        raise _unavailable(done.stderr.strip() or done.stdout.strip())
    return next((folder / "dest").iterdir())


def _unpack(archive: Path, folder: Path) -> Path:
    """Unpack the archive's folder ``test`` into `folder`; the folder that it is in comes back."""
    root = f"pymongo-{VERSION}/test/"
    with tarfile.open(archive) as source:
        members = [
            member for member in source if member.name.startswith(root) and member.name.endswith((".json", ".py"))
        ]
        source.extractall(folder, members, filter="data")
    return (folder / root).parent


def _unavailable(reason: str) -> RuntimeError:
    return RuntimeError(
        f"tests/spec needs MongoDB's specification tests, from the source distribution of pymongo {VERSION}, and pip "
        f"could not download it. Connect to a package index, or leave tests/spec out. pip says:\n{reason}"
    )
