"""OP_MSG: what is encoded is decoded again, and what is malformed is a ProtocolError, whatever it is."""

from __future__ import annotations

import struct
from typing import Any

import bson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymongo.errors import ProtocolError

from motor.driver.wire import op_msg
from motor.driver.wire.checksum import crc32c
from motor.driver.wire.header import HEADER, OP_MSG, next_request_id
from motor.driver.wire.op_msg import CHECKSUM_PRESENT, EXHAUST_ALLOWED, MORE_TO_COME, DocumentSequence, Message
from tests.driver.strategies import ENCODED, NAMES

FLAGS = st.sets(st.sampled_from([CHECKSUM_PRESENT, MORE_TO_COME, EXHAUST_ALLOWED, 1 << 20])).map(sum)
SEQUENCES = st.builds(DocumentSequence, NAMES, st.lists(ENCODED, max_size=4))
IDS = st.integers(0, 2**31 - 1)
BODY = op_msg.encode(1, bson.encode({"ok": 1}))[HEADER.size :]


def section(sequence: DocumentSequence) -> bytes:
    """A section of kind 1, put together here and not by the code under test."""
    content = sequence.identifier.encode() + b"\0" + b"".join(sequence.documents)
    return b"\1" + struct.pack("<i", 4 + len(content)) + content


def assemble(flags: int, document: bytes, before: list, after: list, request_id: int, response_to: int) -> bytes:
    """A whole message with its sections of kind 1 before and after the document."""
    sections = [*map(section, before), b"\0" + document, *map(section, after)]
    body = struct.pack("<I", flags) + b"".join(sections)
    length = HEADER.size + len(body) + (4 if flags & CHECKSUM_PRESENT else 0)
    data = HEADER.pack(length, request_id, response_to, OP_MSG) + body
    return data + struct.pack("<I", crc32c(data)) if flags & CHECKSUM_PRESENT else data


def plain(message: Message) -> tuple[int, bytes, list[tuple[str, list[bytes]]]]:
    """A message as plain values, to compare."""
    sequences = [(part.identifier, [bytes(document) for document in part.documents]) for part in message.sequences]
    return message.flags, bytes(message.document), sequences


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        # RFC 3720, appendix B.4, and the check value of the CRC catalogues.
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc32c_gives_the_published_values(data, checksum):
    assert crc32c(data) == checksum
    assert crc32c(memoryview(data)) == checksum


@given(FLAGS, ENCODED, st.lists(SEQUENCES, max_size=3), st.lists(SEQUENCES, max_size=3), IDS, IDS)
def test_sections_in_any_order_are_decoded(flags, document, before, after, request_id, response_to):
    data = assemble(flags, document, before, after, request_id, response_to)
    expected = flags, document, [(part.identifier, list(part.documents)) for part in [*before, *after]]
    for body in (data[HEADER.size :], memoryview(data)[HEADER.size :]):
        assert plain(op_msg.decode(body, request_id, response_to)) == expected


@given(FLAGS, ENCODED, st.none() | SEQUENCES, IDS, IDS)
def test_encode_makes_what_the_specification_says(flags, document, sequence, request_id, response_to):
    data = op_msg.encode(request_id, document, flags, [sequence] if sequence else [], response_to)
    assert data == assemble(flags, document, [], [sequence] if sequence else [], request_id, response_to)
    assert op_msg.decode(data[HEADER.size :], request_id, response_to).more_to_come == bool(flags & MORE_TO_COME)


@given(SEQUENCES)
def test_a_sequence_knows_its_size(sequence):
    assert sequence.size() == len(section(sequence))


@given(FLAGS, ENCODED, st.lists(SEQUENCES, max_size=2), st.lists(SEQUENCES, max_size=2))
def test_a_body_cut_at_any_byte_is_a_protocol_error_or_a_whole_message(flags, document, before, after):
    body = assemble(flags, document, before, after, 1, 2)[HEADER.size :]
    # Without a checksum, a body cut between two sections behind the document is whole again.
    ends = {4 + sum(len(section(part)) for part in before) + 1 + len(document)}
    for part in after:
        ends.add(max(ends) + len(section(part)))
    # Every byte near an edge; the inside of a long document is all the same.
    places = {end + near for end in {0, len(body), *ends} for near in range(-20, 20)}
    for end in sorted(places & set(range(len(body)))):
        if end in ends and not flags & CHECKSUM_PRESENT:
            assert plain(op_msg.decode(body[:end], 1, 2))[1] == document
        else:
            with pytest.raises(ProtocolError):
                op_msg.decode(body[:end], 1, 2)


@given(st.binary(max_size=200))
@example(b"")
@example(BODY[:5])
def test_random_bytes_are_a_protocol_error_or_a_message(body):
    try:
        message = op_msg.decode(body)
    except ProtocolError:
        return
    assert len(message.document) == struct.unpack_from("<i", message.document)[0]


