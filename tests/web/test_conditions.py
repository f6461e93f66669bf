"""Conditional requests: when the file is sent, when a part of it, when the client has it already."""

from datetime import datetime, timedelta, timezone
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motor.file_response import CONDITIONS, evaluate, http_date

TAG = '"abc,d"'
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"

OK = HTTPStatus.OK
PARTIAL = HTTPStatus.PARTIAL_CONTENT
NOT_MODIFIED = HTTPStatus.NOT_MODIFIED
FAILED = HTTPStatus.PRECONDITION_FAILED
UNSATISFIABLE = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def answer(entity_tag=TAG, last_modified=MODIFIED, ranges=True, **conditions):
    """To a request with these headers, an underscore for each hyphen, for a file of 100 bytes."""
    named = {name.replace("_", "-"): value for name, value in conditions.items()}
    assert set(named) <= set(CONDITIONS)
    return evaluate(named, entity_tag, last_modified, 100, ranges)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (TAG, NOT_MODIFIED),
        (f"W/{TAG}", NOT_MODIFIED),
        ("*", NOT_MODIFIED),
        (f'"x", W/"y",{TAG} , "z"', NOT_MODIFIED),
        (f'"x",{TAG}', NOT_MODIFIED),
        ('"abc"', OK),
        ('"d"', OK),
        ('""', OK),
        ("", OK),
        ('"abc,dX"', OK),
        (f"{TAG}a", OK),
        (f"a{TAG}", OK),
        (f'{TAG} "x"', OK),
        (f', ,"x" ,{TAG},', NOT_MODIFIED),
        ("nonsense", OK),
        ('"unclosed', OK),
        ("W/", OK),
    ],
)
def test_if_none_match(value, status):
    assert answer(If_None_Match=value).status is status
    # It counts, and the date doesn't.
    for date in (EARLIER, LATER):
        assert answer(If_None_Match=value, If_Modified_Since=date).status is status


def test_a_tag_without_quotes_is_known_as_in_motor_3():
    assert answer('"abc"', If_None_Match="abc").status is NOT_MODIFIED


def test_a_weak_tag_of_the_application():
    weak = 'W/"abc"'
    assert answer(weak, If_None_Match='"abc"').status is NOT_MODIFIED
    assert answer(weak, If_None_Match=weak).status is NOT_MODIFIED
    assert answer(weak, If_Match="*").status is OK
    assert answer(weak, Range="bytes=0-1").status is PARTIAL
    # What has to be the same byte for byte is not known to be.
    for tag in (weak, '"abc"'):
        assert answer(weak, Range="bytes=0-1", If_Range=tag).status is OK


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (EARLIER, OK),
        (MODIFIED, NOT_MODIFIED),
        (LATER, NOT_MODIFIED),
        ("Sunday, 06-Nov-94 08:49:37 GMT", NOT_MODIFIED),
        ("Sun Nov  6 08:49:37 1994", NOT_MODIFIED),
        ("Sun, 06 Nov 1994 08:49:36 -0000", OK),
        ("", OK),
        ("yesterday", OK),
        ("Sun, 06 Nov 1994 08:49:37 +9999999999", OK),
        ("Sun, 99 Nov 2094 08:49:37 GMT", OK),
        (f"Sun, 06 Nov {'9' * 6000} 08:49:37 GMT", OK),
        ("0", OK),
    ],
)
def test_if_modified_since(value, status):
    assert answer(If_Modified_Since=value).status is status


def test_the_date_may_be_on_another_clock():
    zone = timezone(timedelta(hours=2))
    assert http_date(datetime(1994, 11, 6, 10, 49, 37, 999999, tzinfo=zone)) == MODIFIED
    assert http_date(datetime(1994, 11, 6, 8, 49, 37, 999999)) == MODIFIED


