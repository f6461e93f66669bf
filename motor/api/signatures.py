"""For a method that passes its arguments on: what it takes stands in one place only, where they are read.

Type checkers and editors know it by the types of these decorators, :func:`help` and :func:`inspect.signature` by the
signature that they give the method, in which the parameters stand for its ``*args`` and ``**kwargs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import Parameter, signature
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
First = TypeVar("First")
Owner = TypeVar("Owner")


def takes_those_of(
    function: Callable[P, Any],
) -> Callable[[Callable[Concatenate[Owner, ...], T]], Callable[Concatenate[Owner, P], T]]:
    """The decorated method takes the arguments of `function`."""
    return _signed_with(signature(function).parameters.values())


def takes_those_of_method(
    method: Callable[Concatenate[Any, P], Any],
) -> Callable[[Callable[Concatenate[Owner, ...], T]], Callable[Concatenate[Owner, P], T]]:
    """The decorated method takes the arguments of `method`, or of a class, but for the first of them."""
    return _signed_with(list(signature(method).parameters.values())[1:])


def takes_one_and_those_of(
    function: Callable[P, Any],
) -> Callable[[Callable[Concatenate[Owner, First, ...], T]], Callable[Concatenate[Owner, First, P], T]]:
    """The decorated method takes an argument of its own, and then those of `function`."""
    return _signed_with(signature(function).parameters.values())


def _signed_with(parameters: Iterable[Parameter]) -> Callable[[Any], Any]:
    def signed(method: Any) -> Any:
        own = signature(method)
        named = [each for each in own.parameters.values() if each.kind not in _REST]
        method.__signature__ = own.replace(parameters=[*named, *parameters])
        return method

    return signed


_REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
