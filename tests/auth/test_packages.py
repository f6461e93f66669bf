"""GSSAPI and MONGODB-AWS, which other packages do: those are there, missing, or refuse."""

from __future__ import annotations

import sys
import threading
from typing import Any

import bson
import pytest
from pymongo.errors import ConfigurationError, OperationFailure

from tests.auth.mechanisms import Aws, Gssapi, StubbedKerberos
from tests.auth.scenarios import SECRET, TOKEN
from tests.auth.server import Conversation, GuardedServer
from tests.support.fixtures import ONCE, Connect
from tests.support.inside import check_books, pool_of

ANN = {"authMechanism": "GSSAPI", "username": "ann@REALM.TEST", **ONCE}
AWS = {"authMechanism": "MONGODB-AWS", **ONCE}


async def test_kerberos_is_missing(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymongo.synchronous.auth.HAVE_KERBEROS", False)
    async with GuardedServer({"GSSAPI": Gssapi("ann@REALM.TEST")}) as server:
        with pytest.raises(ConfigurationError, match=r'GSSAPI needs a package: pip install "motor\[gssapi\]"'):
            await connect(server, **ANN).db.c.find_one()


async def test_amazons_package_is_missing(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymongo_auth_aws", None)
    async with GuardedServer({"MONGODB-AWS": Aws("AKIA", SECRET)}) as server:
        client = connect(server, username="AKIA", password=SECRET, **AWS)
        with pytest.raises(ConfigurationError, match=r'MONGODB-AWS needs a package: pip install "motor\[aws\]"'):
            await client.db.c.find_one()


async def ticket_for(connect: Connect, kerberos: StubbedKerberos, properties: Any) -> tuple[str, dict[str, Any]]:
    """What Kerberos is asked for."""
    async with GuardedServer({"GSSAPI": Gssapi("ann@REALM.TEST")}) as server:
        client = connect(server, authMechanismProperties=properties, **ANN)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    (asked,) = kerberos.asked
    assert kerberos.cleaned == 1
    return asked


@pytest.mark.parametrize(
    ("properties", "service"),
    [
        ({}, "mongodb@127.0.0.1"),
        ({"SERVICE_NAME": "other"}, "other@127.0.0.1"),
        ({"SERVICE_REALM": "REALM.TEST"}, "mongodb@127.0.0.1@REALM.TEST"),
        ("SERVICE_NAME:other,SERVICE_HOST:host.test,SERVICE_REALM:R", "other@host.test@R"),
        ({"CANONICALIZE_HOST_NAME": "none"}, "mongodb@127.0.0.1"),
        ({"CANONICALIZE_HOST_NAME": False}, "mongodb@127.0.0.1"),
        ({"CANONICALIZE_HOST_NAME": "forward"}, "mongodb@canonical.test"),
        ({"CANONICALIZE_HOST_NAME": "forwardAndReverse"}, "mongodb@reverse.test"),
        ({"CANONICALIZE_HOST_NAME": True}, "mongodb@reverse.test"),
    ],
)
async def test_service(
    connect: Connect, kerberos: StubbedKerberos, monkeypatch: pytest.MonkeyPatch, properties: Any, service: str
) -> None:
    """DNS is not asked on the loop."""
    threads = []

    def forward(*_: Any, **__: Any) -> list[Any]:
        threads.append(threading.current_thread())
        return [(2, 1, 6, "Canonical.test", ("127.0.0.1", 0))]

    def reverse(*_: Any) -> tuple[str, str]:
        threads.append(threading.current_thread())
        return "Reverse.test", "0"

    monkeypatch.setattr("pymongo.synchronous.auth._getaddrinfo", forward)
    monkeypatch.setattr("socket.getnameinfo", reverse)
    asked, options = await ticket_for(connect, kerberos, properties)
    assert asked == service
    assert options == {"gssflags": kerberos.GSS_C_MUTUAL_FLAG}
    assert threading.current_thread() not in threads


async def test_no_ticket(connect: Connect, monkeypatch: pytest.MonkeyPatch, kerberos: StubbedKerberos) -> None:
    monkeypatch.setattr("pymongo.synchronous.auth.kerberos", StubbedKerberos(has_ticket=False))
    async with GuardedServer({"GSSAPI": Gssapi("ann@REALM.TEST")}) as server:
        client = connect(server, **ANN)
        with pytest.raises(OperationFailure, match="No credentials were supplied"):
            await client.db.c.find_one()
        check_books(pool_of(client))
        monkeypatch.setattr("pymongo.synchronous.auth.kerberos", kerberos)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_credentials_of_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, token: str | None
) -> None:
    """Where the client has none of its own, Amazon's library finds them."""
    for name in ("AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    if token is not None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    async with GuardedServer({"MONGODB-AWS": Aws("AKIAENVIRONMENT", SECRET, token)}) as server:
        assert await connect(server, **AWS).db.c.find_one({"_id": 1}) == {"_id": 1}
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        with pytest.raises(OperationFailure):
            await connect(server, **AWS).db.c.find_one()


@pytest.mark.parametrize(
    ("answer", "is_garbled"),
    [
        ({"s": bytes(64), "h": "sts.amazonaws.com"}, False),
        ({"s": b"short", "h": "sts.amazonaws.com"}, False),
        ({"h": "sts.amazonaws.com"}, True),
        ({"s": None, "h": ""}, False),
        ({"s": None, "h": "a..b"}, False),
        ({"s": None, "h": "a" * 256}, False),
    ],
)
async def test_nothing_is_signed_for_an_impostor(connect: Connect, answer: dict[str, Any], is_garbled: bool) -> None:
    continued = []

    def impostor(start: dict[str, Any]) -> Conversation:
        nonce = bson.decode(start["payload"])["r"] + bytes(32)
        said = {name: nonce if value is None else value for name, value in answer.items()}
        continued.append((yield {"payload": bson.encode(said), "done": False}))

    async with GuardedServer({"MONGODB-AWS": impostor}) as server:
        client = connect(server, username="AKIA", password=SECRET, **AWS)
        with pytest.raises(OperationFailure) as caught:
            await client.db.c.find_one()
        assert ("the server's answer is not one of MONGODB-AWS" in str(caught.value)) == is_garbled
        assert not continued
        assert SECRET not in str(caught.value)
        check_books(pool_of(client))
