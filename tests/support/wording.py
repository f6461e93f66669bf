"""Errors in the words of another package: compared by what they are, or with what that package says in the same run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


def raised_by(call: Callable[[], object]) -> Exception:
    """What a call raises."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


async def raised_in(operation: Awaitable[object]) -> Exception:
    """What an operation raises."""
    try:
        await operation
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def said(error: Exception) -> tuple[type[Exception], str]:
    """What it is, and its message."""
    return type(error), str(error)
