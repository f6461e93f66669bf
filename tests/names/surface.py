"""The public names of modules and classes, by introspection, as data that can be compared.

It is run as a program, too, in the environments of the packages that are compared: it imports nothing else, and prints
JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

PROTOCOLS = frozenset(
    f"__{name}__"
    for name in (
        *("aenter", "aexit", "aiter", "anext", "await", "bool", "call", "copy", "deepcopy", "enter", "eq", "exit"),
        *("getattr", "getitem", "hash", "iter", "next"),
    )
)
"""What Python itself calls, and applications use by doing so."""

Parameter = list[str]
"""Name, kind and default, which is empty for none."""

Member = dict[str, Any]
"""Its ``kind``, and ``parameters`` if it can be called."""

Surface = dict[str, dict[str, Any]]
"""By module and name: what it is, and a class's ``members``."""

INSTANCES = "(instances)"
"""Where the attributes of instances stand, among the modules."""

# Of Motor 3.7.1's (*args, **kwargs), which it hands on to PyMongo.
_HANDED_ON = ("args", "kwargs")


def module_surface(name: str) -> dict[str, Any]:
    """The public names of a module: its own, those of its ``__all__``, and constants."""
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", ())
    own = [each for each, value in vars(module).items() if not each.startswith("_") and _is_own(value, name)]
    return {each: _described(getattr(module, each)) for each in {**dict.fromkeys(listed), **dict.fromkeys(own)}}


def class_surface(cls: type[Any]) -> dict[str, Member]:
    """The members of a class that are public or a protocol's, inherited ones included."""
    members = {"(constructor)": _callable(cls.__init__, _of_delegate(cls, "__init__"))}
    bases = inspect.getmro(cls)
    members.update((name, {"kind": "value"}) for base in bases for name in _annotated(base))
    for name in sorted({name for base in bases for name in vars(base)}):
        if (not name.startswith("_") or name in PROTOCOLS) and not _is_foreign(cls, name):
            members[name] = _member(cls, name)
    return members


def _annotated(cls: type[Any]) -> list[str]:
    """The public attributes that a class says its instances have."""
    return [name for name in inspect.get_annotations(cls) if not name.startswith("_")]


def _is_own(value: Any, module: str) -> bool:
    home = getattr(value, "__module__", None)
    if isinstance(home, str):
        return f"{home}.".startswith(f"{module}.")
    return isinstance(value, (bool, int, str, tuple, BaseException))


def _is_foreign(cls: type[Any], name: str) -> bool:
    """Whether the standard library gives the class this member, or takes it from it."""
    home = next(base for base in inspect.getmro(cls) if name in vars(base))
    return home.__module__ in ("typing", "abc", "collections.abc") or getattr(cls, name, None) is None


def _described(value: Any) -> dict[str, Any]:
    if inspect.isclass(value) and not issubclass(value, BaseException):
        return {"kind": "class", "members": class_surface(value)}
    if inspect.isroutine(value):
        return _callable(value)
    return {"kind": "value"}


def _member(cls: type[Any], name: str) -> Member:
    value = inspect.getattr_static(cls, name)
    if isinstance(value, property) and inspect.isroutine(_of_delegate(cls, name)):
        # Motor 3.7.1 has methods that are PyMongo's, bound to its delegate.
        return _callable(_of_delegate(cls, name))
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    if inspect.isroutine(value):
        return _callable(value, _of_delegate(cls, name))
    return {"kind": "property" if isinstance(value, property) else "value"}


def _of_delegate(cls: type[Any], name: str) -> Any:
    return getattr(getattr(cls, "__delegate_class__", None), name, None)


def _callable(function: Callable[..., Any], handed_on_to: Any = None) -> Member:
    parameters = _parameters(function)
    if handed_on_to is not None and parameters and parameters[-1][0] in _HANDED_ON:
        own = [parameter for parameter in parameters if parameter[0] not in _HANDED_ON]
        theirs = _parameters(handed_on_to)
        parameters = own + [each for each in theirs if each[0] not in [parameter[0] for parameter in own]]
    return {"kind": "method", "parameters": parameters}


def _parameters(function: Callable[..., Any]) -> list[Parameter]:
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a method that is written in C
        return []
    made = _made_by(function) if list(signature.parameters) == ["self", *_HANDED_ON] else None
    if made is not None:
        return _constructor_parameters(made)[1:]
    return [
        [each.name, each.kind.name, _default(each)]
        for each in signature.parameters.values()
        if each.name != "self" and not (each.name.startswith("_") and _default(each))
    ]


def _made_by(function: Callable[..., Any]) -> type[Any] | None:
    """The class of which a function says that it returns an instance: PyMongo hands on to it what ``find`` is given."""
    name = str(getattr(function, "__annotations__", {}).get("return")).partition("[")[0]
    made = getattr(function, "__globals__", {}).get(name)
    return made if inspect.isclass(made) else None


def _constructor_parameters(cls: type[Any]) -> list[Parameter]:
    """What the first of the class's constructors takes that doesn't hand on to the next what it is given."""
    constructors = [vars(base)["__init__"] for base in inspect.getmro(cls) if "__init__" in vars(base)]
    found = map(_parameters, constructors)
    return next(each for each in found if not any(kind.startswith("VAR_") for _, kind, _ in each))


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return ""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(parameter.default))


def instance_surface(things: Iterable[Any]) -> dict[str, Member]:
    """The public attributes that instances have and their classes don't, as ``Class.attribute``."""
    return {
        f"{type(thing).__name__}.{name}": {"kind": "value"}
        for thing in things
        for name in vars(thing)
        if not name.startswith("_") and not hasattr(type(thing), name)
    }


async def motor_instances() -> list[Any]:
    """One of everything that Motor makes without asking a server. Motor 3.7.1 wants to know the loop of some."""
    from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket

    client: Any = AsyncIOMotorClient("mongodb://127.0.0.1:1")
    collection = client.db.c
    bucket = AsyncIOMotorGridFSBucket(client.db)
    made = [collection.find(), collection.find_raw_batches(), collection.aggregate([]), collection.watch()]
    grids = [bucket, bucket.find(), bucket.open_upload_stream("name")]
    return [client, client.db, collection, *made, *grids]


def main(modules: list[str]) -> None:
    """Print the surface of Motor's `modules`, and of the instances that one gets from them."""
    surface = {name: module_surface(name) for name in modules}
    json.dump({**surface, INSTANCES: instance_surface(asyncio.run(motor_instances()))}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
