"""The lists of examples have all of them, each with the command that its own README gives."""

import re
from pathlib import Path

import pytest

from tests.examples.programs import EXAMPLES

FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))

COMMAND = re.compile(r"\.venv/bin/python (examples/\S+?/\w+\.py)")


def test_each_example_is_listed_with_its_command():
    listed = re.findall(
        r"^\| \[(\w+)\]\((\w+)\) \| .+ \| `(.+)` \|$", (EXAMPLES / "README.md").read_text(), re.MULTILINE
    )
    assert sorted(name for name, _, _ in listed) == FOLDERS
    for name, link, command in listed:
        assert link == name
        assert f"    scripts/install && {command}\n" in (EXAMPLES / name / "README.md").read_text("utf-8")


def test_the_documentation_names_them_all():
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \| .+ \| `python (\w+\.py)` \|$", page, re.MULTILINE)
    assert sorted(name for name, _ in listed) == FOLDERS
    for name, program in listed:
        assert (EXAMPLES / name / program).is_file()


@pytest.mark.parametrize("readme", sorted(EXAMPLES.rglob("README.md")), ids=lambda path: path.parent.name)
def test_what_a_readme_names_is_there(readme: Path):
    text = readme.read_text("utf-8")
    named = [EXAMPLES.parent / program for program in COMMAND.findall(text)]
    named += [readme.parent / link for link in re.findall(r"\]\(([^):]+)\)", text)]
    named += [readme.parent / file for file in re.findall(r"^\| `([\w/.]+)`", text, re.MULTILINE)]
    assert named
    assert [path for path in named if not path.exists()] == []
