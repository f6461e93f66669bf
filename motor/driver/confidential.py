"""Secrets stay out of tracebacks: crash reporters show the local variables of every frame in one."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

_HOLDING_SECRETS = ("bson", "motor.", "pymongo")
"""How the names of modules begin whose functions have secrets at hand."""


def confidential(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function or a coroutine function that takes secrets, or works with those of its object.

    An error that leaves it has neither its frame nor that of anything it has called.
    """
    if inspect.iscoroutinefunction(function):
        return cast("Callable[P, T]", _confidential_coroutine(function))

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            without_secrets(error)
            raise error

    return call


def _confidential_coroutine(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            without_secrets(error)
            raise error

    return call


def without_secrets(error: BaseException) -> None:
    """Take from `error`, and from what it was raised from, the frames in which secrets are local variables.

    What remains are the frames of the application's callbacks, and of the standard library.
    """
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = _without_secrets(one.__traceback__)
            pending += [one.__cause__, one.__context__]


def _without_secrets(traceback: TracebackType | None) -> TracebackType | None:
    kept = []
    while traceback is not None:
        if not str(traceback.tb_frame.f_globals.get("__name__", "")).startswith(_HOLDING_SECRETS):
            kept.append(traceback)
        traceback = traceback.tb_next
    rest: TracebackType | None = None
    for one in reversed(kept):
        rest = TracebackType(rest, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return rest
