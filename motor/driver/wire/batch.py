"""A large cursor reply, decoded piece by piece.

Decoding a reply of several megabytes in one go would freeze the event loop for a tenth of a second. So a large reply
is cut: its batch of documents stays BSON and is decoded a piece at a time, and what is left around the batch is
decoded at once.
"""

from __future__ import annotations

import struct
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from pymongo.errors import ProtocolError

from motor.driver.garbage import CollectorPaused

SMALL_REPLY = 16 * 1024
"""Replies up to this size, in bytes, hold too few objects to care about the garbage collector."""

LARGE_REPLY = 320 * 1024
"""Replies up to this size, in bytes, decode in about 5 ms and are decoded whole."""

PIECE = 128 * 1024
"""Two milliseconds of decoding. Smaller pieces would set the collector off more often, and so its full passes."""

MOST_FIELDS = 64
"""How many fields a cursor's reply may have, and its cursor, too. Servers send about ten."""

_INT32 = struct.Struct("<i")
_EMPTY_ARRAY = b"\5\0\0\0\0"
_ARRAY = 0x04
_DOCUMENT = 0x03
_FIXED_SIZES = {
    0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0,
}  # fmt: skip
_STRINGS = (0x02, 0x0D, 0x0E)


class EncodedBatch:
    """The documents of a BSON array that have not been decoded yet."""

    __slots__ = ("_careful_until", "_index", "_position", "array")

    def __init__(self, array: memoryview) -> None:
        self.array = array
        self._position = 4
        self._index = 0
        self._careful_until = 0

    def __bool__(self) -> bool:
        return self.left > 0

    @property
    def left(self) -> int:
        """How many bytes there are that have not been decoded."""
        return len(self.array) - 1 - self._position

    def decode_piece(self, codec_options: CodecOptions[Any]) -> list[Any]:
        """The next documents, about 128 KiB of BSON of them; at least one, however large it is.

        Raises whatever decoding raises, once for each document that cannot be decoded: the next call goes on behind it.
        If nothing is used up by that, it is the batch that makes no sense.
        """
        position, index = self._position, self._index
        documents = self.cut(PIECE if position >= self._careful_until else 1)
        try:
            with CollectorPaused():
                return bson.decode_all(b"".join(documents), codec_options)
        except Exception:
            if len(documents) == 1:
                raise
        # One at a time, so that those that can be decoded are not lost with the one that cannot.
        self._careful_until, self._position, self._index = self._position, position, index
        return self.decode_piece(codec_options)

    def cut(self, size: int) -> list[memoryview]:
        """The next documents as they lie in the reply: about `size` bytes of them, and at least one."""
        array, position, index = self.array, self._position, self._index
        end = len(array)
        limit = min(position + size, end - 1)
        # The element's name is its index in decimal digits: no need to search for the NUL that ends it.
        digits = len(str(index))
        longer = 10**digits
        length_at = _INT32.unpack_from
        documents: list[memoryview] = []
        while position < limit:
            start = position + 2 + digits
            if start + 5 > end or array[position] != _DOCUMENT or array[start - 1] != 0:
                raise InvalidBSON("a cursor's batch is not an array of documents")
            (length,) = length_at(array, start)
            position = start + length
            if length < 5 or position >= end:
                raise InvalidBSON(f"a cursor's batch holds a document of {length} bytes, which it has no room for")
            documents.append(array[start:position])
            index += 1
            if index == longer:
                digits += 1
                longer *= 10
        self._position, self._index = position, index
        return documents


def split_batch(document: memoryview) -> tuple[bytes, EncodedBatch] | None:
    """Cut the batch out of a cursor reply: the reply with an empty batch, and the batch. ``None`` if it holds none.

    Raises :class:`~pymongo.errors.ProtocolError` for more than MOST_FIELDS in the reply, or in its cursor.
    """
    cursor = _find(document, (b"cursor",), _DOCUMENT)
    if cursor is None:
        return None
    start, end = cursor
    found = _find(document[start:end], (b"firstBatch", b"nextBatch"), _ARRAY)
    if found is None:
        return None
    batch_start, batch_end = start + found[0], start + found[1]
    if document[batch_end - 1] != 0:
        raise InvalidBSON("a cursor's batch does not end where it should")
    removed = batch_end - batch_start - len(_EMPTY_ARRAY)
    rest = b"".join(
        (
            _INT32.pack(len(document) - removed),
            document[4:start],
            _INT32.pack(end - start - removed),
            document[start + 4 : batch_start],
            _EMPTY_ARRAY,
            document[batch_end:],
        )
    )
    return rest, EncodedBatch(document[batch_start:batch_end])


def _find(document: memoryview, names: tuple[bytes, ...], kind: int) -> tuple[int, int] | None:
    """The bounds of the value of the first element with one of `names`, if it is of type `kind`."""
    found: tuple[int, int, int] | None = None
    position = 4
    end = len(document) - 1
    count = 0
    while position < end:
        if count == MOST_FIELDS:
            raise ProtocolError(f"a cursor's reply of {len(document)} bytes has more than {MOST_FIELDS} fields")
        count += 1
        element_kind = document[position]
        name = _cstring(document, position + 1)
        position += 2 + len(name)
        size = _value_size(document, position, element_kind)
        if found is None and name in names:
            found = element_kind, position, position + size
        position += size
    return found[1:] if found is not None and found[0] == kind else None


def _cstring(document: memoryview, position: int) -> bytes:
    piece = 64
    while True:
        name, separator, _ = bytes(document[position : position + piece]).partition(b"\0")
        if separator:
            return name
        if position + piece >= len(document):
            raise InvalidBSON("unterminated element name in a reply")
        piece *= 16


def _value_size(document: memoryview, position: int, kind: int) -> int:
    fixed = _FIXED_SIZES.get(kind)
    if fixed is not None:
        return fixed
    if kind == 0x0B:
        pattern = len(_cstring(document, position)) + 1
        return pattern + len(_cstring(document, position + pattern)) + 1
    if position + 4 > len(document):
        raise InvalidBSON("a reply ends inside an element")
    size: int = _INT32.unpack_from(document, position)[0]
    if kind in _STRINGS:
        size += 4
    elif kind == 0x05:
        size += 5
    elif kind == 0x0C:
        size += 16
    elif kind not in (_DOCUMENT, _ARRAY, 0x0F):
        raise InvalidBSON(f"a reply holds an element of unknown type 0x{kind:02x}")
    if not 0 < size <= len(document) - position:
        raise InvalidBSON(f"a reply holds an element of {size} bytes where {len(document) - position} are left")
    return size
