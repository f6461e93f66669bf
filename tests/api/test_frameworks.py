"""The functions of Motor 3's framework modules that libraries use, and what `import motor` gives."""

from __future__ import annotations

import asyncio
import contextvars
import importlib.util
import subprocess
import sys
from typing import Any

import pytest

import motor
from motor import motor_tornado
from motor.frameworks import asyncio as asyncio_framework
from motor.frameworks import tornado as tornado_framework
from tests.support.families import Family, every_family, in_thread

NAMED = contextvars.ContextVar("NAMED", default="nobody")


def framework_of(family: Family) -> Any:
    return tornado_framework if family.name == "tornado" else asyncio_framework


@every_family
def test_loops_and_futures(family: Family) -> None:
    framework = framework_of(family)

    async def main() -> None:
        loop = framework.get_event_loop()
        assert framework.is_event_loop(loop)
        assert not framework.is_event_loop(object())
        with pytest.raises(TypeError, match="io_loop"):
            framework.check_event_loop(object())
        future, called = framework.get_future(loop), framework.get_future(loop)
        assert framework.is_future(future)
        assert not framework.is_future(main)
        framework.add_future(loop, future, lambda first, done: called.set_result((first, done.result())), "first")
        framework.call_soon(loop, lambda value, more: future.set_result(value + more), 1, more=2)
        assert await future == 3
        assert await called == ("first", 3)

    in_thread(lambda: family.run(main))


@every_family
def test_threads(family: Family) -> None:
    framework = framework_of(family)

    def work(first: int, second: int = 0) -> Any:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return first + second, NAMED.get()

    async def main() -> None:
        NAMED.set("somebody")
        assert await framework.run_on_executor(framework.get_event_loop(), work, 1, second=2) == (3, "somebody")
        with pytest.raises(ZeroDivisionError):
            await framework.run_on_executor(framework.get_event_loop(), lambda: 1 // 0)

    in_thread(lambda: family.run(main))


@every_family
def test_chained_futures(family: Family) -> None:
    framework = framework_of(family)

    async def main() -> None:
        loop = framework.get_event_loop()

        def chain() -> tuple[Any, ...]:
            first, second, taken = (framework.get_future(loop) for _ in range(3))
            taken.set_result("taken")
            framework.chain_future(first, second)
            framework.chain_future(first, taken)
            return first, second, framework.chain_return_value(first, loop, "value"), taken

        first, second, valued, taken = chain()
        first.set_result(1)
        assert (await second, await valued, await taken) == (1, "value", "taken")
        first, second, valued, taken = chain()
        first.set_exception(KeyError("x"))
        for future in (second, valued):
            with pytest.raises(KeyError):
                await future
        assert await taken == "taken"
        first, second, valued, _ = chain()
        first.cancel()
        await asyncio.wait([second, valued])
        assert second.cancelled()
        assert valued.cancelled()

    in_thread(lambda: family.run(main))


def test_names_and_platforms() -> None:
    assert (asyncio_framework.CLASS_PREFIX, tornado_framework.CLASS_PREFIX) == ("AsyncIO", "")
    assert asyncio_framework.platform_info() == "asyncio"
    assert tornado_framework.platform_info().startswith("Tornado 6")


def test_the_package_has_tornados_classes() -> None:
    assert {name for name in motor.__all__ if name.startswith("Motor")} <= set(dir(motor_tornado))
    for name in motor.__all__:
        assert getattr(motor, name) is not None
    assert motor.MotorClient is motor_tornado.MotorClient
    assert not hasattr(motor, "MotorNothing")
    assert not hasattr(motor, "Family")
    with pytest.raises(AttributeError, match="module 'motor' has no attribute 'nothing'"):
        _ = motor.nothing


def test_the_version() -> None:
    assert motor.get_version_string() == motor.version
    assert motor.version_tuple[:3] == (4, 0, 0)
    assert all(isinstance(part, int) for part in motor.version_tuple[:3])


@pytest.mark.parametrize("has_tornado", [True, False])
def test_tornado_is_imported_by_who_wants_it(has_tornado: bool) -> None:
    """Nor does anybody need it for the rest."""
    hidden = "" if has_tornado else "sys.modules['tornado'] = None; "
    program = (
        f"import sys; {hidden}import motor, motor.motor_asyncio; from motor import *; "
        "print(sorted(name for name in sys.modules if name.startswith('tornado.')) == [], 'MotorClient' in globals())"
    )
    before = "import importlib.util; found = importlib.util.find_spec; "
    if not has_tornado:
        before += "importlib.util.find_spec = lambda name, *rest: None if name == 'tornado' else found(name, *rest); "
    done = subprocess.run([sys.executable, "-c", before + program], capture_output=True, text=True, check=True)
    assert importlib.util.find_spec("tornado") is not None
    assert done.stdout.split() == (["False", "True"] if has_tornado else ["True", "False"])
