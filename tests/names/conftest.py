"""The surface of Motor 3.7.1, from an environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.environments import MOTOR_3, clean_variables, environment

from .surface import Surface

MODULES = (
    "motor",
    "motor.motor_asyncio",
    "motor.motor_tornado",
    "motor.core",
    "motor.motor_gridfs",
    "motor.web",
    "motor.aiohttp",
    "motor.frameworks.asyncio",
    "motor.frameworks.tornado",
)


@pytest.fixture(scope="session")
def motor_3() -> Surface:
    """By module and name. The PyMongo that it stands on is the newest that it takes, and so is what it hands on to."""
    python = environment(*MOTOR_3)
    program = Path(__file__).with_name("surface.py")
    done = subprocess.run(
        [python, program, *MODULES], env=clean_variables(), cwd=program.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    surface: Surface = json.loads(done.stdout)
    return surface
