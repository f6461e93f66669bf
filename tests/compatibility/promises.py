"""What pyproject.toml promises: the Pythons, and the versions of the packages that Motor works with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli
from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

EXTRAS = ("tornado", "aiohttp", "uvloop")
"""The packages that an extra of the same name requires."""

_CLASSIFIER = "Programming Language :: Python :: 3."


def pythons() -> list[str]:
    """The Pythons that the classifiers name, such as "3.10", oldest first."""
    minors = [each.removeprefix(_CLASSIFIER) for each in _project()["classifiers"] if each.startswith(_CLASSIFIER)]
    return [f"3.{minor}" for minor in sorted(map(int, minors))]


def oldest_python() -> str:
    """The oldest Python that the project installs on."""
    return lowest(Requirement(f"python{_project()['requires-python']}"))


def requirements() -> dict[str, Requirement]:
    """What is required of PyMongo and of the packages of `EXTRAS`, by the name of the package."""
    project = _project()
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


def lowest(requirement: Requirement) -> str:
    """The lowest version that meets it."""
    (version,) = (specifier.version for specifier in requirement.specifier if specifier.operator == ">=")
    return version


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomli.loads(PYPROJECT.read_text("utf-8"))["project"]
    return project
