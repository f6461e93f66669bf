"""Cases whose turn comes with a later issue. Each must fail until then, and leave this list after."""

from __future__ import annotations

import re

LATER = (
    (re.compile(r"client_bulk: "), "The whole API: client bulk_write"),
    (re.compile(r"indexes: search, "), "The whole API: search indexes"),
    (re.compile(r"databases: (where it is|replicaSet)$"), "The whole API: client.address, primary and the like"),
    (re.compile(r": raw batches"), "Every kind of cursor: raw batches"),
    (
        re.compile(r"(find: cursor_type exhaust|find: chain add_option exhaust|cursor: exhaust, half read)$"),
        "Every kind of cursor: exhaust",
    ),
    (re.compile(r"bad_client: closing ends sessions"), "Sessions: endSessions"),
)


def waits_for(name: str) -> str | None:
    """What a case waits for, or None if its turn has come."""
    return next((reason for pattern, reason in LATER if pattern.search(name)), None)
