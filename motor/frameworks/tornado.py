"""Tornado 6: its IOLoop runs on asyncio, and its coroutines await or yield asyncio's Futures."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import tornado
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import BaseAsyncIOLoop

CLASS_PREFIX = ""


def get_event_loop() -> IOLoop:
    """The current IOLoop."""
    return IOLoop.current()


def check_event_loop(loop: Any) -> None:
    """Raises TypeError for what is not an IOLoop."""
    if not isinstance(loop, IOLoop):
        raise TypeError(f"io_loop must be instance of IOLoop, not {loop!r}")


def asyncio_loop(loop: IOLoop) -> asyncio.AbstractEventLoop:
    """The asyncio loop that `loop` runs on."""
    return cast(BaseAsyncIOLoop, loop).asyncio_loop


def platform_info() -> str:
    """Names the framework in the handshake."""
    return f"Tornado {tornado.version}"
