"""asyncio: its loops and its Futures are the engine's own."""

from __future__ import annotations

import asyncio
from typing import Any

CLASS_PREFIX = "AsyncIO"


def get_event_loop() -> asyncio.AbstractEventLoop:
    """The running loop; outside of one, the thread's current loop, a new one if there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    policy = asyncio.get_event_loop_policy()
    try:
        loop = policy.get_event_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        policy.set_event_loop(loop)
    return loop


def check_event_loop(loop: Any) -> None:
    """Raises TypeError for what is not an asyncio loop."""
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(f"io_loop must be instance of asyncio-compatible event loop, not {loop!r}")


def asyncio_loop(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """The loop itself."""
    return loop


def platform_info() -> str:
    """Names the framework in the handshake."""
    return "asyncio"
