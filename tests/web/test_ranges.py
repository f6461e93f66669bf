"""The Range header: which bytes are asked for, and what is no range."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from motor.file_response import parse_range

lengths = st.integers(0, 2**40)
positions = st.integers(0, 2**70)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-99", range(100)),
        ("bytes=0-", range(100)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=99-", range(99, 100)),
        ("bytes=50-1000", range(50, 100)),
        ("bytes=-1", range(99, 100)),
        ("bytes=-100", range(100)),
        ("bytes=-1000", range(100)),
        ("BYTES=0-1", range(2)),
        ("bytes= 0-1 ", range(2)),
        ("bytes=,, 0-1,", range(2)),
        ("bytes=007-008", range(7, 9)),
        (f"bytes=0-{'9' * 10_000}", range(100)),
        (f"bytes={'0' * 10_000}5-5", range(5, 6)),
    ],
)
def test_one_range(value, expected):
    assert parse_range(value, 100) == expected


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={'9' * 10_000}-"])
def test_nothing_is_there(value):
    part = parse_range(value, 100)
    assert part is not None
    assert not part


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_an_empty_file_has_no_range(value):
    part = parse_range(value, 0)
    assert part is not None
    assert not part


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=,",
        "bytes=a-b",
        "bytes=1",
        "bytes=2-1",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1_0-2_0",
        "bytes=0x1-0x2",
        "bytes=1 - 2",
        "bytes=\u0661-\u0662",
        "bytes=\u00b2-",
        "bytes =0-1",
        "bytes:0-1",
        "items=0-1",
        "bytes=0-1,5-6",
        "bytes=0-,0-,0-,0-",
        "bytes=0-1, bytes=5-6",
        "bytes=0-1;5",
        f"bytes={'9' * 5000}-1",
    ],
)
def test_what_is_ignored(value):
    assert parse_range(value, 100) is None


@example(0, 10**21, 10**19)
@given(lengths, positions, st.none() | positions)
def test_first_and_last(length, first, last):
    part = parse_range(f"bytes={first}-{'' if last is None else last}", length)
    if last is not None and last < first:
        assert part is None
        return
    assert part is not None
    assert bool(part) == (first < length)
    if part:
        assert part.start == first
        assert part.stop == (length if last is None else min(last + 1, length))


@given(lengths, positions)
def test_suffix(length, suffix):
    part = parse_range(f"bytes=-{suffix}", length)
    assert part is not None
    assert len(part) == min(suffix, length)
    if part:
        assert part.stop == length


@given(st.text(string.digits + "-,=bytes \t") | st.text(), lengths)
@example("bytes=0-0,1-1", 10)
def test_whatever_is_asked_stays_within_the_file(text, length):
    for value in (text, f"bytes={text}"):
        part = parse_range(value, length)
        if part:
            assert part.step == 1
            assert 0 <= part.start < part.stop <= length
