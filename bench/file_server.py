"""A server with one GridFS bucket, in which every file is there already and whatever is written is only looked at.

    python -m bench.file_server [--core N]

prints its port, and runs until its stdin ends. A file's id is its length: all have the same bytes, again and again. A
line on stdin has as answer a line on stdout, the length and the CRC-32 of the file that was written last:
{"length": ..., "crc": ...}. All other commands are the replay server's.
"""

import itertools
import json
import struct
import zlib
from typing import Any

import bson
from bson import Int64, ObjectId

from .replay_server import SECTIONS, ReplayProtocol, listening, main
from .replies import OP_MSG, Replies, op_msg
from .worker.files import BUCKET, CHUNK, CHUNK_SIZE

FILES, CHUNKS = f"{BUCKET}.files", f"{BUCKET}.chunks"
BATCH_SIZE = 64
"""Chunks in a batch if nobody says how many: as many as fit into the 16 MB of a MongoDB server's batch."""


class Bucket:
    """What was written of the last file, and the cursors that are open: the next chunk of each, and the file's length.

    Chunks that come before their turn wait.
    """

    def __init__(self) -> None:
        self.written = {"length": 0, "crc": 0}
        self.cursors: dict[int, tuple[int, int]] = {}
        self._ids = itertools.count(1)
        self._next = 0
        self._early: dict[int, bytes] = {}

    def write(self, number: int, data: bytes) -> None:
        if number == 0:
            self.written, self._next = {"length": 0, "crc": 0}, 0
        self._early[number] = data
        while self._next in self._early:
            data = self._early.pop(self._next)
            self._next += 1
            self.written = {"length": self.written["length"] + len(data), "crc": zlib.crc32(data, self.written["crc"])}

    def open(self, position: tuple[int, int]) -> int:
        cursor_id = next(self._ids)
        self.cursors[cursor_id] = position
        return cursor_id


class BucketProtocol(ReplayProtocol):
    def __init__(self, replies: Replies, bucket: Bucket) -> None:
        super().__init__(replies)
        self._bucket = bucket

    def _answer(self, message: bytes) -> None:
        if int.from_bytes(message[12:16], "little") == OP_MSG and message[SECTIONS] == 0:
            size = int.from_bytes(message[SECTIONS + 1 : SECTIONS + 5], "little")
            end = SECTIONS + 1 + size
            command = bson.decode(message[SECTIONS + 1 : end])
            name, target = next(iter(command.items()))
            if name == "insert" and target == CHUNKS:
                self._keep(message, end)
            elif name == "find" and "_id" in command["filter"]:
                self._send_file(message, command["filter"]["_id"]["$eq"])
                return
            elif name == "find" and "files_id" in command["filter"]:
                selected = command["filter"]
                first = selected.get("n", {"$gte": 0})["$gte"]
                self._send_chunks(message, command, "firstBatch", first, selected["files_id"]["$eq"])
                return
            elif name == "getMore":
                self._send_chunks(message, command, "nextBatch", *self._bucket.cursors.pop(target))
                return
        super()._answer(message)

    def _keep(self, message: bytes, position: int) -> None:
        """The chunks of a document sequence: behind its kind, its size and its name."""
        position = message.index(0, position + 5) + 1
        while position < len(message):
            size = int.from_bytes(message[position : position + 4], "little")
            chunk = bson.decode(message[position : position + size])
            self._bucket.write(chunk["n"], chunk["data"])
            position += size

    def _send_file(self, message: bytes, length: int) -> None:
        file = {"_id": Int64(length), "length": Int64(length), "chunkSize": CHUNK_SIZE, "filename": "file"}
        before, after = op_msg({"cursor": {"firstBatch": [file], "id": Int64(0), "ns": f"bench.{FILES}"}, "ok": 1.0})
        self._transport.write(before + message[4:8] + after)

    def _send_chunks(self, message: bytes, command: dict[str, Any], field: str, first: int, length: int) -> None:
        count = -(-length // CHUNK_SIZE)
        last = min(count, first + command.get("batchSize", BATCH_SIZE))
        whole = last - first < command.get("batchSize", BATCH_SIZE)
        cursor_id = 0 if whole else self._bucket.open((last, length))
        parts: list[bytes] = []
        for index, number in enumerate(range(first, last)):
            data = CHUNK if number < count - 1 else CHUNK[: length - number * CHUNK_SIZE]
            head = bson.encode({"_id": ObjectId(), "files_id": Int64(length), "n": number})[4:-1]
            size = 4 + len(head) + 11 + len(data) + 1
            element = b"\3%d\0" % index
            parts += [element + struct.pack("<i", size) + head + b"\5data\0" + struct.pack("<iB", len(data), 0)]
            parts += [data, b"\0"]
        array = sum(map(len, parts)) + 5
        cursor = bson.encode({"id": Int64(cursor_id), "ns": f"bench.{CHUNKS}"})[4:-1]
        cursor += b"\4" + field.encode() + b"\0" + struct.pack("<i", array)
        rest = bson.encode({"ok": 1.0})[4:-1]
        cursor_size = 4 + len(cursor) - 4 + array + 1
        document_size = 4 + len(b"\3cursor\0") + cursor_size + len(rest) + 1
        header = struct.pack("<iiiiIB", 21 + document_size, 1, 0, OP_MSG, 0, 0)
        header = header[:8] + message[4:8] + header[12:]
        start = header + struct.pack("<i", document_size) + b"\3cursor\0" + struct.pack("<i", cursor_size) + cursor
        self._transport.writelines([start, *parts, b"\0", b"\0", rest, b"\0"])


async def serve() -> None:
    bucket = Bucket()
    async with listening(lambda replies: BucketProtocol(replies, bucket)) as parent:
        while await parent.readline():
            print(json.dumps(bucket.written), flush=True)


if __name__ == "__main__":
    main(serve)
