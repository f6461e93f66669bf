"""What an operation's error says about its server.

Source: the MongoDB specification "Server Discovery and Monitoring", "Error handling".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import NotPrimaryError, OperationFailure
from pymongo.server_description import ServerDescription

from motor.driver.codes import NOT_WRITABLE_PRIMARY


def error_code(error: Exception) -> int | None:
    """The server's code for an error that is the server's."""
    details = _details(error)
    default = NOT_WRITABLE_PRIMARY if isinstance(error, NotPrimaryError) else None
    code: int | None = details.get("code", default)
    return code


def is_stale_error(current: ServerDescription, error: Exception) -> bool:
    """Whether the server said it before it was in the state that we know of."""
    if not isinstance(error, (NotPrimaryError, OperationFailure)):
        return False
    known, told = _counter(current.topology_version), _counter(_details(error).get("topologyVersion"))
    return known is not None and told is not None and known[0] == told[0] and known[1] >= told[1]


def is_stale_description(current: ServerDescription, new: ServerDescription) -> bool:
    """Whether the server said it before it was in the state that we know of."""
    known, told = _counter(current.topology_version), _counter(new.topology_version)
    return known is not None and told is not None and known[0] == told[0] and known[1] > told[1]


def _counter(version: Any) -> tuple[Any, int] | None:
    """A server's process, and how often it has changed; ``None`` if it does not say so, or nothing that makes sense:
    an error is the server's whatever comes with it.
    """
    if isinstance(version, Mapping) and "processId" in version and isinstance(version.get("counter"), int):
        return version["processId"], version["counter"]
    return None


def _details(error: Exception) -> Mapping[str, Any]:
    details = getattr(error, "details", None)
    return details if isinstance(details, Mapping) else {}
