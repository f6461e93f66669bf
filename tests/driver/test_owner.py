"""A topology has one owner: nothing of it goes on after the end, whoever ends it and whenever, and nothing but its end
stops its monitors.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pymongo.monitoring
import pytest
from pymongo.errors import InvalidOperation

from motor.driver.owner import Owner, State
from motor.driver.sdam.server import Server
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import (
    executor_of,
    is_closed,
    look_again_soon,
    monitor_of,
    replace,
    tell_of_hello,
)
from tests.support.leaks import drivers_tasks
from tests.support.server import ScriptedServer, serving
from tests.support.waiting import block_until, until

HOSTS = ["127.0.0.1:1", "127.0.0.1:2"]
"""Members that nobody can reach: discovery adds them in the midst of a change."""


BASES = (
    pymongo.monitoring.CommandListener,
    pymongo.monitoring.ConnectionPoolListener,
    pymongo.monitoring.ServerHeartbeatListener,
    pymongo.monitoring.ServerListener,
    pymongo.monitoring.TopologyListener,
)


def closing(kind: str) -> Any:
    """A listener to everything that closes its `client` at each event of one kind."""

    def happened(listener: Any, event: Any) -> None:
        if listener.client is not None and type(event).__name__ == kind:
            listener.client.close()

    names = {name for base in BASES for name in vars(base) if not name.startswith("_")}
    return type("Listener", BASES, {"client": None, **dict.fromkeys(names, happened)})()


KINDS = [
    "TopologyOpenedEvent",
    "TopologyDescriptionChangedEvent",
    "ServerOpeningEvent",
    "ServerDescriptionChangedEvent",
    "ServerHeartbeatStartedEvent",
    "ServerHeartbeatSucceededEvent",
    "ServerHeartbeatFailedEvent",
    "PoolCreatedEvent",
    "PoolReadyEvent",
    "ConnectionCreatedEvent",
    "ConnectionReadyEvent",
    "ConnectionCheckOutStartedEvent",
    "ConnectionCheckedOutEvent",
    "ConnectionCheckedInEvent",
    "CommandStartedEvent",
    "CommandSucceededEvent",
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_listener_closes_the_client_in_the_midst_of_anything(kind):
    async with ScriptedServer() as server:
        server.fields = {"hosts": [server.address, *HOSTS]}
        listener = closing(kind)
        client: Any = AsyncIOMotorClient(
            f"mongodb://{server.address}/?replicaSet=rs", event_listeners=[listener], minPoolSize=1
        )
        listener.client = client
        for _ in range(2):
            # The first may succeed: the event comes when it has.
            await asyncio.gather(client.db.c.find_one({"_id": 1}), return_exceptions=True)
        await until(lambda: is_closed(client), f"the first {kind}")
        with pytest.raises(InvalidOperation):
            await client.db.c.find_one({"_id": 1})
        listener.client = None
        await until(lambda: not drivers_tasks(), "the end of every task")
        await until(lambda: not server.peers, "the end of every connection")


async def test_the_garbage_collector_closes_a_client_in_the_midst_of_a_change(monkeypatch):
    original = Server.__init__

    def collecting(self: Any, description: Any, *arguments: Any, **callbacks: Any) -> None:
        if description.address[1] == 1:
            gc.collect()
        original(self, description, *arguments, **callbacks)

    monkeypatch.setattr(Server, "__init__", collecting)
    async with ScriptedServer() as server:
        server.fields = {"hosts": [server.address, *HOSTS]}
        client: Any = AsyncIOMotorClient(f"mongodb://{server.address}/?replicaSet=rs")
        gone = weakref.ref(client)
        client.aconnect()
        await asyncio.sleep(0)
        del client
        await until(lambda: gone() is None)
        await until(lambda: not drivers_tasks(), "the end of every task")
        await until(lambda: not server.peers, "the end of every connection")


def test_two_threads_use_a_client_at_once_for_the_first_time():
    """One of them has it. It is not the machine that decides whether this fails: each tries again and again."""
    outcomes: list[list[str]] = []
    left: list[int] = []
    barrier = threading.Barrier(2)
    clients: list[Any] = [AsyncIOMotorClient("mongodb://127.0.0.1:1") for _ in range(100)]
    outcomes = [[] for _ in clients]

    async def main() -> None:
        for number, client in enumerate(clients):
            barrier.wait()
            try:
                executor_of(client)
                outcomes[number].append("usable")
            except RuntimeError:
                outcomes[number].append("refused")
            barrier.wait()
            client.close()
        for _ in range(5):
            await asyncio.sleep(0.01)
        left.append(len(drivers_tasks()))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert all(sorted(outcome) == ["refused", "usable"] for outcome in outcomes)
    assert left == [0, 0]


async def test_an_application_that_cancels_every_task_goes_on(monkeypatch):
    replace(monkeypatch, "owner.RESTART_PAUSE", 0.01)
    look_again_soon(monkeypatch)
    async with ScriptedServer() as server:
        client: Any = AsyncIOMotorClient(server.uri, heartbeatFrequencyMS=500)
        await client.db.c.find_one({"_id": 1})
        tasks = drivers_tasks()
        for task in tasks:
            task.cancel()
        # As who shuts down in order does it.
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        before = server.opened
        await until(lambda: server.opened > before, "a monitor that runs again")
        client.close()
        await until(lambda: not drivers_tasks(), "the end of every task")


def test_a_keyboard_interrupt_in_a_monitor_does_not_end_it(monkeypatch):
    replace(monkeypatch, "owner.RESTART_PAUSE", 0.01)
    with serving(ScriptedServer(streams=True)) as server, _interruptible():
        loop = asyncio.new_event_loop()
        client: Any = AsyncIOMotorClient(server.uri)
        loop.run_until_complete(_find(client))
        monitor = loop.run_until_complete(_monitor(client))

        def interrupted(description: Any) -> None:
            tell_of_hello(monitor, original)
            signal.raise_signal(signal.SIGINT)
            original(description)

        original = tell_of_hello(monitor, interrupted)
        monitor.cancel_check()
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        opened = server.opened
        loop.run_until_complete(until(lambda: server.opened > opened, "a monitor that runs again"))
        loop.run_until_complete(_find(client))
        client.close()
        assert not asyncio.all_tasks(loop)
        block_until(lambda: not server.peers, "the end of every connection")
        loop.close()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT is ignored in a process that a shell has started in the background."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


async def _find(client: Any) -> None:
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


async def _monitor(client: Any) -> Any:
    return monitor_of(client)


async def test_what_is_to_be_done_in_the_background_is_dropped_with_the_topology(server, connect):
    client = connect(server)
    await _find(client)
    executor: Any = executor_of(client)
    client.close()
    begun = []

    async def work() -> None:
        begun.append(True)

    executor.run_soon(work())
    await asyncio.to_thread(lambda: executor.run_soon(work()))
    await asyncio.sleep(0.01)
    assert not begun
    assert executor.owner.state is State.CLOSED


async def test_an_end_in_the_midst_of_something_waits_for_it():
    owner = Owner(asyncio.get_running_loop())
    seen = []
    owner.end = lambda: seen.append(owner.state)
    with owner.undisturbed():
        with owner.undisturbed():
            owner.close()
            assert owner.state is State.CLOSING
        owner.close()
        assert not seen
        late = owner.start(asyncio.sleep(600), "late")
    assert seen == [State.CLOSED]
    await asyncio.wait([late])
    assert late.cancelled()
