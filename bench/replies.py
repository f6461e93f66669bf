"""The canned replies: encoded once, so that the server spends its time on nothing but the socket.

A reply is kept as what comes before and after `responseTo`, the only four bytes that differ from one time to the next.
"""

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import bson
from bson import Binary, Int64, ObjectId, Timestamp

from .worker.documents import LARGE, MANY, Document, large, small

OP_REPLY, OP_MSG = 1, 2013
REPLICA_SET = "bench"

Reply = tuple[bytes, bytes]

_NOW = datetime(2024, 5, 17, 12, 30, 45)
_TIME = Timestamp(1715949045, 7)
_GOSSIP: Document = {
    "$clusterTime": {
        "clusterTime": _TIME,
        "signature": {"hash": Binary(bytes(range(20))), "keyId": Int64(7369881354113253382)},
    },
    "operationTime": _TIME,
}


class Replies:
    """What a MongoDB 8 that is the only member of its replica set says to each command.

    `by_target` is keyed by the command's first element (its name and collection), `by_command` by its name alone.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        greeting = hello(address)
        self.legacy_hello = op_reply(greeting)
        self.unknown = op_msg({"ok": 0.0, "errmsg": "the replay server has no such command", "code": 59})
        self.by_command = {
            name.encode(): op_msg({**reply, "ok": 1.0})
            for name, reply in {
                "hello": greeting,
                "isMaster": greeting,
                "ismaster": greeting,
                "ping": {},
                "endSessions": {},
                "buildInfo": {"version": "8.0.4", "versionArray": [8, 0, 4, 0], "maxBsonObjectSize": 16777216},
                "find": _batch("one", [small(0)]),
                "getMore": {"cursor": {"id": Int64(0), "ns": "bench.one", "nextBatch": []}},
                "killCursors": {"cursorsKilled": [], "cursorsNotFound": [], "cursorsAlive": [], "cursorsUnknown": []},
                "insert": {"n": 1},
                "update": {"n": 1, "nModified": 1},
                "delete": {"n": 1},
            }.items()
        }
        self.by_target = {
            _target("find", "many"): op_msg({**_batch("many", [small(n) for n in range(MANY)]), "ok": 1.0}),
            _target("find", "large"): op_msg({**_batch("large", [large(n) for n in range(LARGE)]), "ok": 1.0}),
            _target("insert", "many"): op_msg({"n": MANY, "ok": 1.0}),
        }


def hello(address: str) -> Document:
    """What the server says of itself."""
    return {
        "helloOk": True,
        "isWritablePrimary": True,
        "ismaster": True,
        "secondary": False,
        "setName": REPLICA_SET,
        "setVersion": 1,
        "electionId": ObjectId("7fffffff0000000000000001"),
        "hosts": [address],
        "primary": address,
        "me": address,
        "lastWrite": {"opTime": {"ts": _TIME, "t": Int64(1)}, "lastWriteDate": _NOW},
        "maxBsonObjectSize": 16777216,
        "maxMessageSizeBytes": 48000000,
        "maxWriteBatchSize": 100000,
        "localTime": _NOW,
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": 1,
        "minWireVersion": 0,
        "maxWireVersion": 25,
        "readOnly": False,
        # No topologyVersion: a driver then asks every ten seconds, and no hello is left waiting on the server.
    }


def _batch(collection: str, documents: list[Document]) -> Document:
    return {"cursor": {"firstBatch": documents, "id": Int64(0), "ns": f"bench.{collection}"}}


def _target(command: str, collection: str) -> bytes:
    """The first element of a command document: its type, name and value as BSON has them."""
    return bson.encode({command: collection})[4:-1]


def op_msg(reply: Mapping[str, Any]) -> Reply:
    """A reply, once encoded."""
    return _message(OP_MSG, struct.pack("<iB", 0, 0) + bson.encode({**reply, **_GOSSIP}))


def op_reply(reply: Mapping[str, Any]) -> Reply:
    """A reply in the protocol of old, in which some drivers say hello."""
    return _message(OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + bson.encode({**reply, "ok": 1.0, **_GOSSIP}))


def _message(opcode: int, payload: bytes) -> Reply:
    return struct.pack("<ii", 16 + len(payload), 1), struct.pack("<i", opcode) + payload
