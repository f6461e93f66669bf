"""The driver's own threads: few, there while there is something to do, and nobody else's."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bson.objectid import ObjectId
from pymongo.errors import ServerSelectionTimeoutError

from motor.driver.threads import APPLICATION, NAMES, WORK, Threads
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket
from tests.support.inside import idle_threads_of, replace, threads_of
from tests.support.waiting import PATIENCE, block_until


class Held:
    """A call that goes on until it is released."""

    def __init__(self) -> None:
        self.begun = 0
        self._free = threading.Event()

    def __call__(self) -> str:
        self.begun += 1
        assert self._free.wait(PATIENCE)
        return threading.current_thread().name

    def release(self) -> None:
        """Let all go on."""
        self._free.set()


def test_there_are_no_more_than_so_many():
    pool, held = Threads("test bounded", 2), Held()
    calls = [pool.submit(held) for _ in range(5)]
    block_until(lambda: held.begun == 2)
    time.sleep(0.02)
    assert held.begun == threads_of(pool) == 2
    held.release()
    assert {call.result(PATIENCE) for call in calls} == {"test bounded"}


def test_an_idle_one_is_used_before_another_is_started():
    pool = Threads("test idle", 4)
    for _ in range(20):
        pool.submit(lambda: None).result(PATIENCE)
        block_until(lambda: idle_threads_of(pool) == 1)
    assert threads_of(pool) == 1


def test_they_end_when_there_is_nothing_to_do(monkeypatch):
    replace(monkeypatch, "threads.IDLE_SECONDS", 0.01)
    pool = Threads("test ending", 4)
    for _ in range(2):
        assert pool.submit(lambda: 1).result(PATIENCE) == 1
        block_until(lambda: threads_of(pool) == 0)
    block_until(lambda: not any(thread.name == "test ending" for thread in threading.enumerate()))


def test_what_is_cancelled_before_it_begins_is_never_called():
    pool, held = Threads("test cancelled", 1), Held()
    first = pool.submit(held)
    second = pool.submit(held)
    assert second.cancel()
    held.release()
    first.result(PATIENCE)
    assert pool.submit(lambda: 2).result(PATIENCE) == 2
    assert held.begun == 1


def test_an_error_is_the_callers():
    def fail() -> None:
        raise ZeroDivisionError

    pool = Threads("test failing", 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(fail).result(PATIENCE)
    assert pool.submit(lambda: 3).result(PATIENCE) == 3


def test_the_system_has_no_thread_for_us(monkeypatch):
    pool = Threads("test refused", 2)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            pool.submit(lambda: 1)
    assert pool.submit(lambda: 4).result(PATIENCE) == 4
    assert threads_of(pool) == 1


def test_several_loops_use_them():
    pool = Threads("test loops", 2)
    for _ in range(3):
        assert asyncio.run(_called(pool)) == 5


async def _called(pool: Threads) -> int:
    return await pool.call(lambda: 5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_its_own():
    pool, held = Threads("test forked", 1), Held()
    busy = pool.submit(held)
    block_until(lambda: held.begun == 1)
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.submit(lambda: 6).result(PATIENCE) == 6 else 1)
    _, status = os.waitpid(child, 0)
    held.release()
    busy.result(PATIENCE)
    assert os.waitstatus_to_exitcode(status) == 0


@contextmanager
def loops_threads_taken() -> Iterator[None]:
    """The running loop's default executor is full of calls that wait, as an application's may, for the client."""
    released = threading.Event()
    for _ in range(40):
        asyncio.get_running_loop().run_in_executor(None, released.wait, PATIENCE)
    try:
        yield
    finally:
        released.set()


async def test_none_is_the_loops_own(server, connect, tmp_path, monkeypatch):
    """Else the client and an application whose threads wait for it could wait for each other: names, TLS, files.

    Large messages are in ``tests/compression``.
    """

    def localhost(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        return find_address("127.0.0.1" if host == "a.test" else host, port, *args, **options)

    find_address = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", localhost)
    with loops_threads_taken():
        named = connect(server.uri.replace("127.0.0.1", "a.test"))
        assert (await asyncio.wait_for(named.admin.command("ping"), PATIENCE))["ok"] == 1
        secure = connect("mongodb://127.0.0.1:1/?tls=true&serverSelectionTimeoutMS=2000")
        with pytest.raises(ServerSelectionTimeoutError, match="refused"):
            await asyncio.wait_for(secure.admin.command("ping"), PATIENCE)
        (tmp_path / "file").write_bytes(b"x" * 1000)
        with (tmp_path / "file").open("rb") as file:
            uploading = AsyncIOMotorGridFSBucket(named.db).upload_from_stream_with_id(ObjectId(), "file", file)
            await asyncio.wait_for(uploading, PATIENCE)


async def test_calls_of_the_application_do_not_hold_up_the_drivers(server, connect):
    """Nor does a name that the resolver is long about."""
    client: AsyncIOMotorClient = connect(server)
    await client.admin.command("ping")
    held = Held()
    busy = [pool.call(held) for pool in (APPLICATION, NAMES) for _ in range(40)]
    assert await asyncio.wait_for(WORK.call(lambda: 7), PATIENCE) == 7
    held.release()
    await asyncio.gather(*busy)
