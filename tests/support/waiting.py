"""Waiting for what happens soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds that anything in these tests may take on a busy machine. Nothing takes that long unless it hangs."""


async def until(condition: Callable[[], object], what: str = "", seconds: float = PATIENCE) -> None:
    """Wait until `condition` holds; fail, with `what`, if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never came true: {what or condition}"
        await asyncio.sleep(0.002)


def block_until(condition: Callable[[], object], what: str = "") -> None:
    """Wait, outside of any loop, until `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never came true: {what or condition}"
        time.sleep(0.005)
