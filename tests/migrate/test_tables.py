"""What the command knows of Motor by heart, compared with Motor."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import operator
import re
from typing import Any

import pytest
from pymongo.errors import InvalidOperation

from motor import motor_asyncio, motor_tornado
from motor.migrate import imports, removed
from motor.migrate.internals import PUBLIC
from motor.migrate.members import (
    ATTRIBUTES,
    CHILDREN,
    CLASS_SUFFIXES,
    COROUTINES,
    FUTURES,
    LATENT,
    OTHERS,
    RESULTS,
    Role,
    has,
)
from tests.docs.pages import DOCS

OTHER_RULES = {
    "aggregate": "M107",
    "callback": "M105",
    "close": "what the guide says is not found",
    "find": "M107",
    "hint": "M110",
    "if": "M109",
    "max": "M110",
    "min": "M110",
    "motor": "M106",
}
"""What else the guide to Motor 1 and 2 names, and the rule that finds it."""

CLASSES = {
    role: [getattr(motor_asyncio, f"AsyncIOMotor{suffix}") for suffix, known in CLASS_SUFFIXES.items() if known is role]
    for role in Role
}


def public(cls) -> set[str]:
    """What the class has, and what its instances are annotated to have."""
    annotated = (name for base in cls.__mro__ for name in vars(base).get("__annotations__", {}))
    return {name for name in (*dir(cls), *annotated) if not name.startswith("_")}


@pytest.mark.parametrize("role", Role)
def test_what_returns_futures_and_coroutines(role):
    cls = CLASSES[role][0]
    for name in FUTURES[role]:
        method = getattr(cls, name)
        assert not inspect.iscoroutinefunction(method), name
        returned = str(inspect.signature(method).return_annotation)
        assert "Future" in returned or "Awaitable" in returned, name
    coroutines = {name for name in public(cls) if inspect.iscoroutinefunction(getattr(cls, name, None))}
    assert coroutines == COROUTINES.get(role, set())
    for name in public(cls) - FUTURES[role]:
        if inspect.isfunction(method := inspect.getattr_static(cls, name, None)):
            assert "Future" not in str(inspect.signature(method).return_annotation), name


@pytest.mark.parametrize("role", [*OTHERS])
def test_every_attribute_is_known(role):
    known = {name for table in (FUTURES, COROUTINES, LATENT, OTHERS) for name in table.get(role, ())}
    assert known == public(CLASSES[role][0])


@pytest.mark.parametrize("role", Role)
def test_what_is_said_to_be_gone_is_gone(role):
    for cls in CLASSES[role]:
        for table in (removed.METHODS, removed.PROPERTIES):
            assert not set(table.get(role, {})) & public(cls)


def test_what_is_taken_for_a_collections_by_its_name_has_a_replacement():
    for method, role in removed.UNMISTAKABLE.items():
        assert method in removed.METHODS[role]
    for role, methods in removed.LIKELY.items():
        assert not set(methods) - set(removed.METHODS[role])


def test_the_guide_names_nothing_that_is_not_found():
    guide = (DOCS / "migration" / "motor-1-2.md").read_text("utf-8")
    code = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| ([^|]+) \|", guide, re.MULTILINE)))
    names = set(re.findall(r"[A-Za-z]\w+", " ".join(code)))
    tables = (
        *removed.METHODS.values(), *removed.PROPERTIES.values(), *removed.ARGUMENTS.values(), removed.CLASSES,
        removed.CLIENT_OPTIONS, removed.BUCKET_ARGUMENTS, OTHER_RULES, {role.value: "" for role in Role},
    )  # fmt: skip
    assert {"useCursor", "count", "wtimeout"} < names
    assert names - {name for table in tables for name in table} == set()


async def test_results_are_what_they_are_said_to_be():
    client = motor_asyncio.AsyncIOMotorClient("mongodb://localhost:1/app", connect=False)
    start: dict[Role, Any] = {Role.CLIENT: client, Role.DATABASE: client.app, Role.COLLECTION: client.app.users}
    arguments = {"aggregate": ([],), "aggregate_raw_batches": ([],), "get_collection": ("x",), "wrap": ()}
    for role, owner in start.items():
        for name, result in RESULTS[role].items():
            if name not in FUTURES[role] and name != "wrap":
                assert isinstance(getattr(owner, name)(*arguments.get(name, ())), tuple(CLASSES[result])), name
        assert isinstance(owner["child"], tuple(CLASSES[CHILDREN[role]]))
    for (role, name), result in ATTRIBUTES.items():
        if role in start:
            assert isinstance(getattr(start[role], name), tuple(CLASSES[result]))
    assert all(has(role, name) or role not in OTHERS for role in RESULTS for name in RESULTS[role])
    await client.close()


async def test_arguments_that_are_gone_are_refused():
    client = motor_asyncio.AsyncIOMotorClient("mongodb://localhost:1", connect=False)
    for (_, method), names in removed.ARGUMENTS.items():
        for name in names.keys() - {"useCursor"}:  # which the server refuses
            with pytest.raises(TypeError):
                await getattr(client.app.users, method)(**{name: None})
    for name in removed.BUCKET_ARGUMENTS:
        with pytest.raises(TypeError):
            motor_asyncio.AsyncIOMotorGridFSBucket(client.app, **{name: True})  # type: ignore[arg-type]
    for name in removed.CLIENT_OPTIONS:
        with pytest.raises(Exception, match=name):
            motor_asyncio.AsyncIOMotorClient(**{name: 1})  # type: ignore[arg-type]
    await client.close()


async def test_what_else_the_rules_say_is_so():
    client = motor_asyncio.AsyncIOMotorClient("mongodb://localhost:1", connect=False)
    users = client.app.users
    for owner in (client.app, users):
        with pytest.raises(NotImplementedError):
            bool(owner)
    for bounded in (users.find_one(min=[("a", 1)]), users.find().max([("a", 1)]).to_list()):
        with pytest.raises(InvalidOperation, match="hint"):
            await bounded
    operation = users.find_one()
    awaitable: Any
    for awaitable in (operation, users.aggregate([]), users.watch(), client.start_session(), client.address):
        with pytest.raises(TypeError):
            asyncio.create_task(awaitable)  # noqa: RUF006
        with pytest.raises(TypeError):
            asyncio.run_coroutine_threadsafe(awaitable, asyncio.get_running_loop())
        assert inspect.isawaitable(awaitable)
        assert not inspect.iscoroutine(awaitable)
    operation.cancel()
    assert not client.address
    assert not client.is_primary
    for role in set(Role) - {Role.CLIENT, Role.DATABASE, Role.COLLECTION}:
        assert "delegate" not in public(CLASSES[role][0])
    for remedy in removed.PROPERTIES[Role.CLIENT].values():
        if path := re.fullmatch(r"use client\.(options\.[\w.]+)", remedy):
            operator.attrgetter(path[1])(client)
    await client.close()


@pytest.mark.parametrize("module", PUBLIC)
def test_modules_offer_what_they_are_said_to(module):
    assert set(importlib.import_module(module).__all__) == PUBLIC[module]


def test_modules_and_classes_that_are_gone():
    for module in removed.MODULES:
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(module)
    for name in removed.CLASSES:
        assert not hasattr(motor_asyncio, name)
        assert not hasattr(motor_tornado, name)


def test_every_class_of_a_family_is_known():
    for module, prefix in ((motor_asyncio, "AsyncIOMotor"), (motor_tornado, "Motor")):
        assert {name.removeprefix(prefix) for name in module.__all__} == set(CLASS_SUFFIXES)
        assert all(imports.name_difference(f"{module.__name__}.{name}") is None for name in module.__all__)
