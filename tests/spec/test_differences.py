"""The list of exceptions holds nothing that is no case."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from .cases import NAMES
from .differences import EXPECTED_FAILURES, NOT_RUN, fits


@pytest.fixture(scope="module")
def names() -> list[str]:
    """Every case: the import of a module with tests gives it its own."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("test_"):
            importlib.import_module(f"{__package__}.{module.name}")
    return NAMES


def test_every_entry_is_about_a_case(names: list[str]) -> None:
    patterns = [pattern for listed in (EXPECTED_FAILURES, NOT_RUN) for group in listed.values() for pattern in group]
    assert [pattern for pattern in patterns if not any(fits(pattern, name) for name in names)] == []


def test_names_are_unique(names: list[str]) -> None:
    assert sorted(set(names)) == sorted(names)
