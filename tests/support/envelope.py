"""OP_COMPRESSED, written once more for the tests: what puts a message in an envelope and takes it out again."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

import snappy

from tests.support.messages import HEADER

OP_COMPRESSED = 2012
PREFIX = struct.Struct("<iiB")
NUMBERS = {"noop": 0, "snappy": 1, "zlib": 2, "zstd": 3}

zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "noop": (bytes, bytes),
    "snappy": (snappy.compress, snappy.uncompress),
    "zlib": (zlib.compress, zlib.decompress),
    "zstd": (zstd.compress, zstd.decompress),
}


def wrap(message: bytes, compressor: str) -> bytes:
    """A whole message as a compressed one."""
    body = message[HEADER.size :]
    return envelope(message, NUMBERS[compressor], len(body), CODECS[compressor][0](body))


def envelope(message: bytes, number: int, size: int, content: bytes, opcode: int | None = None) -> bytes:
    """An answer to what `message` answers, with any content; what it says of that may be wrong."""
    _, request_id, response_to, original = HEADER.unpack_from(message)
    rest = PREFIX.pack(original if opcode is None else opcode, size, number) + content
    return HEADER.pack(HEADER.size + len(rest), request_id, response_to, OP_COMPRESSED) + rest


def unwrap(message: bytes) -> tuple[str | None, bytes]:
    """The name of a message's compressor, and the message within; one that is not compressed as it is."""
    _, request_id, response_to, opcode = HEADER.unpack_from(message)
    if opcode != OP_COMPRESSED:
        return None, message
    original, size, number = PREFIX.unpack_from(message, HEADER.size)
    (name,) = (name for name, other in NUMBERS.items() if other == number)
    body = CODECS[name][1](message[HEADER.size + PREFIX.size :])
    assert len(body) == size
    return name, HEADER.pack(HEADER.size + size, request_id, response_to, original) + body
