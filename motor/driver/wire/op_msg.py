"""OP_MSG, the one message format that commands and replies use.

Source: the MongoDB specification "OP_MSG". A message is flags, then sections: one of kind 0 (the command or reply
document) and any number of kind 1 (a named sequence of documents, which spares the server a large array), then maybe a
checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from pymongo.errors import ProtocolError

from motor.driver.wire.checksum import crc32c
from motor.driver.wire.header import HEADER, OP_MSG

CHECKSUM_PRESENT = 1 << 0
MORE_TO_COME = 1 << 1
EXHAUST_ALLOWED = 1 << 16

# The low sixteen flag bits are required: a receiver must refuse a message that sets one it does not know.
_UNKNOWN_REQUIRED_BITS = 0xFFFF & ~(CHECKSUM_PRESENT | MORE_TO_COME)

_COMMAND_PREFIX = struct.Struct("<iiiiIB")
_FLAGS = struct.Struct("<I")
_FLAGS_KIND_SIZE = struct.Struct("<IBi")
_INT32 = struct.Struct("<i")
_UINT32 = struct.Struct("<I")
_SMALLEST_DOCUMENT = 5


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
    """A parsed OP_MSG: its flags, the kind 0 document (still BSON) and its document sequences."""

    flags: int
    document: bytes | memoryview
    sequences: Sequence[DocumentSequence] = ()

    @property
    def more_to_come(self) -> bool:
        """Whether the sender sends another message without being asked."""
        return bool(self.flags & MORE_TO_COME)


def encode(
    request_id: int,
    document: bytes,
    flags: int = 0,
    sequences: Sequence[DocumentSequence] = (),
    response_to: int = 0,
) -> bytes:
    """One whole message, header included; with a checksum if `flags` asks for it."""
    if not sequences and not flags & CHECKSUM_PRESENT:
        return _COMMAND_PREFIX.pack(21 + len(document), request_id, response_to, OP_MSG, flags, 0) + document
    parts: list[bytes | memoryview] = [document]
    length = 21 + len(document)
    for sequence in sequences:
        size = sequence.size()
        length += size
        parts += [b"\1", _INT32.pack(size - 1), sequence.identifier.encode(), b"\0", *sequence.documents]
    if not flags & CHECKSUM_PRESENT:
        return b"".join([_COMMAND_PREFIX.pack(length, request_id, response_to, OP_MSG, flags, 0), *parts])
    message = b"".join([_COMMAND_PREFIX.pack(length + 4, request_id, response_to, OP_MSG, flags, 0), *parts])
    return message + _UINT32.pack(crc32c(message))


def decode(body: bytes | memoryview, request_id: int = 0, response_to: int = 0) -> Message:
    """Parse what follows the header of an OP_MSG.

    `request_id` and `response_to` are the header's, which a checksum covers.

    Raises :class:`~pymongo.errors.ProtocolError` for a body that is not a well-formed OP_MSG. The documents are
    checked for their sizes only; their content is the BSON decoder's business.
    """
    if len(body) >= 5 + _SMALLEST_DOCUMENT:
        flags, kind, size = _FLAGS_KIND_SIZE.unpack_from(body)
        if not flags & ~MORE_TO_COME and kind == 0 and size == len(body) - 5:
            return Message(flags, body[5:])
    return _decode_sections(memoryview(body), request_id, response_to)


def _decode_sections(body: memoryview, request_id: int, response_to: int) -> Message:
    if len(body) < 5 + _SMALLEST_DOCUMENT:
        raise ProtocolError(f"OP_MSG of {len(body)} bytes is too short to hold a document")
    (flags,) = _FLAGS.unpack_from(body)
    if flags & _UNKNOWN_REQUIRED_BITS:
        raise ProtocolError(f"Unsupported OP_MSG flags: 0x{flags:x}")
    end = len(body)
    if flags & CHECKSUM_PRESENT:
        end -= 4
        header = HEADER.pack(HEADER.size + len(body), request_id, response_to, OP_MSG)
        if crc32c(header + bytes(body[:end])) != _UINT32.unpack_from(body, end)[0]:
            raise ProtocolError("OP_MSG checksum does not match the message")
    document: memoryview | None = None
    sequences: list[DocumentSequence] = []
    position = 4
    while position < end:
        kind = body[position]
        section_end = position + 1 + _sized(body, position + 1, end, "section")
        if kind == 0:
            if document is not None:
                raise ProtocolError("OP_MSG with more than one section of kind 0")
            document = body[position + 1 : section_end]
            if len(document) < _SMALLEST_DOCUMENT:
                raise ProtocolError(f"OP_MSG with a document of {len(document)} bytes")
        elif kind == 1:
            sequences.append(_decode_sequence(body[position + 5 : section_end]))
        else:
            raise ProtocolError(f"Unsupported OP_MSG payload type: 0x{kind:x}")
        position = section_end
    if document is None:
        raise ProtocolError("OP_MSG without a section of kind 0")
    return Message(flags, document, sequences)


def _decode_sequence(section: memoryview) -> DocumentSequence:
    name, separator, _ = bytes(section).partition(b"\0")
    if not separator:
        raise ProtocolError("OP_MSG document sequence without a name")
    try:
        identifier = name.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("OP_MSG document sequence with a name that is not UTF-8") from error
    documents: list[bytes | memoryview] = []
    position = len(name) + 1
    while position < len(section):
        size = _sized(section, position, len(section), "document")
        documents.append(section[position : position + size])
        position += size
    return DocumentSequence(identifier, documents)


def _sized(data: memoryview, position: int, end: int, what: str) -> int:
    """The int32 size at `position`, once it is known to fit before `end`."""
    if end - position < 4:
        raise ProtocolError(f"OP_MSG ends inside the size of a {what}")
    size: int = _INT32.unpack_from(data, position)[0]
    if not _SMALLEST_DOCUMENT <= size <= end - position:
        raise ProtocolError(f"OP_MSG {what} of {size} bytes where {end - position} bytes are left")
    return size
