"""The built site, once for all tests that look at it: they are of one group, and so in one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; building it raises no warning."""
    folder = tmp_path_factory.mktemp("site")
    sphinx = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    result = subprocess.run([*sphinx, str(DOCS), str(folder)], capture_output=True, text=True, timeout=300)
    assert result.stderr == ""
    assert result.returncode == 0
    return folder
