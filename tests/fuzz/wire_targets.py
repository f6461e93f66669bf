"""Fuzzing below a connection: the reader, OP_MSG, OP_COMPRESSED, and batches that are decoded in pieces."""

from __future__ import annotations

import struct
import zlib
from itertools import cycle
from typing import Any

import bson
import snappy
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from pymongo.errors import ProtocolError

from motor.driver.wire import compression, op_msg
from motor.driver.wire.batch import split_batch
from motor.driver.wire.header import HEADER, OP_MSG
from motor.driver.wire.op_msg import DocumentSequence
from motor.driver.wire.reader import MessageReader
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.target import Target
from tests.fuzz.virtual import Finding
from tests.support.envelope import CODECS
from tests.support.messages import message

LIMIT = 100_000
"""The largest message, in bytes: small, so that to be over it is an everyday event."""

DOCUMENT = bson.encode({"cursor": {"id": 0, "ns": "db.c", "firstBatch": [{"_id": 1, "text": "x" * 40}]}, "ok": 1})
PARTS = [bson.encode({"a": 1}), bson.encode({"b": ["c", {"d": None}]})]


class _Reader(MessageReader):
    def __init__(self) -> None:
        super().__init__()
        self.max_message_size = LIMIT
        self.messages: list[tuple[int, int, int, bytes]] = []
        self.error: ProtocolError | None = None

    def message_received(self, request_id: int, response_to: int, opcode: int, body: bytes | memoryview) -> None:
        self.messages.append((request_id, response_to, opcode, bytes(body)))

    def protocol_error(self, error: ProtocolError) -> None:
        if self.error is not None:
            raise Finding("two errors in one stream")
        self.error = error


def read_stream(data: bytes) -> None:
    """A stream, cut as its first bytes say, gives the messages that stand in it, up to the first impossible length."""
    pieces, stream = data[1 : 1 + data[0] % 8] if data else b"", data[9:]
    reader = _Reader()
    position = 0
    for piece in cycle(pieces or b"\xff"):
        if position >= len(stream) or reader.error is not None:
            break
        buffer = reader.get_buffer(-1)
        count = min(len(buffer), len(stream) - position, 1 + piece * piece)
        if not count:
            raise Finding("get_buffer gave an empty buffer")
        if len(buffer) > LIMIT:
            raise Finding(f"a buffer of {len(buffer)} bytes")
        buffer[:count] = stream[position : position + count]
        reader.buffer_updated(count)
        position += count
    messages, ends_well, left = _messages(stream)
    if reader.messages != messages:
        raise Finding(f"read {len(reader.messages)} messages, and there are {len(messages)}")
    if (reader.error is None) != ends_well:
        raise Finding(f"the error is {reader.error!r}")
    if ends_well and reader.partial != bool(left):
        raise Finding(f"partial is {reader.partial}, with {left} bytes left")


def _messages(stream: bytes) -> tuple[list[tuple[int, int, int, bytes]], bool, int]:
    """The messages in a stream, whether it is sound as far as it goes, and how many bytes are left over."""
    found: list[tuple[int, int, int, bytes]] = []
    position = 0
    while len(stream) - position >= HEADER.size:
        length, *ids = HEADER.unpack_from(stream, position)
        if not HEADER.size < length <= LIMIT:
            return found, False, 0
        if position + length > len(stream):
            break
        found.append((ids[0], ids[1], ids[2], stream[position + HEADER.size : position + length]))
        position += length
    return found, True, len(stream) - position


def decode_op_msg(data: bytes) -> None:
    """A body is refused, or gives flags and a document that make the same body when they are encoded."""
    outcomes = [_decoded(data), _decoded(memoryview(data))]
    if outcomes[0] != outcomes[1]:
        raise Finding(f"bytes and memoryview differ: {outcomes}")
    if outcomes[0] is None:
        return
    flags, document = outcomes[0]
    if struct.unpack_from("<i", document)[0] != len(document):
        raise Finding("a document of another size than it says")
    if op_msg.encode(1, document, flags)[HEADER.size :] != data:
        raise Finding("what was decoded encodes as something else")


def _decoded(body: bytes | memoryview) -> tuple[int, bytes] | None:
    try:
        found = op_msg.decode(body)
    except ProtocolError:
        return None
    return found.flags, bytes(found.document)


