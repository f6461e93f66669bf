"""Connection Monitoring And Pooling: what a pool does, told by its events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from pymongo.errors import InvalidOperation, WaitQueueTimeoutError

from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pool import Pool
from tests.support.inside import never_maintain, replace
from tests.support.waiting import until

from .cases import Case, cases
from .topologies import idle_topology, server_at
from .unified.entities import SECONDS, Thread
from .unified.events import CMAP_EVENTS, EventRecorder
from .unified.server import TestServer

Spec = Mapping[str, Any]

_ANY = 42

_ERRORS = {"PoolClosedError": InvalidOperation, "WaitQueueTimeoutError": WaitQueueTimeoutError}

_ATTRIBUTES = {
    "address": "address",
    "connectionId": "connection_id",
    "duration": "duration",
    "interruptInUseConnections": "interrupt_connections",
    "options": "options",
    "reason": "reason",
}


@cases("connection_monitoring/*.json")
async def test_connection_monitoring(test_server: TestServer, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = case.file
    options = dict(spec.get("poolOptions", {}))
    interval = options.pop("backgroundThreadIntervalMS", 50)
    replace(monkeypatch, "pool.MAINTENANCE_INTERVAL", interval / 1000)
    if interval < 0:
        never_maintain(monkeypatch)
    if "failPoint" in spec:
        test_server.client.admin.command(spec["failPoint"])
    try:
        async with _run(test_server, options) as run:
            if "error" in spec:
                with pytest.raises(_ERRORS[spec["error"]["type"]]) as raised:
                    await run.operations(spec["operations"])
                assert spec["error"]["type"] != "WaitQueueTimeoutError" or spec["error"]["message"] in str(raised.value)
            else:
                await run.operations(spec["operations"])
            run.check_events(spec["events"], spec.get("ignore", ()))
    finally:
        if "failPoint" in spec:
            test_server.turn_off(spec["failPoint"]["configureFailPoint"])


@asynccontextmanager
async def _run(test_server: TestServer, options: Spec) -> AsyncIterator[_Run]:
    assert test_server.client.address is not None
    address = "{}:{}".format(*test_server.client.address)
    recorder = EventRecorder({"observeEvents": CMAP_EVENTS})
    with idle_topology(
        f"mongodb://{address}/", directConnection=True, event_listeners=[recorder], **options
    ) as topology:
        run = _Run(server_at(topology, address).pool, recorder)
        try:
            yield run
        finally:
            await run.stop()
    # The connections that were closed need a turn of the loop.
    await asyncio.sleep(0)


class _Run:
    """A test's pool, its threads and its connections by their labels."""

    def __init__(self, pool: Pool, recorder: EventRecorder) -> None:
        self._pool = pool
        self._recorder = recorder
        self._threads: dict[str, Thread] = {}
        self._connections: dict[str, Connection] = {}

    async def operations(self, specs: list[Spec]) -> None:
        """Run operations, each on the thread it names."""
        for spec in specs:
            if "thread" in spec:
                self._threads[spec["thread"]].run_soon(partial(self._operation, spec))
            else:
                await self._operation(spec)

    async def stop(self) -> None:
        """End the threads."""
        for thread in self._threads.values():
            await thread.stop()

    def check_events(self, expected: list[Spec], ignored: list[str]) -> None:
        """Compare the events there were with those that a test expects; there may be more."""
        actual = [(_name(name), event) for name, event in self._recorder.events if _name(name) not in ignored]
        assert [name for name, _ in actual[: len(expected)]] == [event["type"] for event in expected]
        for one, (_, other) in zip(expected, actual, strict=False):
            for field, value in one.items():
                if field != "type":
                    found = getattr(other, _ATTRIBUTES[field])
                    assert (found is not None) if value == _ANY else (found == value), f"{field} of {other}"

    async def _operation(self, spec: Spec) -> None:
        name = spec["name"]
        if name == "start":
            self._threads[spec["target"]] = Thread()
        elif name == "wait":
            await asyncio.sleep(spec["ms"] / 1000)
        elif name == "waitForThread":
            await self._threads[spec["target"]].join()
        elif name == "waitForEvent":
            await until(
                lambda: self._count(spec["event"]) >= spec["count"], f"{spec['count']} of {spec['event']}", SECONDS
            )
        elif name == "checkOut":
            connection = await self._pool.check_out()
            if "label" in spec:
                self._connections[spec["label"]] = connection
        elif name == "checkIn":
            self._pool.check_in(self._connections[spec["connection"]])
        elif name == "clear":
            self._pool.clear(interrupt=spec.get("interruptInUseConnections", False))
        else:
            {"ready": self._pool.ready, "close": self._pool.close}[name]()

    def _count(self, event: str) -> int:
        return sum(_name(name) == event for name, _ in self._recorder.events)


def _name(name: str) -> str:
    """``poolReadyEvent`` is ``ConnectionPoolReady`` here."""
    name = name.removesuffix("Event")
    return f"ConnectionPool{name.removeprefix('pool')}" if name.startswith("pool") else f"C{name[1:]}"
