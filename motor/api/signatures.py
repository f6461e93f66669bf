"""Says, to type checkers and editors, what a method takes whose arguments are passed on as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Owner = TypeVar("Owner")


def takes_those_of(
    function: Callable[P, Any],
) -> Callable[[Callable[Concatenate[Owner, ...], T]], Callable[Concatenate[Owner, P], T]]:
    """The decorated method takes the arguments of `function`. It is not changed."""
    return _unchanged


def takes_those_of_method(
    method: Callable[Concatenate[Any, P], Any],
) -> Callable[[Callable[Concatenate[Owner, ...], T]], Callable[Concatenate[Owner, P], T]]:
    """The decorated method takes the arguments of `method`, another class's, or of a class, but for the first of them.

    It is not changed.
    """
    return _unchanged


def _unchanged(method: Any) -> Any:
    return method
