"""A server of one large collection, plain, in TLS and compressed.

    python -m bench.bandwidth_server [--core N]

prints its port, and runs until its stdin ends. {"do": "tls"} on stdin is answered with the port that speaks TLS and the
file of the authority that signed its certificate; {"do": "size", "part": 5} has only one in so many batches, and is
answered with how much there is to read. Everything that takes time is done beforehand: of each reply there is one for
each compressor, and what was asked with a compressor is answered with it.
"""

import asyncio
import json
import random
import ssl
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import bson
import snappy
import trustme
from bson import Int64, ObjectId

from .bandwidth import SIZE
from .replay_server import HEADER_SIZE, SECTIONS, ReplayProtocol, listening, main
from .replies import OP_MSG, Replies, Reply, hello, op_msg, op_reply
from .worker.documents import Document

zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

OP_COMPRESSED = 2012
PREFIX = struct.Struct("<iiB")
PLAIN = 0
COMPRESS: dict[int, Callable[[bytes], bytes]] = {1: snappy.compress, 2: zlib.compress, 3: zstd.compress}
EXPAND: dict[int, Callable[[bytes], bytes]] = {1: snappy.uncompress, 2: zlib.decompress, 3: zstd.decompress}
NAMES = {b"snappy": 1, b"zlib": 2, b"zstd": 3}

FIND, GET_MORE = b"find\0", b"getMore\0"
FIRST_BATCH = 101
"""What a MongoDB server sends at first, if it isn't told otherwise."""
BATCH = 16 * 1000 * 1000
"""Bytes of documents in a batch: a MongoDB server sends no more than 16 MiB."""
CURSOR = Int64(4711)
WORDS = ("analysis", "engine", "number", "wheel", "card", "store", "mill", "table", "carriage", "figure", "series")


class Collection:
    """The documents, as replies; and how many batches there are to come for the one cursor."""

    def __init__(self, size: int) -> None:
        rest = -(-size // BATCH)
        per_batch = size // rest // len(bson.encode(reading(0, random.Random(0))))
        source = random.Random(1815)
        first = [reading(number, source) for number in range(FIRST_BATCH)]
        batch = [reading(number, source) for number in range(per_batch)]
        self._batches = self._all_batches = rest
        self._left = 0
        self._sizes = [(len(part), sum(len(bson.encode(document)) for document in part)) for part in (first, batch)]
        self._first = _forms(_batch("firstBatch", first, CURSOR))
        self._more = _forms(_batch("nextBatch", batch, CURSOR))
        self._last = _forms(_batch("nextBatch", batch, Int64(0)))

    def cut(self, part: int) -> dict[str, int]:
        """Have only one in so many batches; how much that is."""
        self._batches = max(1, self._all_batches // part)
        (first, first_bytes), (batch, batch_bytes) = self._sizes
        return {"documents": first + self._batches * batch, "bytes": first_bytes + self._batches * batch_bytes}

    def find(self) -> dict[int, Reply]:
        """The reply to a find, by compressor."""
        self._left = self._batches
        return self._first

    def get_more(self) -> dict[int, Reply]:
        """The reply to a getMore, by compressor."""
        self._left -= 1
        return self._more if self._left else self._last


def reading(number: int, source: random.Random) -> Document:
    """About 1 KB, which compresses to less than half of it: what an application stores about a measurement."""
    return {
        "_id": ObjectId(f"656f1a2b3c4d5e6f{0x70819200 + number:x}"),
        "sensor": f"sensor-{number % 97:03}",
        "at": datetime(2024, 5, 17) + timedelta(milliseconds=source.randrange(10**9)),
        "valid": number % 7 != 0,
        "values": [source.gauss(20, 5) for _ in range(20)],
        "counts": {word: source.randrange(10**6) for word in WORDS},
        "note": " ".join(source.choice(WORDS) for _ in range(50)),
    }


def _batch(field: str, documents: list[Document], cursor: Int64) -> Reply:
    return op_msg({"cursor": {field: documents, "id": cursor, "ns": "bench.readings"}, "ok": 1.0})


def _forms(reply: Reply) -> dict[int, Reply]:
    return {PLAIN: reply, **{number: compressed(reply, number) for number in COMPRESS}}


def compressed(reply: Reply, compressor: int) -> Reply:
    """The same reply as OP_COMPRESSED."""
    _, rest = reply
    (opcode,) = struct.unpack_from("<i", rest)
    small = COMPRESS[compressor](rest[4:])
    rest = struct.pack("<i", OP_COMPRESSED) + PREFIX.pack(opcode, len(rest) - 4, compressor) + small
    return struct.pack("<ii", HEADER_SIZE - 4 + len(rest), 1), rest


class BandwidthProtocol(ReplayProtocol):
    def __init__(self, replies: Replies, collection: Collection) -> None:
        super().__init__(replies)
        self._collection = collection
        self._hellos = {name: _hellos(replies.address, name.decode()) for name in NAMES}

    def _answer(self, message: bytes) -> None:
        compressor, plain = _expanded(message)
        before, after = self._choose(plain, compressor)
        self._transport.write(before + message[4:8])
        self._transport.write(after)

    def _choose(self, message: bytes, compressor: int) -> Reply:
        command = message[SECTIONS + 6 :]
        if command.startswith(FIND):
            return self._collection.find()[compressor]
        if command.startswith(GET_MORE):
            return self._collection.get_more()[compressor]
        # Of the compressors that a client offers a server names those that it has. Here a client offers one.
        offered = [name for name in NAMES if b"compression\0" in message and name in message]
        if offered:
            legacy, modern = self._hellos[offered[0]]
            return modern if int.from_bytes(message[12:16], "little") == OP_MSG else legacy
        reply = self._reply(message)
        return reply if compressor == PLAIN else compressed(reply, compressor)


def _hellos(address: str, compressor: str) -> tuple[Reply, Reply]:
    """What it says of itself to a client with that compressor, in the protocol of old and in today's."""
    greeting = {**hello(address), "compression": [compressor]}
    return op_reply(greeting), op_msg({**greeting, "ok": 1.0})


def _expanded(message: bytes) -> tuple[int, bytes]:
    """Which compressor the message came with, and the message without it."""
    if int.from_bytes(message[12:16], "little") != OP_COMPRESSED:
        return PLAIN, message
    opcode, _, compressor = PREFIX.unpack_from(message, HEADER_SIZE)
    body = EXPAND[compressor](message[HEADER_SIZE + PREFIX.size :])
    return compressor, message[:12] + struct.pack("<i", opcode) + body


async def _listen_with_tls(folder: Path, collection: Collection) -> dict[str, Any]:
    """Another port, with a certificate that is made now."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    replies: Replies
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: BandwidthProtocol(replies, collection), "127.0.0.1", 0, ssl=context, backlog=128
    )
    port = server.sockets[0].getsockname()[1]
    replies = Replies(f"127.0.0.1:{port}")
    return {"port": port, "authority": str(folder / "authority.pem")}


async def serve() -> None:
    collection = Collection(SIZE)
    async with listening(lambda replies: BandwidthProtocol(replies, collection)) as parent:
        with tempfile.TemporaryDirectory() as folder:
            while line := await parent.readline():
                request = json.loads(line)
                if request["do"] == "tls":
                    answer = await _listen_with_tls(Path(folder), collection)
                else:
                    answer = collection.cut(request["part"])
                print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(serve)
