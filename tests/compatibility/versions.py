"""``python -m tests.compatibility.versions``: what the tests run on in this environment, as JSON."""

from __future__ import annotations

import json
import os
import platform
from contextlib import closing
from importlib.metadata import version
from typing import Any

import pymongo

import motor.embedded
from tests.compatibility.promises import EXTRAS

PACKAGES = ("pymongo", *EXTRAS)


def installed() -> dict[str, str]:
    """The versions of Python and of the `PACKAGES`."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def of_server(uri: str) -> dict[str, str]:
    """What the server calls itself, and the highest wire version that it speaks."""
    with closing(pymongo.MongoClient[Any](uri)) as client:
        built = client.admin.command("buildInfo")
        wire_version = client.admin.command("hello")["maxWireVersion"]
    name = f"SecantusDB {embedded}" if (embedded := built.get("secantusVersion")) else f"MongoDB {built['version']}"
    return {"server": name, "wire version": str(wire_version)}


def _main() -> None:
    if uri := os.environ.get("MOTOR_TEST_URI"):
        server = of_server(uri)
    else:
        with motor.embedded.Server() as embedded:
            server = of_server(embedded.uri)
    print(json.dumps({**installed(), **server}))


if __name__ == "__main__":
    _main()
