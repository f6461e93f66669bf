"""Replies that say ok and make no sense: each of their fields with a value of every type, whatever the operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson import encode

from tests.fuzz.client_targets import fuzz_compressed, fuzz_replies
from tests.fuzz.mutation import ONE_OF_EACH
from tests.fuzz.operations import OPERATIONS


def _places(document: Any, depth: int = 3) -> Iterator[tuple[str, ...]]:
    """The ways to the values in a document: the names on them."""
    for name, value in document.items():
        yield (name,)
        if isinstance(value, dict) and depth:
            for rest in _places(value, depth - 1):
                yield (name, *rest)


def _with(document: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = place
    return {**document, name: _with(document[name], tuple(rest), value) if rest else value}


def _without(document: dict[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    name, *rest = place
    if not rest:
        return {key: value for key, value in document.items() if key != name}
    return {**document, name: _without(document[name], tuple(rest))}


@pytest.mark.parametrize("number", range(len(OPERATIONS)))
def test_a_field_of_any_type_or_none(number):
    _, replies = OPERATIONS[number]
    for turn, reply in enumerate(replies):
        before = b"".join(map(encode, replies[:turn]))
        for place in _places(reply):
            # What is deeper is read by nobody but the application.
            values = ONE_OF_EACH if len(place) < 2 else ONE_OF_EACH[::3]
            wrong = [_with(reply, place, value) for value in values]
            for told in [*wrong, _without(reply, place)]:
                fuzz_replies(bytes([number]) + before + encode(told))


@pytest.mark.parametrize("compressor", range(4))
def test_in_a_compressed_reply(compressor):
    _, (first, _) = OPERATIONS[1]
    for place in _places(first):
        fuzz_compressed(bytes([compressor]) + encode(_with(first, place, "x")))


@pytest.mark.parametrize("number", [0, 1, 5, 9, 15])
@pytest.mark.parametrize("field", ["ok", "code", "errmsg", "codeName", "errorLabels", "topologyVersion", "writeErrors"])
def test_an_error_that_is_none(number, field):
    refused = {"ok": 0.0, "errmsg": "no", "code": 11602, "codeName": "x", "errorLabels": ["RetryableWriteError"]}
    for value in ONE_OF_EACH:
        fuzz_replies(bytes([number]) + encode({**refused, field: value}))
    fuzz_replies(bytes([number]) + encode({name: value for name, value in refused.items() if name != field}))


@pytest.mark.parametrize(
    "error",
    [
        {"ok": 1.0, "n": 0, "writeErrors": [{"index": 0, "errmsg": "no"}]},
        {"ok": 1.0, "n": 0, "writeErrors": [{"index": 0, "code": [1], "errmsg": "no"}]},
        {"ok": 1.0, "n": 1, "writeConcernError": {"code": {"x": 1}, "errmsg": "no"}},
        {
            "ok": 0.0,
            "code": 462,
            "errmsg": "busy",
            "errorLabels": ["RetryableError", "SystemOverloadedError"],
            "baseBackoffMS": "x",
        },
    ],
    ids=["no code", "a list for a code", "a document for a code", "no backoff"],
)
def test_an_error_that_is_half_of_one(error):
    for number in range(len(OPERATIONS)):
        fuzz_replies(bytes([number]) + encode(error))


def test_more_than_any_number():
    for number in range(len(OPERATIONS)):
        fuzz_replies(bytes([number]) + encode({"ok": 1.0, "n": float("inf"), "nModified": float("inf")}))
