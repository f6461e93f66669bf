"""Fixtures for every test: a scripted server, clients that must leave nothing behind, and what a client has sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.events import Commands
from tests.support.inside import look_again_soon
from tests.support.leaks import drivers_tasks
from tests.support.server import ScriptedServer

Connect = Callable[..., AsyncIOMotorClient]

ONCE = {"retryReads": False, "retryWrites": False}
"""Options with which the first error is the caller's."""


@pytest.fixture
def impatient_monitors(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests in which servers fail on purpose, and half a second before they are asked again is long."""
    look_again_soon(monkeypatch)


@pytest.fixture
def commands() -> Commands:
    """What a client has sent, if it is given this listener."""
    return Commands()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A scripted server: the primary of a replica set of one. No client may leave a connection open on it."""
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients, closes them afterwards, and checks that no task of theirs is left."""
    clients: list[AsyncIOMotorClient] = []
    before = drivers_tasks()

    def make(server: ScriptedServer | str, **options: Any) -> AsyncIOMotorClient:
        uri = server.uri if isinstance(server, ScriptedServer) else server
        client: AsyncIOMotorClient = AsyncIOMotorClient(uri, **{"serverSelectionTimeoutMS": 5000, **options})
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
    for _ in range(50):
        await asyncio.sleep(0)
    assert not drivers_tasks() - before
