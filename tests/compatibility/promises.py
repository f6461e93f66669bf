"""What pyproject.toml promises: the Pythons, and the versions of the packages that Motor works with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli
from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

EXTRAS = ("tornado", "aiohttp", "uvloop")
"""The packages that an extra of the same name requires."""

DEVELOPMENT_EXTRAS = ("aiohttp", "aws", "embedded", "encryption", "snappy", "tornado", "uvloop", "zstd")
"""What the tests need of Motor: all but ``gssapi`` and ``ocsp``, whose packages need libraries of the system."""

DEMO_EXTRAS = ("embedded", "tornado")

_CLASSIFIER = "Programming Language :: Python :: 3."


def pythons() -> list[str]:
    """The Pythons that the classifiers name, such as "3.10", oldest first."""
    minors = [each.removeprefix(_CLASSIFIER) for each in _project()["classifiers"] if each.startswith(_CLASSIFIER)]
    return [f"3.{minor}" for minor in sorted(map(int, minors))]


def pythons_of_the_server() -> list[str]:
    """Those of `pythons` that the embedded server has a release for."""
    requirements = [Requirement(line) for line in extra("embedded")]
    return [
        python
        for python in pythons()
        if all(each.marker is None or each.marker.evaluate({"python_version": python}) for each in requirements)
    ]


def oldest_python() -> str:
    """The oldest Python that the project installs on."""
    return lowest(Requirement(f"python{_project()['requires-python']}"))


def extra(*names: str) -> list[str]:
    """What Motor requires with these extras."""
    project = _project()
    return [*project["dependencies"], *(line for name in names for line in project["optional-dependencies"][name])]


def requirements() -> dict[str, Requirement]:
    """What is required of PyMongo and of the packages of `EXTRAS`, by the name of the package."""
    return {requirement.name: requirement for requirement in map(Requirement, extra(*EXTRAS))}


def lowest(requirement: Requirement) -> str:
    """The lowest version that meets it."""
    (version,) = (specifier.version for specifier in requirement.specifier if specifier.operator == ">=")
    return version


def group(name: str) -> list[str]:
    """The requirements of a dependency group, those of the groups that it includes among them."""
    return list(resolve_dependency_groups(_pyproject()["dependency-groups"], name))


def _project() -> dict[str, Any]:
    project: dict[str, Any] = _pyproject()["project"]
    return project


def _pyproject() -> dict[str, Any]:
    return tomli.loads(PYPROJECT.read_text("utf-8"))
