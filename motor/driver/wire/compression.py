"""OP_COMPRESSED: a message in a smaller one.

What came is expanded no further than it may be: a few bytes that claim to be gigabytes, or become them, are refused
first. Source: the MongoDB specification "OP_COMPRESSED".
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from pymongo.errors import ProtocolError

from motor.driver.wire.header import HEADER

OP_COMPRESSED = 2012

_PREFIX = struct.Struct("<iiB")
"""originalOpcode, uncompressedSize, compressorId."""

_NOOP, _SNAPPY, _ZLIB, _ZSTD = range(4)


class Compressor(Protocol):
    """What PyMongo has for each compressor."""

    compressor_id: int

    def compress(self, data: bytes) -> bytes:
        """`data`, smaller."""
        ...


def compress(message: bytes, compressor: Compressor) -> bytes:
    """A whole message as a compressed one, header included."""
    _, request_id, response_to, opcode = HEADER.unpack_from(message)
    body = message[HEADER.size :]
    small = compressor.compress(body)
    length = HEADER.size + _PREFIX.size + len(small)
    return b"".join(
        (
            HEADER.pack(length, request_id, response_to, OP_COMPRESSED),
            _PREFIX.pack(opcode, len(body), compressor.compressor_id),
            small,
        )
    )


def claimed_size(body: bytes | memoryview) -> int:
    """How many bytes a compressed message claims to become; 0 for one that is too short to say."""
    return 0 if len(body) < _PREFIX.size else int(_PREFIX.unpack_from(body)[1])


def decompress(body: bytes | memoryview, limit: int) -> tuple[int, bytes]:
    """The opcode and the body of the message within `body`, which is what follows a compressed message's header.

    Raises :class:`~pymongo.errors.ProtocolError` for one that is not well formed, or larger than `limit` bytes.
    """
    if len(body) < _PREFIX.size:
        raise ProtocolError(f"OP_COMPRESSED of {len(body)} bytes is too short to hold a message")
    opcode, size, compressor_id = _PREFIX.unpack_from(body)
    if not 0 <= size <= limit:
        raise ProtocolError(f"OP_COMPRESSED claims to hold {size} bytes, where no more than {limit} are allowed")
    expand = _EXPANDERS.get(compressor_id)
    if expand is None:
        raise ProtocolError(f"OP_COMPRESSED with an unknown compressor: {compressor_id}")
    try:
        expanded = expand(memoryview(body)[_PREFIX.size :], size)
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(f"OP_COMPRESSED holds what its compressor cannot expand: {error}") from error
    if len(expanded) != size:
        raise ProtocolError(f"OP_COMPRESSED claims to hold {size} bytes, but holds {len(expanded)} or more")
    return opcode, expanded


def _copy(data: memoryview, size: int) -> bytes:
    return bytes(data)


def _expand_snappy(data: memoryview, size: int) -> bytes:
    snappy: Any = import_module("snappy")
    if _snappy_size(data) != size:
        raise ProtocolError(f"OP_COMPRESSED claims to hold {size} bytes, and its content another number")
    expanded: bytes = snappy.uncompress(bytes(data))
    return expanded


def _snappy_size(data: memoryview) -> int:
    """The number that a snappy stream starts with, seven bits in a byte."""
    size = 0
    for position, byte in enumerate(data[:5]):
        size |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            return size
    raise ProtocolError("OP_COMPRESSED holds a snappy stream without its size")


def _expand_zlib(data: memoryview, size: int) -> bytes:
    return _expand_stream(zlib.decompressobj(), data, size)


def _expand_zstd(data: memoryview, size: int) -> bytes:
    zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return _expand_stream(zstd.ZstdDecompressor(), data, size)


def _expand_stream(stream: Any, data: memoryview, size: int) -> bytes:
    # One byte more than it claims, to see that there is no more.
    expanded: bytes = stream.decompress(data, size + 1)
    if len(expanded) == size and (not stream.eof or stream.unused_data):
        raise ProtocolError("OP_COMPRESSED holds a stream that does not end where it should")
    return expanded


_EXPANDERS: dict[int, Callable[[memoryview, int], bytes]] = {
    _NOOP: _copy,
    _SNAPPY: _expand_snappy,
    _ZLIB: _expand_zlib,
    _ZSTD: _expand_zstd,
}
