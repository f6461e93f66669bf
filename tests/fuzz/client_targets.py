"""Fuzzing a whole client: the replies to its commands, what servers say of themselves, and plain bytes."""

from __future__ import annotations

import struct
import zlib
from random import Random
from typing import Any

import bson
import snappy
from bson import Int64

from tests.fuzz.client import Operation, survive
from tests.fuzz.mutation import mutate_bytes, mutate_documents, split_documents
from tests.fuzz.operations import OPERATIONS
from tests.fuzz.scram import PASSWORD, USER
from tests.fuzz.server import GREETINGS, TOPOLOGY_VERSION, Answer, honest, honest_hello, raw_message
from tests.fuzz.target import Target
from tests.fuzz.wire_targets import compressed_bodies
from tests.support.envelope import CODECS
from tests.support.listener import Request
from tests.support.messages import HEADER, message

COMPRESSORS = "zstd,snappy,zlib"


async def _find_one(client: Any) -> Any:
    return await client.db.c.find_one({"_id": 1})


def _headed(mutate: Any, size: int) -> Any:
    """Now and then another head, else another rest."""

    def changed(data: bytes, random: Random) -> bytes:
        head = data[:size].ljust(size, b"\0")
        if random.randint(0, 9) == 0:
            head = bytes(random.randint(0, 255) for _ in range(size))
        return head + bytes(mutate(data[size:], random))

    return changed


def fuzz_replies(data: bytes) -> None:
    """The first byte chooses an operation; its commands' replies follow, and honest ones when they are used up."""
    operation, _ = OPERATIONS[data[0] % len(OPERATIONS) if data else 0]
    replies = split_documents(data[1:])

    def interfere(request: Request) -> Answer:
        if request.name in (*GREETINGS, "endSessions") or not replies or request.flags & 2:
            return None
        return raw_message(replies.pop(0), request.id)

    survive(interfere, operation, **_retrying(data))


def _retrying(data: bytes) -> dict[str, Any]:
    retries = bool(data and data[0] >= 128)
    return {"retryReads": retries, "retryWrites": retries}


def _reply_seeds() -> list[bytes]:
    seeds = []
    for number, (_, replies) in enumerate(OPERATIONS):
        told = b"".join(map(bson.encode, replies))
        seeds += [bytes([number]) + told, bytes([128 + (number - 128) % len(OPERATIONS)]) + told]
    return seeds


MODES: tuple[tuple[bool, dict[str, Any]], ...] = (
    (True, {}),
    (False, {"directConnection": False}),
    (False, {"directConnection": False, "replicaSet": "rs"}),
    (False, {"directConnection": False, "loadBalanced": True}),
    (True, {"compressors": COMPRESSORS}),
    (True, {"username": USER, "password": PASSWORD}),
)
"""Whether a client must come to itself, and its options: who follows a replica set may be led away from its server."""


def fuzz_hello(data: bytes) -> None:
    """The first byte chooses a kind of client; what servers say of themselves follows, the last of it again and again.

    The monitors' connections hear it, and the pool's.
    """
    recovers, options = MODES[data[0] % len(MODES) if data else 0]
    answers = split_documents(data[1:])

    def interfere(request: Request) -> Answer:
        if request.name not in GREETINGS or not answers:
            return None
        return raw_message(answers.pop(0) if len(answers) > 1 else answers[0], request.id)

    survive(interfere, _find_one, rests=True, recovers=recovers, **options)


def _hello_seeds() -> list[bytes]:
    standalone = {key: value for key, value in honest_hello().items() if key not in ("setName", "hosts", "me")}
    secondary = honest_hello(isWritablePrimary=False, secondary=True, tags={"a": "b"}, lastWrite={"lastWriteDate": 5})
    mechanisms = honest_hello(saslSupportedMechs=["SCRAM-SHA-256"], compression=["zlib"])
    balancer = honest_hello(serviceId=bson.ObjectId(b"fuzzing fuzz"), msg="isdbgrid")
    arbiter = honest_hello(arbiterOnly=True, passives=["a:1"], arbiters=["b:2"], topologyVersion=TOPOLOGY_VERSION)
    made = [[hello] for hello in (honest_hello(), standalone, secondary, mechanisms, balancer, arbiter)]
    made += [[honest_hello(), {**honest_hello(), "$clusterTime": {"clusterTime": bson.Timestamp(1, 1)}}]]
    return [bytes([mode]) + b"".join(map(bson.encode, hellos)) for hellos in made for mode in range(len(MODES))]


