"""The soak sees what grows, and what was lost."""

from __future__ import annotations

from collections import Counter

import pytest

from motor.motor_asyncio import AsyncIOMotorClient
from tests.soak.__main__ import Sample, verdict
from tests.soak.workload import DATABASE, Tally, check

CALM = Sample(descriptors=8, threads=1, memory=40.0, objects=Counter(Topology=2))


def test_nothing_grows() -> None:
    warming_up = [CALM._replace(memory=10.0 * number) for number in range(2)]
    assert verdict([*warming_up, *[CALM] * 6]) == []


def test_what_grows_is_named() -> None:
    grown = Sample(descriptors=9, threads=2, memory=60.0, objects=Counter(Topology=3))
    assert verdict([CALM] * 6 + [grown] * 2) == [
        "descriptors: 8 -> 9",
        "threads: 1 -> 2",
        "objects of Topology: 2 -> 3",
        "memory: 40.0 -> 60.0 MB",
    ]


def test_too_few_rounds() -> None:
    assert len(verdict([CALM] * 7)) == 1


async def test_what_was_lost_or_invented(client: AsyncIOMotorClient) -> None:
    numbers = client[DATABASE].numbers
    try:
        await numbers.insert_many([{"_id": "a1"}, {"_id": "a2"}, {"_id": "b7"}])
        assert "1 acknowledged, 2 unknown, of which 1 done" in await check(
            client, Tally(writes=bytearray([0, 2, 1, 1])), "a"
        )
        with pytest.raises(AssertionError, match="1 acknowledged, and not there"):
            await check(client, Tally(writes=bytearray([0, 2, 1, 0, 2])), "a")
        with pytest.raises(AssertionError, match="1 there, and never written"):
            await check(client, Tally(writes=bytearray([0, 2])), "a")
    finally:
        await client.drop_database(DATABASE)
