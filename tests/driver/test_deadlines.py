"""When an operation's time is over nothing more is sent, and the error says so; what is waited for costs one timer."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import Callable
from typing import Any, cast

import pymongo
import pytest
from bson import Int64
from pymongo import CursorType
from pymongo.errors import ExecutionTimeout, NetworkTimeout, PyMongoError, ServerSelectionTimeoutError

from motor.driver.timeouts import LATE_TIMER_GRACE, Alarm
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import at_rest, idle, pool_of, replace
from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, answer, close, reply, silence, when
from tests.support.waiting import PATIENCE, until

BRIEF = 0.2
"""Seconds until the deadline."""


async def endless(request: Request) -> None:
    """A cursor that always has one document more, and never ends."""
    batch = "nextBatch" if request.name == "getMore" else "firstBatch"
    cursor = {"id": Int64(7), "ns": "db.c", batch: [{"_id": 1}]}
    await request.peer.send(message({"cursor": cursor, "ok": 1}, request.id))


def block(seconds: float) -> None:
    """What an application does to its loop."""
    time.sleep(seconds)


def serve_endlessly(server: ScriptedServer) -> None:
    """Its cursors never end."""

    async def act(request: Request) -> None:
        await (endless if request.name in ("find", "getMore", "aggregate") else answer)(request)

    server.default = act


async def _to_list(client: AsyncIOMotorClient) -> object:
    return await client.db.c.find(batch_size=1).to_list()


async def _async_for(client: AsyncIOMotorClient) -> object:
    return [document async for document in client.db.c.find(batch_size=1)]


async def _aggregate(client: AsyncIOMotorClient) -> object:
    return await client.db.c.aggregate([], batchSize=1).to_list()


async def _raw_batches(client: AsyncIOMotorClient) -> object:
    return [batch async for batch in client.db.c.find_raw_batches(batch_size=1)]


async def _tailable(client: AsyncIOMotorClient) -> object:
    return [document async for document in client.db.c.find(cursor_type=CursorType.TAILABLE_AWAIT)]


async def _read_ahead(client: AsyncIOMotorClient) -> object:
    found = []
    async for document in client.db.c.find(batch_size=1).read_ahead():
        found.append(document)
        # The next batch is always there before it is asked for.
        await asyncio.sleep(0.01)
    return found


READERS = [_to_list, _async_for, _aggregate, _raw_batches, _tailable, _read_ahead]


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__.strip("_"))
async def test_the_reading_of_a_cursor_ends(read, server, connect):
    """However quick each batch is. The server is told that nobody wants the cursor, and nobody waits for that."""
    client = connect(server)
    await client.admin.command("ping")
    serve_endlessly(server)
    with pytest.raises(PyMongoError) as raised, pymongo.timeout(BRIEF):
        await asyncio.wait_for(read(client), PATIENCE)
    assert raised.value.timeout
    await until(lambda: "killCursors" in server.names, "the cursor killed")
    await until(lambda: at_rest(pool_of(client)), "the pool at rest")
    assert server.names[-1] == "killCursors"


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__.strip("_"))
async def test_no_batch_is_asked_for_after_the_deadline(read, server, connect):
    """The first one comes at the last moment."""
    client = connect(server)
    await client.admin.command("ping")

    async def at_the_last_moment(request: Request) -> None:
        await endless(request)
        block(2 * BRIEF)

    serve_endlessly(server)
    server.script("find", at_the_last_moment)
    server.script("aggregate", at_the_last_moment)
    with pytest.raises(PyMongoError) as raised, pymongo.timeout(BRIEF):
        await asyncio.wait_for(read(client), PATIENCE)
    assert raised.value.timeout
    assert "getMore" not in server.names


async def test_to_list_is_one_operation_and_a_batch_is_one_of_a_loop(server, connect):
    """With the client's timeoutMS, as in PyMongo."""
    client = connect(server, timeoutMS=int(BRIEF * 1000))
    await client.admin.command("ping")
    serve_endlessly(server)
    with pytest.raises(ExecutionTimeout) as raised:
        await asyncio.wait_for(_to_list(client), PATIENCE)
    assert raised.value.timeout
    loop = asyncio.get_running_loop()
    started = loop.time()
    async for _ in client.db.c.find(batch_size=1):
        if loop.time() - started > 2 * BRIEF:
            break


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "find_one": lambda c: c.find_one(),
    "insert_one": lambda c: c.insert_one({}),
    "unacknowledged": lambda c: c.with_options(write_concern=pymongo.WriteConcern(0)).insert_one({}),
    "bulk_write": lambda c: c.bulk_write([pymongo.InsertOne({}), pymongo.DeleteOne({})]),
    "aggregate": lambda c: c.aggregate([]).to_list(),
    "count": lambda c: c.count_documents({}),
    "command": lambda c: c.database.command("ping"),
    "drop": lambda c: c.drop(),
    "find_one_and_delete": lambda c: c.find_one_and_delete({}),
    "list_indexes": lambda c: c.list_indexes().to_list(),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_nothing_is_sent_when_nothing_is_left(name, server, connect):
    client = connect(server)
    await client.admin.command("ping")
    with pytest.raises(ExecutionTimeout, match="operation would exceed time limit") as raised, pymongo.timeout(1e-9):
        await OPERATIONS[name](client.db.c)
    assert raised.value.timeout
    assert raised.value.code == 50
    await client.admin.command("ping")
    assert server.names == ["ping", "ping"]
    assert at_rest(pool_of(client))


