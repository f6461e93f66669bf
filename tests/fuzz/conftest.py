"""What is random, made to order."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import strategies as st

from tests.fuzz.target import Target


@pytest.fixture(autouse=True, scope="package")
def _quiet() -> Iterator[None]:
    """Nobody wants to read what clients log of ten thousand lies."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@st.composite
def inputs(draw: st.DrawFn, target: Target, seeds: list[bytes]) -> bytes:
    """A good input, changed once or twice."""
    data = draw(st.sampled_from(seeds))
    random = draw(st.randoms(use_true_random=False))
    for _ in range(draw(st.integers(1, 2))):
        data = target.mutate(data, random)
    return data
