"""A server in memory: honest, but where an input says what it answers instead."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, cast

import bson
from bson import Int64

from motor.driver.wire import compression
from tests.fuzz.scram import Conversation
from tests.fuzz.virtual import MemoryTransport
from tests.support.listener import Request, parse
from tests.support.messages import HEADER, OP_MSG, message
from tests.support.server import ScriptedServer, answer_to

LIMIT = 48_000_000
TOPOLOGY_VERSION = {"processId": bson.ObjectId(b"fuzzing fuzz"), "counter": Int64(1)}

SERVICE_ID = bson.ObjectId(b"fuzz service")
GREETINGS = ("hello", "ismaster")
AUTHENTICATING = ("saslStart", "saslContinue", "authenticate")

Answer = bytes | None
"""What is sent instead of the honest answer: ``None`` stands for that one, no bytes for the end of the connection."""

Interference = Callable[[Request], Answer]

_GREETER = ScriptedServer()
_GREETER.port = 27017


def honest_hello(**fields: Any) -> dict[str, Any]:
    """What a primary says of itself."""
    return {**_GREETER.hello(), **fields}


def honest(command: dict[str, Any]) -> dict[str, Any]:
    """What a server without data says; what it says of a document is what it was asked."""
    name = next(iter(command))
    cursor = {"id": 0, "ns": f"{command['$db']}.c"}
    if name in GREETINGS:
        fields: dict[str, Any] = {"serviceId": SERVICE_ID} if command.get("loadBalanced") else {}
        if "saslSupportedMechs" in command:
            fields["saslSupportedMechs"] = ["SCRAM-SHA-1", "SCRAM-SHA-256"]
        return honest_hello(**fields)
    if name == "getMore":
        return {"cursor": {**cursor, "nextBatch": []}, "ok": 1}
    if name in ("listCollections", "listIndexes"):
        return {"cursor": {**cursor, "firstBatch": []}, "ok": 1}
    if name == "bulkWrite":
        results = [{"ok": 1, "idx": number, "n": 1} for number, _ in enumerate(command["ops"])]
        counts = dict.fromkeys(("nErrors", "nMatched", "nModified", "nUpserted", "nDeleted"), 0)
        return {"cursor": {**cursor, "firstBatch": results}, **counts, "nInserted": len(results), "ok": 1}
    if name == "listDatabases":
        return {"databases": [{"name": "db", "sizeOnDisk": 1, "empty": False}], "totalSize": 1, "ok": 1}
    if name == "distinct":
        return {"values": [1, 2], "ok": 1}
    if name == "count":
        return {"n": 7, "ok": 1}
    if name == "findAndModify":
        return {"value": {"_id": 1}, "lastErrorObject": {"n": 1, "updatedExisting": True}, "ok": 1}
    return answer_to(command)


def raw_message(document: bytes, response_to: int, flags: int = 0) -> bytes:
    """An OP_MSG around bytes that may be no document."""
    body = struct.pack("<IB", flags, 0) + document
    return HEADER.pack(HEADER.size + len(body), 4711, response_to, OP_MSG) + body


class FuzzServer:
    """Answers every connection's commands; `interfere` is asked first, until :meth:`come_to_reason`."""

    def __init__(self, interfere: Interference) -> None:
        self.interfere: Interference | None = interfere
        self.peers: set[FuzzPeer] = set()
        self.names: list[str] = []
        self.piece = 1 << 20

    def accept(self) -> FuzzPeer:
        """The peer of a new connection."""
        peer = FuzzPeer(self)
        self.peers.add(peer)
        return peer

    def come_to_reason(self) -> None:
        """Be honest from now on."""
        self.interfere = None

    def answer(self, request: Request) -> bytes | None:
        """The bytes to be sent; ``None`` for nothing at all."""
        self.names.append(request.name)
        wrong = self.interfere(request) if self.interfere is not None else None
        if wrong is not None:
            return wrong
        if request.flags & 2:
            return None
        return message(self.honest(request), request.id)

    def honest(self, request: Request) -> dict[str, Any]:
        """The honest answer, which an authentication has, too."""
        conversation = cast(FuzzPeer, request.peer).conversation
        if request.name in AUTHENTICATING:
            return conversation.answer(request.command)
        document = honest(request.command)
        if request.name in GREETINGS and "speculativeAuthenticate" in request.command:
            document["speculativeAuthenticate"] = conversation.start(request.command["speculativeAuthenticate"])
        return document


class FuzzPeer:
    """One connection of a client, seen from the server."""

    def __init__(self, server: FuzzServer) -> None:
        self.transport: MemoryTransport
        self.conversation = Conversation()
        self._server = server
        self._buffer = b""

    def received(self, data: bytes) -> None:
        """Cut into commands, and answer them."""
        buffer = self._buffer + data
        while len(buffer) >= HEADER.size:
            length = HEADER.unpack_from(buffer)[0]
            if len(buffer) < length:
                break
            whole, buffer = buffer[:length], buffer[length:]
            self._answer(parse(_expanded(whole), cast(Any, self)))
        self._buffer = buffer

    def closed(self) -> None:
        """The client has gone."""
        self._server.peers.discard(self)

    def _answer(self, request: Request) -> None:
        """A hello that waits for news is answered when its time is over."""
        patience = request.command.get("maxAwaitTimeMS", 0) if request.name in GREETINGS else 0
        if patience:
            asyncio.get_running_loop().call_later(patience / 1000, self._send, request)
        else:
            self._send(request)

    def _send(self, request: Request) -> None:
        answer = self._server.answer(request)
        self.transport.piece = self._server.piece
        if answer:
            self.transport.feed(answer)
        elif answer is not None:
            self.transport.end()


def _expanded(data: bytes) -> bytes:
    _, request_id, response_to, opcode = HEADER.unpack_from(data)
    if opcode != compression.OP_COMPRESSED:
        return data
    opcode, body = compression.decompress(data[HEADER.size :], LIMIT)
    return HEADER.pack(HEADER.size + len(body), request_id, response_to, opcode) + body