async def test_the_server_is_never_told_that_there_is_no_limit(server, connect, monkeypatch):
    """Less than a millisecond is left: 0 would mean for ever."""
    client = connect(server)
    await client.admin.command("ping")
    replace(monkeypatch, "timeouts.remaining", lambda: 0.0004)
    with pymongo.timeout(PATIENCE):
        await client.db.c.find_one()
    assert server.requests[-1].command["maxTimeMS"] == 1


async def test_a_late_reply_is_drained(server, connect):
    """The connection goes on; the next operation has it when the reply has come."""
    client = connect(server, maxPoolSize=1)
    await client.admin.command("ping")
    late = asyncio.Event()
    server.script("find", when(late))
    with pytest.raises(NetworkTimeout, match="timed out") as raised, pymongo.timeout(BRIEF):
        await client.db.c.find_one()
    assert raised.value.timeout
    next_one = client.db.c.find_one({"_id": 2})
    await asyncio.sleep(0)
    late.set()
    assert await next_one == {"_id": 2}
    assert server.opened == 2


async def test_a_reply_that_was_there_before_the_loop_looked(server, connect):
    """The application has blocked its loop for longer than its operation may take: the reply came in time."""
    client = connect(server)
    await client.admin.command("ping")
    finding = None
    with pymongo.timeout(BRIEF):
        finding = client.db.c.find_one({"_id": 1})
    await until(lambda: "find" in server.names, "the command sent")
    block(BRIEF)
    assert await finding == {"_id": 1}


async def test_one_timer_serves_one_operation_after_the_other(server, connect, monkeypatch):
    client = connect(server, timeoutMS=int(PATIENCE * 1000), minPoolSize=0, heartbeatFrequencyMS=60_000)
    await client.db.c.find_one()
    loop: Any = asyncio.get_running_loop()
    armed: list[Any] = []
    call_at = loop.call_at

    def counted(when: float, callback: Any, *args: Any, **options: Any) -> Any:
        if getattr(callback, "__self__", None).__class__ is Alarm:
            armed.append(callback)
        return call_at(when, callback, *args, **options)

    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(20):
        await client.db.c.find_one()
    assert not armed


class Clock:
    """As much of an event loop as an alarm needs, with a time that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.armed: list[Armed] = []
        self.ever = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., None], *arguments: Any) -> Armed:
        timer = Armed(self, when, callback, arguments)
        self.armed.append(timer)
        self.ever += 1
        return timer

    def pass_until(self, when: float) -> None:
        while due := sorted((timer for timer in self.armed if timer.when <= when), key=lambda timer: timer.when):
            self.now = max(self.now, due[0].when)
            self.armed.remove(due[0])
            due[0].callback(*due[0].arguments)
        self.now = when


class Armed:
    """A timer of a clock's."""

    def __init__(self, clock: Clock, when: float, callback: Callable[..., None], arguments: Any) -> None:
        self.when, self.callback, self.arguments = when, callback, arguments
        self._clock = clock

    def cancel(self) -> None:
        if self in self._clock.armed:
            self._clock.armed.remove(self)


