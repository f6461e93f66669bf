"""Cases whose turn comes with a later issue. Each must fail until then, and leave this list after."""

from __future__ import annotations

import re

LATER = ((re.compile(r"databases: (where it is|replicaSet)$"), "The whole API: client.address, primary and the like"),)


def waits_for(name: str) -> str | None:
    """What a case waits for, or None if its turn has come."""
    return next((reason for pattern, reason in LATER if pattern.search(name)), None)
