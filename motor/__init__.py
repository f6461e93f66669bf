"""Motor: the asynchronous Python driver for MongoDB, for asyncio and Tornado.

The classes are in :mod:`motor.motor_asyncio` and :mod:`motor.motor_tornado`. Where Tornado is installed, those of
:mod:`motor.motor_tornado` can be had from here, too.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from motor._version import version

if TYPE_CHECKING:
    from motor.motor_tornado import (
        MotorChangeStream,
        MotorClient,
        MotorClientEncryption,
        MotorClientSession,
        MotorCollection,
        MotorCommandCursor,
        MotorCursor,
        MotorDatabase,
        MotorGridFSBucket,
        MotorGridIn,
        MotorGridOut,
        MotorGridOutCursor,
    )

__all__ = ["get_version_string", "version", "version_tuple"]
if find_spec("tornado") is not None:
    __all__ += [
        "MotorChangeStream",
        "MotorClient",
        "MotorClientEncryption",
        "MotorClientSession",
        "MotorCollection",
        "MotorCommandCursor",
        "MotorCursor",
        "MotorDatabase",
        "MotorGridFSBucket",
        "MotorGridIn",
        "MotorGridOut",
        "MotorGridOutCursor",
    ]

version_tuple: tuple[int | str, ...] = tuple(
    int(part) if part.isdigit() else part for part in re.findall(r"\d+|[a-z]\w*", version)
)
"""The version as its parts: numbers, and last what a pre-release says besides."""


def get_version_string() -> str:
    """The version, as it stands in the package index."""
    return version


def __getattr__(name: str) -> Any:
    # Not before it is asked for: an application on asyncio need not wait for Tornado to be imported.
    if name.startswith("Motor") and name in __all__:
        from motor import motor_tornado

        return getattr(motor_tornado, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
