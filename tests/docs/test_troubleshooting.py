"""The page on troubleshooting quotes messages as they are."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import motor
from tests.docs.failures import FAILURES
from tests.docs.pages import DOCS

SAID_BY_MONGODB = {
    "Authentication failed.",
    "bad auth : authentication failed",
    "command ... requires authentication",
    "not authorized on ... to execute command",
    "Transaction numbers are only allowed on a replica set member or mongos",
    "The $changeStream stage is only supported on replica sets",
    "Resume of change stream was not possible, as the resume point may no longer be in the oplog.",
    "Sort exceeded memory limit of ... bytes",
    "not primary",
    "node is recovering",
}
"""What the embedded server doesn't say, or not in these words."""

WRITTEN_IN_MOTOR = {"operation exceeded its time limit after ... attempts": "driver/execution/retries.py"}
"""What takes a reply that comes within the last moment, and the module that says it."""

OTHERWISE_IN_3_10 = {"object does not support the context manager protocol"}


def quoted() -> list[str]:
    """The messages on the page: what stands before an explanation."""
    text = (DOCS / "guides/troubleshooting.md").read_text("utf-8")
    terms = re.findall(r"^(`.+`)\n: ", text, re.MULTILINE)
    return [message for term in terms for message in re.findall(r"`([^`]+)`", term)]


def pattern(message: str) -> str:
    return re.escape(message).replace(re.escape("..."), ".*")


def test_every_message_is_accounted_for() -> None:
    messages = quoted()
    assert len(set(messages)) == len(messages)
    assert set(messages) == set(FAILURES) | SAID_BY_MONGODB | set(WRITTEN_IN_MOTOR)


@pytest.mark.parametrize("message", FAILURES)
async def test_messages_are_as_quoted(message: str, uri: str) -> None:
    if sys.version_info < (3, 11) and message in OTHERWISE_IN_3_10:
        pytest.skip("Python 3.10 names the missing method instead")
    try:
        said = str(await FAILURES[message](uri))
    except Exception as error:
        said = str(error)
    assert re.search(pattern(message), said)


@pytest.mark.parametrize(("message", "module"), WRITTEN_IN_MOTOR.items())
def test_messages_that_are_hard_to_come_by_are_as_written(message: str, module: str) -> None:
    assert re.search(pattern(message), (Path(motor.__file__).parent / module).read_text("utf-8"))
