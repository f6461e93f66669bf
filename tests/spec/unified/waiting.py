"""Waiting for something that a test expects to happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SECONDS = 10.0


async def until(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Return as soon as `condition` holds; fail with `what` if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        await asyncio.sleep(0.005)
