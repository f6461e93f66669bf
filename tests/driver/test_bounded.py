"""What is kept of a reply, passed on or shown: no more than a server has cause to say."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import bson
import pytest
from bson import Int64, Timestamp
from pymongo.errors import DuplicateKeyError, NetworkTimeout, OperationFailure, ProtocolError

from motor.driver.cmap.error_replies import LARGEST_ERROR
from tests.support.fixtures import ONCE
from tests.support.inside import at_rest, check_books, pool_of, replace, topology_of
from tests.support.listener import Request
from tests.support.messages import HEADER, OP_MSG, message
from tests.support.server import ScriptedServer, answer_to, reply, send, when
from tests.support.waiting import PATIENCE, until


def cluster_time(moment: int, size: int = 20) -> dict[str, Any]:
    """One as MongoDB signs it, but for the size of the signature."""
    return {"clusterTime": Timestamp(moment, 1), "signature": {"hash": b"x" * size, "keyId": Int64(1)}}


async def test_a_cluster_time_that_is_too_large_goes_to_nobody(server, connect):
    """It is no cause to fail the operation whose reply it came with, which may be a write."""
    client = connect(server)
    told = (cluster_time(5), cluster_time(6, 5000), cluster_time(7, 2_000_000))
    server.script("ping", *(reply({"ok": 1, "$clusterTime": one}) for one in told))
    async with await client.start_session() as session:
        for _ in range(3):
            assert (await client.db.command("ping", session=session))["ok"] == 1
        await client.db.c.find_one({"_id": 1}, session=session)
        assert session.cluster_time == cluster_time(5)
    assert server.requests[-1].command["$clusterTime"] == cluster_time(5)


@pytest.mark.parametrize("size", [4000, 20])
async def test_a_late_one_of_another_size_does(size, server, connect):
    client = connect(server)
    told = cluster_time(9, size)
    server.script("ping", reply({"ok": 1, "$clusterTime": told, "more": "x" * 10_000}))
    await client.db.command("ping")
    await client.db.c.find_one()
    assert server.requests[-1].command["$clusterTime"] == told


async def test_nor_one_in_a_hello(connect):
    async with ScriptedServer(hello={"$clusterTime": cluster_time(5, 500_000)}) as server:
        client = connect(server)
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        assert "$clusterTime" not in server.requests[-1].command
        assert topology_of(client).clock.latest is None
        client.close()


async def test_an_error_of_megabytes_is_cut(server, connect):
    labels = [f"Label{number}" for number in range(100_000)]
    refusal = {"ok": 0, "code": 11000, "codeName": "DuplicateKey", "errmsg": "no " + "x" * 5_000_000}
    server.script("ping", reply({**refusal, "errorLabels": ["RetryableWriteError", *labels], "more": [0] * 1000}))
    client = connect(server)
    with pytest.raises(DuplicateKeyError, match=r"^no xx.*cut: the server's error has [0-9]+ bytes") as raised:
        await client.db.command("ping")
    error = raised.value
    assert len(str(error)) < 10_000
    assert error.code == 11000
    assert error.details is not None
    assert error.details["codeName"] == "DuplicateKey"
    assert "more" not in error.details
    assert error.has_error_label("RetryableWriteError")
    assert error.has_error_label("Label3")
    assert not error.has_error_label("Label99999")


@pytest.mark.parametrize("refusal", [{"ok": 0, "code": "x", "errmsg": 5}, {"$err": "no"}, {"ok": 0, "errorLabels": {}}])
async def test_a_large_error_that_makes_no_sense(refusal, server, connect):
    server.script("ping", reply({**refusal, "more": "x" * LARGEST_ERROR}))
    client = connect(server)
    with pytest.raises((ProtocolError, OperationFailure)) as raised:
        await client.db.command("ping")
    assert len(str(raised.value)) < 1000


async def test_why_a_document_is_not_valid_is_kept(server, connect):
    refusal = {"ok": 0, "code": 121, "errmsg": "Document failed validation", "errInfo": {"why": "x" * 900_000}}
    server.script("findAndModify", reply(refusal))
    client = connect(server, **ONCE)
    with pytest.raises(OperationFailure) as raised:
        await client.db.c.find_one_and_update({}, {"$set": {"a": 1}})
    assert raised.value.details == refusal


@pytest.mark.parametrize("method", ["find", "find_raw_batches"])
async def test_fields_around_a_batch_are_counted(method, server, connect):
    """A megabyte of fields of two bytes each, which nobody looks at."""

    def crowded(request: Request) -> bytes:
        right = bson.encode(answer_to(request.command))
        document = struct.pack("<i", len(right) + 1_000_000) + b"\x0a\0" * 500_000 + right[4:]
        body = struct.pack("<IB", 0, 0) + document
        return HEADER.pack(HEADER.size + len(body), 1, request.id, OP_MSG) + body

    client = connect(server, **ONCE)
    server.script("find", send(crowded))
    with pytest.raises(ProtocolError, match=f"^{server.address}: .* of [0-9]+ bytes has more than 64 fields"):
        await getattr(client.db.c, method)({"_id": 1}).to_list(None)
    assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
    await until(lambda: at_rest(pool_of(client)))
    check_books(pool_of(client))


@pytest.mark.parametrize(
    "cursor", [{str(number): 0 for number in range(100)}, {"firstBatch": []}, {"firstBatch": [], "id": {}}]
)
async def test_a_reply_that_nobody_waits_for_and_that_makes_no_sense(cursor, server, connect):
    """It is looked through for a cursor that would have to be closed: the cancellation stays one."""
    going_on = asyncio.Event()
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    client = connect(server)
    server.script("find", when(going_on, reply({"cursor": cursor, "ok": 1})))
    finding = asyncio.ensure_future(client.db.c.find({}).to_list(None))
    await until(lambda: server.names == ["find"])
    finding.cancel()
    await asyncio.wait([finding])
    assert finding.cancelled()
    going_on.set()
    await until(lambda: at_rest(pool_of(client)))
    assert (await client.db.command("ping"))["ok"] == 1
    assert not complaints


async def test_a_reply_that_drips_is_not_waited_for(server, connect, monkeypatch):
    """Bytes that keep coming put off the end, but not for ever."""
    replace(monkeypatch, "connection._LATE_READING", 0.1)
    sent = 0

    async def drip(request: Request) -> None:
        nonlocal sent
        for byte in message({"ok": 1, "text": "x" * 100_000}, request.id):
            await request.peer.send(bytes([byte]))
            await asyncio.sleep(0.001)
            sent += 1

    server.script("ping", drip)
    client = connect(server, socketTimeoutMS=100, **ONCE)
    with pytest.raises(NetworkTimeout, match="timed out"):
        await asyncio.wait_for(client.db.command("ping"), PATIENCE)
    assert 0 < sent < 100_000
