"""Which loop a client lives on: the one it was given, or the one it is used in."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading

import pytest
import uvloop
from pymongo.errors import InvalidOperation
from tornado.ioloop import IOLoop

from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient
from tests.support.families import FAMILIES, TORNADO, closed, every_family, in_every_family, in_thread


@in_every_family
async def test_everything_of_a_client_has_its_loop(collection):
    database = collection.database
    client = database.client
    loop = client.io_loop
    assert loop is (IOLoop.current() if isinstance(client, MotorClient) else asyncio.get_running_loop())
    owners = [client, database, collection, collection.find(), collection.aggregate([])]
    assert all(owner.get_io_loop() is loop for owner in owners)


def test_an_asyncio_loop_is_given(uri):
    def run():
        loop = asyncio.new_event_loop()
        client = AsyncIOMotorClient(uri, io_loop=loop)
        assert client.io_loop is loop
        assert client.get_io_loop() is loop
        assert client.db.c.get_io_loop() is loop
        # No loop is the thread's current one: that the Future runs at all shows where it was started.
        reply = loop.run_until_complete(client.admin.command("ping"))
        loop.run_until_complete(closed(client))
        loop.close()
        return reply["ok"]

    assert in_thread(run) == 1


def test_a_uvloop_is_given(uri):
    def run():
        loop = uvloop.new_event_loop()
        client = AsyncIOMotorClient(uri, io_loop=loop)
        assert client.get_io_loop() is loop
        reply = loop.run_until_complete(client.admin.command("ping"))
        loop.run_until_complete(closed(client))
        loop.close()
        return reply["ok"]

    assert in_thread(run) == 1


def test_an_ioloop_is_given(uri):
    def run():
        loop = IOLoop(make_current=False)
        client = MotorClient(uri, io_loop=loop)
        assert client.io_loop is loop
        assert client.get_io_loop() is loop
        assert client.db.c.get_io_loop() is loop
        reply = loop.run_sync(lambda: client.admin.command("ping"))
        loop.run_sync(lambda: closed(client))
        loop.close(all_fds=True)
        return reply["ok"]

    assert in_thread(run) == 1


@pytest.mark.filterwarnings("default:make_current is deprecated:DeprecationWarning")  # by Tornado 6.2 alone
def test_an_ioloop_made_current_in_a_thread(uri):
    def run():
        loop = IOLoop(make_current=True)
        client = MotorClient(uri)
        assert client.io_loop is loop
        future = client.admin.command("ping")
        reply = loop.run_sync(lambda: future)
        loop.run_sync(lambda: closed(client))
        loop.close(all_fds=True)
        return reply["ok"]

    assert in_thread(run) == 1


def test_ioloop_under_asyncio_run(uri):
    async def main():
        client = MotorClient(uri)
        assert client.get_io_loop() is IOLoop.current()
        reply = await client.admin.command("ping")
        await closed(client)
        return reply["ok"]

    assert in_thread(lambda: asyncio.run(main())) == 1


@pytest.mark.parametrize("loop", [5, "loop", object(), asyncio, IOLoop])
@every_family
def test_what_is_no_loop_is_refused(family, loop):
    with pytest.raises(TypeError, match="io_loop must be instance of"):
        family.client(io_loop=loop)


def test_the_other_familys_loop_is_refused():
    def run():
        ioloop = IOLoop(make_current=False)
        try:
            with pytest.raises(TypeError, match="io_loop must be instance of asyncio-compatible event loop"):
                AsyncIOMotorClient(io_loop=ioloop)
            with pytest.raises(TypeError, match="io_loop must be instance of IOLoop"):
                MotorClient(io_loop=ioloop.asyncio_loop)
        finally:
            ioloop.close(all_fds=True)

    in_thread(run)


@every_family
def test_a_client_made_before_any_loop_runs(uri, family):
    client = family.client(uri)
    collection = client.db.c.with_options()

    async def main():
        assert client.get_io_loop() is family.current_loop()
        assert (await client.admin.command("ping"))["ok"] == 1
        assert await collection.find_one({"_id": "no such"}) is None
        await closed(client)

    in_thread(lambda: family.run(main))


@every_family
def test_one_client_in_several_runs(uri, family):
    """Made at import time, as test suites and scripts do; its databases and collections are kept, too."""
    client = family.client(uri)
    collection = client["motor_test_several_runs"].c
    cursor = collection.find({}, sort=[("_id", 1)])

    async def first():
        await collection.drop()
        await collection.insert_one({"_id": 1})
        assert client.get_io_loop() is family.current_loop()

    async def again():
        number = await collection.count_documents({}) + 1
        await asyncio.gather(*(collection.find_one() for _ in range(3)))
        await collection.insert_one({"_id": number})

    async def last():
        documents = await cursor.to_list()
        await client.drop_database("motor_test_several_runs")
        await closed(client)
        return documents

    def run():
        family.run(first)
        for _ in range(3):
            family.run(again)
        return family.run(last)

    assert in_thread(run) == [{"_id": 1}, {"_id": 2}, {"_id": 3}, {"_id": 4}]


@every_family
def test_the_loop_of_the_second_run(uri, family):
    """`get_io_loop` never names a loop that has been closed."""
    client = family.client(uri)

    async def main():
        await client.admin.command("ping")
        assert client.get_io_loop() is family.current_loop()

    async def last():
        await main()
        await closed(client)

    def run():
        family.run(main)
        family.run(last)

    in_thread(run)


@every_family
def test_a_cursor_from_an_earlier_run(uri, family):
    """It goes on where it was, or says why it can't."""
    client = family.client(uri)
    collection = client["motor_test_earlier_run"].c
    cursor = collection.find(batch_size=2)

    async def first():
        await collection.drop()
        await collection.insert_many([{"_id": number} for number in range(6)])
        return [await cursor.next() for _ in range(3)]

    async def second():
        try:
            return await cursor.to_list()
        except InvalidOperation:
            return None
        finally:
            await client.drop_database("motor_test_earlier_run")
            await closed(client)

    def run():
        begun = family.run(first)
        return begun, family.run(second)

    begun, rest = in_thread(run)
    assert begun == [{"_id": 0}, {"_id": 1}, {"_id": 2}]
    assert rest in (None, [{"_id": 3}, {"_id": 4}, {"_id": 5}])


