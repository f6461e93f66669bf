"""The comparison itself: what it sees, and what it looks past."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bson import SON, Int64, ObjectId
from pymongo.errors import OperationFailure
from pymongo.results import InsertOneResult

from .normal import Normal


def command(body: dict[str, Any]) -> str:
    return repr(Normal("mine").command(next(iter(body)), body))


def result(value: Any) -> str:
    return repr(Normal("mine").result(value))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"find": "c", "limit": 1, "skip": 2}, {"find": "c", "skip": 2, "limit": 1}),
        ({"find": "c", "filter": {"a": 1}}, {"find": "c", "filter": SON(a=1)}),
        ({"find": "c", "$clusterTime": {"a": 1}}, {"find": "c", "$clusterTime": {"a": 2}}),
        ({"find": "c", "lsid": {"id": uuid.uuid4().bytes}}, {"find": "c", "lsid": {"id": uuid.uuid4().bytes}}),
        ({"getMore": Int64(123), "collection": "c"}, {"getMore": Int64(456), "collection": "c"}),
        ({"insert": "c", "documents": [{"_id": ObjectId()}]}, {"insert": "c", "documents": [{"_id": ObjectId()}]}),
        ({"explain": {"find": "c", "a": 1, "b": 2}}, {"explain": {"find": "c", "b": 2, "a": 1}}),
    ],
)
def test_same_command(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert command(one) == command(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"find": "c", "filter": {"a": 1, "b": 2}}, {"find": "c", "filter": {"b": 2, "a": 1}}),
        ({"find": "c", "sort": {"a": 1, "b": 1}}, {"find": "c", "sort": {"b": 1, "a": 1}}),
        ({"find": "c", "limit": 1}, {"find": "c", "limit": True}),
        ({"find": "c", "limit": 1}, {"find": "c", "limit": 1.0}),
        ({"find": "c", "limit": 1}, {"find": "c", "limit": Int64(1)}),
        ({"find": "c", "limit": 1}, {"find": "c"}),
        ({"find": "c", "lsid": {"id": b"a"}}, {"find": "c"}),
        ({"find": "c", "filter": {"a": None}}, {"find": "c", "filter": {}}),
        ({"find": "c", "filter": {"a": "1"}}, {"find": "c", "filter": {"a": 1}}),
        ({"find": "c", "filter": {"a": "<ObjectId 1>"}}, {"find": "c", "filter": {"a": ObjectId()}}),
        (
            {"find": "c", "filter": {"_id": ObjectId("00000000aaaaaaaaaaaaaaaa")}},
            {"find": "c", "filter": {"_id": ObjectId("00000000bbbbbbbbbbbbbbbb")}},
        ),
    ],
)
def test_other_command(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert command(one) != command(other)


def test_made_up_values_keep_their_identity() -> None:
    first, second = ObjectId(), ObjectId()
    assert result([first, second, first]) == result([second, first, second])
    assert result([first, second]) != result([first, first])


def test_class_of_a_document_counts() -> None:
    assert result({"a": 1}) != result(SON(a=1))
    assert result([1]) != result((1,))


def test_write_results_by_attribute() -> None:
    assert result(InsertOneResult(1, True)) != result(InsertOneResult(2, True))
    assert result(InsertOneResult(1, True)) != result(InsertOneResult(1, False))


def test_errors() -> None:
    def error(*args: Any) -> str:
        return repr(Normal("mine").error(OperationFailure(*args)))

    assert error("no", 1, {"a": 1}) == error("no", 1, {"a": 1})
    assert error("no", 1, {"a": 1}) != error("no", 1, {"a": 2})
    assert error("no", 1) != error("no", 2)
    assert error("no", 1) != error("never", 1)
    assert error("no in mine.c") == repr(Normal("other").error(OperationFailure("no in other.c")))


def test_class_names_in_messages() -> None:
    def message(text: str) -> str:
        return repr(Normal("mine").error(TypeError(text)))

    assert message("'AsyncIOMotorCollection' object") == message("'AsyncCollection' object")
    assert message("an 'AsyncDatabase' object") == message("a 'AsyncIOMotorDatabase' object")
    assert message("'AsyncCollection' object") != message("'AsyncDatabase' object")
    assert message("Cannot use AsyncMongoClient after close") == message("Cannot use AsyncIOMotorClient after close")
