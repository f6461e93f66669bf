"""import-linter, which `scripts/check` runs, knows of every module: a new one must be given its layer."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINTER = Path(sysconfig.get_path("scripts"), "lint-imports")

EXHAUSTIVE = ["motor", "motor.driver", "motor.driver.execution", "motor.driver.sdam"]
"""The packages in which each module has a layer."""


@pytest.mark.parametrize("package", EXHAUSTIVE)
def test_a_module_in_no_layer_is_found(tmp_path: Path, package: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "motor", tmp_path / "motor", ignore=shutil.ignore_patterns("__pycache__"))
    assert lint(tmp_path).returncode == 0
    tmp_path.joinpath(*package.split("."), "stray.py").touch()
    linted = lint(tmp_path)
    assert linted.returncode == 1
    assert f"{package}.stray" in linted.stdout


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = (LINTER, "--no-cache")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