@every_family
def test_a_cursor_dropped_after_its_loop(uri, family):
    """There is nobody left to tell the server, and nothing to warn of."""
    client = family.client(uri)
    collection = client["motor_test_dropped_later"].c
    cursors = [collection.find(batch_size=2), collection.aggregate([], batchSize=2), collection.find()]

    async def first():
        await collection.drop()
        await collection.insert_many([{"_id": number} for number in range(6)])
        for cursor in cursors[:2]:
            await cursor.next()

    async def second():
        await client.drop_database("motor_test_dropped_later")
        await closed(client)

    def run():
        family.run(first)
        cursors.clear()
        gc.collect()
        family.run(second)

    in_thread(run)


@every_family
def test_two_live_loops_are_refused(uri, family):
    client = family.client(uri)

    async def main():
        await client.admin.command("ping")

        def elsewhere():
            async def other():
                future = client.admin.command("ping")
                with pytest.raises(RuntimeError, match="in use in another event loop"):
                    await future
                with pytest.raises(RuntimeError, match=f"This {family.prefix}Client is in use"):
                    await client.db.c.find().to_list()

            family.run(other)

        await asyncio.get_running_loop().run_in_executor(None, in_thread, elsewhere)
        assert (await client.admin.command("ping"))["ok"] == 1
        await closed(client)

    in_thread(lambda: family.run(main))


def test_two_clients_in_two_live_loops(uri):
    barrier = threading.Barrier(len(FAMILIES), timeout=60)
    errors = []

    def run(family):
        async def main():
            client = family.client(uri)
            await client.admin.command("ping")
            await asyncio.get_running_loop().run_in_executor(None, barrier.wait)
            await asyncio.gather(*(client.admin.command("ping") for _ in range(20)))
            await asyncio.get_running_loop().run_in_executor(None, barrier.wait)
            await closed(client)

        try:
            family.run(main)
        except BaseException as error:
            barrier.abort()
            errors.append(error)

    threads = [threading.Thread(target=run, args=(family,)) for family in FAMILIES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


async def test_used_from_another_thread(uri):
    """The way that asyncio has for it: the coroutine runs on the client's loop."""
    client = AsyncIOMotorClient(uri)

    async def ping():
        return await client.admin.command("ping")

    loop = asyncio.get_running_loop()
    reply = await loop.run_in_executor(None, lambda: asyncio.run_coroutine_threadsafe(ping(), loop).result(60))
    assert reply["ok"] == 1
    client.close()


CLOSED_OUTSIDE = """
import asyncio, gc
{imports}
client = {client}({uri!r})
async def main():
    await client.admin.command("ping")
{run}
client.close()
del client
gc.collect()
"""

NEVER_CLOSED = CLOSED_OUTSIDE.replace("client.close()\n", "")

CLOSED_LAST = """
import asyncio, gc
{imports}
async def main():
    client = {client}({uri!r})
    await client.admin.command("ping")
    await client.close()
{run}
gc.collect()
"""

CLOSED_UNUSED = """
import gc
{imports}
client = {client}({uri!r})
client.close()
del client
gc.collect()
"""


def program(text: str, uri: str, *, tornado: bool) -> str:
    if tornado:
        return text.format(
            uri=uri,
            imports="from motor.motor_tornado import MotorClient; from tornado.ioloop import IOLoop",
            client="MotorClient",
            run="IOLoop.current().run_sync(main)",
        )
    return text.format(
        uri=uri,
        imports="from motor.motor_asyncio import AsyncIOMotorClient",
        client="AsyncIOMotorClient",
        run="asyncio.run(main())",
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CLOSED_OUTSIDE, id="closed-outside"),
        pytest.param(NEVER_CLOSED, id="never-closed"),
        pytest.param(CLOSED_LAST, id="closed-last"),
        pytest.param(CLOSED_UNUSED, id="closed-unused"),
    ],
)
@pytest.mark.parametrize("tornado", [False, True], ids=["asyncio", TORNADO.name])
def test_a_program_ends_without_a_word(uri, text, tornado):
    """No loop, socket or task is left open, whichever way the program ends."""
    result = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", program(text, uri, tornado=tornado)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
