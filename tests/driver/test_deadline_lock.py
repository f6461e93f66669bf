"""What one task uses at a time: first come first served, and nobody waits longer than its operation may take."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pymongo
import pytest
from bson import Int64, Timestamp
from pymongo.errors import ExecutionTimeout

from motor.driver.deadline_lock import DeadlineLock
from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from tests.support.server import reply, silence
from tests.support.waiting import until

BRIEF = 0.1


async def test_first_come_first_served():
    turn, order = DeadlineLock(), []

    async def use(number: int) -> None:
        async with turn:
            assert turn.locked()
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(use(number) for number in range(10)))
    assert order == list(range(10))
    assert not turn.locked()


async def test_whose_time_is_over_waits_no_longer():
    turn = DeadlineLock()
    await turn.acquire()
    with pytest.raises(ExecutionTimeout, match="another task") as raised, pymongo.timeout(BRIEF):
        await turn.acquire()
    assert raised.value.timeout
    patient = asyncio.ensure_future(turn.acquire())
    await asyncio.sleep(0)
    assert not patient.done()
    turn.release()
    await patient
    turn.release()
    assert not turn.locked()


@pytest.mark.parametrize("release_first", [True, False])
async def test_one_that_is_cancelled_passes_it_on(release_first):
    """Also one that was cancelled in the turn in which it was given to it."""
    turn = DeadlineLock()
    await turn.acquire()
    cancelled, other = (asyncio.ensure_future(turn.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    if release_first:
        turn.release()
        cancelled.cancel()
    else:
        cancelled.cancel()
        turn.release()
    await other
    assert cancelled.cancelled() or cancelled.done()
    turn.release()
    assert not turn.locked()


async def test_a_cursor_a_stream_and_a_file_that_another_task_uses(server, connect):
    client = connect(server)
    opened = {"cursor": {"id": Int64(7), "ns": "db.c", "firstBatch": []}, "operationTime": Timestamp(1, 1), "ok": 1}
    server.script("aggregate", reply(opened))
    server.script("getMore", silence)
    stream = client.db.c.watch()
    await stream
    busy: list[Any] = [asyncio.ensure_future(stream.next())]
    await until(lambda: "getMore" in server.names, "the stream in use")
    server.script("find", silence, silence)
    cursor = client.db.c.find()
    busy.append(asyncio.ensure_future(cursor.next()))
    file = AsyncIOMotorGridFSBucket(client.db).open_upload_stream("name")
    busy.append(file.write(b"data"))
    await until(lambda: server.names.count("find") == 2, "the cursor and the file in use")
    for use in (stream.try_next, cursor.next, lambda: file.write(b"more")):
        with pytest.raises(ExecutionTimeout, match="another task"), pymongo.timeout(BRIEF):
            await use()
    for one in busy:
        one.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_a_file_that_is_not_read_in_time(server, connect):
    """The thread that reads it goes on, for nobody."""
    client = connect(server)
    await client.admin.command("ping")
    free = threading.Event()

    class Slow:
        def read(self, size: int) -> bytes:
            free.wait(60)
            return b""

    late = pytest.raises(ExecutionTimeout, match="reading from the source takes too long")
    # Time enough, on a busy machine, too, to come as far as the reading.
    with late as raised, pymongo.timeout(20 * BRIEF):
        await AsyncIOMotorGridFSBucket(client.db).upload_from_stream("name", Slow())
    assert raised.value.timeout
    free.set()
