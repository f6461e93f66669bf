"""The guides for migrating leave out nothing that ``python -m motor.migrate`` knows to be gone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

import pytest

from motor.migrate import RULES, __main__, removed
from tests.docs.pages import DOCS
from tests.names.differences import OF_MOTOR_3

IN_OTHER_CLASSES = {"batch_size", "motor_gridfs"}
"""What OF_MOTOR_3 has of names that are gone from nowhere but a base class, or from a module that is there."""


def missing(page: str, names: Iterable[str]) -> set[str]:
    """The names that the page's prose and tables don't have as code."""
    prose = re.sub(r"(?ms)^```.*?^```$", "", (DOCS / page).read_text("utf-8"))
    code = " ".join(re.findall(r"`([^`]+)`", prose))
    return {name for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code)}


@pytest.mark.parametrize(
    "names",
    [
        *(removed.METHODS.values()),
        *(removed.PROPERTIES.values()),
        *(removed.ARGUMENTS.values()),
        removed.BUCKET_ARGUMENTS,
        removed.CLIENT_OPTIONS,
        removed.CLASSES,
    ],
)
def test_what_is_gone_since_motor_1_and_2_has_a_replacement(names: dict[str, str]) -> None:
    assert missing("migration/motor-1-2.md", names) == set()


def test_what_is_gone_since_motor_3_has_a_replacement() -> None:
    left_out = {name for pattern, _ in OF_MOTOR_3 for name in re.findall(r"\b[a-z]+_[a-z_]+\b", pattern)}
    gone = {*removed.MODULES, *left_out - IN_OTHER_CLASSES, "MOTOR_MAX_WORKERS", "delegate"}
    assert missing("migration/motor-3.md", gone) == set()


def test_what_is_gone_since_pymongo_async_has_a_replacement() -> None:
    assert missing("migration/pymongo-async.md", {"gridfs.AsyncGridFS", "get_keys"}) == set()


def test_the_commands_page_has_every_option() -> None:
    actions = __main__._parser()._actions
    options = set(chain.from_iterable(action.option_strings or [str(action.metavar)] for action in actions))
    assert missing("api/migrate.md", options - {"-h", "--help"}) == set()


def test_rules_that_pages_name_are_there() -> None:
    named = {code for path in DOCS.rglob("*.md") for code in re.findall(r"`(M\d{3})`", path.read_text("utf-8"))}
    assert named
    assert named <= set(RULES)
