"""Nothing of PyMongo's asynchronous API, as installed, is missing, and nothing takes less."""

from __future__ import annotations

import inspect
from typing import Any

import pymongo
import pytest
from gridfs import asynchronous as gridfs
from pymongo.asynchronous import (
    change_stream,
    client_session,
    collection,
    command_cursor,
    cursor,
    database,
    encryption,
    mongo_client,
)

import motor.core
from motor import motor_asyncio, motor_tornado
from tests.differential.conftest import REFERENCE

from .comparing import narrower_class
from .differences import OF_PYMONGO, needless, unexplained
from .surface import class_surface

pytestmark = pytest.mark.skipif(
    pymongo.version_tuple < REFERENCE, reason="what an older PyMongo had, and a newer one has not, is not Motor's"
)

TWINS: dict[type[Any], str] = {
    mongo_client.AsyncMongoClient: "Client",
    database.AsyncDatabase: "Database",
    collection.AsyncCollection: "Collection",
    cursor.AsyncCursor: "Cursor",
    cursor.AsyncRawBatchCursor: "RawBatchCursor",
    command_cursor.AsyncCommandCursor: "LatentCommandCursor",
    command_cursor.AsyncRawBatchCommandCursor: "RawBatchCommandCursor",
    change_stream.AsyncChangeStream: "ChangeStream",
    change_stream.AsyncCollectionChangeStream: "ChangeStream",
    change_stream.AsyncDatabaseChangeStream: "ChangeStream",
    change_stream.AsyncClusterChangeStream: "ChangeStream",
    client_session.AsyncClientSession: "ClientSession",
    gridfs.AsyncGridFSBucket: "GridFSBucket",
    gridfs.AsyncGridIn: "GridIn",
    gridfs.AsyncGridOut: "GridOut",
    gridfs.AsyncGridOutCursor: "GridOutCursor",
    encryption.AsyncClientEncryption: "ClientEncryption",
}
"""PyMongo's classes, and what Motor's are called behind ``AsyncIOMotor`` or ``Motor``."""

NO_TWIN = {gridfs.AsyncGridFS: "superseded by the bucket long ago; Motor never had it"}

PREFIX = "AsyncIOMotor"
FAMILIES = (motor_asyncio, PREFIX), (motor_tornado, "Motor")


def twins() -> list[Any]:
    return [
        pytest.param(theirs, getattr(family, f"{prefix}{name}", None), id=f"{theirs.__name__}-{prefix}{name}")
        for theirs, name in TWINS.items()
        for family, prefix in FAMILIES
    ]


@pytest.mark.parametrize(("theirs", "ours"), twins())
def test_nothing_is_missing(theirs: type[Any], ours: type[Any]) -> None:
    assert unexplained(_narrower(theirs, ours), OF_PYMONGO) == []


def test_nothing_is_left_out_needlessly() -> None:
    found = [
        each for theirs, name in TWINS.items() for each in _narrower(theirs, getattr(motor_asyncio, PREFIX + name))
    ]
    known = [f"{theirs.__name__}.{name}" for theirs in TWINS for name in class_surface(theirs)]
    assert needless(found, known, OF_PYMONGO) == []


def _narrower(theirs: type[Any], ours: type[Any]) -> list[tuple[str, str]]:
    return list(narrower_class(class_surface(theirs), class_surface(ours), theirs.__name__))


def test_no_class_was_forgotten() -> None:
    modules = (change_stream, client_session, collection, command_cursor, cursor, database, encryption, mongo_client)
    public = {
        each
        for module in (*modules, gridfs)
        for name, each in vars(module).items()
        if name.startswith("Async") and inspect.isclass(each) and each.__module__ in {module.__name__, *_files(module)}
    }
    assert public - TWINS.keys() - NO_TWIN.keys() == set()


def _files(module: Any) -> set[str]:
    return {"gridfs.asynchronous.grid_file"} if module is gridfs else set()


@pytest.mark.parametrize(("theirs", "ours"), twins())
def test_what_is_awaited_there_may_be_awaited_here(theirs: type[Any], ours: type[Any]) -> None:
    wrong = []
    for name in class_surface(theirs):
        function = inspect.getattr_static(theirs, name, None)
        if isinstance(function, property):
            function = function.fget
        if inspect.iscoroutinefunction(function) and not _may_be_awaited(ours, name):
            wrong.append(name)
    assert wrong == []


def _may_be_awaited(cls: type[Any], name: str) -> bool:
    """Whether what a method says that it returns, or is a coroutine's, can be awaited."""
    member = inspect.getattr_static(cls, name)
    function: Any = member.fget if isinstance(member, property) else member
    if inspect.iscoroutinefunction(function):
        return True
    returned = inspect.signature(function).return_annotation.partition("[")[0]
    if returned == "Self":
        return hasattr(cls, "__await__")
    if returned in ("asyncio.Future", "Awaitable"):
        return True
    home = inspect.getmodule(function)
    return hasattr(getattr(home, returned, None) or getattr(motor.core, returned, None), "__await__")
