"""Two thousand operations on a pool of ten, cancelled at random moments, on both loops, also while the server restarts.

Afterwards the pool holds no more than ten connections and all are sound, no reply went to another operation, no task is
left, and nothing was printed.
"""

import asyncio
import contextlib
import gc
import random
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable

import pytest
from pymongo.errors import PyMongoError

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import draining, idle, pool_of
from tests.support.loops import RUNS
from tests.support.waiting import until

OPERATIONS = 2000
POOL_SIZE = 10


async def storm(uri: str, seed: int, restart: Callable[[], Awaitable[None]] | None = None) -> None:
    """Raises AssertionError for what must not be."""
    dice = random.Random(seed)
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri, maxPoolSize=POOL_SIZE, serverSelectionTimeoutMS=20_000)
    outcomes = {"answered": 0, "cancelled": 0, "failed": 0}

    numbers = client[f"motor_test_storm_{seed}"].numbers
    await numbers.drop()
    await numbers.insert_many([{"_id": number} for number in range(OPERATIONS)])
    # A server that was restarted has lost what it held in memory.
    lost = (None,) if restart is not None else ()

    async def operate(number: int) -> None:
        found = await numbers.find_one({"_id": number})
        assert found == {"_id": number} or found in lost
        batch = await numbers.find({"_id": number}).to_list()
        assert batch in ([{"_id": number}], [])
        assert batch or restart is not None

    async def one(number: int) -> None:
        task = asyncio.ensure_future(operate(number))
        if dice.random() < 0.5:
            for _ in range(dice.randrange(200)):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
            outcomes["answered"] += 1
        except asyncio.CancelledError:
            outcomes["cancelled"] += 1
        except PyMongoError:
            outcomes["failed"] += 1

    operations = [asyncio.ensure_future(one(number)) for number in range(OPERATIONS)]
    if restart is not None:
        await until(lambda: bool(outcomes["answered"]))
        for _ in range(2):
            await asyncio.sleep(0.1)
            await restart()
    await asyncio.gather(*operations)
    assert sum(outcomes.values()) == OPERATIONS
    assert outcomes["cancelled"]
    assert outcomes["answered"]
    assert restart is not None or not outcomes["failed"], outcomes

    replies = await asyncio.gather(*(client.admin.command("ping") for _ in range(3 * POOL_SIZE)))
    assert all(reply["ok"] == 1 for reply in replies)
    pool = pool_of(client)
    await until(lambda: not draining(pool))
    assert pool.size <= POOL_SIZE
    assert pool.in_use == 0
    assert all(not connection.closed and connection.at_rest for connection in idle(pool))
    await client.drop_database(numbers.database.name)
    await client.close()
    gc.collect()
    await until(lambda: len(asyncio.all_tasks()) == 1)


@pytest.mark.parametrize("loop", RUNS)
def test_cancelled_at_random(loop, server_uri):
    RUNS[loop](storm(server_uri, seed=1))


@pytest.mark.parametrize("loop", RUNS)
def test_cancelled_at_random_while_the_server_restarts(loop):
    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            server = motor.embedded.Server()
            running = await stack.enter_async_context(server)
            port = running.port

            async def restart() -> None:
                await stack.aclose()
                await stack.enter_async_context(motor.embedded.Server(port=port))

            await storm(running.uri, seed=2, restart=restart)

    RUNS[loop](main())


@pytest.mark.parametrize("loop", RUNS)
def test_nothing_is_printed(loop, server_uri):
    program = f"""
        import asyncio, uvloop
        from tests.driver.test_storm import storm
        from tests.support.loops import RUNS
        RUNS[{loop!r}](storm({server_uri!r}, seed=3))
    """
    ran = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("", "")
