"""What is different about the modules and names that a module imports."""

from __future__ import annotations

from typing import NamedTuple

from motor.migrate import removed
from motor.migrate.internals import PUBLIC
from motor.migrate.members import CLASS_SUFFIXES

_FAMILIES = frozenset({"motor", "motor.motor_asyncio", "motor.motor_tornado"})
_GRIDFS_CLASSES = frozenset({"AsyncGridFS"})


class Difference(NamedTuple):
    """What a finding says."""

    code: str
    message: str
    remedy: str


def module_difference(module: str) -> Difference | None:
    """What is different about importing `module`."""
    if module in removed.MODULES:
        return Difference("M401", f"{module} is gone", "do without: it was a part of how Motor 3 wrapped PyMongo")
    return None


def name_difference(path: str) -> Difference | None:
    """What is different about a name of a module, given in full: ``motor.core.AsyncRead``."""
    module, _, name = path.rpartition(".")
    if path in removed.MODULES:
        return module_difference(path)
    if module in _FAMILIES and name in removed.CLASSES:
        return Difference("M106", f"{path} is gone", removed.CLASSES[name])
    if module in PUBLIC and name != "*" and not name.startswith("__") and name not in PUBLIC[module]:
        return Difference("M401", f"{path} is gone", f"do without; {module} still has {_listed(PUBLIC[module])}")
    package = module.partition(".")[0]
    if package in ("pymongo", "gridfs") and name.startswith("Async"):
        return _of_pymongo(name)
    return None


def _of_pymongo(name: str) -> Difference | None:
    if name == "AsyncMongoClient":
        remedy = "use motor.motor_asyncio.AsyncIOMotorClient; operations start when called, and are Futures"
        return Difference("M501", "AsyncMongoClient is PyMongo's own client", remedy)
    if name in _GRIDFS_CLASSES:
        return Difference("M503", f"{name} has no counterpart", "use motor.motor_asyncio.AsyncIOMotorGridFSBucket")
    suffix = name.removeprefix("Async")
    if suffix in CLASS_SUFFIXES:
        return Difference("M502", f"{name} is PyMongo's own", f"use motor.motor_asyncio.AsyncIOMotor{suffix}")
    return None


def _listed(names: frozenset[str]) -> str:
    shown = sorted(names)[:3]
    return f"{', '.join(shown)} and others" if len(names) > len(shown) else ", ".join(shown)
