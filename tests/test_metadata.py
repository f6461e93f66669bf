"""What the package index shows of Motor, read from the packages that are built."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from motor._version import version
from tests.compatibility.promises import oldest_python, pythons

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("packages")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True, timeout=120)
    return folder


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def metadata(packages: Path, request: pytest.FixtureRequest) -> Message:
    return Parser().parsestr(of_wheel(packages) if request.param == "wheel" else of_sdist(packages))


def of_wheel(packages: Path) -> str:
    (path,) = packages.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return wheel.read(name).decode()


def of_sdist(packages: Path) -> str:
    with sdist(packages) as archive:
        file = archive.extractfile(f"motor-{version}/PKG-INFO")
        assert file is not None
        return file.read().decode()


def sdist(packages: Path) -> tarfile.TarFile:
    (path,) = packages.glob("*.tar.gz")
    return tarfile.open(path)


def description(metadata: Message) -> str:
    assert metadata["Description-Content-Type"] == "text/markdown"
    text = metadata.get_payload()
    assert isinstance(text, str)
    return text


def test_the_description_is_the_readme_without_links_into_the_repository(metadata: Message) -> None:
    text = description(metadata)
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert targets
    assert [target for target in targets if not target.startswith("https://")] == []
    assert "![" not in text
    assert re.findall(r"(?ms)^```.*?^```$", text) == re.findall(r"(?ms)^```.*?^```$", readme)
    assert re.findall("(?m)^#.*$", text) == re.findall("(?m)^#.*$", readme)
    for path in re.findall(r"\(`([\w./-]+)`\)", text):
        assert (ROOT / path).exists(), path


def test_keywords_classifiers_and_links(metadata: Message) -> None:
    assert metadata["Version"] == version
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == f">={oldest_python()}"
    assert {"mongodb", "asyncio", "tornado", "gridfs"} <= set(metadata["Keywords"].split(","))
    classifiers = metadata.get_all("Classifier", [])
    for python in pythons():
        assert f"Programming Language :: Python :: {python}" in classifiers
    for kind in "Development Status", "Framework", "Intended Audience", "Topic", "Typing":
        assert any(each.startswith(f"{kind} :: ") for each in classifiers), kind
    links = [each.split(", ")[1] for each in metadata.get_all("Project-URL", [])]
    assert links
    assert all(link.startswith("https://") for link in links)


def test_the_source_has_what_a_reader_needs(packages: Path) -> None:
    with sdist(packages) as archive:
        names = {name.removeprefix(f"motor-{version}/") for name in archive.getnames()}
    assert {
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/index.md",
        "requirements/dev.txt",
    } <= names
    assert not [name for name in names if name.startswith((".venv", ".environments", ".bench"))]
