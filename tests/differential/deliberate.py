"""Where Motor sends something other than PyMongo, on purpose. Each would be a bug report there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_motor_sends_it(name: str, command: Mapping[str, Any]) -> Mapping[str, Any]:
    """The command without what one driver sends and the other doesn't."""
    if name == "dropDatabase" and command.get("comment", "") is None:
        # PyMongo sends a null where no comment was given.
        return _without(command, "comment")
    if name in ("insert", "update", "delete") and _is_unordered_and_unacknowledged(command):
        # PyMongo forgets the caller's comment and let, and the cluster time.
        return _without(command, "comment", "let", "$clusterTime")
    return command


def _is_unordered_and_unacknowledged(command: Mapping[str, Any]) -> bool:
    return command.get("writeConcern") == {"w": 0} and not command.get("ordered", True)


def _without(command: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in command.items() if key not in keys}