def expand(data: bytes) -> None:
    """What follows a compressed message's header is refused, or becomes as many bytes as it says, within the limit."""
    try:
        _, expanded = compression.decompress(data, LIMIT)
    except ProtocolError:
        return
    (claimed,) = struct.unpack_from("<i", data, 4)
    if len(expanded) != claimed or claimed > LIMIT:
        raise Finding(f"{len(expanded)} bytes where {claimed} were claimed")


def decode_batch(data: bytes) -> None:
    """A reply read in pieces is refused, or is the reply read at once. That takes anything for a batch's elements."""
    reply = struct.pack("<i", len(data) + 4) + data
    # No byte can break a string for these: strings are not what is tested here.
    options: CodecOptions[Any] = CodecOptions(unicode_decode_error_handler="replace")
    whole = _outcome(lambda: bson.decode(reply, options))
    pieces = _outcome(lambda: _in_pieces(reply, options))
    if pieces not in (None, whole):
        raise Finding(f"at once {whole!r}, in pieces {pieces!r}")


def _in_pieces(reply: bytes, options: CodecOptions[Any]) -> dict[str, Any]:
    split = split_batch(memoryview(reply))
    if split is None:
        return bson.decode(reply, options)
    rest, batch = split
    decoded: dict[str, Any] = bson.decode(rest, options)
    documents: list[Any] = []
    while batch:
        documents += batch.decode_piece(options)
    cursor = decoded["cursor"]
    name = next(name for name in cursor if name in ("firstBatch", "nextBatch"))
    cursor[name] = documents
    return decoded


def _outcome(decode: Any) -> Any:
    try:
        return bson.encode(decode())
    except BSONError:
        return None


def _streams() -> list[bytes]:
    small, large = message({"ok": 1}, 7), message({"ok": 1, "text": "x" * 20_000}, 8)
    checked = message({"ok": 1}, 9, flags=1, behind=bytes(4))
    long = message({"ok": 1}, 7, length=2**31 - 1)
    heads = (b"\1\xff" + bytes(7), b"\2\1\xff" + bytes(6), b"\4\2\1\5\x10" + bytes(4))
    return [head + stream for head in heads for stream in (small * 3 + large + checked, large + small, small + long)]


def _bodies() -> list[bytes]:
    sequences = [DocumentSequence("documents", PARTS), DocumentSequence("é", [])]
    messages = [
        b"".join(op_msg.encode_with(parts, 3, DOCUMENT, flags))
        for flags in (0, 1, 2, 3, 1 << 16)
        for parts in ([], sequences, sequences[:1])
    ]
    return [data[HEADER.size :] for data in messages]


def compressed_bodies() -> list[bytes]:
    """What follows the header of messages in each compressor's form."""
    body = op_msg.encode(3, DOCUMENT)[HEADER.size :]
    made = [body, snappy.compress(body), zlib.compress(body), CODECS["zstd"][0](body)]
    bomb = bytes(LIMIT * 10)
    made += [b"", snappy.compress(bomb), zlib.compress(bomb), CODECS["zstd"][0](bomb)]
    sizes = [len(body)] * 4 + [LIMIT] * 4
    return [
        struct.pack("<iiB", OP_MSG, size, number % 4) + data
        for number, (size, data) in enumerate(zip(sizes, made, strict=True))
    ]


def _replies() -> list[bytes]:
    replies: list[dict[str, Any]] = [
        {"cursor": {"id": 0, "ns": "db.c", "firstBatch": [{"_id": number} for number in range(12)]}, "ok": 1},
        {"ok": 1, "cursor": {"nextBatch": [{"a": [1, {"b": None}]}, {}], "id": 5}},
        {"x": bson.Regex("a", 2), "y": bson.Code("z", {}), "cursor": {"d": bson.DBRef("a", 1), "firstBatch": []}},
    ]
    return [bson.encode(reply)[4:] for reply in replies]


TARGETS = (
    Target("reader", read_stream, _streams, mutate_bytes, 30_000),
    Target("op_msg", decode_op_msg, _bodies, mutate_bytes, 30_000),
    Target("compressed", expand, compressed_bodies, mutate_bytes, 30_000),
    Target("batch", decode_batch, _replies, mutate_bytes, 30_000),
)
