"""Nothing of Motor 3.7.1 is missing, and nothing takes less."""

from __future__ import annotations

import pytest

from .comparing import names_of, narrower_module
from .conftest import MODULES
from .differences import OF_MOTOR_3, needless, unexplained
from .surface import INSTANCES, Surface, module_surface, motor_instances

pytestmark = pytest.mark.xdist_group("motor 3")


async def test_nothing_is_missing(motor_3: Surface) -> None:
    assert sorted(motor_3) == sorted((*MODULES, INSTANCES))
    found = [each for module in MODULES for each in narrower_module(motor_3[module], module_surface(module), module)]
    ours = {f"{type(thing).__name__}.{name}" for thing in await motor_instances() for name in dir(thing)}
    found += [(name, "missing") for name in motor_3[INSTANCES] if name not in ours]
    known = [*motor_3[INSTANCES], *(name for module in MODULES for name in names_of(motor_3[module], module))]
    assert unexplained(found, OF_MOTOR_3) == []
    assert needless(found, known, OF_MOTOR_3) == []


def test_it_was_looked_at(motor_3: Surface) -> None:
    """A surface that lacks what everybody knows would prove nothing."""
    client = motor_3["motor.motor_asyncio"]["AsyncIOMotorClient"]["members"]
    assert client["address"]["kind"] == "property"
    assert client["start_session"]["parameters"][0] == ["causal_consistency", "POSITIONAL_OR_KEYWORD", "None"]
    collection = motor_3["motor"]["MotorCollection"]["members"]
    assert [name for name, _, _ in collection["aggregate"]["parameters"]] == [
        *("pipeline", "session", "let", "comment", "kwargs")
    ]
    assert "AsyncIOMotorCursor.collection" in motor_3[INSTANCES]
