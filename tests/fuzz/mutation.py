"""How an input is made from another: a value of a document replaced by one of another type, or bytes by other bytes.

The same code works for hypothesis, whose Random can shrink, and for atheris, which has one from a seed.
"""

from __future__ import annotations

import datetime
import struct
from random import Random
from typing import Any

import bson
from bson import DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import Binary
from bson.code import Code
from bson.errors import BSONError

WRONG_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31 - 1,
    -(2**31),
    Int64(2**63 - 1),
    Int64(-(2**63)),
    Int64(5),
    0.5,
    1.0,
    1e300,
    float("inf"),
    float("nan"),
    "",
    "x",
    "ok",
    "a:b",
    "[::1",
    "localhost:99999",
    "é" * 300,
    b"",
    b"\xff" * 40,
    [],
    {},
    [[]],
    [None],
    [{}],
    ["x", 5, None],
    [{"_id": 1}],
    {"": ""},
    {"a": {"b": [1]}},
    {"clusterTime": 5},
    {"clusterTime": Timestamp(2**32 - 1, 2**32 - 1)},
    {"processId": 5, "counter": "x"},
    {"processId": ObjectId(b"fuzzing fuzz"), "counter": None},
    ObjectId(b"fuzzing fuzz"),
    Timestamp(0, 0),
    datetime.datetime(1, 1, 1),
    Regex("(", 2),
    Code("x"),
    Code("x", {"y": 1}),
    Binary(b"x" * 16, 4),
    Decimal128("NaN"),
    DBRef("a", 1),
    MinKey(),
    MaxKey(),
)

ONE_OF_EACH: tuple[Any, ...] = (None, True, -1, 2**31 - 1, 0.5, "x", b"x", [], {}, ["x", 5, None], Timestamp(0, 0))
"""A value of each type that there is in replies."""

INTERESTING_SIZES = (-(2**31), -1, 0, 1, 4, 5, 15, 16, 17, 2**16, 48_000_000, 48_000_001, 2**31 - 1)

NAMES = (
    "ok", "errmsg", "code", "codeName", "errorLabels", "writeErrors", "writeConcernError", "cursor", "id", "ns",
    "firstBatch", "nextBatch", "n", "nModified", "upserted", "value", "values", "$clusterTime", "clusterTime",
    "operationTime", "recoveryToken", "topologyVersion", "postBatchResumeToken", "lastErrorObject", "serviceId",
    "hosts", "setName", "me", "primary", "compression", "saslSupportedMechs", "speculativeAuthenticate", "payload",
    "conversationId", "done", "maxWireVersion", "logicalSessionTimeoutMinutes", "isWritablePrimary", "msg", "isdbgrid",
)  # fmt: skip

DEEP = 400


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """One to four small changes anywhere."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        place = random.randint(0, len(changed))
        kind = random.randint(0, 5)
        if kind == 0 and changed:
            changed[place % len(changed)] = random.randint(0, 255)
        elif kind == 1:
            changed[place : place + random.randint(1, 16)] = b""
        elif kind == 2:
            changed[place:place] = bytes(random.randint(0, 255) for _ in range(random.randint(1, 8)))
        elif kind == 3 and len(changed) >= 4:
            place %= len(changed) - 3
            struct.pack_into("<i", changed, place, random.choice(INTERESTING_SIZES))
        elif kind == 4 and len(changed) >= 4:
            place %= len(changed) - 3
            near = (struct.unpack_from("<i", changed, place)[0] + random.randint(-3, 3)) & 0xFFFFFFFF
            struct.pack_into("<I", changed, place, near)
        else:
            changed[place:place] = changed[: random.randint(0, 64)]
    return bytes(changed)


def split_documents(data: bytes) -> list[bytes]:
    """The documents of a sequence of them; what is no document any more is the last."""
    documents: list[bytes] = []
    while data:
        size = struct.unpack_from("<i", data)[0] if len(data) >= 5 else 0
        if not 5 <= size <= len(data):
            size = len(data)
        documents.append(data[:size])
        data = data[size:]
    return documents


def mutate_documents(data: bytes, random: Random) -> bytes:
    """A sequence of documents, of which one is another now."""
    documents = split_documents(data)
    if not documents:
        return mutate_bytes(data, random)
    which = random.randint(0, len(documents) - 1)
    try:
        document = bson.decode(documents[which])
        for _ in range(random.randint(1, 3)):
            document = _mutated(document, random)
        documents[which] = bson.encode(document)
    except (BSONError, ValueError, OverflowError, TypeError):
        documents[which] = mutate_bytes(documents[which], random)
    if random.randint(0, 9) == 0:
        documents[which] = _with_size(mutate_bytes(documents[which], random))
    return b"".join(documents)


def _with_size(document: bytes) -> bytes:
    """With the size that it has: what is wrong with it is inside."""
    return struct.pack("<i", len(document)) + document[4:] if len(document) >= 5 else document


def _mutated(value: Any, random: Random) -> Any:
    """A document or list with one change, here or further inside."""
    items: list[tuple[Any, Any]] = list(value.items() if isinstance(value, dict) else enumerate(value))
    if not items or random.randint(0, 7) == 0:
        return _put(value, random.choice(NAMES), _wrong(random))
    name, inner = items[random.randint(0, len(items) - 1)]
    kind = random.randint(0, 9)
    if isinstance(inner, (dict, list)) and kind < 6:
        return _put(value, name, _mutated(inner, random))
    if kind == 7:
        return _without(value, name)
    if kind == 8:
        return _put(_without(value, name), random.choice(NAMES), inner)
    return _put(value, name, _wrong(random))


def _wrong(random: Random) -> Any:
    if random.randint(0, 99) == 0:
        return _deep()
    return random.choice(WRONG_VALUES)


def _deep() -> Any:
    value: Any = {}
    for _ in range(DEEP):
        value = {"a": value}
    return value


def _put(value: Any, name: Any, inner: Any) -> Any:
    if isinstance(value, dict):
        return {**value, str(name): inner}
    if isinstance(name, int) and name < len(value):
        return [*value[:name], inner, *value[name + 1 :]]
    return [*value, inner]


def _without(value: Any, name: Any) -> Any:
    if isinstance(value, dict):
        return {key: inner for key, inner in value.items() if key != name}
    return [inner for index, inner in enumerate(value) if index != name]
