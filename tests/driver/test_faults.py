"""What a server may do to a client, and what the client makes of it: PyMongo's exceptions, and a pool that goes on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import struct
from typing import Any

import bson
import pytest
from pymongo.errors import (
    AutoReconnect,
    NetworkTimeout,
    OperationFailure,
    ProtocolError,
    ServerSelectionTimeoutError,
)

from tests.support.fixtures import ONCE
from tests.support.inside import at_rest, check_books, idle, pool_of, servers_of, task_of
from tests.support.listener import Request
from tests.support.messages import HEADER, message
from tests.support.server import ScriptedServer, answer, answer_to, close, reply, send, silence
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("impatient_monitors")


def right(request: Request) -> bytes:
    """The right answer."""
    return message(answer_to(request.command), request.id)


def mangled(position: int, replacement: bytes) -> Any:
    """The right answer with some bytes replaced."""

    def make(request: Request) -> bytes:
        data = bytearray(right(request))
        data[position : position + len(replacement)] = replacement
        return bytes(data)

    return send(make)


def then_close(share: float) -> Any:
    """A part of the right answer, then the end."""

    async def act(request: Request) -> None:
        data = right(request)
        await request.peer.send(data[: int(len(data) * share)])
        request.peer.writer.close()

    return act


SEQUENCE = b"\1" + struct.pack("<i", 4 + 2 + 5) + b"a\0" + bson.encode({})

PROTOCOL_ERRORS = {
    "responseTo of another": (send(lambda r: message({"ok": 1}, r.id + 1)), "Got response id .* but expected"),
    "responseTo of nothing": (send(lambda r: message({"ok": 1}, 0)), "Got response id 0 but expected"),
    "another opcode": (send(lambda r: message({"ok": 1}, r.id, opcode=1)), "Got opcode 1 but expected 2013"),
    "compressed by nothing": (
        send(lambda r: message({"ok": 1}, r.id, opcode=2012)),
        "OP_COMPRESSED, and no compression",
    ),
    "length zero": (send(lambda r: message({"ok": 1}, r.id, length=0)), "Message length .0. not longer"),
    "negative length": (send(lambda r: message({"ok": 1}, r.id, length=-5)), "Message length .-5. not longer"),
    "header only": (send(lambda r: message({"ok": 1}, r.id, length=16)), "Message length .16. not longer"),
    "too long": (send(lambda r: message({"ok": 1}, r.id, length=48_000_001)), "48000001. is larger than server max"),
    "huge": (send(lambda r: message({"ok": 1}, r.id, length=2**31 - 1)), "is larger than server max message size"),
    "text": (send(lambda r: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), "Message length"),
    "moreToCome": (send(lambda r: message({"ok": 1}, r.id, flags=2)), "moreToCome"),
    "unknown flag": (send(lambda r: message({"ok": 1}, r.id, flags=4)), "Unsupported OP_MSG flags"),
    "checksum": (send(lambda r: message({"ok": 1}, r.id, flags=1, behind=bytes(4))), "flag checksumPresent"),
    "sequence": (send(lambda r: message({"ok": 1}, r.id, behind=SEQUENCE)), "more than one section"),
    "kind 2": (mangled(HEADER.size + 4, b"\2"), "payload type: 0x2"),
    "kind 1": (mangled(HEADER.size + 4, b"\1"), "payload type: 0x1, a document sequence"),
    "document too long": (mangled(HEADER.size + 5, struct.pack("<i", 10_000)), "document of 10000 bytes"),
    "document too short": (mangled(HEADER.size + 5, struct.pack("<i", 5)), "OP_MSG"),
}


async def assert_goes_on(client: Any, server: ScriptedServer, closed: bool) -> None:
    """The next operation works, on a connection of its own if the last was closed, and nothing has leaked."""
    pool = pool_of(client)
    if closed:
        await until(lambda: not idle(pool) and pool.size == 0, "the connection closed")
    assert await client.db.c.find_one({"_id": "next"}) == {"_id": "next"}
    assert at_rest(pool)
    assert pool.size == 1
    await until(lambda: len(server.peers) == 2, "one connection and the monitor's")


@pytest.mark.parametrize("name", PROTOCOL_ERRORS)
async def test_what_is_no_reply_is_a_protocol_error(name, server, connect):
    client = connect(server)
    await client.db.c.find_one({"_id": "first"})
    action, text = PROTOCOL_ERRORS[name]
    server.script("find", action)
    with pytest.raises(ProtocolError, match=f"^{server.address}: .*{text}") as raised:
        await client.db.c.find_one({"_id": 1})
    assert "is it a MongoDB server" not in str(raised.value)
    await assert_goes_on(client, server, closed=True)


@pytest.mark.parametrize("share", [0, 0.05, 0.2, 0.5, 0.99])
async def test_a_connection_that_ends_before_its_reply_does(share, server, connect):
    client = connect(server, **ONCE)
    await client.db.c.find_one({"_id": "first"})
    server.script("find", then_close(share))
    with pytest.raises(AutoReconnect, match=f"{server.address}: connection closed") as raised:
        await client.db.c.find_one({"_id": 1})
    assert not isinstance(raised.value, NetworkTimeout)
    await assert_goes_on(client, server, closed=True)


async def test_a_reset_connection(server, connect):
    client = connect(server, **ONCE)
    await client.db.c.find_one({"_id": "first"})
    server.script("insert", close)
    with pytest.raises(AutoReconnect, match=server.address):
        await client.db.c.insert_one({})
    await assert_goes_on(client, server, closed=True)


async def half(request: Request) -> None:
    """Half an answer, and no end."""
    data = right(request)
    await request.peer.send(data[: len(data) // 2])


@pytest.mark.parametrize("act", [silence, half])
async def test_a_reply_that_does_not_come_in_time(act, server, connect):
    client = connect(server, socketTimeoutMS=150, **ONCE)
    await client.db.c.find_one({"_id": "first"})
    server.script("find", act)
    with pytest.raises(NetworkTimeout, match=f"{server.address}: timed out .*socketTimeoutMS: 150"):
        await client.db.c.find_one({"_id": 1})
    await assert_goes_on(client, server, closed=True)


async def test_a_reply_in_single_bytes(server, connect):
    async def drip(request: Request) -> None:
        for byte in right(request):
            await request.peer.send(bytes([byte]))
            await asyncio.sleep(0)

    client = connect(server)
    server.script("find", drip)
    assert await client.db.c.find_one({"_id": 5}) == {"_id": 5}
    await assert_goes_on(client, server, closed=False)


async def test_a_second_reply_reaches_nobody(server, connect):
    client = connect(server)
    server.script("find", send(lambda r: right(r) + message({"ok": 1, "cursor": "stale"}, r.id)))
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    await assert_goes_on(client, server, closed=True)


async def test_a_second_reply_that_comes_later_reaches_nobody(server, connect):
    async def twice(request: Request) -> None:
        await answer(request)
        await asyncio.sleep(0.05)
        await answer(request)

    client = connect(server)
    server.script("find", twice)
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    pool = pool_of(client)
    await until(lambda: pool.size == 0, "the connection with an unasked reply closed")
    await assert_goes_on(client, server, closed=True)


async def test_a_late_second_reply_is_not_the_next_operations(server, connect):
    """The worst case: the first request's second reply comes while the second request waits on that connection."""
    first: list[Request] = []

    async def remember(request: Request) -> None:
        first.append(request)
        await answer(request)

    client = connect(server)
    server.script("find", remember, lambda _: answer(first[0]))
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    with pytest.raises(ProtocolError, match="Got response id"):
        await client.db.c.find_one({"_id": 2})
    await assert_goes_on(client, server, closed=True)