def test_an_alarm_rings_for_whoever_waits_when_the_time_is_over():
    clock = Clock()
    rung: list[tuple[Any, float]] = []
    alarm = Alarm(cast(Any, clock), lambda late: rung.append((late, round(clock.now - 100, 6))))

    def wait(name: str, seconds: float) -> None:
        alarm.set(cast(Any, name), seconds)

    for number in range(1000):
        wait(f"in time {number}", 5)
        clock.pass_until(100 + number / 1000)
        alarm.turn_off()
    assert clock.ever == 1
    wait("late", 5)
    clock.pass_until(120)
    assert rung == [("late", round(0.999 + 5 + LATE_TIMER_GRACE, 6))]
    assert not clock.armed
    wait("long", 50)
    alarm.turn_off()
    wait("short", 1)
    assert len(clock.armed) == 1
    clock.pass_until(121 + LATE_TIMER_GRACE / 2)
    alarm.turn_off()
    wait("after it", 1)
    clock.pass_until(200)
    assert [name for name, _ in rung] == ["late", "after it"]
    wait("gone", 1)
    alarm.end()
    clock.pass_until(300)
    assert len(rung) == 2


async def test_the_error_of_a_retry_that_finds_no_server_says_timeout(server, connect):
    """Not that of the attempt before, which was none."""
    client = connect(server)
    await client.admin.command("ping")

    async def away(request: Request) -> None:
        await close(request)
        server.on_hello = close

    server.script("find", away)
    with pytest.raises(PyMongoError, match="connection closed") as raised, pymongo.timeout(1):
        await client.db.c.find_one()
    assert raised.value.timeout
    server.on_hello = server.greet


async def test_without_a_deadline_it_is_the_error_of_the_attempt_before(server, connect):
    client = connect(server, serverSelectionTimeoutMS=100)
    await client.admin.command("ping")

    async def away(request: Request) -> None:
        await close(request)
        server.on_hello = close

    server.script("find", away)
    with pytest.raises(PyMongoError, match="connection closed") as raised:
        await client.db.c.find_one()
    assert not isinstance(raised.value, ServerSelectionTimeoutError)
    assert not raised.value.timeout
    server.on_hello = server.greet


@pytest.mark.parametrize("ends", ["closed", "cleared"])
async def test_what_failed_while_it_was_cancelled_is_retrieved(ends, server, connect):
    """asyncio complains of an exception that nobody has seen, with a traceback."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    client = connect(server, timeoutMS=60_000, retryReads=False)
    await client.admin.command("ping")
    server.script("find", silence)
    finding = client.db.c.find_one()
    await until(lambda: "find" in server.names, "the command sent")
    if ends == "closed":
        client.close()
    else:
        pool_of(client).clear(interrupt=True)
    finding.cancel()
    await asyncio.wait([finding])
    del finding
    gc.collect()
    await asyncio.sleep(0)
    assert not complaints


@pytest.mark.parametrize("loop_runs", [True, False])
def test_what_is_cancelled_before_it_starts_was_awaited(loop_runs):
    loop = asyncio.new_event_loop()
    client: AsyncIOMotorClient = AsyncIOMotorClient("mongodb://127.0.0.1:1", io_loop=loop, timeoutMS=10_000)

    async def cancelled() -> None:
        finding = client.db.c.find_one()
        finding.cancel()
        await asyncio.wait([finding])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if loop_runs:
            loop.run_until_complete(cancelled())
        else:
            finding = client.db.c.find_one()
            finding.cancel()
            loop.run_until_complete(asyncio.wait([finding]))
            del finding
        gc.collect()
    loop.run_until_complete(client.close())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


async def test_the_time_starts_with_the_operation(server):
    """Not when its Future was made, if no loop ran then."""

    def outside() -> None:
        loop = asyncio.new_event_loop()
        client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri, io_loop=loop, timeoutMS=2000)
        pinging = client.admin.command("ping", comment="x")
        time.sleep(2.1)
        assert loop.run_until_complete(pinging)["ok"] == 1
        loop.run_until_complete(client.close())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    await asyncio.to_thread(outside)


async def test_no_operation_leaves_its_limit_to_its_caller(server, connect):
    client = connect(server, timeoutMS=50)
    finding = client.db.c.find_one()
    assert pymongo._csot.TIMEOUT.get() is None
    await finding
    assert pymongo._csot.TIMEOUT.get() is None
    await asyncio.sleep(0.1)
    server.script("find", reply({"cursor": {"id": 0, "ns": "db.c", "firstBatch": [{"_id": 1}]}, "ok": 1}))
    assert await client.db.c.find_one() == {"_id": 1}
    assert idle(pool_of(client))
