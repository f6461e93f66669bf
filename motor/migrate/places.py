"""Where an application keeps what its handlers share: ``settings["db"]``, ``app["db"]``, ``app.state.db``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from motor.migrate.chain import chain

_HOLDERS = {
    "app": "app",
    "application": "app",
    "config": "config",
    "config_dict": "app",
    "ctx": "ctx",
    "current_app": "app",
    "settings": "settings",
    "state": "state",
}
"""What frameworks call the objects that keep others, and one name for those that are the same object."""

_DATABASE = re.compile(r"(db|database|mongo|motor)$", re.IGNORECASE)


def last_name(expression: ast.expr) -> str | None:
    """``c`` for ``c``, ``a.b.c``, ``a["c"]``, ``a[c]``, ``a.get("c")`` and calls of these."""
    if isinstance(expression, ast.Call):
        return last_name(expression.args[0] if _is_get(expression) else expression.func)
    if isinstance(expression, ast.Subscript):
        return last_name(expression.slice)
    if isinstance(expression, ast.Constant):
        return expression.value if isinstance(expression.value, str) else None
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else None


def place_of(expression: ast.expr) -> str | None:
    """One name for an attribute or an item, whichever way leads to it: ``state.db`` for ``request.app.state.db``."""
    if isinstance(expression, (ast.Attribute, ast.Subscript)):
        owner = expression.value
    elif isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute) and _is_get(expression):
        owner = expression.func.value
    else:
        return None
    holder, key = _holder(owner), last_name(expression)
    return chain(expression) if holder is None or key is None else f"{holder}.{key}"


def is_shared(place: str) -> bool:
    """Whether what is kept there may be reached from other modules."""
    return place.partition(".")[0] in _HOLDERS.values()


def is_application(name: str) -> bool:
    """Whether a class of this name is a framework's application, or made of it."""
    return name.endswith("Application")


def is_database(name: str) -> bool:
    """Whether what has this name is probably a database."""
    return _DATABASE.search(name) is not None


def kept(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The places that ``target = {...}`` or ``target = dict(...)`` fills, each with its value."""
    holder = _holder(target)
    if holder is not None:
        yield from ((f"{holder}.{key}", item) for key, item in _items(value))


def settings(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """The places that an application fills which is made with the arguments of `call`, each with its value."""
    yield from ((f"settings.{key}", item) for key, item in _keywords(call))


def _holder(expression: ast.expr) -> str | None:
    return _HOLDERS.get(last_name(expression) or "")


def _is_get(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "get" and bool(call.args)


def _items(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, item
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
        yield from _keywords(value)


def _keywords(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    for keyword in call.keywords:
        if keyword.arg is None:
            yield from _items(keyword.value)
        else:
            yield keyword.arg, keyword.value
