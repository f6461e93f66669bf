"""What a method takes can be seen, although it only passes its arguments on."""

from __future__ import annotations

import inspect
import pydoc
from typing import Any

import pytest

from motor.api.query import build_query
from motor.api.signatures import takes_one_and_those_of, takes_those_of, takes_those_of_method
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCursor, AsyncIOMotorGridFSBucket
from motor.motor_tornado import MotorClient, MotorCursor, MotorGridFSBucket

FAMILIES = [
    pytest.param(AsyncIOMotorClient, AsyncIOMotorCursor, AsyncIOMotorGridFSBucket, id="asyncio"),
    pytest.param(MotorClient, MotorCursor, MotorGridFSBucket, id="tornado"),
]


def parameters(function: Any) -> list[tuple[str, Any]]:
    """The names, and what each is if it is not given."""
    found = inspect.signature(function).parameters.values()
    assert {each.kind for each in found} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return [(each.name, each.default) for each in found]


@pytest.mark.parametrize(("client_class", "cursor_class", "bucket_class"), FAMILIES)
def test_find_and_watch(client_class: Any, cursor_class: Any, bucket_class: Any) -> None:
    client = client_class()
    collection = client.db.c
    expected = parameters(build_query)
    assert len(expected) == 23
    assert parameters(cursor_class)[1:] == expected
    assert parameters(collection.find) == parameters(collection.find_raw_batches) == expected
    expected = parameters(type(collection.watch()))[1:]
    assert len(expected) == 12
    assert [parameters(each.watch) for each in (client, client.db, collection)] == [expected] * 3
    assert ("sort", None) in parameters(bucket_class(client.db).find)
    assert "full_document_before_change" in pydoc.render_doc(client.watch)
    assert "max_time_ms" in pydoc.render_doc(collection.find)


def listed(first: Any, second: int = 2, *, third: int = 3) -> tuple[Any, int, int]:
    return first, second, third


class Listed:
    def __init__(self, first: Any, second: int = 2) -> None:
        self.arguments = first, second


class Passing:
    """Methods that pass on what they are given."""

    @takes_those_of(listed)
    def all_of_them(self, *args: Any, **kwargs: Any) -> tuple[Any, int, int]:
        return listed(*args, **kwargs)

    @takes_those_of_method(Listed)
    def all_but_the_first(self, *args: Any, **kwargs: Any) -> Listed:
        return Listed(self, *args, **kwargs)

    @takes_one_and_those_of(listed)
    def one_before_them(self, own: int, *args: Any, **kwargs: Any) -> tuple[int, Any]:
        return own, listed(*args, **kwargs)


def test_a_signature_is_what_is_passed_on() -> None:
    passing = Passing()
    shown = [
        [str(each).partition(":")[0] for each in inspect.signature(method).parameters.values()]
        for method in (passing.all_of_them, passing.all_but_the_first, passing.one_before_them)
    ]
    assert shown == [["first", "second", "third"], ["second"], ["own", "first", "second", "third"]]
    assert inspect.signature(passing.all_of_them).parameters["third"].kind is inspect.Parameter.KEYWORD_ONLY
    assert inspect.signature(passing.all_but_the_first).return_annotation == "Listed"
    # And it does what it did.
    assert passing.all_of_them(1, third=4) == (1, 2, 4)
    assert passing.all_but_the_first(5).arguments == (passing, 5)
    assert passing.one_before_them(0, 1) == (0, (1, 2, 3))
