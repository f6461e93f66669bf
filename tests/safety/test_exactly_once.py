"""Connections that break, and writes that are done once all the same.

Each retryable write is cut off 500 times at each of four points, with a second cut now and then, so that an error
reaches the caller. Afterwards the data, read past the proxy, say what was done: all that was acknowledged, once; and of
what ended in an error exactly what the server got whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

import motor.embedded
from tests.safety.harness import write_and_count
from tests.safety.writes import WRITES, Write
from tests.support.cuts import Cut
from tests.support.loops import RUNS

pytestmark = pytest.mark.usefixtures("impatient_monitors")

CUTS = 250
"""How often a kind of write is cut at one point, with one loop to a server, and with another to a load balancer."""

SHARE = 0.7
"""The share of first attempts that are cut of an operation of several commands, which is hardly ever done otherwise."""

SINGLE = [name for name, write in WRITES.items() if len(write.statements) == 1]


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in WRITES])
def write(request: pytest.FixtureRequest) -> Write:
    """A kind of write."""
    return WRITES[request.param]


@pytest.fixture(scope="module")
def port(write: Write) -> Iterator[int]:
    """The port of a server for this kind of write: it remembers every retryable write, and gets slower with each."""
    with motor.embedded.Server() as server:
        yield server.port


@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.value)
@pytest.mark.parametrize(("loop", "balanced"), [("asyncio", False), ("uvloop", True)], ids=["direct", "balanced"])
def test_exactly_once(write, cut, loop, balanced, port):
    """Every client has one write at a time, so that no cut concerns any but its own."""
    share = 1.0 if write.commands == 1 else SHARE
    operations = int(2 * CUTS / (share * write.commands))
    options = {"serverMonitoringMode": "poll", "balanced": balanced}
    tally = RUNS[loop](write_and_count(port, write, cut, operations=operations, cuts=CUTS, share=share, **options))
    print(f"{write.name} cut {cut.value} ({loop}{', balanced' if balanced else ''}): {tally}")
    tally.check()
    assert tally.cuts >= CUTS
    assert len(tally.acknowledged) > len(tally.unknown)
    assert tally.unknown


@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.value)
@pytest.mark.parametrize("loop", RUNS)
def test_on_one_client(loop, cut, server_uri):
    """One pool for all: a cut also clears it, and so fails others that wait for a connection."""
    port = int(server_uri.rpartition(":")[2])
    write = WRITES["update_one"]
    tally = RUNS[loop](write_and_count(port, write, cut, operations=200, share=0.05, clients=1))
    print(f"{write.name} on one client cut {cut.value} ({loop}): {tally}")
    tally.check()
    assert tally.cuts
    assert tally.acknowledged


@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.value)
@pytest.mark.parametrize("name", ["insert_one", "update_one", "find_one_and_delete"])
def test_without_retries_every_cut_is_an_error(name, cut, server_uri):
    port = int(server_uri.rpartition(":")[2])
    coroutine = write_and_count(port, WRITES[name], cut, operations=100, share=0.5, retryWrites=False)
    tally = RUNS["asyncio"](coroutine)
    tally.check()
    assert len(tally.unknown) == tally.cuts > 0
    assert tally.written == 100 - (0 if cut.passes_request else tally.cuts)


async def again(write: Write, collection: Any, number: int) -> None:
    """What an application must not do: it sends a write again, and the server can't know that it is the same."""
    try:
        await collection.update_one({"_id": write.documents(number)[0]["_id"]}, {"$inc": {"n": 1}}, comment=number)
    except AutoReconnect:
        await again(write, collection, number)


async def careless(write: Write, collection: Any, number: int) -> None:
    """What an application must not do: it takes an error for a success."""
    with contextlib.suppress(AutoReconnect):
        await write.run(collection, number)


@pytest.mark.parametrize(
    ("do", "cut", "problem"),
    [(again, Cut.BEFORE_REPLY, "doubled"), (careless, Cut.BEFORE_REQUEST, "lost")],
    ids=["done twice", "not done"],
)
def test_a_wrong_count_is_noticed(do, cut, problem, server_uri):
    """The same harness, and a fault that is known to be there."""
    port = int(server_uri.rpartition(":")[2])
    coroutine = write_and_count(port, WRITES["update_one"], cut, operations=100, share=0.5, do=do, retryWrites=False)
    tally = RUNS["asyncio"](coroutine)
    count = getattr(tally, problem)
    assert 0 < count <= tally.cuts
    with pytest.raises(AssertionError, match=f" {count} {problem}"):
        tally.check()
