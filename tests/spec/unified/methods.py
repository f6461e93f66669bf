"""From a test's operation to one of our methods and its arguments: names, and PyMongo's objects for options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from pymongo import CursorType, operations
from pymongo.collection import ReturnDocument
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name
from pymongo.write_concern import WriteConcern

from .errors import UnsupportedError

_CURSOR_TYPES = {
    "nonTailable": CursorType.NON_TAILABLE,
    "tailable": CursorType.TAILABLE,
    "tailableAwait": CursorType.TAILABLE_AWAIT,
}
_RETURN_DOCUMENTS = {"Before": ReturnDocument.BEFORE, "After": ReturnDocument.AFTER}
_WRITE_CONCERN = {"journal": "j", "wtimeoutMS": "wtimeout"}


def snake_case(name: str) -> str:
    """``maxTimeMS`` is ``max_time_ms``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z]+)", r"_\1", name).lower()


def method_of(target: Any, name: str) -> Callable[..., Any]:
    """A method of a target, by its name in Python. What a client or a database takes for a name in it is none."""
    if not hasattr(type(target), name):
        raise UnsupportedError(f"{type(target).__name__}.{name}")
    method: Callable[..., Any] = getattr(target, name)
    return method


def collection_options(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a database, a collection or a transaction."""
    options: dict[str, Any] = {}
    for name, value in spec.items():
        options[snake_case(name)] = _OBJECTS[name](value) if name in _OBJECTS else value
    return options


def method_arguments(method: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments under the names that a method has for them. What it passes on to the server keeps its own name."""
    parameters = inspect.signature(method).parameters
    result: dict[str, Any] = {}
    for name, value in arguments.items():
        keyword = snake_case(name)
        converted = _OBJECTS[name](value) if name in _OBJECTS else value
        result[keyword if keyword in parameters or name in _OBJECTS else name] = converted
    return result


def snake_case_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for a method that knows them all."""
    return {snake_case(name): _OBJECTS[name](value) if name in _OBJECTS else value for name, value in arguments.items()}


def write_model(spec: Mapping[str, Any]) -> Any:
    """One of the requests of a bulk write."""
    ((name, arguments),) = spec.items()
    model = getattr(operations, name[0].upper() + name[1:])
    return model(**{snake_case(key): value for key, value in arguments.items()})


def read_preference(spec: Mapping[str, Any]) -> Any:
    """A read preference; raises ConfigurationError for one that cannot be."""
    mode = spec.get("mode", "primary")
    return make_read_preference(
        read_pref_mode_from_name(mode[0].lower() + mode[1:]),
        spec.get("tagSets", spec.get("tag_sets")),
        spec.get("maxStalenessSeconds", -1),
    )


def write_concern(spec: Mapping[str, Any]) -> WriteConcern:
    """A write concern, from the names that it has in a URI."""
    return WriteConcern(**{_WRITE_CONCERN.get(name, name): value for name, value in spec.items()})


_OBJECTS: dict[str, Callable[[Any], Any]] = {
    "readConcern": lambda spec: ReadConcern(**spec),
    "readPreference": read_preference,
    "writeConcern": write_concern,
    "returnDocument": lambda name: _RETURN_DOCUMENTS[name],
    "cursorType": lambda name: _CURSOR_TYPES[name],
}