@pytest.mark.parametrize(
    "document",
    [b"\x10\0\0\0\x10ok\0\1\0\0\0\x99\0\0", b"\x08\0\0\0\x77a\0\0", b"\x05\0\0\0\x01"],
    ids=["unknown type", "unknown short type", "no end"],
)
async def test_a_reply_that_is_no_bson(document, server, connect):
    document = struct.pack("<i", len(document)) + document[4:]
    client = connect(server)
    server.script(
        "find",
        send(lambda r: struct.pack("<iiiiIB", 21 + len(document), 1, r.id, 2013, 0, 0) + document),
    )
    with pytest.raises(bson.errors.InvalidBSON):
        await client.db.c.find_one({"_id": 1})
    await assert_goes_on(client, server, closed=False)


@pytest.mark.parametrize("document", [{}, {"ok": 0, "errmsg": "no"}, {"ok": 0.0, "errmsg": "no", "code": 5}])
async def test_a_reply_that_says_no(document, server, connect):
    client = connect(server)
    server.script("ping", reply(document))
    with pytest.raises(OperationFailure):
        await client.db.command("ping")
    await assert_goes_on(client, server, closed=False)


async def test_many_at_once_and_every_second_one_fails(server, connect):
    """Whatever goes wrong on the other connections, each gets its own reply or an error."""

    async def act(request: Request) -> None:
        number = request.command["filter"]["_id"]
        await asyncio.sleep(number % 7 / 1000)
        if number % 4 == 1:
            await send(lambda r: message({"ok": 1}, r.id + 1))(request)
        elif number % 4 == 3:
            await then_close(0.5)(request)
        else:
            await answer(request)

    client = connect(server, maxPoolSize=10, **ONCE)
    await client.db.command("ping")
    server.default = act
    results = await asyncio.gather(
        *(client.db.c.find_one({"_id": number}) for number in range(200)), return_exceptions=True
    )
    right_ones = 0
    for number, result in enumerate(results):
        if isinstance(result, BaseException):
            assert isinstance(result, AutoReconnect | ProtocolError)
        else:
            assert result == {"_id": number}
            assert number % 2 == 0
            right_ones += 1
    assert right_ones
    server.default = answer
    pool = pool_of(client)
    await until(lambda: at_rest(pool))
    assert await client.db.c.find_one({"_id": "next"}) == {"_id": "next"}
    await until(lambda: len(server.peers) == 1 + pool.size, "as many connections as the pool counts")
    assert server.most_open <= 10 + 1


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (close, f"connection closed|{os.strerror(errno.ECONNRESET)}"),
        (silence, "timed out"),
        (send(lambda r: b"SSH-2.0-OpenSSH_9.6\r\n"), "Message length"),
        (send(lambda r: message({"ok": 1}, r.id + 9)), "Got response id"),
        (reply({"ok": 0, "errmsg": "go away", "code": 13}), "go away"),
        (send(lambda r: struct.pack("<iiiiIB", 26, 1, r.id, 2013, 0, 0) + b"\5\0\0\0\1"), "."),
    ],
    ids=["closes", "silent", "not MongoDB", "another's reply", "refuses", "no BSON"],
)
async def test_a_server_that_does_not_say_hello(greeting, reason, server, connect):
    server.on_hello = greeting
    client = connect(server, serverSelectionTimeoutMS=600, connectTimeoutMS=300)
    with pytest.raises(ServerSelectionTimeoutError, match=reason) as raised:
        await client.db.c.find_one({"_id": 1})
    assert str(server.port) in str(raised.value)
    # And once it does, all is well.
    server.on_hello = server.greet
    client = connect(server)
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}


