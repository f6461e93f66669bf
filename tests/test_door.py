"""Only `motor._pymongo` may use what PyMongo keeps to itself, and what it uses is there in the PyMongo installed."""

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

import motor.embedded

PACKAGE = Path(motor.embedded.__file__).parent
DOOR = PACKAGE / "_pymongo.py"
ROOTS = {"bson", "gridfs", "pymongo"}

DOCUMENTED = {
    "bson",
    "bson.binary",
    "bson.code",
    "bson.codec_options",
    "bson.datetime_ms",
    "bson.dbref",
    "bson.decimal128",
    "bson.errors",
    "bson.int64",
    "bson.json_util",
    "bson.max_key",
    "bson.min_key",
    "bson.objectid",
    "bson.raw_bson",
    "bson.regex",
    "bson.son",
    "bson.timestamp",
    "bson.tz_util",
    "gridfs",
    "gridfs.errors",
    "gridfs.grid_file",
    "pymongo",
    "pymongo.auth_oidc",
    "pymongo.change_stream",
    "pymongo.client_options",
    "pymongo.client_session",
    "pymongo.collation",
    "pymongo.collection",
    "pymongo.command_cursor",
    "pymongo.cursor",
    "pymongo.database",
    "pymongo.driver_info",
    "pymongo.encryption",
    "pymongo.encryption_options",
    "pymongo.errors",
    "pymongo.event_loggers",
    "pymongo.hello",
    "pymongo.mongo_client",
    "pymongo.monitoring",
    "pymongo.operations",
    "pymongo.pool",
    "pymongo.read_concern",
    "pymongo.read_preferences",
    "pymongo.results",
    "pymongo.server_api",
    "pymongo.server_description",
    "pymongo.server_type",
    "pymongo.topology_description",
    "pymongo.uri_parser",
    "pymongo.write_concern",
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def dotted(node: ast.expr) -> str:
    """``a.b.c`` for the expression a.b.c, and nothing for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (value := dotted(node.value)):
        return f"{value}.{node.attr}"
    return ""


def names_used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and the dotted name of everything that a module takes from PyMongo's packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node.lineno, dotted(node)


def not_for_everyone(name: str) -> bool:
    """Whether a dotted name is private, or an undocumented module's, in PyMongo's packages."""
    parts = name.split(".")
    if parts[0] not in ROOTS:
        return False
    module = parts[0]
    for part in parts[1:]:
        if is_private(part):
            return True
        if not is_module(f"{module}.{part}"):
            break
        module = f"{module}.{part}"
    return module not in DOCUMENTED


def offences(source: str) -> list[str]:
    return [f"line {line}: {name}" for line, name in names_used(ast.parse(source)) if not_for_everyone(name)]


@pytest.mark.parametrize(
    "path",
    sorted(path for path in PACKAGE.rglob("*.py") if path != DOOR),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_only_the_door_uses_private_names(path: Path) -> None:
    assert offences(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "from bson import _dict_to_bson",
        "from pymongo.common import validate",
        "from pymongo import common",
        "import pymongo.message",
        "from pymongo.asynchronous.pool import Pool",
        "from pymongo.read_preferences import _ServerMode",
        "import bson\ndef encode(): return bson._dict_to_bson({})",
        "import pymongo\npymongo.common.validate",
    ],
)
def test_offences_are_found(source: str) -> None:
    assert offences(source)


@pytest.mark.parametrize(
    "source",
    [
        "import bson, pymongo\npymongo.errors.PyMongoError\nbson.__doc__",
        "from pymongo import ReadPreference, errors\nfrom bson.codec_options import CodecOptions",
        "from motor._pymongo import encode_document",
        "self._pymongo._thing",
    ],
)
def test_public_names_are_no_offence(source: str) -> None:
    assert offences(source) == []


def door() -> list[tuple[str, str]]:
    tree = ast.parse(DOOR.read_text("utf-8"))
    return [
        (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOTS
        for alias in node.names
    ]


@pytest.mark.parametrize(("module", "name"), door())
def test_what_the_door_uses_exists(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)
