"""Many who come at once, and servers that fail while they prove who they are: the pool lives, no thread stays."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure

from tests.auth.scenarios import SCENARIOS, SECRET, Scenario, scram_server
from tests.auth.test_ends import authenticating
from tests.support.fixtures import ONCE, Connect
from tests.support.inside import at_rest, check_books, pool_of
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import close, reply, silence
from tests.support.waiting import until

ANN = {"username": "ann", "password": SECRET}

FAILING = [one for one in SCENARIOS if one.name in ("default-slow", "scram-sha-256", "plain", "oidc-human", "gssapi")]


async def test_a_hundred_at_once(connect: Connect) -> None:
    """With as many iterations as MongoDB has by default; the loop goes on meanwhile, and so do its own threads."""
    async with scram_server("sha256", iterations=15_000) as server:
        client = connect(server, maxPoolSize=100, maxConnecting=100, **ANN)
        released = asyncio.Event()

        async def wait_until_all_are_there(request: Any) -> None:
            if len(server.let_in) == 100:
                released.set()
            await released.wait()
            await request.peer.send(message({"ok": 1}, request.id))

        server.script("ping", *[wait_until_all_are_there] * 100)
        await asyncio.gather(*(client.admin.command("ping") for _ in range(100)))
        assert len(server.let_in) == 100
        pool = pool_of(client)
        await until(lambda: at_rest(pool))
        assert pool.size == 100
    assert threading.active_count() < 50


@pytest.mark.parametrize("failure", ["close", "silence"])
@pytest.mark.parametrize("scenario", FAILING, ids=str)
async def test_network_fails_at_every_step(connect: Connect, kerberos: Any, scenario: Scenario, failure: str) -> None:
    """The error is one of the network, however far the conversation had got; the next attempt succeeds."""
    act = close if failure == "close" else silence
    kind = AutoReconnect if failure == "close" else NetworkTimeout
    async with scenario.server() as server:
        honest = server.default
        options = {**scenario.options(), **ONCE, "connectTimeoutMS": 100 if failure == "silence" else 5000}
        for step in range(_most_steps(scenario)):
            numbers = itertools.count()

            async def fail_at_step(request: Request, step: int = step, numbers: Iterator[int] = numbers) -> None:
                fails = request.name.startswith("sasl") and next(numbers) == step
                await (act if fails else honest)(request)

            server.default = fail_at_step
            client = connect(server, **options)
            with pytest.raises(kind, match=server.address):
                await client.db.c.find_one({"_id": 1})
            await until(lambda: not authenticating())
            check_books(pool_of(client))
            assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
            await client.close()


def _most_steps(scenario: Scenario) -> int:
    """How many commands the conversation takes, besides the greeting."""
    return {"default-slow": 2, "scram-sha-256": 1, "plain": 1, "oidc-human": 2, "gssapi": 3}[scenario.name]


async def test_cancelled_at_every_turn(connect: Connect) -> None:
    """Whoever gives up while his connection is being let in leaves it to the next."""
    async with scram_server("sha1", "sha256", speculates=False) as server:
        client = connect(server, maxPoolSize=2, **ANN)
        await client.db.c.find_one({"_id": 0})
        pool = pool_of(client)
        for turns in range(60):
            pool.clear()
            pool.ready()
            finding = asyncio.ensure_future(client.db.c.find_one({"_id": turns}))
            for _ in range(turns):
                await asyncio.sleep(0)
            if finding.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await finding
            assert await client.db.c.find_one({"_id": turns}) == {"_id": turns}
            check_books(pool)
        await until(lambda: at_rest(pool))
        await until(lambda: not authenticating())


async def test_some_are_refused_and_some_are_not(connect: Connect) -> None:
    """A refused connection is nobody's but the one's for whom it was opened; the client can be used on."""
    async with scram_server("sha256", speculates=False) as server:
        client = connect(server, maxPoolSize=20, **ANN, **ONCE)
        no = reply({"ok": 0, "errmsg": "no", "code": 18, "codeName": "AuthenticationFailed"})
        server.script("saslStart", *[no, server.default] * 5)
        outcomes = await asyncio.gather(
            *(client.db.c.find_one({"_id": number}) for number in range(40)), return_exceptions=True
        )
        for number, outcome in enumerate(outcomes):
            assert outcome == {"_id": number} or isinstance(outcome, (OperationFailure, AutoReconnect))
        assert any(isinstance(outcome, OperationFailure) for outcome in outcomes)
        server.unscript()
        for number in range(10):
            assert await client.db.c.find_one({"_id": number}) == {"_id": number}
        check_books(pool_of(client))
