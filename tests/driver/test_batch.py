"""Large cursor replies, cut and decoded in pieces: the same documents as when decoded at once."""

from __future__ import annotations

import gc
import struct
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import ProtocolError

from motor.driver.garbage import CollectorPaused
from motor.driver.wire.batch import MOST_FIELDS, EncodedBatch, split_batch
from tests.driver.strategies import DOCUMENTS, NAMES, VALUES

OPTIONS: CodecOptions[Any] = CodecOptions()
AROUND = st.dictionaries(
    NAMES.filter(lambda name: name not in ("cursor", "firstBatch", "nextBatch")), VALUES, max_size=3
)


def decode_all(batch: EncodedBatch, options: CodecOptions[Any] = OPTIONS) -> list[Any]:
    """Every document, piece by piece; no piece may be empty."""
    documents: list[Any] = []
    while batch:
        piece = batch.decode_piece(options)
        assert piece
        documents += piece
    return documents


def put_together(data: bytes) -> dict[str, Any]:
    """A reply, decoded through split_batch."""
    split = split_batch(memoryview(data))
    if split is None:
        return bson.decode(data)
    rest, batch = split
    reply = bson.decode(rest)
    cursor = reply["cursor"]
    name = "firstBatch" if "firstBatch" in cursor else "nextBatch"
    assert cursor[name] == []
    cursor[name] = decode_all(batch)
    return reply


@given(AROUND, AROUND, AROUND, AROUND, st.lists(DOCUMENTS, max_size=15), st.sampled_from(["firstBatch", "nextBatch"]))
def test_a_reply_cut_and_decoded_is_the_reply(before, inside, behind, after, documents, name):
    cursor = {**inside, name: documents, **behind}
    reply = {**before, "cursor": cursor, **after}
    data = bson.encode(reply)
    assert split_batch(memoryview(data)) is not None
    decoded = put_together(data)
    assert bson.encode(decoded) == data
    assert decoded == bson.decode(data)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"ok": 1},
        {"cursor": 5},
        {"cursor": [1]},
        {"cursor": {}},
        {"cursor": {"firstBatch": 1}},
        {"cursor": {"firstBatch": {"a": 1}}},
        {"cursor": {"inner": {"firstBatch": [1]}}},
        {"outer": {"cursor": {"firstBatch": [{}]}}},
    ],
)
def test_without_a_batch_there_is_nothing_to_cut(reply):
    assert split_batch(memoryview(bson.encode(reply))) is None


@pytest.mark.parametrize("where", ["before the cursor", "after the cursor", "before the batch", "after the batch"])
@pytest.mark.parametrize("count", [MOST_FIELDS - 1, MOST_FIELDS])
def test_fields_are_counted(where, count):
    """Each takes as long as a document does, and nobody looks at them."""
    many = {str(number): None for number in range(count)}
    batch: dict[str, Any] = {"firstBatch": [{"a": 1}]}
    cursor = {"before the batch": {**many, **batch}, "after the batch": {**batch, **many}}.get(where, batch)
    reply: dict[str, Any] = {"cursor": cursor}
    reply = {"before the cursor": {**many, **reply}, "after the cursor": {**reply, **many}}.get(where, reply)
    data = bson.encode(reply)
    if count < MOST_FIELDS:
        assert put_together(data) == reply
    else:
        with pytest.raises(ProtocolError, match="has more than 64 fields"):
            split_batch(memoryview(data))


def test_an_empty_batch():
    split = split_batch(memoryview(bson.encode({"cursor": {"id": 0, "firstBatch": []}, "ok": 1})))
    assert split is not None
    assert not split[1]
    assert bson.decode(split[0]) == {"cursor": {"id": 0, "firstBatch": []}, "ok": 1}


