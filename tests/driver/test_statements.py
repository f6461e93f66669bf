"""The statements of a write: encoded in pieces, taken in batches, the same bytes as encoded one by one."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, TypeEncoder, TypeRegistry
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st

from motor.driver.statements import StatementEncoder
from tests.driver.strategies import DOCUMENTS

OPTIONS: CodecOptions[Any] = CodecOptions()
EVERYTHING = 2**31 - 1


async def encode(documents: list, inserts: bool = False, options: CodecOptions[Any] = OPTIONS) -> list[bytes]:
    """All of the documents as one batch, apart again."""
    encoder = StatementEncoder(documents, options, inserts)
    await encoder.fill(EVERYTHING, EVERYTHING)
    return apart(encoder.take(EVERYTHING, EVERYTHING))


def apart(runs: list) -> list[bytes]:
    """Runs of concatenated documents, each document for itself."""
    documents = []
    for run in runs:
        position = 0
        while position < len(run):
            size = int.from_bytes(run[position : position + 4], "little")
            documents.append(bytes(run[position : position + size]))
            position += size
    return documents


# bson.encode() puts an _id first, which is done here for what is inserted only: test_the_id_goes_first.
@given(st.lists(DOCUMENTS.filter(lambda document: "_id" not in document), max_size=40))
async def test_the_same_bytes_as_one_by_one(documents):
    assert await encode(documents) == [bson.encode(document) for document in documents]


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=60),
    st.integers(1, 12),
    st.integers(330, 2000),
    st.integers(1, 2),
)
async def test_batches_hold_as_much_as_they_may(sizes, max_count, room, fill_ahead):
    documents = [{"_id": number, "x": b"x" * size} for number, size in enumerate(sizes)]
    one_by_one = [bson.encode(document) for document in documents]
    expected: list[list[bytes]] = [[]]
    for document in one_by_one:
        full = len(expected[-1]) == max_count or sum(map(len, expected[-1])) + len(document) > room
        if full:
            expected.append([])
        expected[-1].append(document)
    encoder = StatementEncoder(documents, OPTIONS, True)
    batches: list[list[bytes]] = []
    while encoder.taken < len(documents):
        await encoder.fill(max_count * fill_ahead, room * fill_ahead)
        waiting = len(one_by_one[encoder.taken])
        assert encoder.first_size() == waiting
        sizes_ahead = list(encoder.sizes(max_count))
        batches.append(apart(encoder.take(max_count, room)))
        assert sizes_ahead[: len(batches[-1])] == list(map(len, batches[-1]))
        assert encoder.taken == sum(map(len, batches))
    assert batches == expected


async def test_nothing_fits():
    encoder = StatementEncoder([{"_id": 1, "x": b"x" * 100}, {"_id": 2}], OPTIONS, True)
    await encoder.fill(10, 1000)
    size = encoder.first_size()
    assert encoder.take(10, size - 1) == []
    assert encoder.taken == 0
    assert [len(document) for document in apart(encoder.take(10, size))] == [size]
    assert encoder.taken == 1


async def test_the_id_goes_first():
    documents: list[Any] = [{"a": 1, "_id": 2, "b": 3}, {"_id": 1, "a": 2}, RawBSONDocument(bson.encode({"c": 1}))]
    encoded = [bson.decode(document) for document in await encode(documents, inserts=True)]
    assert [list(document) for document in encoded] == [["_id", "a", "b"], ["_id", "a"], ["c"]]
    assert list(documents[0]) == ["a", "_id", "b"]
    updates = [{"u": 1, "_id": 2}]
    assert [list(bson.decode(document)) for document in await encode(updates)] == [["u", "_id"]]


async def test_no_more_is_encoded_than_a_batch_may_hold():
    seen = 0

    class Watched:
        pass

    class Encoder(TypeEncoder):
        python_type = Watched

        def transform_python(self, value):
            nonlocal seen
            seen += 1
            return "watched"

    options: CodecOptions[Any] = CodecOptions(type_registry=TypeRegistry([Encoder()]))
    encoder = StatementEncoder([{"_id": number, "w": Watched()} for number in range(10_000)], options, True)
    await encoder.fill(100, EVERYTHING)
    assert 100 <= seen < 1000
    assert len(apart(encoder.take(100, EVERYTHING))) == 100
    assert encoder.taken == 100


@pytest.mark.parametrize("position", [0, 7, 40])
@pytest.mark.parametrize("inserts", [True, False])
async def test_an_error_speaks_of_the_document(position, inserts):
    documents: list[dict[str, Any]] = [{"_id": number} for number in range(50)]
    documents[position] = {"_id": position, "bad": object()}
    with pytest.raises(InvalidDocument) as raised:
        await encode(documents, inserts)
    with pytest.raises(InvalidDocument) as expected:
        bson.encode(documents[position])
    assert str(raised.value) == str(expected.value)
    assert raised.value.document is documents[position]


@pytest.mark.parametrize("bad", [{1: 2}, {"a\0b": 1}, {"a": 2**64}, {"a": {"b": {3}}}])
async def test_the_errors_are_those_of_bson(bad):
    with pytest.raises((InvalidDocument, OverflowError)) as raised:
        await encode([{"_id": 1}, {"_id": 2, **bad}], inserts=True)
    with pytest.raises(type(raised.value)) as expected:
        bson.encode({"_id": 2, **bad})
    assert str(raised.value) == str(expected.value)


async def test_depth_is_no_different_in_an_array():
    nested: dict[str, Any] = {"_id": 1, "z": 1}
    for _ in range(90):
        nested = {"a": nested}
    assert await encode([{"b": nested, "_id": 5}], inserts=True) == [bson.encode({"_id": 5, "b": nested})]
