"""MONGODB-OIDC: tokens of machines and of humans, asked for once, kept, and asked for anew when they have expired."""

from __future__ import annotations

import asyncio
import threading
import traceback
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.auth_oidc import OIDCCallback, OIDCCallbackContext, OIDCCallbackResult
from pymongo.errors import ConfigurationError, NetworkTimeout, OperationFailure

from tests.auth.mechanisms import Oidc
from tests.auth.scenarios import TOKEN, Tokens
from tests.auth.server import GuardedServer
from tests.support.fixtures import ONCE, Connect
from tests.support.inside import check_books, pool_of
from tests.support.server import reply
from tests.support.waiting import until

EXPIRED = {"ok": 0, "errmsg": "expired", "code": 391, "codeName": "ReauthenticationRequired"}


def oidc_server(*valid: str, **options: Any) -> tuple[GuardedServer, Oidc]:
    """A server that lets in who shows one of these tokens."""
    mechanism = Oidc(*valid, **options)
    return GuardedServer({"MONGODB-OIDC": mechanism}), mechanism


def with_callback(callback: OIDCCallback, human: bool = False, **properties: Any) -> dict[str, Any]:
    """A client's options."""
    name = "OIDC_HUMAN_CALLBACK" if human else "OIDC_CALLBACK"
    return {"authMechanism": "MONGODB-OIDC", "authMechanismProperties": {name: callback, **properties}, **ONCE}


class Waiting(OIDCCallback):
    """A callback that waits until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.begun = threading.Event()
        self.asked: list[OIDCCallbackContext] = []

    def fetch(self, context: OIDCCallbackContext) -> OIDCCallbackResult:
        """Wait."""
        self.asked.append(context)
        self.begun.set()
        assert self.released.wait(20)
        return OIDCCallbackResult(access_token=TOKEN)


class Raising(OIDCCallback):
    """A callback that has no token."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def fetch(self, context: OIDCCallbackContext) -> OIDCCallbackResult:
        """Raise."""
        raise self.error


async def test_one_token_for_all_connections(connect: Connect) -> None:
    server, mechanism = oidc_server(TOKEN)
    callback = Tokens(TOKEN)
    async with server:
        client = connect(server, maxPoolSize=10, maxConnecting=10, **with_callback(callback))
        await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(50)))
        (context,) = callback.asked
        assert (context.timeout_seconds, context.version, context.username) == (60, 1, "")
        assert context.refresh_token is None
        assert context.idp_info is None
        assert set(mechanism.shown) == {TOKEN}


async def test_later_connections_show_it_in_the_greeting(connect: Connect) -> None:
    server, mechanism = oidc_server(TOKEN)
    async with server:
        client = connect(server, **with_callback(Tokens(TOKEN)))
        await client.db.c.find_one({"_id": 1})
        pool_of(client).clear()
        pool_of(client).ready()
        await client.db.c.find_one({"_id": 1})
        assert mechanism.shown == [TOKEN, TOKEN]
        first, second = server.working
        assert [next(iter(command)) for command in first][1:3] == ["saslStart", "find"]
        assert [next(iter(command)) for command in second][1:2] == ["find"]
        assert second[0]["speculativeAuthenticate"]["db"] == "$external"


async def test_expired_at_a_new_connection(connect: Connect) -> None:
    server, mechanism = oidc_server("old")
    callback = Tokens("old", "new")
    async with server:
        client = connect(server, **with_callback(callback))
        await client.db.c.find_one({"_id": 1})
        mechanism.valid = {"new"}
        pool_of(client).clear()
        pool_of(client).ready()
        await client.db.c.find_one({"_id": 1})
        assert mechanism.shown == ["old", "old", "old", "new"]
        assert len(callback.asked) == 2


async def test_expired_on_several_connections_at_once(connect: Connect) -> None:
    """One asks for the new token, the others take it."""
    server, mechanism = oidc_server("old")
    callback = Tokens("old", "new")
    async with server:
        client = connect(server, maxPoolSize=5, maxConnecting=5, **with_callback(callback))
        await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(20)))
        mechanism.valid = {"new"}
        server.script("find", *[reply(EXPIRED)] * len(server.working))
        found = await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(20)))
        assert found == [{"_id": number} for number in range(20)]
        assert len(callback.asked) == 2


async def test_human(connect: Connect) -> None:
    """A human is asked with what the server says of the identity provider; again, with the refresh token."""
    server, mechanism = oidc_server("old", principal="ann@test")
    callback = Tokens("old", "new", refresh="refresh")
    async with server:
        client = connect(server, username="ann@test", **with_callback(callback, human=True))
        await client.db.c.find_one({"_id": 1})
        mechanism.valid = {"new"}
        server.forget()
        await client.db.c.find_one({"_id": 1})
        first, second = callback.asked
        assert (first.timeout_seconds, first.username, first.refresh_token) == (300, "ann@test", None)
        assert first.idp_info is not None
        assert first.idp_info.issuer == "https://issuer.test"
        assert (first.idp_info.clientId, first.idp_info.requestScopes) == ("app", ["read"])
        assert second.refresh_token == "refresh"


@pytest.mark.parametrize("hosts", [[], ["example.com", "*.example.com"]])
async def test_host_that_is_not_allowed(connect: Connect, hosts: list[str]) -> None:
    server, _ = oidc_server(TOKEN)
    callback = Tokens(TOKEN)
    async with server:
        client = connect(server, **with_callback(callback, human=True, ALLOWED_HOSTS=hosts))
        for _ in range(2):
            with pytest.raises(ConfigurationError):
                await client.db.c.find_one()
        assert not callback.asked
        assert not server.working


