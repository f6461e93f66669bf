"""Somebody between the client and the server, or in its place: refused, the connection closed, the pool alive."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from tests.auth.scenarios import SECRET, scram_server
from tests.auth.scram import Scram
from tests.auth.server import Conversation, GuardedServer
from tests.support.fixtures import ONCE, Connect
from tests.support.inside import check_books, pool_of
from tests.support.server import reply
from tests.support.waiting import until

Change = Callable[[dict[str, Any]], dict[str, Any]]

IMPOSTOR = "check that this is the server that you mean"
GARBLED = "the server's answer is not one of SCRAM"

speculating_or_not = pytest.mark.parametrize("speculates", [True, False], ids=["speculating", "not-speculating"])


def of_payload(pattern: bytes, replacement: bytes) -> Change:
    """Changes what SCRAM messages say, those in a greeting, too."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        if isinstance(answer.get("payload"), bytes):
            answer["payload"] = re.sub(pattern, lambda _: replacement, answer["payload"])
        if "speculativeAuthenticate" in answer:
            change(answer["speculativeAuthenticate"])
        return answer

    return change


def instead(name: str, value: Any) -> Change:
    """Replaces a field of SCRAM's replies, or leaves it out."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        if "speculativeAuthenticate" in answer:
            change(answer["speculativeAuthenticate"])
        elif name in answer:
            answer[name] = value
            if value is None:
                del answer[name]
        return answer

    return change


NEVER_DONE = instead("done", False)


def saying(mechanisms: list[str], change: Change = lambda answer: answer) -> Change:
    """Tells in greetings which mechanisms the user has."""

    def changed(answer: dict[str, Any]) -> dict[str, Any]:
        if "saslSupportedMechs" in answer:
            answer["saslSupportedMechs"] = mechanisms
        return change(answer)

    return changed


def without_speculation(answer: dict[str, Any]) -> dict[str, Any]:
    """Has the client begin anew."""
    answer.pop("speculativeAuthenticate", None)
    return answer


async def refused(client: Any, server: GuardedServer) -> OperationFailure:
    """The error of a client that does not let itself be deceived; then nobody is between the two, and all is well."""
    with pytest.raises(OperationFailure) as caught:
        await client.db.c.find_one({"_id": 1})
    await until(lambda: not server.let_in & server.peers.keys(), "the connection is closed")
    check_books(pool_of(client))
    assert SECRET not in str(caught.value)
    server.change = lambda answer: answer
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    return caught.value


@speculating_or_not
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(of_payload(rb"v=.*", b"v=" + base64.b64encode(bytes(32))), IMPOSTOR, id="signature"),
        pytest.param(of_payload(rb"v=.*", b"v="), IMPOSTOR, id="no-signature"),
        pytest.param(of_payload(rb"v=.*", b"e=other-error"), GARBLED, id="error"),
        pytest.param(of_payload(rb"r=[^,]*", b"r=" + bytes(60)), IMPOSTOR, id="nonce"),
        pytest.param(of_payload(rb"r=", b"r=A"), IMPOSTOR, id="longer-nonce"),
        pytest.param(of_payload(rb"r=[^,]*,", b""), GARBLED, id="no-nonce"),
        pytest.param(of_payload(rb"i=\d+", b"i=4095"), IMPOSTOR, id="few-iterations"),
        pytest.param(of_payload(rb"i=\d+", b"i=-4096"), IMPOSTOR, id="negative-iterations"),
        pytest.param(of_payload(rb"i=\d+", b"i=2000000000"), IMPOSTOR, id="many-iterations"),
        pytest.param(of_payload(rb"i=\d+", b"i=" + b"9" * 5000), IMPOSTOR, id="endless-iterations"),
        pytest.param(of_payload(rb"i=\d+", b"i=many"), GARBLED, id="no-number"),
        pytest.param(of_payload(rb"s=[^,]*", b"s=A"), GARBLED, id="no-base64"),
        pytest.param(of_payload(rb"s=[^,]*", b"s=" + base64.b64encode(bytes(16))), "failed", id="salt"),
        pytest.param(of_payload(rb"^.*$", b""), GARBLED, id="empty"),
        pytest.param(instead("payload", None), GARBLED, id="no-payload"),
        pytest.param(instead("payload", 10**12), GARBLED, id="number"),
        pytest.param(instead("payload", "r=1,s=2,i=4096"), GARBLED, id="text"),
        pytest.param(instead("conversationId", None), GARBLED, id="no-conversation"),
        pytest.param(NEVER_DONE, IMPOSTOR, id="never-done"),
    ],
)
async def test_forged(connect: Connect, change: Change, words: str, speculates: bool) -> None:
    async with scram_server("sha256", speculates=speculates) as server:
        if change is NEVER_DONE:
            server.script(
                "saslContinue", server.default, reply({"conversationId": 1, "payload": b"", "done": False, "ok": 1})
            )
        client = connect(server, username="ann", password=SECRET, **ONCE)
        server.change = change
        error = await refused(client, server)
        assert words in str(error)
        assert (GARBLED in str(error)) == (words == GARBLED)
        if words != "failed":
            assert str(error).startswith(f"{server.address}: ")
            assert IMPOSTOR in str(error)


async def test_replay(connect: Connect) -> None:
    """What the server once said is of no use to somebody who says it again."""
    heard: list[dict[str, Any]] = []

    def overhear(answer: dict[str, Any]) -> dict[str, Any]:
        if "payload" in answer:
            heard.append(dict(answer))
        return answer

    async with scram_server("sha256", speculates=False) as server:
        server.change = overhear
        first = connect(server, username="ann", password=SECRET, **ONCE)
        await first.db.c.find_one({"_id": 1})
        await first.close()
        await until(lambda: not server.let_in & server.peers.keys())
        assert len(heard) == 2
        again = iter(list(heard))
        server.change = lambda answer: next(again) if "payload" in answer else answer
        second = connect(server, username="ann", password=SECRET, **ONCE)
        error = await refused(second, server)
        assert IMPOSTOR in str(error)
        assert GARBLED not in str(error)


@speculating_or_not
async def test_impostor(connect: Connect, speculates: bool) -> None:
    """A server that believes everybody does not know the password: it cannot sign."""

    def believing(start: dict[str, Any]) -> Conversation:
        nonce = bytes(start["payload"]).rpartition(b"r=")[2]
        yield {"payload": b"r=%sserver,s=%s,i=4096" % (nonce, base64.b64encode(b"salt" * 4)), "done": False}
        yield {"payload": b"v=" + base64.b64encode(bytes(32)), "done": True}

    async with scram_server("sha256", speculates=speculates) as server:
        honest = server.mechanisms["SCRAM-SHA-256"]
        server.mechanisms["SCRAM-SHA-256"] = believing
        client = connect(server, username="ann", password=SECRET, **ONCE)
        with pytest.raises(OperationFailure, match=IMPOSTOR):
            await client.db.c.find_one({"_id": 1})
        server.mechanisms["SCRAM-SHA-256"] = honest
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


@speculating_or_not
@pytest.mark.parametrize("told", [["SCRAM-SHA-1"], []])
async def test_chosen_mechanism_is_not_bargained_over(connect: Connect, told: list[str], speculates: bool) -> None:
    async with scram_server("sha1", "sha256", speculates=speculates) as server:
        server.change = saying(told)
        client = connect(server, username="ann", password=SECRET, authMechanism="SCRAM-SHA-256", **ONCE)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert "SCRAM-SHA-1" not in _mechanisms_used(server)


async def test_chosen_mechanism_that_the_server_refuses(connect: Connect) -> None:
    async with scram_server("sha1") as server:
        client = connect(server, username="ann", password=SECRET, authMechanism="SCRAM-SHA-256", **ONCE)
        with pytest.raises(OperationFailure, match="Unsupported mechanism"):
            await client.db.c.find_one({"_id": 1})
        assert set(_mechanisms_used(server)) == {"SCRAM-SHA-256"}


async def test_downgraded(connect: Connect) -> None:
    """A list without the mechanism that the server has just begun has been tampered with: no proof of it is sent."""
    async with scram_server("sha1", "sha256") as server:
        server.change = saying(["SCRAM-SHA-1"])
        client = connect(server, username="ann", password=SECRET, **ONCE)
        error = await refused(client, server)
        assert "has begun SCRAM-SHA-256, and says that the user does not have it" in str(error)
        assert str(error).startswith(f"{server.address}: ")
        (cut_off, *_) = server.working
        assert len(cut_off) == 1


async def test_downgraded_for_a_user_without_the_weaker_one(connect: Connect) -> None:
    async with scram_server("sha256") as server:
        server.mechanisms["SCRAM-SHA-1"] = Scram("sha1", {})
        server.change = saying(["SCRAM-SHA-1"], without_speculation)
        client = connect(server, username="ann", password=SECRET, **ONCE)
        assert (await refused(client, server)).code == 18


@pytest.mark.parametrize(
    "document",
    [
        {"ok": 0},
        {"ok": 1},
        {"ok": 0, "errmsg": 5, "code": "x"},
        {"conversationId": [], "payload": {"a": []}, "done": "?", "ok": 1},
    ],
)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "GSSAPI", "MONGODB-AWS"])
async def test_nonsense(connect: Connect, kerberos: Any, document: dict[str, Any], mechanism: str) -> None:
    """Whatever a server says, the application sees one of PyMongo's errors."""

    def nonsense(start: dict[str, Any]) -> Conversation:
        yield {}

    async with GuardedServer({mechanism: nonsense}) as server:
        server.change = lambda answer: answer if "helloOk" in answer else dict(document)
        client = connect(server, username="ann", password=SECRET, authMechanism=mechanism, **ONCE)
        with pytest.raises(PyMongoError):
            await client.db.c.find_one({"_id": 1})
        await until(lambda: pool_of(client).size == 0)


def _mechanisms_used(server: GuardedServer) -> list[str]:
    begun = [command.get("speculativeAuthenticate", command) for said in server.working for command in said]
    return [command["mechanism"] for command in begun if "mechanism" in command]
