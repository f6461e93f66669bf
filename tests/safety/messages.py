"""Wire messages as a proxy sees them: where one ends, what command it holds, and what it is known by."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import bson

HEADER = struct.Struct("<iiii")
OP_MSG = 2013
MORE_TO_COME = 1 << 1
EXHAUST_ALLOWED = 1 << 16

DOCUMENT = HEADER.size + 5
"""Where the document of an OP_MSG without document sequences begins."""

_STATEMENTS = ("documents", "updates", "deletes")


class Cut(Enum):
    """Where a connection breaks."""

    BEFORE_REQUEST = "before the request"
    WITHIN_REQUEST = "within the request"
    BEFORE_REPLY = "before the reply"
    WITHIN_REPLY = "within the reply"

    @property
    def passes_request(self) -> bool:
        """Whether the server gets the whole request. If so the connection breaks when the reply has come."""
        return self in (Cut.BEFORE_REPLY, Cut.WITHIN_REPLY)


@dataclass(slots=True)
class Sent:
    """A command as it came by: how many statements it has, which attempt at it it was, and where it was cut."""

    command: dict[str, Any]
    statements: int
    attempt: int = 1
    cut: Cut | None = None

    @property
    def name(self) -> str:
        """The command's name."""
        return next(iter(self.command))

    @property
    def key(self) -> tuple[bytes, int] | None:
        """What the server knows a retryable write, or a transaction, by; ``None`` for other commands."""
        number = self.command.get("txnNumber")
        return None if number is None else (bytes(self.command["lsid"]["id"]), number)

    @property
    def passed(self) -> bool:
        """Whether the server got all of it."""
        return self.cut is None or self.cut.passes_request


def flags_of(message: bytes) -> int:
    """The flags of an OP_MSG; none for another kind of message."""
    if HEADER.unpack_from(message)[3] != OP_MSG:
        return 0
    return cast(int, struct.unpack_from("<I", message, HEADER.size)[0])


def parse(message: bytes) -> Sent | None:
    """The command of an OP_MSG; ``None`` for another kind of message."""
    if HEADER.unpack_from(message)[3] != OP_MSG:
        return None
    position = HEADER.size + 4
    command: dict[str, Any] = {}
    statements = 0
    while position < len(message):
        kind = message[position]
        (size,) = struct.unpack_from("<i", message, position + 1)
        section = message[position + 1 : position + 1 + size]
        if kind == 0:
            command = bson.decode(section)
            statements += sum(len(command.get(name, ())) for name in _STATEMENTS)
        else:
            statements += len(bson.decode_all(section[4:].partition(b"\0")[2]))
        position += 1 + size
    return Sent(command, statements)


def with_fields(message: bytes, fields: dict[str, Any]) -> bytes:
    """A reply with some of its fields changed."""
    _, request_id, response_to, opcode = HEADER.unpack_from(message)
    body = bson.encode({**bson.decode(message[DOCUMENT:]), **fields})
    return HEADER.pack(DOCUMENT + len(body), request_id, response_to, opcode) + message[HEADER.size : DOCUMENT] + body


class Messages(asyncio.Protocol):
    """Splits what one side sends into whole messages."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is up."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEADER.size:
            (size,) = struct.unpack_from("<i", buffer)
            if len(buffer) < size:
                break
            message = bytes(buffer[:size])
            del buffer[:size]
            self.message_received(message)

    def message_received(self, message: bytes) -> None:
        """A whole message has come."""
        raise NotImplementedError
