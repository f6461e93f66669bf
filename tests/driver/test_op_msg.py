"""OP_MSG: what is encoded is decoded again, and what is malformed, or what no server sends, is a ProtocolError."""

from __future__ import annotations

import struct
import tracemalloc
from typing import Any

import bson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymongo.errors import ProtocolError

from motor.driver.wire import op_msg
from motor.driver.wire.header import HEADER, OP_MSG, next_request_id
from motor.driver.wire.op_msg import CHECKSUM_PRESENT, EXHAUST_ALLOWED, MORE_TO_COME, DocumentSequence
from tests.driver.strategies import ENCODED, NAMES

FLAGS = st.sets(st.sampled_from([MORE_TO_COME, EXHAUST_ALLOWED, 1 << 20])).map(sum)
SEQUENCES = st.builds(DocumentSequence, NAMES, st.lists(ENCODED, max_size=4))
IDS = st.integers(0, 2**31 - 1)
BODY = op_msg.encode(1, bson.encode({"ok": 1}))[HEADER.size :]


def section(sequence: DocumentSequence) -> bytes:
    """A section of kind 1, put together here and not by the code under test."""
    content = sequence.identifier.encode() + b"\0" + b"".join(sequence.documents)
    return b"\1" + struct.pack("<i", 4 + len(content)) + content


def assemble(flags: int, document: bytes, sequences: list, request_id: int, response_to: int) -> bytes:
    """A whole message with its sections of kind 1 after the document."""
    body = struct.pack("<I", flags) + b"\0" + document + b"".join(map(section, sequences))
    return HEADER.pack(HEADER.size + len(body), request_id, response_to, OP_MSG) + body


@given(FLAGS, ENCODED)
def test_flags_and_a_document_are_decoded(flags, document):
    data = assemble(flags, document, [], 1, 2)
    for body in (data[HEADER.size :], memoryview(data)[HEADER.size :]):
        message = op_msg.decode(body)
        assert (message.flags, message.document) == (flags, document)
        assert message.more_to_come == bool(flags & MORE_TO_COME)


@given(FLAGS, ENCODED, IDS, IDS)
def test_encode_makes_what_the_specification_says(flags, document, request_id, response_to):
    data = op_msg.encode(request_id, document, flags, response_to)
    assert data == assemble(flags, document, [], request_id, response_to)


@given(FLAGS, ENCODED, st.lists(SEQUENCES, max_size=2), IDS)
def test_encode_with_makes_what_the_specification_says(flags, document, sequences, request_id):
    data = b"".join(op_msg.encode_with(sequences, request_id, document, flags))
    assert data == assemble(flags, document, sequences, request_id, 0)


@pytest.mark.parametrize("sizes", [[10], [40_000], [10, 40_000, 10], [40_000, 50_000], [20_000, 20_000]])
def test_what_is_large_is_not_copied(sizes):
    documents = [bytes(size) for size in sizes]
    blocks = op_msg.encode_with([op_msg.DocumentSequence("documents", documents)], 1, b"\5\0\0\0\0")
    large = [document for document in documents if len(document) >= 32 * 1024]
    assert [block for block in blocks if any(block is document for document in large)] == large
    assert len(blocks) <= 2 * len(large) + 1


@given(SEQUENCES)
def test_a_sequence_knows_its_size(sequence):
    assert sequence.size() == len(section(sequence))


@given(FLAGS, ENCODED)
def test_a_body_cut_at_any_byte_is_a_protocol_error(flags, document):
    body = assemble(flags, document, [], 1, 2)[HEADER.size :]
    # Every byte near an edge; the inside of a long document is all the same.
    for end in sorted(set(range(30)) | {len(body) - near for near in range(30)}):
        if 0 <= end < len(body):
            with pytest.raises(ProtocolError):
                op_msg.decode(body[:end])


@given(st.binary(max_size=200))
@example(b"")
@example(BODY[:5])
def test_random_bytes_are_a_protocol_error_or_a_message(body):
    try:
        message = op_msg.decode(body)
    except ProtocolError:
        return
    assert len(message.document) == struct.unpack_from("<i", message.document)[0]


@given(ENCODED, st.data())
def test_a_corrupted_body_is_a_protocol_error_or_the_rest_of_it(document, data):
    body = bytearray(assemble(0, document, [], 1, 2)[HEADER.size :])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(body) - 1))
        wrong = data.draw(st.sampled_from([0, 1, 4, 5, 127, 128, 255]) | st.integers(0, 255))
        body[position] = wrong
    try:
        message = op_msg.decode(bytes(body))
    except ProtocolError:
        return
    assert bytes(message.document) == bytes(body[5:])


@given(ENCODED, st.sampled_from([-(2**31), -1, 0, 1, 4, 2**31 - 1]) | st.integers(-(2**31), 2**31 - 1))
def test_a_wrong_document_size_is_a_protocol_error(document, size):
    body = bytearray(op_msg.encode(1, document)[HEADER.size :])
    if size != len(document):
        struct.pack_into("<i", body, 5, size)
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


@pytest.mark.parametrize("kind", [1, 2, 3, 127, 128, 255])
def test_other_kinds_are_refused(kind):
    with pytest.raises(ProtocolError, match=f"payload type: 0x{kind:x}"):
        op_msg.decode(BODY[:4] + bytes([kind]) + BODY[5:])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\1\0\0\0" + BODY[4:] + bytes(4), "flag checksumPresent: 0x1"),
        (bytes(4) + section(DocumentSequence("a", [BODY[5:]])) + BODY[4:], "0x1, a document sequence"),
        (BODY + section(DocumentSequence("a", [BODY[5:]])), "more than one section"),
        (BODY + BODY[4:], "more than one section"),
        (BODY + b"\0", "more than one section"),
        (BODY[:-1], f"a document of {len(BODY) - 5} bytes where {len(BODY) - 6} bytes are left"),
        (BODY[:9], "too short"),
    ],
)
def test_what_is_wrong_is_said(body, message):
    with pytest.raises(ProtocolError, match=message):
        op_msg.decode(body)


@pytest.mark.parametrize("flags", [CHECKSUM_PRESENT, 0])
def test_what_is_refused_is_not_read(flags):
    """A megabyte of what no server sends: refused by its first bytes, without a copy of it or an object of it."""
    sequence = section(DocumentSequence("a", [b"\5\0\0\0\0"] * 200_000))
    body = memoryview(struct.pack("<I", flags) + BODY[4:] + sequence)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            op_msg.decode(body)
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()


def test_a_document_is_not_copied():
    data: Any = bytearray(op_msg.encode(1, BODY[5:], EXHAUST_ALLOWED))
    document = op_msg.decode(memoryview(data)[HEADER.size :]).document
    assert isinstance(document, memoryview)
    assert document.obj is data


def test_request_ids_are_positive_and_differ():
    numbers = [next_request_id() for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert all(0 <= number < 2**31 for number in numbers)