def test_more_documents_than_two_pieces_hold():
    documents = [{"_id": number, "text": "x" * (number % 700)} for number in range(1200)]
    data = bson.encode({"cursor": {"id": 1, "nextBatch": documents}})
    split = split_batch(memoryview(data))
    assert split is not None
    pieces = []
    while split[1]:
        pieces.append(split[1].decode_piece(OPTIONS))
    assert len(pieces) > 2
    assert [document for piece in pieces for document in piece] == documents


def test_one_huge_document_is_a_piece():
    documents = [{"a": 1}, {"b": b"x" * 2_000_000}, {"c": 3}]
    split = split_batch(memoryview(bson.encode({"cursor": {"firstBatch": documents}})))
    assert split is not None
    assert decode_all(split[1]) == documents


def test_the_codec_options_are_used():
    data = bson.encode({"cursor": {"firstBatch": [{"a": 1}, {"a": 2}]}})
    split = split_batch(memoryview(data))
    assert split is not None
    documents = decode_all(split[1], CodecOptions(RawBSONDocument))
    assert [type(document) for document in documents] == [RawBSONDocument] * 2
    assert [document.raw for document in documents] == [bson.encode({"a": 1}), bson.encode({"a": 2})]


def array_of(documents: list[dict[str, Any]]) -> bytearray:
    """The bytes of a BSON array."""
    return bytearray(bson.encode({str(index): document for index, document in enumerate(documents)}))


@pytest.mark.parametrize("size", [-(2**31), -1000, -3, -1, 0, 1, 4, 6, 11, 13, 100, 2**31 - 1])
@pytest.mark.parametrize("which", [0, 1, 11])
def test_a_wrong_size_in_the_array_is_invalid_bson(size, which):
    documents = [{"a": 1} for _ in range(12)]
    array = array_of(documents)
    position = 4 + sum(2 + len(str(index)) + 12 for index in range(which)) + 2 + len(str(which))
    assert struct.unpack_from("<i", array, position)[0] == 12
    struct.pack_into("<i", array, position, size)
    with pytest.raises(InvalidBSON):
        decode_all(EncodedBatch(memoryview(array)))


@given(st.lists(DOCUMENTS, min_size=1, max_size=13), st.data())
def test_a_corrupted_array_is_invalid_bson_or_other_documents(documents, data):
    array = array_of(documents)
    position = data.draw(st.integers(4, len(array) - 1))
    array[position] = data.draw(st.integers(0, 255))
    most = len(array)
    try:
        decoded = decode_all(EncodedBatch(memoryview(array)))
    except InvalidBSON:
        return
    assert len(decoded) <= most


@given(st.lists(DOCUMENTS, min_size=1, max_size=5), AROUND, st.data())
def test_a_corrupted_reply_is_invalid_bson_or_another_reply(documents, around, data):
    reply = bytearray(bson.encode({**around, "cursor": {"id": 1, "firstBatch": documents}, "ok": 1}))
    position = data.draw(st.integers(4, len(reply) - 1))
    reply[position] = data.draw(st.integers(0, 255))
    try:
        put_together(bytes(reply))
    except (InvalidBSON, KeyError):
        # KeyError is the test's own: without a cursor there is nothing to put together.
        return


@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.data())
def test_a_batch_that_is_refused_whole_is_refused_in_pieces(documents, data):
    reply = bytearray(bson.encode({"cursor": {"id": 1, "firstBatch": documents}, "ok": 1}))
    position = data.draw(st.integers(4, len(reply) - 1))
    reply[position] = data.draw(st.integers(0, 255))
    try:
        bson.decode(bytes(reply))
    except InvalidBSON:
        pass
    else:
        return
    with pytest.raises((InvalidBSON, KeyError)):
        put_together(bytes(reply))


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was(enabled):
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with CollectorPaused():
            assert not gc.isenabled()
            with CollectorPaused():
                assert not gc.isenabled()
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with pytest.raises(InvalidBSON):
            decode_all(EncodedBatch(memoryview(b"\x10\0\0\0\x03" + b"x" * 10 + b"\0")))
        with pytest.raises(ZeroDivisionError), CollectorPaused():
            raise ZeroDivisionError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()
