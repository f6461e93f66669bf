"""Whether an actual value is as a test expects: the format's rules and its operators, the keys that start with $$.

A document at the root may hold more than is expected; one within another may not.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util

_UNSET: Any = object()

_TYPES: dict[str, Callable[[Any], bool]] = {
    "double": lambda value: isinstance(value, float),
    "string": lambda value: isinstance(value, str) and not isinstance(value, Code),
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list | tuple),
    "binData": lambda value: isinstance(value, Binary | bytes),
    "undefined": lambda value: value is None,
    "objectId": lambda value: isinstance(value, ObjectId),
    "bool": lambda value: isinstance(value, bool),
    "date": lambda value: isinstance(value, datetime),
    "null": lambda value: value is None,
    "regex": lambda value: isinstance(value, Regex | re.Pattern),
    "dbPointer": lambda value: isinstance(value, DBRef),
    "javascript": lambda value: isinstance(value, Code) and value.scope is None,
    "javascriptWithScope": lambda value: isinstance(value, Code) and value.scope is not None,
    "int": lambda value: _is_integer(value) and not isinstance(value, Int64) and -(2**31) <= value < 2**31,
    "timestamp": lambda value: isinstance(value, Timestamp),
    "long": lambda value: _is_integer(value) and (isinstance(value, Int64) or not -(2**31) <= value < 2**31),
    "decimal": lambda value: isinstance(value, Decimal128),
    "minKey": lambda value: isinstance(value, MinKey),
    "maxKey": lambda value: isinstance(value, MaxKey),
    "number": lambda value: _is_integer(value) or isinstance(value, float | Decimal128),
}


class MismatchError(AssertionError):
    """Says where an actual value differs, and how."""


class KnownEntities(Protocol):
    """What operators may refer to by name."""

    def __getitem__(self, name: str) -> Any: ...

    def session_lsid(self, name: str) -> Mapping[str, Any]:
        """The id document of a session, also after it has ended."""
        ...


class Matcher:
    """Compares; raises MismatchError with the path to the first difference."""

    def __init__(self, entities: KnownEntities) -> None:
        self._entities = entities

    def match(self, expected: Any, actual: Any) -> None:
        """Compare a result, a command, a reply. An array's documents are roots, too."""
        if isinstance(expected, list) and isinstance(actual, Sequence) and not isinstance(actual, str | bytes):
            _check(len(actual) == len(expected), "", f"{len(expected)} elements, {expected!r}", actual)
            for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
                self._match(one, other, f"[{index}]", is_root=True)
        else:
            self._match(expected, actual, "", is_root=True)

    def _match(self, expected: Any, actual: Any, path: str, is_root: bool = False) -> None:
        operator = _operator(expected)
        if operator is not None:
            _OPERATORS[operator](self, expected[operator], actual, path, is_root)
        elif actual is _UNSET:
            raise MismatchError(f"{path or 'the value'}: expected {expected!r}, found none")
        elif isinstance(expected, Mapping):
            self._match_document(expected, actual, path, is_root)
        elif isinstance(expected, list):
            _check(isinstance(actual, list | tuple) and len(actual) == len(expected), path, expected, actual)
            for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
                self._match(one, other, f"{path}[{index}]")
        elif _is_number(expected):
            _check(_is_number(actual) and actual == expected, path, expected, actual)
        else:
            _check(isinstance(actual, type(expected)) and actual == expected, path, expected, actual)

    def _match_document(self, expected: Mapping[str, Any], actual: Any, path: str, is_root: bool) -> None:
        _check(isinstance(actual, Mapping), path, expected, actual)
        for key, value in expected.items():
            self._match(value, actual.get(key, _UNSET), f"{path}.{key}" if path else key)
        if not is_root:
            more = [key for key in actual if key not in expected]
            _check(not more, path, f"no {', '.join(more)}", actual)

    def _exists(self, expected: bool, actual: Any, path: str, is_root: bool) -> None:
        _check((actual is not _UNSET) is expected, path, "a value" if expected else "none", actual)

    def _type(self, expected: str | list[str], actual: Any, path: str, is_root: bool) -> None:
        names = [expected] if isinstance(expected, str) else expected
        _check(any(_TYPES[name](actual) for name in names), path, f"one of {names}", actual)

    def _matches_entity(self, expected: str, actual: Any, path: str, is_root: bool) -> None:
        self._match(self._entities[expected], actual, path, is_root)

    def _matches_hex_bytes(self, expected: str, actual: Any, path: str, is_root: bool) -> None:
        _check(isinstance(actual, bytes) and actual == unhexlify(expected), path, expected, actual)

    def _unset_or_matches(self, expected: Any, actual: Any, path: str, is_root: bool) -> None:
        if actual is not _UNSET and not (is_root and actual is None):
            self._match(expected, actual, path, is_root)

    def _session_lsid(self, expected: str, actual: Any, path: str, is_root: bool) -> None:
        self._match(self._entities.session_lsid(expected), actual, path)

    def _at_most(self, expected: Any, actual: Any, path: str, is_root: bool) -> None:
        _check(_is_number(actual) and actual <= expected, path, f"at most {expected}", actual)

    def _match_as_document(self, expected: Any, actual: Any, path: str, is_root: bool) -> None:
        _check(isinstance(actual, str), path, "JSON", actual)
        self._match(expected, json_util.loads(actual), path)

    def _match_as_root(self, expected: Any, actual: Any, path: str, is_root: bool) -> None:
        self._match(expected, actual, path, is_root=True)


_Operator = Callable[[Matcher, Any, Any, str, bool], None]

_OPERATORS: dict[str, _Operator] = {
    "$$exists": Matcher._exists,
    "$$type": Matcher._type,
    "$$matchesEntity": Matcher._matches_entity,
    "$$matchesHexBytes": Matcher._matches_hex_bytes,
    "$$unsetOrMatches": Matcher._unset_or_matches,
    "$$sessionLsid": Matcher._session_lsid,
    "$$lte": Matcher._at_most,
    "$$matchAsDocument": Matcher._match_as_document,
    "$$matchAsRoot": Matcher._match_as_root,
}


def _operator(expected: Any) -> str | None:
    if isinstance(expected, Mapping) and len(expected) == 1:
        (key,) = expected
        if key.startswith("$$"):
            return str(key)
    return None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(value, float)


def _check(condition: bool, path: str, expected: Any, actual: Any) -> None:
    if not condition:
        found = "none" if actual is _UNSET else f"{actual!r} ({type(actual).__name__})"
        raise MismatchError(f"{path or 'the value'}: expected {expected!r}, found {found}")