async def test_a_server_that_comes_to_itself(server, connect):
    """Server selection waits, and the monitor goes on asking."""
    server.on_hello = close
    client = connect(server)
    finding = asyncio.ensure_future(client.db.c.find_one({"_id": 1}))
    await until(lambda: server.opened)
    server.on_hello = server.greet
    assert await asyncio.wait_for(finding, PATIENCE) == {"_id": 1}


@pytest.mark.parametrize(
    "nonsense",
    [
        {"$clusterTime": 5},
        {"$clusterTime": {"clusterTime": "now"}},
        {"$clusterTime": {}},
        {"maxWireVersion": "many"},
        {"hosts": 5},
        {"logicalSessionTimeoutMinutes": "x"},
        {"topologyVersion": 3},
        {"electionId": "x", "setVersion": "y"},
        {"lastWrite": 3},
        {"tags": [1]},
    ],
    ids=str,
)
async def test_a_hello_full_of_nonsense_does_not_end_the_monitor(nonsense, connect):
    async with ScriptedServer(hello=nonsense) as server:
        client = connect(server, serverSelectionTimeoutMS=200, directConnection=False)
        with contextlib.suppress(Exception):
            await client.db.c.find_one({"_id": 1})
        server.fields = {}
        for known in servers_of(client):
            assert known.monitor is not None
            assert not task_of(known.monitor).done(), "the monitor has ended"
        client.close()


async def test_the_connection_of_the_monitor_breaks(server, connect):
    client = connect(server)
    await client.db.c.find_one({"_id": 1})
    (monitors,) = [peer for peer in server.peers if peer is not server.requests[0].peer]
    monitors.close()
    await until(lambda: monitors not in server.peers)
    assert await client.db.c.find_one({"_id": 2}) == {"_id": 2}
    check_books(pool_of(client))


@pytest.mark.parametrize("code", [10107, 11602, 91, 189])
async def test_not_primary_any_more(code, server, connect):
    client = connect(server, **ONCE)
    await client.db.c.find_one({"_id": 1})
    server.script("insert", reply({"ok": 0, "errmsg": "not primary", "code": code}))
    with pytest.raises(AutoReconnect, match="not primary"):
        await client.db.c.insert_one({})
    # The server is asked again, and says that it is primary.
    assert (await client.db.c.insert_one({"_id": 2})).inserted_id == 2
    check_books(pool_of(client))
