"""SecantusDB is a program that `motor.embedded` finds and starts, and nothing that Motor imports."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import tomli
from packaging.requirements import Requirement

import motor.embedded
from motor.embedded import Server

PACKAGE = Path(motor.embedded.__file__).parent


def imports(module: Path) -> Iterator[str]:
    """The names of what a module imports, and the strings in it, which may name something to be imported."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_it(name: str) -> bool:
    return re.match(r"secantus(\.|$)", name) is not None or "-m secantus" in name


def test_no_module_imports_it() -> None:
    found = [(module.name, name) for module in PACKAGE.rglob("*.py") for name in imports(module) if is_it(name)]
    # The name that the ImportError has when the program is missing.
    assert found == [("embedded.py", "secantus")]


@pytest.mark.parametrize(
    "source",
    [
        "import secantus",
        "import os, secantus.cli",
        "def start():\n    from secantus import cli",
        "from secantus.server import SecantusDBServer",
        "importlib.import_module('secantus.cli')",
        "subprocess.Popen([sys.executable, '-m', 'secantus'])",
        "os.system('python -m secantus --port 1')",
    ],
)
def test_an_import_of_it_is_noticed(source: str, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    assert any(map(is_it, imports(module)))


def test_nothing_imports_it_at_run_time() -> None:
    source = """
import importlib, pkgutil, sys
import motor, motor.embedded

for module in pkgutil.walk_packages(motor.__path__, "motor."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
with motor.embedded.Server():
    pass
assert not [name for name in sys.modules if name.partition(".")[0] == "secantus"]
"""
    subprocess.run([sys.executable, "-c", source], check=True)


# Where the program is


def ping(server: Server) -> None:
    with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
        client.admin.command("ping")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder, with a blank in its path, where the program is as an installer would put it."""
    folder = tmp_path / "with a blank"
    folder.mkdir()
    program = folder / "secantusd-py"
    program.write_text(f'#!/bin/sh\necho "started as $0" >&2\nexec "{motor.embedded._find_program()}" "$@"\n')
    program.chmod(0o755)
    return folder


def test_beside_the_interpreter(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda *args: str(elsewhere))
    monkeypatch.delenv("PATH")
    with Server() as server:
        ping(server)
        assert f"started as {elsewhere}/secantusd-py" in server._log_tail()


def test_installed_for_the_user(elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda *scheme: str(elsewhere if len(scheme) == 2 else tmp_path))
    with Server() as server:
        assert f"started as {elsewhere}/secantusd-py" in server._log_tail()


def test_on_the_path(elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda *args: str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{elsewhere}")
    with Server() as server:
        ping(server)
        assert f"started as {elsewhere}/secantusd-py" in server._log_tail()


def test_program_that_cannot_be_run(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "secantusd-py").write_text("#!/no/such/interpreter\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda *args: str(elsewhere))
    with pytest.raises(RuntimeError, match=r"(?s)exit status 1 before it was ready.*secantusd-py"):
        Server().__enter__()


# Where there is no release of it


@pytest.fixture
def without_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: None)
    monkeypatch.setattr(motor.embedded, "_PYTHON_WITHOUT_SECANTUSDB", sys.version_info[:2])


@pytest.mark.usefixtures("without_release")
def test_missing_where_there_is_no_release() -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    with pytest.raises(ImportError, match=f"no release for Python {version}.*on the PATH.*another server"):
        Server().__enter__()


def test_the_extra_requires_it_where_there_is_a_release() -> None:
    project = tomli.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    (requirement,) = project["optional-dependencies"]["embedded"]
    marker = Requirement(requirement).marker
    assert marker is not None
    for minor in range(10, 16):
        released = (3, minor) < motor.embedded._PYTHON_WITHOUT_SECANTUSDB
        assert marker.evaluate({"python_version": f"3.{minor}"}) == released


TESTS = """
import subprocess, sys
import motor.embedded

def test_that_needs_the_server():
    motor.embedded.Server().__enter__()

def test_whose_fixture_needs_the_server(server_uri):
    pass

def test_whose_process_needs_the_server():
    source = "import conftest, motor.embedded; motor.embedded.Server().__enter__()"
    process = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr

def test_that_fails():
    assert False
"""

CONFTEST = """
import sys
import motor.embedded, shutil

shutil.which = lambda *args, **kwargs: None
motor.embedded._PYTHON_WITHOUT_SECANTUSDB = {first}
from tests.conftest import pytest_runtest_makereport, server_uri
"""


@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        ("sys.version_info[:2]", ["needs SecantusDB, which is not installed: it has no", "== 1 failed, 3 skipped in "]),
        ("(4,)", ["== 3 failed, 1 error in "]),
    ],
)
def test_tests_are_skipped_where_there_is_no_release(first: str, outcome: list[str], tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.format(first=first))
    (tmp_path / "test_some.py").write_text(TESTS)
    environment = {name: value for name, value in os.environ.items() if name != "MOTOR_TEST_URI"}
    environment["PYTHONPATH"] = os.pathsep.join([str(PACKAGE.parent), str(tmp_path)])
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "--rootdir", tmp_path, tmp_path],
        env=environment,
        capture_output=True,
        text=True,
    )
    for part in outcome:
        assert part in process.stdout, process.stdout + process.stderr
