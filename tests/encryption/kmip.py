"""KMIP, a binary protocol for key management, as far as a driver speaks it: one key for all, and no real encryption.

Source: OASIS "Key Management Interoperability Protocol". A value is a tag, a type, a length, and bytes padded to eight.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

REQUEST = b"\x42\x00\x78"
"""What a request starts with."""

_STRUCTURE, _ENUMERATION, _TEXT, _BYTES = 1, 5, 7, 8
_BATCH_ITEM, _KEY_BLOCK, _KEY_MATERIAL, _KEY_VALUE = 0x42000F, 0x420040, 0x420043, 0x420045
_OPERATION, _RESPONSE, _PAYLOAD, _STATUS = 0x42005C, 0x42007B, 0x42007C, 0x42007F
_SECRET_DATA, _UNIQUE_IDENTIFIER, _DATA, _IV = 0x420085, 0x420094, 0x4200C2, 0x42003D
_GET, _ENCRYPT, _DECRYPT = 0x0A, 0x1F, 0x20
_KEY = bytes(96)


def answer_to(request: bytes) -> bytes:
    """The answer to a whole request: success."""
    values = dict(_values(request))
    operation = int.from_bytes(values[_OPERATION], "big")
    payload = _value(_UNIQUE_IDENTIFIER, _TEXT, b"1")
    if operation == _GET:
        material = _value(_KEY_MATERIAL, _BYTES, _KEY)
        block = _value(_KEY_BLOCK, _STRUCTURE, _value(_KEY_VALUE, _STRUCTURE, material))
        payload += _value(_SECRET_DATA, _STRUCTURE, block)
    elif operation in (_ENCRYPT, _DECRYPT):
        payload += _value(_DATA, _BYTES, values[_DATA]) + _value(_IV, _BYTES, bytes(16))
    item = (
        _value(_OPERATION, _ENUMERATION, operation.to_bytes(4, "big"))
        + _value(_STATUS, _ENUMERATION, bytes(4))
        + _value(_PAYLOAD, _STRUCTURE, payload)
    )
    return _value(_RESPONSE, _STRUCTURE, _value(_BATCH_ITEM, _STRUCTURE, item))


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every value that is no structure, with its tag."""
    position = 0
    while position < len(data):
        tag = int.from_bytes(data[position : position + 3], "big")
        kind = data[position + 3]
        (length,) = struct.unpack_from(">I", data, position + 4)
        position += 8
        if kind == _STRUCTURE:
            yield from _values(data[position : position + length])
        else:
            yield tag, data[position : position + length]
        position += length + -length % 8


def _value(tag: int, kind: int, data: bytes) -> bytes:
    return tag.to_bytes(3, "big") + struct.pack(">BI", kind, len(data)) + data + bytes(-len(data) % 8)
