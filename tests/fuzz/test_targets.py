"""Every target of the longer run, in the suite: what is good passes, what is not finds nothing either."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import inputs
from tests.fuzz.targets import TARGETS

EXAMPLES = {"reader": 300, "op_msg": 300, "compressed": 300, "batch": 300, "replies": 120, "hello": 60}


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs(name):
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_bad_inputs(name):
    target = TARGETS[name]

    @settings(
        max_examples=max(EXAMPLES.get(name, 40), settings().max_examples),
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(inputs(target, target.seeds()))
    def run(data: bytes) -> None:
        target.run(data)

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name):
    @settings(max_examples=30, derandomize=True)
    @given(st.binary(max_size=64))
    def run(data: bytes) -> None:
        TARGETS[name].run(data)

    run()


def test_there_are_enough_of_them():
    assert sum(target.runs for target in TARGETS.values()) >= 100_000


def test_nothing_of_a_virtual_loop_stays():
    """The next test's loop has the real clock and the real network."""
    TARGETS["replies"].run(TARGETS["replies"].seeds()[0])

    async def main() -> float:
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() - before

    assert 0.005 < asyncio.run(main()) < 5
