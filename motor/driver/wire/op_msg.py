"""OP_MSG, the one message format that commands and replies use.

Source: the MongoDB specification "OP_MSG". A message is flags, then sections: one of kind 0 (the command or reply
document) and any number of kind 1 (a named sequence of documents, which spares the server a large array), then maybe a
checksum. A server's message is its flags and one document, and what is anything else is refused: neither a checksum nor
a sequence is read, since whoever sends it would choose how long that takes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from pymongo.errors import ProtocolError

from motor.driver.wire.header import OP_MSG

CHECKSUM_PRESENT = 1 << 0
MORE_TO_COME = 1 << 1
EXHAUST_ALLOWED = 1 << 16

# The low sixteen flag bits are required: a receiver must refuse a message that sets one it does not know.
_UNKNOWN_REQUIRED_BITS = 0xFFFF & ~MORE_TO_COME

_COMMAND_PREFIX = struct.Struct("<iiiiIB")
_FLAGS_KIND_SIZE = struct.Struct("<IBi")
_INT32 = struct.Struct("<i")
_SMALLEST_DOCUMENT = 5

_LARGE_PART = 32 * 1024
"""Parts of a message from this size on, in bytes, are sent as they are: to copy them would take longer than a write."""


Blocks = list[bytes | memoryview]
"""A message, cut so that what is large in it has not to be copied."""


@dataclass(slots=True)
class DocumentSequence:
    """A kind 1 section: `identifier` names the command's field, `documents` are its encoded elements."""

    identifier: str
    documents: Sequence[bytes | memoryview]

    def size(self) -> int:
        """The section's size on the wire, in bytes, with its kind byte."""
        return 1 + 4 + len(self.identifier.encode()) + 1 + sum(map(len, self.documents))


@dataclass(slots=True)
class Message:
    """A server's OP_MSG: its flags and its document, which is still BSON."""

    flags: int
    document: bytes | memoryview

    @property
    def more_to_come(self) -> bool:
        """Whether the sender sends another message without being asked."""
        return bool(self.flags & MORE_TO_COME)


def encode(request_id: int, document: bytes, flags: int = 0, response_to: int = 0) -> bytes:
    """One whole message, header included."""
    return _COMMAND_PREFIX.pack(21 + len(document), request_id, response_to, OP_MSG, flags, 0) + document


def encode_with(sequences: Sequence[DocumentSequence], request_id: int, document: bytes, flags: int = 0) -> Blocks:
    """One whole message that has document sequences, in blocks: what is large is not copied into one."""
    parts: list[bytes | memoryview] = [document]
    length = 21 + len(document)
    for sequence in sequences:
        size = sequence.size()
        length += size
        parts += [b"\1", _INT32.pack(size - 1), sequence.identifier.encode(), b"\0", *sequence.documents]
    return _blocks([_COMMAND_PREFIX.pack(length, request_id, 0, OP_MSG, flags, 0), *parts])


def _blocks(parts: Sequence[bytes | memoryview]) -> Blocks:
    """The same bytes: small parts joined, large ones as they are."""
    blocks: Blocks = []
    small: list[bytes | memoryview] = []
    for part in parts:
        if len(part) < _LARGE_PART:
            small.append(part)
        else:
            blocks += [b"".join(small), part]
            small = []
    return [*blocks, b"".join(small)] if small else blocks


def decode(body: bytes | memoryview) -> Message:
    """Parse what follows the header of a server's OP_MSG.

    Raises :class:`~pymongo.errors.ProtocolError` for a body that is not flags and one document. That is checked for its
    size only; its content is the BSON decoder's business.
    """
    if len(body) < 5 + _SMALLEST_DOCUMENT:
        raise ProtocolError(f"OP_MSG of {len(body)} bytes is too short to hold a document")
    flags, kind, size = _FLAGS_KIND_SIZE.unpack_from(body)
    if flags & _UNKNOWN_REQUIRED_BITS or kind != 0 or size != len(body) - 5:
        raise _refusal(flags, kind, size, len(body) - 5)
    return Message(flags, body[5:])


def _refusal(flags: int, kind: int, size: int, left: int) -> ProtocolError:
    """What is wrong with a body whose first section is of `kind` and claims `size` bytes, where `left` are left."""
    if flags & CHECKSUM_PRESENT:
        return ProtocolError(f"Unsupported OP_MSG flag checksumPresent: 0x{flags:x}")
    if flags & _UNKNOWN_REQUIRED_BITS:
        return ProtocolError(f"Unsupported OP_MSG flags: 0x{flags:x}")
    if kind == 1:
        return ProtocolError("Unsupported OP_MSG payload type: 0x1, a document sequence, which no server sends")
    if kind != 0:
        return ProtocolError(f"Unsupported OP_MSG payload type: 0x{kind:x}")
    if not _SMALLEST_DOCUMENT <= size <= left:
        return ProtocolError(f"OP_MSG with a document of {size} bytes where {left} bytes are left")
    return ProtocolError("Unsupported OP_MSG reply: more than one section")