@pytest.mark.parametrize(
    ("value", "status"),
    [(TAG, OK), ("*", OK), (f'"x", {TAG}', OK), (f"W/{TAG}", FAILED), ('"x"', FAILED), ("", FAILED), ('W/"x"', FAILED)],
)
def test_if_match(value, status):
    assert answer(If_Match=value).status is status
    for date in (EARLIER, LATER):
        assert answer(If_Match=value, If_Unmodified_Since=date).status is status


@pytest.mark.parametrize(("value", "status"), [(EARLIER, FAILED), (MODIFIED, OK), (LATER, OK), ("nonsense", OK)])
def test_if_unmodified_since(value, status):
    assert answer(If_Unmodified_Since=value).status is status


def test_what_must_hold_comes_first():
    assert answer(If_Match='"x"', If_None_Match=TAG).status is FAILED
    assert answer(If_Match=TAG, If_None_Match=TAG).status is NOT_MODIFIED
    assert answer(If_None_Match=TAG, Range="bytes=0-1").status is NOT_MODIFIED
    assert answer(If_Modified_Since=MODIFIED, Range="bytes=200-").status is NOT_MODIFIED


def test_what_the_answer_does_not_name_cannot_be_compared():
    for conditions in ({"If_None_Match": TAG}, {"If_Modified_Since": LATER}, {"If_Unmodified_Since": EARLIER}):
        assert answer(None, None, **conditions).status is OK
    assert answer(None, None, If_Match=TAG).status is FAILED
    assert answer(None, None, If_Match="*").status is OK
    for validator in (TAG, MODIFIED):
        assert answer(None, None, Range="bytes=0-1", If_Range=validator).status is OK


def test_ranges():
    assert answer() == (OK, range(100), {"Accept-Ranges": "bytes"})
    assert answer(Range="bytes=10-19") == (
        *(PARTIAL, range(10, 20)),
        {"Accept-Ranges": "bytes", "Content-Range": "bytes 10-19/100"},
    )
    assert answer(Range="bytes=0-") == (
        *(PARTIAL, range(100)),
        {"Accept-Ranges": "bytes", "Content-Range": "bytes 0-99/100"},
    )
    assert answer(Range="bytes=100-") == (
        *(UNSATISFIABLE, range(0)),
        {"Accept-Ranges": "bytes", "Content-Range": "bytes */100"},
    )
    assert answer(Range="bytes=0-1,50-51") == answer()
    for value in ("bytes=0-1", "bytes=100-"):
        assert answer(Range=value, ranges=False) == (OK, range(100), {})


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (TAG, PARTIAL),
        (MODIFIED, PARTIAL),
        ("Sunday, 06-Nov-94 08:49:37 GMT", PARTIAL),
        (f"W/{TAG}", OK),
        ('"x"', OK),
        ("*", OK),
        ("abc,d", OK),
        (f'{TAG}, "x"', OK),
        (EARLIER, OK),
        (LATER, OK),
        ("nonsense", OK),
        ("", OK),
    ],
)
def test_if_range(value, status):
    assert answer(Range="bytes=10-19", If_Range=value).status is status
    assert answer(If_Range=value).status is OK
    # What can no longer be satisfied is sent anew, too.
    unsatisfied = UNSATISFIABLE if status is PARTIAL else OK
    assert answer(Range="bytes=100-", If_Range=value).status is unsatisfied


values = st.text(max_size=40) | st.text('*W/",- bytes=019:GMTSunNov', max_size=40) | st.sampled_from([TAG, MODIFIED])


@given(st.dictionaries(st.sampled_from(CONDITIONS), values), st.integers(0, 2**40), st.booleans())
def test_every_request_has_an_answer(conditions, length, ranges):
    status, part, headers = evaluate(conditions, TAG, MODIFIED, length, ranges)
    assert status in (OK, PARTIAL, NOT_MODIFIED, FAILED, UNSATISFIABLE)
    if status is OK:
        assert part == range(length)
    elif status is PARTIAL:
        assert part
        assert headers["Content-Range"] == f"bytes {part.start}-{part.stop - 1}/{length}"
    else:
        assert not part
    assert ("Content-Range" in headers) == (status in (PARTIAL, UNSATISFIABLE))
