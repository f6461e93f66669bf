"""Wire messages, as a server or somebody on the way sees them: taken apart and put together by code of its own."""

from __future__ import annotations

import struct
from typing import Any, cast

import bson

HEADER = struct.Struct("<iiii")
OP_QUERY = 2004
OP_MSG = 2013

MORE_TO_COME = 1 << 1
EXHAUST_ALLOWED = 1 << 16

GREETINGS = ("hello", "ismaster", "isMaster")

OWN_REQUEST_ID = 4711
"""The id of each of the tests' own replies: what a streamed one answers to."""

_DOCUMENT = HEADER.size + 5
"""Where the document of an OP_MSG without document sequences begins."""


def message(
    document: dict[str, Any],
    response_to: int,
    *,
    opcode: int = OP_MSG,
    flags: int = 0,
    length: int | None = None,
    behind: bytes = b"",
) -> bytes:
    """A reply; `length` may lie, and `behind` follows the document."""
    body = struct.pack("<IB", flags, 0) + bson.encode(document) + behind
    size = HEADER.size + len(body)
    return HEADER.pack(size if length is None else length, OWN_REQUEST_ID, response_to, opcode) + body


def flags_of(message: bytes) -> int:
    """The flags of an OP_MSG; none for another kind of message."""
    if HEADER.unpack_from(message)[3] != OP_MSG:
        return 0
    return cast(int, struct.unpack_from("<I", message, HEADER.size)[0])


def command_of(message: bytes) -> dict[str, Any]:
    """A command, in which document sequences are lists."""
    opcode = HEADER.unpack_from(message)[3]
    if opcode == OP_QUERY:
        return _greeting(message)
    assert opcode == OP_MSG
    position = HEADER.size + 4
    command: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    while position < len(message):
        kind = message[position]
        (size,) = struct.unpack_from("<i", message, position + 1)
        section = message[position + 1 : position + 1 + size]
        if kind == 0:
            command = bson.decode(section)
        else:
            name, _, documents = section[4:].partition(b"\0")
            lists[name.decode()] = bson.decode_all(documents)
        position += 1 + size
    return {**command, **lists}


def _greeting(message: bytes) -> dict[str, Any]:
    """The command of an OP_QUERY, in which PyMongo greets before 4.18; it takes an OP_MSG for a reply."""
    namespace, _, body = message[HEADER.size + 4 :].partition(b"\0")
    return {**bson.decode(body[8:]), "$db": namespace.decode().removesuffix(".$cmd")}


def with_fields(message: bytes, fields: dict[str, Any]) -> bytes:
    """A reply with some of its fields changed."""
    _, request_id, response_to, opcode = HEADER.unpack_from(message)
    body = bson.encode({**bson.decode(message[_DOCUMENT:]), **fields})
    return HEADER.pack(_DOCUMENT + len(body), request_id, response_to, opcode) + message[HEADER.size : _DOCUMENT] + body
