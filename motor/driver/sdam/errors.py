"""What an operation's error says about its server.

Source: the MongoDB specification "Server Discovery and Monitoring", "Error handling".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import NotPrimaryError, OperationFailure
from pymongo.server_description import ServerDescription

_NOT_WRITABLE_PRIMARY = 10107


def error_code(error: Exception) -> int | None:
    """The server's code for an error that is the server's."""
    details = _details(error)
    default = _NOT_WRITABLE_PRIMARY if isinstance(error, NotPrimaryError) else None
    code: int | None = details.get("code", default)
    return code


def is_stale_error(current: ServerDescription, error: Exception) -> bool:
    """Whether the server said it before it was in the state that we know of."""
    if not isinstance(error, (NotPrimaryError, OperationFailure)):
        return False
    known, told = current.topology_version, _details(error).get("topologyVersion")
    return _same_process(known, told) and known["counter"] >= told["counter"]  # type: ignore[index]  # both are there


def is_stale_description(current: ServerDescription, new: ServerDescription) -> bool:
    """Whether the server said it before it was in the state that we know of."""
    known, told = current.topology_version, new.topology_version
    return _same_process(known, told) and known["counter"] > told["counter"]  # type: ignore[index]  # both are there


def _same_process(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    return one is not None and other is not None and bool(one["processId"] == other["processId"])


def _details(error: Exception) -> Mapping[str, Any]:
    details = getattr(error, "details", None)
    return details if isinstance(details, Mapping) else {}
