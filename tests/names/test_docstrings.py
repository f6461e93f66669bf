"""Every public name says what it does, what its parameters are for, and since when it is there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import motor
import motor.aiohttp
import motor.core
import motor.embedded
import motor.motor_asyncio
import motor.motor_gridfs
import motor.motor_tornado
import motor.web

from .surface import Surface

MODULES = (
    *(motor, motor.core, motor.embedded, motor.motor_asyncio, motor.motor_gridfs, motor.motor_tornado),
    *(motor.aiohttp, motor.web),
)

FAMILIES = (motor.motor_asyncio, motor.motor_tornado)

# One process makes the environment of Motor 3, and none waits for it.
beside_motor_3 = pytest.mark.xdist_group("motor 3")

MADE_BY_HAND = re.compile(r"Motor(Client|Database|Collection|Cursor|GridFSBucket|ClientEncryption)$")
"""The classes whose constructors applications call, or that are made of what a method is given."""

REFERS = re.compile(r"\b(as|of)\s+:(meth|class):")
"""Parameters may be described where a docstring says that they are."""


def classes() -> list[Any]:
    found = {name: getattr(module, name) for module in MODULES for name in getattr(module, "__all__", ())}
    return [pytest.param(value, id=name) for name, value in found.items() if inspect.isclass(value)]


def members(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, as functions, that are Motor's own."""
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        own = (getattr(function, "__module__", None) or "").startswith("motor")
        if own and inspect.isroutine(function) and not name.startswith("_"):
            yield name, function


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_modules_and_functions_say_what_they_are(module: Any) -> None:
    functions = [
        value for name, value in vars(module).items() if inspect.isfunction(value) and not name.startswith("_")
    ]
    assert [each for each in (module, *functions) if not each.__doc__] == []


@pytest.mark.parametrize("cls", classes())
def test_every_member_says_what_it_does(cls: type[Any]) -> None:
    assert cls.__doc__
    assert [name for name, function in members(cls) if not (function.__doc__ or "").strip()] == []


@pytest.mark.parametrize("cls", classes())
def test_every_parameter_is_described(cls: type[Any]) -> None:
    of_classes = " ".join(base.__doc__ or "" for base in inspect.getmro(cls))
    missing = []
    for name, function in members(cls):
        described = f"{function.__doc__} {of_classes}"
        parameters = list(inspect.signature(function).parameters.values())[1:]
        missing += [
            f"{name}({parameter.name})"
            for parameter in parameters
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            and not re.search(rf"\b{parameter.name}\b", described)
            and not REFERS.search(function.__doc__ or "")
        ]
    assert missing == []


@pytest.mark.parametrize("cls", [each for each in classes() if MADE_BY_HAND.search(str(each.id))])
def test_every_parameter_of_a_constructor_is_described(cls: type[Any]) -> None:
    described = " ".join(base.__doc__ or "" for base in inspect.getmro(cls))
    names = [name for name in inspect.signature(cls).parameters if name not in ("args", "kwargs")]
    assert names
    assert [name for name in names if not re.search(rf"`{name}`", described)] == []


@beside_motor_3
@pytest.mark.parametrize("family", FAMILIES, ids=lambda module: module.__name__)
def test_what_is_new_says_so(family: Any, motor_3: Surface) -> None:
    wrong = []
    for class_name, described in motor_3[family.__name__].items():
        cls = getattr(family, class_name, None)
        if described["kind"] != "class" or cls is None:
            continue
        of_instances = {name.partition(".")[2] for name in motor_3["(instances)"]}
        known = {*described["members"], *of_instances}
        for name, function in members(cls):
            is_new = name not in known
            says_so = ".. versionadded:: 4.0" in function.__doc__ or "versionadded:: 4.0" in cls.__doc__
            if is_new != says_so:
                wrong.append(f"{class_name}.{name}")
    assert wrong == []


@beside_motor_3
@pytest.mark.parametrize("family", FAMILIES, ids=lambda module: module.__name__)
def test_what_takes_more_says_so(family: Any, motor_3: Surface) -> None:
    wrong = []
    for class_name, described in motor_3[family.__name__].items():
        cls = getattr(family, class_name, None)
        for name, function in members(cls) if inspect.isclass(cls) else ():
            member = described["members"].get(name, {"kind": "new"})
            if member["kind"] != "method":
                continue
            theirs = [parameter for parameter, _, _ in member["parameters"]]
            added = [each for each in list(inspect.signature(function).parameters)[1:] if each not in theirs]
            changed = function.__doc__.partition("versionchanged:: 4.0")[2]
            wrong += [f"{class_name}.{name}({each})" for each in added if f"`{each}`" not in changed]
    assert wrong == []