@pytest.mark.parametrize("error", [RuntimeError("no network"), KeyError("token"), ValueError(5), OSError(5, "I/O")])
async def test_callback_that_raises(connect: Connect, error: Exception) -> None:
    """The application gets its own error, with where its callback raised it, and the client can be used again."""
    server, _ = oidc_server(TOKEN)
    callback = Raising(error)
    async with server:
        client = connect(server, **with_callback(callback))
        with pytest.raises(type(error)) as caught:
            await client.db.c.find_one()
        assert caught.value is error
        assert "fetch" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        check_books(pool_of(client))
        callback.error = RuntimeError("still none")
        with pytest.raises(RuntimeError, match="still none"):
            await client.db.c.find_one()


@pytest.mark.parametrize("result", [{"access_token": TOKEN}, TOKEN, None])
async def test_callback_that_returns_something_else(connect: Connect, result: Any) -> None:
    class Wrong(OIDCCallback):
        def fetch(self, context: OIDCCallbackContext) -> OIDCCallbackResult:
            return result  # type: ignore[no-any-return]

    server, _ = oidc_server(TOKEN)
    async with server:
        client = connect(server, **with_callback(Wrong()))
        # A ValueError before PyMongo 4.16.
        with pytest.raises((TypeError, ValueError)) as caught:
            await client.db.c.find_one()
        assert TOKEN not in str(caught.value)


async def test_refused_token(connect: Connect) -> None:
    server, _ = oidc_server(TOKEN)
    async with server:
        client = connect(server, **with_callback(Tokens("another")))
        with pytest.raises(OperationFailure, match=r"MONGODB-OIDC with .*: check the token") as caught:
            await client.db.c.find_one()
        assert caught.value.code == 18
        assert "another" not in str(caught.value)


async def test_garbled_answer(connect: Connect) -> None:
    server, _ = oidc_server(TOKEN)
    async with server:
        client = connect(server, **with_callback(Tokens(TOKEN), human=True))
        server.change = lambda answer: {**answer, "payload": b"\x05"} if "payload" in answer else answer
        with pytest.raises(OperationFailure, match="the server's answer is not one of MONGODB-OIDC"):
            await client.db.c.find_one()


@pytest.mark.parametrize(
    ("environment", "variable"), [("test", "OIDC_TOKEN_FILE"), ("k8s", "AZURE_FEDERATED_TOKEN_FILE")]
)
async def test_token_in_a_file(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: str, variable: str
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    monkeypatch.setenv(variable, str(file))
    server, mechanism = oidc_server(TOKEN)
    async with server:
        uri = f"{server.uri}&authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:{environment}"
        assert await connect(uri).db.c.find_one({"_id": 1}) == {"_id": 1}
        file.unlink()
        with pytest.raises(FileNotFoundError):
            await connect(uri).db.c.find_one()
        assert mechanism.shown == [TOKEN]


async def test_waiting_for_a_human_takes_no_thread_of_the_loop(connect: Connect) -> None:
    """Three clients with two connections each would use up the six threads of the loop on two cores."""
    servers = [oidc_server(TOKEN)[0] for _ in range(3)]
    callback = Waiting()
    loop = asyncio.get_running_loop()
    async with servers[0], servers[1], servers[2]:
        clients = [connect(server, **with_callback(callback, human=True)) for server in servers]
        finding = [asyncio.ensure_future(client.db.c.find_one({"_id": 1})) for client in clients for _ in range(2)]
        await until(lambda: len(callback.asked) == 3)
        busy = [loop.run_in_executor(None, threading.Event().wait, 0) for _ in range(40)]
        assert await asyncio.gather(*busy, asyncio.to_thread(lambda: True)) == [False] * 40 + [True]
        callback.released.set()
        assert await asyncio.gather(*finding) == [{"_id": 1}] * 6


async def test_deadline_of_an_operation_that_waits_for_a_human(connect: Connect) -> None:
    """The operation ends when its time is over; the token that comes later is used all the same."""
    server, mechanism = oidc_server("old", TOKEN)
    callback = Waiting()
    first = Tokens("old")

    class Both(OIDCCallback):
        def fetch(self, context: OIDCCallbackContext) -> OIDCCallbackResult:
            return callback.fetch(context) if first.asked else first.fetch(context)

    async with server:
        client = connect(server, **with_callback(Both()))
        await client.db.c.find_one({"_id": 1})
        mechanism.valid = {TOKEN}
        server.forget()
        with pymongo.timeout(0.3), pytest.raises(NetworkTimeout):
            await client.db.c.find_one({"_id": 1})
        assert callback.begun.is_set()
        assert callback.asked[0].timeout_seconds <= 60
        check_books(pool_of(client))
        callback.released.set()
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert len(callback.asked) == 1


async def test_cancelled_while_a_human_is_asked(connect: Connect) -> None:
    server, mechanism = oidc_server(TOKEN)
    callback = Waiting()
    async with server:
        client = connect(server, **with_callback(callback, human=True))
        finding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
        await until(callback.begun.is_set)
        finding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finding
        callback.released.set()
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert len(callback.asked) == 1
        assert set(mechanism.shown) == {TOKEN}