def fuzz_stream(data: bytes) -> None:
    """A monitor's stream: the first byte says which of its replies claim to be the last, and documents follow."""
    ends = data[0] if data else 0
    told = split_documents(data[1:])
    greeting = bson.encode(honest_hello(topologyVersion=TOPOLOGY_VERSION))

    def interfere(request: Request) -> Answer:
        if request.name not in GREETINGS:
            return None
        if "topologyVersion" not in request.command:
            return raw_message(greeting, request.id)
        answer = b""
        for number in range(min(len(told), 8)):
            answer += raw_message(told.pop(0), request.id + number, 0 if ends >> number & 1 else 2)
        return answer or None

    survive(interfere, _find_one, rests=True)


def _stream_seeds() -> list[bytes]:
    hellos = [
        honest_hello(topologyVersion={**TOPOLOGY_VERSION, "counter": Int64(counter)}, ok=1.0) for counter in range(3)
    ]
    return [bytes([ends]) + b"".join(map(bson.encode, hellos)) for ends in (0, 4, 255)]


def fuzz_bytes(data: bytes) -> None:
    """Bytes in place of a reply: the first says whose, the second in pieces of how many, the third how it ends."""
    whose, piece, ending = data[:3].ljust(3, b"\0")
    sent = data[3:]
    wanted = (("find", "getMore"), ("find",), GREETINGS, ("insert",))[whose % 4]
    operation: Operation = OPERATIONS[1][0] if whose % 4 < 3 else OPERATIONS[9][0]

    def interfere(request: Request) -> Answer:
        if request.name not in wanted:
            return None
        # The right id, so that what comes after the header matters.
        answer = sent[:8] + struct.pack("<i", request.id) + sent[12:] if ending & 2 and len(sent) >= 12 else sent
        return answer if not ending & 1 else answer + message({"ok": 1}, request.id)

    options: dict[str, Any] = {"compressors": COMPRESSORS} if ending & 4 else {}
    survive(interfere, operation, rests=wanted is GREETINGS, piece=1 + piece * piece, **options)


def _byte_seeds() -> list[bytes]:
    found = honest({"find": "c", "$db": "db", "filter": {"_id": 1}})
    bodies = [
        message(found, 1),
        message(found, 1, flags=1, behind=bytes(4)),
        message(found, 1, flags=2),
        b"HTTP/1.1 400\r\n\r\n",
    ]
    bodies += [HEADER.pack(HEADER.size + len(body), 1, 1, 2012) + body for body in compressed_bodies()]
    bodies += [HEADER.pack(2**31 - 1, 1, 1, 2013), HEADER.pack(40_000_000, 1, 1, 2013)]
    return [bytes([whose, 255, ending]) + body for body in bodies for whose in (0, 2, 3) for ending in (2, 6)]


def fuzz_compressed(data: bytes) -> None:
    """A client that compresses gets a reply that is compressed, by the first byte's compressor, and then fuzzed."""
    operation, _ = OPERATIONS[1]
    compressor = data[0] % 4 if data else 0
    replies = split_documents(data[1:])
    compress = (bytes, snappy.compress, zlib.compress, CODECS["zstd"][0])[compressor]

    def interfere(request: Request) -> Answer:
        if request.name in GREETINGS:
            return message(honest_hello(compression=COMPRESSORS.split(",")), request.id)
        if not replies or request.flags & 2:
            return None
        body = raw_message(replies.pop(0), request.id)[HEADER.size :]
        small = struct.pack("<iiB", 2013, len(body), compressor) + compress(body)
        return HEADER.pack(HEADER.size + len(small), 5, request.id, 2012) + small

    survive(interfere, operation, compressors=COMPRESSORS)


def _compressed_seeds() -> list[bytes]:
    replies = b"".join(map(bson.encode, OPERATIONS[1][1]))
    return [bytes([compressor]) + replies for compressor in range(4)]


TARGETS = (
    Target("replies", fuzz_replies, _reply_seeds, _headed(mutate_documents, 1), 10_000),
    Target("hello", fuzz_hello, _hello_seeds, _headed(mutate_documents, 1), 5_000),
    Target("stream", fuzz_stream, _stream_seeds, _headed(mutate_documents, 1), 3_000),
    Target("bytes", fuzz_bytes, _byte_seeds, _headed(mutate_bytes, 3), 5_000),
    Target("compressed_replies", fuzz_compressed, _compressed_seeds, _headed(mutate_documents, 1), 3_000),
)
