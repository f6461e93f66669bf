"""Passwords and tokens are in no log line, event, error, traceback or repr of Motor's."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import monitoring
from pymongo.errors import AutoReconnect, OperationFailure

from tests.auth.mechanisms import Oidc
from tests.auth.scenarios import SCENARIOS, SECRET, TOKEN, Scenario, Tokens, every_scenario
from tests.auth.server import GuardedServer
from tests.auth.shown import check, check_frames
from tests.auth.test_oidc import with_callback
from tests.support.fixtures import ONCE, Connect
from tests.support.inside import pool_of
from tests.support.listener import Request
from tests.support.server import close, reply

pytestmark = pytest.mark.usefixtures("kerberos")

_KINDS: tuple[type, ...] = (
    monitoring.CommandListener,
    monitoring.ConnectionPoolListener,
    monitoring.ServerListener,
    monitoring.ServerHeartbeatListener,
    monitoring.TopologyListener,
)


def listeners(told: list[str]) -> list[Any]:
    """Listeners of every kind, that write down all that they are told."""

    def take(self: Any, event: Any) -> None:
        shown = [event]
        for name in dir(event):
            if not name.startswith("__"):
                value = getattr(event, name)
                shown.append(getattr(value, "document", value))
        told.append(repr(shown))

    return [
        type(kind.__name__, (kind,), {name: take for name in vars(kind) if not name.startswith("_")})()
        for kind in _KINDS
    ]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Before Python 3.11, what asyncio's debug mode logs of a task that waits for a connection is a repr that recurses
    until Python stops it. That does no harm, unless a destructor is called down there.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("wrong", [False, True], ids=["let-in", "refused"])
@every_scenario
async def test_nothing_is_shown(
    connect: Connect, caplog: pytest.LogCaptureFixture, scenario: Scenario, wrong: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in logging.root.manager.loggerDict:
        caplog.set_level(logging.DEBUG, logger=name)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    told: list[str] = []
    async with scenario.server() as server:
        options = {**scenario.options(), **(scenario.wrong if wrong else {})}
        client = connect(server, event_listeners=listeners(told), **options)
        if wrong:
            with pytest.raises(OperationFailure) as caught:
                await client.db.c.find_one({"_id": 1})
            check_frames(caught.value)
            assert caught.value.__context__ is None
        else:
            await client.db.c.find_one({"_id": 1})
            server.forget()
            await client.db.c.find_one({"_id": 1})
        await client.close()
    loop.set_debug(False)
    assert any("saslStart" in one or "authenticate" in one or "saslContinue" in one for one in told) or (
        scenario.name == "x509"
    )
    assert any("took" in record.getMessage() for record in caplog.records)
    for one in told:
        check(one)
    for record in caplog.records:
        # Amazon's own library tells its own logger what it signs.
        if not record.name.startswith("boto"):
            check(f"{record.getMessage()} {record.exc_text} {record.args!r} {record.__dict__!r}")


@every_scenario
async def test_network_fails(connect: Connect, scenario: Scenario) -> None:
    """In the midst of the conversation."""
    async with scenario.server() as server:
        server.speculates = False
        server.default = close
        client = connect(server, **scenario.options(), **ONCE)
        with pytest.raises(AutoReconnect) as caught:
            await client.db.c.find_one({"_id": 1})
        check_frames(caught.value)


@pytest.mark.parametrize(
    "scenario",
    [one for one in SCENARIOS if one.name in ("default", "aws-session", "oidc-human")],
    ids=str,
)
async def test_no_object_shows_it(connect: Connect, scenario: Scenario) -> None:
    """None of Motor's that belongs to a client."""
    async with scenario.server() as server:
        client = connect(server, **scenario.options())
        await client.db.c.find_one({"_id": 1})
        pending: list[object] = [client]
        seen = {id(client)}
        objects = 0
        while pending:
            one = pending.pop()
            if _is_of_motor(one):
                objects += 1
                check(repr(one))
            for held in gc.get_referents(one):
                if id(held) not in seen and (_is_of_motor(held) or isinstance(held, (dict, list, set, tuple))):
                    seen.add(id(held))
                    pending.append(held)
        assert objects > 10


def _is_of_motor(thing: object) -> bool:
    return str(type(thing).__module__).startswith("motor.")


@pytest.mark.parametrize(
    "command",
    [
        {"createUser": "bob", "pwd": SECRET},
        {"updateUser": "bob", "pwd": SECRET},
        {"authenticate": 1, "user": "bob", "key": SECRET},
        {"saslStart": 1, "mechanism": "PLAIN", "payload": SECRET.encode()},
        {"saslContinue": 1, "payload": SECRET.encode()},
        {"getnonce": 1, "x": SECRET},
        {"copydb": 1, "key": SECRET},
        {"copydbgetnonce": 1, "key": SECRET},
        {"copydbsaslstart": 1, "payload": SECRET},
        {"hello": 1, "speculativeAuthenticate": {"mechanism": "PLAIN", "payload": SECRET}},
        {"ismaster": 1, "speculativeAuthenticate": {"mechanism": "PLAIN", "payload": SECRET}},
    ],
    ids=lambda command: next(iter(command)),
)
@pytest.mark.parametrize("ok", [1, 0])
async def test_command_of_the_application(
    connect: Connect, caplog: pytest.LogCaptureFixture, command: dict[str, Any], ok: int
) -> None:
    """What it sends itself that is about credentials, and what the server answers to it, nobody else is told."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with GuardedServer({}) as server:
        name = next(iter(command))
        answered = {"ok": ok, "code": 11, "errmsg": "no", "payload": SECRET}
        if name not in ("hello", "ismaster"):
            server.script(name, reply(answered))
        client = connect(server, event_listeners=listeners(told), **ONCE)
        if ok or name in ("hello", "ismaster"):
            await client.admin.command(command)
        else:
            with pytest.raises(OperationFailure):
                await client.admin.command(command)
        await client.close()
    assert sum(name in one for one in told) >= 2
    for one in told:
        if "CommandFailedEvent" not in one:
            check(one)
    for record in caplog.records:
        check(record.getMessage())


async def test_token_in_a_greeting_that_fails(connect: Connect) -> None:
    async with GuardedServer({"MONGODB-OIDC": Oidc(TOKEN)}) as server:
        client = connect(server, **with_callback(Tokens(TOKEN)))
        await client.db.c.find_one({"_id": 1})
        pool_of(client).clear()
        pool_of(client).ready()
        greet = server.on_hello

        async def greet_who_shows_nothing(request: Request) -> None:
            await (close if "speculativeAuthenticate" in request.command else greet)(request)

        server.on_hello = greet_who_shows_nothing
        with pytest.raises(AutoReconnect) as caught:
            await client.db.c.find_one({"_id": 1})
        check_frames(caught.value)


async def test_token_of_a_reauthentication_that_fails(connect: Connect) -> None:
    async with GuardedServer({"MONGODB-OIDC": Oidc("old")}) as server:
        client = connect(server, **with_callback(Tokens("old", TOKEN)))
        await client.db.c.find_one({"_id": 1})
        server.forget()
        with pytest.raises(OperationFailure) as caught:
            await client.db.c.find_one({"_id": 1})
        assert caught.value.code == 18
        check_frames(caught.value)
