"""The comparison finds what is narrower, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from .comparing import narrower_class
from .surface import class_surface


class Theirs:
    attribute: int

    def method(self, first: Any, second: Any = None, *, third: Any = 3, **options: Any) -> None: ...

    @property
    def value(self) -> Any: ...

    def __getitem__(self, name: str) -> Any: ...


class Same:
    attribute: int

    def method(
        self, first: Any = 1, second: Any = None, more: Any = None, *, third: Any = 3, fourth: Any = 4, **rest: Any
    ) -> None: ...

    @property
    def value(self) -> Any: ...

    def __getitem__(self, other: str) -> Any: ...

    def another(self) -> None: ...


class TakesAnything(Same):
    def method(self, *args: Any, **kwargs: Any) -> None: ...


class Lacks:
    attribute: int


class Renamed(Same):
    def method(self, one: Any, second: Any = None, *, third: Any = 3, **options: Any) -> None: ...  # type: ignore[override]


class Reordered(Same):
    def method(self, second: Any = None, first: Any = None, *, third: Any = 3, **options: Any) -> None: ...  # type: ignore[override]


class OtherDefault(Same):
    def method(self, first: Any, second: Any = 2, *, third: Any = 3, **options: Any) -> None: ...  # type: ignore[override]


class NoMore(Same):
    def method(self, first: Any, second: Any = None, *, third: Any = 3) -> None: ...  # type: ignore[override]


class Demanding(Same):
    def method(self, first: Any, second: Any = None, *, third: Any = 3, fourth: Any, **options: Any) -> None: ...  # type: ignore[override]


class OtherKind(Same):
    def value(self) -> Any: ...


class Counted(Same):
    def __getitem__(self, name: str, other: str) -> Any: ...  # type: ignore[override]


@pytest.mark.parametrize("ours", [Theirs, Same, TakesAnything])
def test_nothing_is_found(ours: type[Any]) -> None:
    assert list(narrower_class(class_surface(Theirs), class_surface(ours), "T")) == []


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        (Lacks, [("T.__getitem__", "missing"), ("T.method", "missing"), ("T.value", "missing")]),
        (Renamed, [("T.method", "no parameter first"), ("T.method", "one is required")]),
        (Reordered, [("T.method", "first is not parameter 0"), ("T.method", "second is not parameter 1")]),
        (OtherDefault, [("T.method", "second=2, not None")]),
        (NoMore, [("T.method", "no **options")]),
        (Demanding, [("T.method", "fourth is required")]),
        (OtherKind, [("T.value", "a property there, a method here")]),
        (Counted, [("T.__getitem__", "2 parameters, not 1")]),
    ],
)
def test_what_is_narrower_is_found(ours: type[Any], found: list[tuple[str, str]]) -> None:
    assert list(narrower_class(class_surface(Theirs), class_surface(ours), "T")) == found
