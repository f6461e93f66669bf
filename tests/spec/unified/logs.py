"""What the driver logs, and whether that is what a test expects."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson import ObjectId, json_util

from .matching import Matcher, MismatchError

_ROOT = "pymongo"


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("{"):
            component = record.name.removeprefix(f"{_ROOT}.")
            level = record.levelname.lower()
            self.messages.append({"level": level, "component": component, "data": json_util.loads(text)})


@contextmanager
def collected_messages() -> Iterator[list[dict[str, Any]]]:
    """The structured messages that are logged within the block."""
    logger = logging.getLogger(_ROOT)
    collector = _Collector()
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    try:
        yield collector.messages
    finally:
        logger.setLevel(level)
        logger.removeHandler(collector)


def check_log_messages(
    expected: Mapping[str, Any], topology_id: ObjectId, messages: list[dict[str, Any]], matcher: Matcher
) -> None:
    """Compare what one client logged with one entry of ``expectLogMessages``."""
    components = {message["component"] for message in expected["messages"]}
    actual = [
        message
        for message in messages
        if topology_id in (message["data"].get("clientId"), message["data"].get("topologyId"))
        and message["component"] in components
        and not any(_is_match(ignored, message, matcher) for ignored in expected.get("ignoreMessages", ()))
    ]
    if expected.get("ignoreExtraMessages"):
        actual = actual[: len(expected["messages"])]
    for one, other in zip(expected["messages"], actual, strict=False):
        _match(one, other, matcher)
    assert len(actual) == len(expected["messages"]), f"expected {len(expected['messages'])} messages, found {actual}"


def _is_match(expected: Mapping[str, Any], actual: Mapping[str, Any], matcher: Matcher) -> bool:
    try:
        _match(expected, actual, matcher)
    except MismatchError:
        return False
    return True


def _match(expected: Mapping[str, Any], actual: Mapping[str, Any], matcher: Matcher) -> None:
    for field in ("level", "component"):
        if field in expected:
            matcher.match(expected[field], actual[field])
    matcher.match(expected["data"], actual["data"])
    if "failureIsRedacted" in expected and expected["failureIsRedacted"] is not _is_redacted(actual["data"]):
        raise MismatchError(f"expected failureIsRedacted {expected['failureIsRedacted']}, found {actual}")


def _is_redacted(data: Mapping[str, Any]) -> bool:
    failure = data["failure"]
    fields = json_util.loads(failure) if failure.startswith("{") else {"text": failure}
    return fields.keys() <= {"code", "codeName", "errorLabels"}
