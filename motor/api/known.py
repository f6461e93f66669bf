"""What a client knows of its deployment: there at once, as in Motor 3, and to be awaited, as in PyMongo Async."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, TypeVar

from motor._pymongo import Address

T = TypeVar("T")


class _Awaitable(Generic[T]):
    """Awaited, it asks, and waits for the answer where it is not known yet."""

    _ask: Callable[[], Coroutine[Any, Any, T]]

    def __await__(self) -> Generator[Any, None, T]:
        return self._ask().__await__()


class KnownAddress(tuple[Any, ...], _Awaitable[Address | None]):
    """The ``(host, port)`` of a server. While none is known it is empty, false, and equal to ``None``."""

    def __new__(cls, address: Address | None, ask: Callable[[], Coroutine[Any, Any, Address | None]]) -> KnownAddress:
        self = super().__new__(cls, address or ())
        self._ask = ask
        return self

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (() if other is None else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(self) or None)

    def __repr__(self) -> str:
        return repr(tuple(self) or None)


class KnownAddresses(set[Address], _Awaitable[set[Address]]):
    """The addresses of several servers."""

    def __init__(self, addresses: Iterable[Address], ask: Callable[[], Coroutine[Any, Any, set[Address]]]) -> None:
        super().__init__(addresses)
        self._ask = ask

    def __repr__(self) -> str:
        return repr(set(self))


class KnownTruth(int, _Awaitable[bool]):
    """Whether something is so: equal to ``True`` or ``False``; false while it is not known."""

    def __new__(cls, truth: bool, ask: Callable[[], Coroutine[Any, Any, bool]]) -> KnownTruth:
        self = super().__new__(cls, truth)
        self._ask = ask
        return self

    def __repr__(self) -> str:
        return repr(bool(self))
