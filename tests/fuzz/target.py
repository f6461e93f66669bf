"""What can be fuzzed, and what a target is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Target:
    """`run` takes an input and raises a :class:`~tests.fuzz.virtual.Finding`, or anything, for what must not happen.

    `seeds` are good inputs, `mutate` makes others of them, `runs` is how many make a good look. `claims` is how many
    bytes an input stands for.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, Random], bytes]
    runs: int
    claims: Callable[[bytes], int] = len
