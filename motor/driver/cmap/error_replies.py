"""Errors that servers send, and how much of them is kept: an exception, a log and a failed selection hold all of it."""

from __future__ import annotations

from typing import Any

LARGEST_ERROR = 1024 * 1024
"""Errors of operations up to this size, in bytes, are kept whole: MongoDB explains at length why a document is not
valid.
"""

STRANGERS_LARGEST_ERROR = 4 * 1024
"""The same of handshakes and of monitors, of which every failed selection tells, for each server."""

_SHORT = ("ok", "code", "baseBackoffMS")
_TEXTS = ("errmsg", "$err", "codeName")
_LONGEST_TEXT = 1000
_MOST_LABELS = 50
_LONGEST_LABEL = 100


def cut(reply: dict[str, Any], size: int, limit: int) -> dict[str, Any]:
    """A reply of `size` bytes that says no. Of one larger than `limit` only what decides what is done about it, and the
    beginning of what it says.
    """
    if size <= limit:
        return reply
    kept: dict[str, Any] = {name: reply[name] for name in _SHORT if isinstance(reply.get(name), (int, float))}
    for name in _TEXTS:
        text = reply.get(name)
        if isinstance(text, str):
            kept[name] = text[:_LONGEST_TEXT]
            if name != "codeName":
                kept[name] += f"... (cut: the server's error has {size} bytes)"
    labels = reply.get("errorLabels")
    if isinstance(labels, list):
        kept["errorLabels"] = [label[:_LONGEST_LABEL] for label in labels[:_MOST_LABELS] if isinstance(label, str)]
    return kept