@given(ENCODED, st.lists(SEQUENCES, max_size=2), st.lists(SEQUENCES, max_size=2), st.data())
def test_a_corrupted_body_is_a_protocol_error_or_stays_within_its_bounds(document, before, after, data):
    body = bytearray(assemble(0, document, before, after, 1, 2)[HEADER.size :])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(body) - 1))
        wrong = data.draw(st.sampled_from([0, 1, 4, 5, 127, 128, 255]) | st.integers(0, 255))
        body[position] = wrong
    try:
        message = op_msg.decode(bytes(body), 1, 2)
    except ProtocolError:
        return
    parts = [message.document, *(document for part in message.sequences for document in part.documents)]
    for part in parts:
        assert struct.unpack_from("<i", part)[0] == len(part)
    assert sum(map(len, parts)) <= len(body) - 5


@given(ENCODED, st.sampled_from([-(2**31), -1, 0, 1, 4, 2**31 - 1]) | st.integers(-(2**31), 2**31 - 1))
def test_a_wrong_document_size_is_a_protocol_error(document, size):
    body = bytearray(op_msg.encode(1, document)[HEADER.size :])
    if size != len(document):
        struct.pack_into("<i", body, 5, size)
        with pytest.raises(ProtocolError):
            op_msg.decode(bytes(body))


@given(SEQUENCES.filter(lambda part: part.documents), st.integers(-(2**31), 2**31 - 1))
def test_a_wrong_sequence_size_is_a_protocol_error(sequence, size):
    body = bytearray(op_msg.encode(1, b"\5\0\0\0\0", 0, [sequence])[HEADER.size :])
    right = struct.unpack_from("<i", body, 11)[0]
    # One that ends before the next document, and starts a section there, would need bytes that look like one.
    if size > right or size < 5:
        struct.pack_into("<i", body, 11, size)
        with pytest.raises(ProtocolError):
            op_msg.decode(bytes(body))


@pytest.mark.parametrize("bit", list(range(2, 16)))
def test_unknown_required_flags_are_refused(bit):
    body = struct.pack("<I", 1 << bit) + BODY[4:]
    with pytest.raises(ProtocolError, match="Unsupported OP_MSG flags"):
        op_msg.decode(body)


@pytest.mark.parametrize("bit", list(range(16, 32)))
def test_optional_flags_are_ignored(bit):
    message = op_msg.decode(struct.pack("<I", 1 << bit) + BODY[4:])
    assert bson.decode(message.document) == {"ok": 1}


@pytest.mark.parametrize("kind", [2, 3, 127, 128, 255])
def test_unknown_kinds_are_refused(kind):
    with pytest.raises(ProtocolError, match=f"payload type: 0x{kind:x}"):
        op_msg.decode(BODY[:4] + bytes([kind]) + BODY[5:])


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (BODY[4:] * 2, "more than one section of kind 0"),
        (section(DocumentSequence("a", [BODY[5:]])), "without a section of kind 0"),
        (BODY[4:] + b"\1" + struct.pack("<i", 8) + b"abcd", "without a name"),
        (BODY[4:] + b"\1" + struct.pack("<i", 7) + b"\xff\xfe\0", "not UTF-8"),
        (BODY[4:] + b"\1" + struct.pack("<i", 8) + b"a\0\0\0", "ends inside the size of a document"),
        (BODY[4:] + b"\1" + struct.pack("<i", 10) + b"a\0\4\0\0\0", "document of 4 bytes"),
        (BODY[4:] + b"\0", "ends inside the size of a section"),
    ],
)
def test_what_is_wrong_is_said(sections, message):
    with pytest.raises(ProtocolError, match=message):
        op_msg.decode(bytes(4) + sections)


@given(ENCODED, st.integers(1, 2**32 - 1), IDS, IDS)
def test_a_wrong_checksum_is_refused(document, wrong, request_id, response_to):
    body = bytearray(op_msg.encode(request_id, document, CHECKSUM_PRESENT, (), response_to)[HEADER.size :])
    (right,) = struct.unpack_from("<I", body, len(body) - 4)
    struct.pack_into("<I", body, len(body) - 4, right ^ wrong)
    with pytest.raises(ProtocolError, match="checksum"):
        op_msg.decode(bytes(body), request_id, response_to)


def test_the_checksum_covers_the_header():
    body = op_msg.encode(7, BODY[5:], CHECKSUM_PRESENT, (), 8)[HEADER.size :]
    assert bytes(op_msg.decode(body, 7, 8).document) == BODY[5:]
    for ids in ((6, 8), (7, 9)):
        with pytest.raises(ProtocolError, match="checksum"):
            op_msg.decode(body, *ids)


def test_documents_are_not_copied():
    data: Any = bytearray(op_msg.encode(1, BODY[5:], EXHAUST_ALLOWED, [DocumentSequence("a", [BODY[5:]])]))
    message = op_msg.decode(memoryview(data)[HEADER.size :])
    for part in (message.document, message.sequences[0].documents[0]):
        assert isinstance(part, memoryview)
        assert part.obj is data


def test_request_ids_are_positive_and_differ():
    numbers = [next_request_id() for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert all(0 <= number < 2**31 for number in numbers)
