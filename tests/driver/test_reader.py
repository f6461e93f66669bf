"""The reader: whatever way a stream is cut, the same messages come out of it; nothing after an error."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymongo.errors import ProtocolError

from motor.driver.wire.header import HEADER
from motor.driver.wire.reader import MAX_MESSAGE_SIZE, MessageReader

SMALL_BUFFER = 64 * 1024

SIZES = st.one_of(
    st.integers(1, 64),
    st.integers(1, 3000),
    st.sampled_from([SMALL_BUFFER - HEADER.size + difference for difference in (-1, 0, 1, 2, 16, 17)]),
    st.integers(SMALL_BUFFER, 3 * SMALL_BUFFER),
)


class Collector(MessageReader):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[int, int, int, bytes]] = []
        self.errors: list[ProtocolError] = []

    def message_received(self, request_id, response_to, opcode, body):
        self.messages.append((request_id, response_to, opcode, bytes(body)))

    def protocol_error(self, error):
        self.errors.append(error)

    def feed(self, data: bytes, most: int) -> None:
        """Bytes as a transport hands them in: at most `most` at a time, and no more than the buffer takes."""
        position = 0
        while position < len(data) and not self.errors:
            buffer = self.get_buffer(-1)
            assert len(buffer) > 0
            count = min(len(buffer), most, len(data) - position)
            buffer[:count] = data[position : position + count]
            self.buffer_updated(count)
            position += count


def message(number: int, size: int) -> tuple[bytes, tuple[int, int, int, bytes]]:
    """A message with `size` bytes behind its header, none of them like its neighbour."""
    body = (bytes(range(number % 200, number % 200 + 56)) * (size // 56 + 1))[:size]
    return HEADER.pack(HEADER.size + size, number, -number, number % 9) + body, (number, -number, number % 9, body)


@given(
    st.lists(SIZES, max_size=6),
    st.lists(st.integers(1, 40) | st.integers(1, 200_000), min_size=1, max_size=12),
    st.integers(1, 40) | st.integers(3000, 10**6),
)
@example([SMALL_BUFFER - HEADER.size, SMALL_BUFFER - HEADER.size + 1, 1], [10**6], 10**6)
def test_the_same_messages_however_the_stream_is_cut(sizes, pieces, most):
    made = [message(number, size) for number, size in enumerate(sizes)]
    stream = b"".join(data for data, _ in made)
    reader = Collector()
    position = turn = 0
    while position < len(stream):
        # Many tiny pieces show no more than some do.
        piece = pieces[turn % len(pieces)] if turn < 500 else len(stream)
        reader.feed(stream[position : position + piece], most)
        position += piece
        assert reader.partial == (position < len(stream) and position not in _ends(made))
        turn += 1
    assert reader.messages == [expected for _, expected in made]
    assert not reader.errors
    assert not reader.partial


def _ends(made: list[tuple[bytes, tuple[int, int, int, bytes]]]) -> set[int]:
    ends = {0}
    for data, _ in made:
        ends.add(max(ends) + len(data))
    return ends


def test_byte_by_byte():
    made = [message(number, size) for number, size in enumerate([1, 300, SMALL_BUFFER + 5, 2])]
    reader = Collector()
    reader.feed(b"".join(data for data, _ in made), 1)
    assert reader.messages == [expected for _, expected in made]


@pytest.mark.parametrize("length", [-(2**31), -1, 0, 1, 15, 16, 1001, 2**31 - 1])
@pytest.mark.parametrize("most", [1, 10**6])
def test_a_length_that_is_not_allowed_is_refused(length, most):
    reader = Collector()
    reader.max_message_size = 1000
    good, expected = message(1, 100)
    bad = struct.pack("<iiii", length, 1, 2, 2013) + b"x" * 50
    reader.feed(good + bad + good, most)
    assert reader.messages == [expected]
    (error,) = reader.errors
    assert str(length) in str(error)
    assert ("1000" in str(error)) == (length > 1000)


def test_the_longest_and_the_shortest_are_allowed():
    reader = Collector()
    reader.max_message_size = 1000
    made = [message(1, 1000 - HEADER.size), message(2, 1)]
    reader.feed(b"".join(data for data, _ in made), 10**6)
    assert reader.messages == [expected for _, expected in made]


@pytest.mark.parametrize("length", [MAX_MESSAGE_SIZE + 1, 2**31 - 1])
def test_nothing_is_allocated_for_a_message_over_the_limit(length):
    reader = Collector()
    data = HEADER.pack(length, 1, 2, 2013) + bytes(100)
    tracemalloc.start()
    try:
        reader.feed(data, 10**6)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reader.errors
    assert peak < 100_000


def test_a_small_message_is_the_receivers_to_keep():
    kept: list[bytes] = []

    class Keeper(Collector):
        def message_received(self, request_id, response_to, opcode, body):
            kept.append(body)

    reader = Keeper()
    made = [message(number, 500) for number in range(3)]
    for data, _ in made:
        reader.feed(data, 10**6)
    assert [bytes(body) for body in kept] == [expected[3] for _, expected in made]
