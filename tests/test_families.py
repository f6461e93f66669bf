"""`motor.motor_tornado` is what scripts/families makes of `motor.motor_asyncio`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASYNCIO, TORNADO = "motor/motor_asyncio.py", "motor/motor_tornado.py"


def families(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, str(root / "scripts/families.py"), *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with what the script reads."""
    for name in (ASYNCIO, TORNADO, "scripts/families.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> str:
    """Replace `old`, and return what the file holds then."""
    source = path.read_text("utf-8")
    assert old in source
    path.write_text(source.replace(old, new), "utf-8")
    return path.read_text("utf-8")


def test_it_is_up_to_date() -> None:
    checked = families(ROOT, "--check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_change_by_hand_is_found_and_undone(copy: Path) -> None:
    made = (copy / TORNADO).read_text("utf-8")
    changed = change(copy / TORNADO, '"""A collection."""', '"""A collection of documents."""')
    checked = families(copy, "--check")
    assert checked.returncode == 1
    assert "scripts/families" in checked.stderr
    assert (copy / TORNADO).read_text("utf-8") == changed
    assert families(copy).returncode == 0
    assert (copy / TORNADO).read_text("utf-8") == made


def test_what_is_new_for_asyncio_is_missed_for_tornado(copy: Path) -> None:
    change(copy / ASYNCIO, '"""A collection."""', '"""One of AsyncIOMotorDatabase\'s collections."""')
    assert families(copy, "--check").returncode == 1
    assert families(copy).returncode == 0
    assert families(copy, "--check").returncode == 0
    assert '"""One of MotorDatabase\'s collections."""' in (copy / TORNADO).read_text("utf-8")


def test_a_difference_that_is_none_any_more_is_an_error(copy: Path) -> None:
    change(copy / ASYNCIO, "asyncio.AbstractEventLoop", "Any")
    checked = families(copy, "--check")
    assert checked.returncode == 1
    assert "asyncio.AbstractEventLoop" in checked.stderr
