"""The driver's tasks among all that run: what a client leaves behind shows here, and nobody else's tasks do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import motor


def drivers_tasks(driver: ModuleType = motor) -> set[asyncio.Task[Any]]:
    """The tasks of the running loop that run code of the driver, wherever that is installed, or bear its name."""
    return {task for task in asyncio.all_tasks() if _is_of(driver, task)}


def _is_of(driver: ModuleType, task: asyncio.Task[Any]) -> bool:
    # A connection being opened is the event loop's code: it has only its name.
    if task.get_name().startswith(f"{driver.__name__} "):
        return True
    assert driver.__file__ is not None
    code = _code_of(task)
    return code is not None and Path(code.co_filename).is_relative_to(Path(driver.__file__).parent)


def _code_of(task: asyncio.Task[Any]) -> CodeType | None:
    """The code of its coroutine; what is written in C has none."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code if isinstance(code, CodeType) else None
