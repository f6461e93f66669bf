"""Event loops: none yet, several one after the other, two at once, uvloop, fork. Each in a process of its own where
what is printed counts.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path

import pytest
from pymongo.errors import InvalidOperation

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support import inside
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]

uvloop = pytest.importorskip("uvloop")

RUNNERS = {
    "asyncio": asyncio.run,
    "asyncio debug": lambda main: asyncio.run(main, debug=True),
    "uvloop": uvloop.run,
    "uvloop debug": lambda main: uvloop.run(main, debug=True),
}


@pytest.fixture
def run(request):
    """A way to run a coroutine in a loop of its own."""
    return RUNNERS[request.param]


every_runner = pytest.mark.parametrize("run", RUNNERS, indirect=True)


async def ping(client):
    assert (await client.admin.command("ping"))["ok"] == 1


async def many(client):
    await asyncio.gather(*(ping(client) for _ in range(20)))
    assert all([database["name"] async for database in client.list_databases()])


@every_runner
def test_a_client_made_before_any_loop_runs(run, uri):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    for _ in range(4):
        run(many(client))
    run(closing(client))
    with pytest.raises(InvalidOperation, match="Cannot use MongoClient after close"):
        run(ping(client))


async def closing(client):
    await client.close()


def test_one_client_in_loops_of_both_kinds(uri):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    for run in [*RUNNERS.values()] * 2:
        run(many(client))
    asyncio.run(closing(client))


@every_runner
def test_a_loop_that_ends_at_any_moment(run, uri):
    """asyncio.run ends although the client is not closed, in whatever state the client is then."""
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)

    async def use(turns):
        operations = [client.admin.command("ping") for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        del operations

    def runs():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for turns in range(40):
                run(use(turns))
                done.append(turns)

    done: list[int] = []
    thread = threading.Thread(target=runs, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert len(done) == 40, f"hangs, or fails, when the loop ends after {len(done)} turns"
    run(many(client))
    run(closing(client))


def test_a_cursor_of_a_loop_that_has_ended(uri):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    name = f"motor_test_loops_{os.getpid()}"

    async def begin():
        await client[name].c.insert_many([{"_id": number} for number in range(10)])
        cursor = client[name].c.find(batch_size=2)
        assert await cursor.next() == {"_id": 0}
        return cursor

    async def end(cursor):
        found = []
        try:
            found = await cursor.to_list()
        except Exception as error:
            assert type(error).__module__.startswith("pymongo")  # noqa: PT017
        assert found in ([], [{"_id": number} for number in range(1, 10)])
        await client.drop_database(name)
        await client.close()

    asyncio.run(end(asyncio.run(begin())))


def test_two_live_loops_are_refused(uri):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    ready, over = threading.Event(), threading.Event()

    async def first():
        await ping(client)
        ready.set()
        await asyncio.to_thread(over.wait, PATIENCE)
        await ping(client)

    async def second():
        with pytest.raises(RuntimeError, match="in use in another event loop that has not been closed"):
            await ping(client)
        cursor = client.db.c.find()
        with pytest.raises(RuntimeError, match="AsyncIOMotorClient is in use in another event loop"):
            await cursor.to_list()

    thread = threading.Thread(target=lambda: asyncio.run(first()))
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        asyncio.run(second())
    finally:
        over.set()
        thread.join()
    # The first loop has been closed: now it may.
    asyncio.run(many(client))
    asyncio.run(closing(client))


def test_closed_from_another_thread(uri):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)

    async def main():
        await ping(client)
        await asyncio.to_thread(inside.close_at_once, client)
        for _ in range(3):
            await asyncio.sleep(0.01)
        with pytest.raises(InvalidOperation):
            await ping(client)
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(main()) == []


def test_operations_before_the_loop_runs(uri):
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
        future = client.admin.command("ping")
        assert loop.run_until_complete(future)["ok"] == 1
        client.close()
        loop.run_until_complete(asyncio.sleep(0.01))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_the_loop_that_was_given(uri):
    loop = asyncio.new_event_loop()
    try:
        client: AsyncIOMotorClient = AsyncIOMotorClient(uri, io_loop=loop)
        assert client.get_io_loop() is loop
        future = client.admin.command("ping")
        assert future.get_loop() is loop
        assert loop.run_until_complete(future)["ok"] == 1
        loop.run_until_complete(closing(client))
        loop.run_until_complete(asyncio.sleep(0.01))
    finally:
        loop.close()


@pytest.mark.parametrize("when", ["never used", "used", "twice", "closed already"])
async def test_close_is_called(when, uri):
    client: AsyncIOMotorClient = AsyncIOMotorClient(uri)
    if when != "never used":
        await ping(client)
    if when == "twice":
        await client.close()
        await client.close()
    closing = client.close()
    await closing
    with pytest.raises(InvalidOperation):
        await ping(client)


async def test_the_client_as_a_block(uri):
    async with AsyncIOMotorClient(uri) as client:
        await ping(client)
    with pytest.raises(InvalidOperation):
        await ping(client)


def script(code: str, uri: str, *flags: str) -> str:
    """Run `code` with warnings as errors and return what it printed; nothing may be printed on standard error."""
    body = textwrap.dedent(code).replace("URI", repr(uri))
    prelude = "import asyncio, gc, logging, os, sys\nfrom motor.motor_asyncio import AsyncIOMotorClient\n"
    prelude += "from tests.support import inside\n"
    # In its debug mode asyncio complains of callbacks that take long, as they do where much else runs.
    prelude += "logging.getLogger('asyncio').addFilter(lambda record: not record.msg.startswith('Executing '))\n"
    ran = subprocess.run(
        [sys.executable, "-W", "error", *flags, "-c", prelude + body],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert ran.stderr == ""
    assert ran.returncode == 0
    return ran.stdout


NO_NOISE = {
    "asyncio.run without close": """
        client = AsyncIOMotorClient(URI)
        async def main():
            await client.db.command("ping")
        for _ in range(3):
            asyncio.run(main())
    """,
    "an operation where no loop was ever set": """
        client = AsyncIOMotorClient(URI)
        future = client.db.command("ping")
        loop = client.get_io_loop()
        assert loop is future.get_loop() is asyncio.get_event_loop()
        assert loop.run_until_complete(future)["ok"] == 1
        client.close()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
    """,
    "asyncio.run, then close": """
        client = AsyncIOMotorClient(URI)
        async def main():
            await client.db.command("ping")
        asyncio.run(main())
        client.close()
        del client
        gc.collect()
    """,
    "closed without having been used": """
        client = AsyncIOMotorClient(URI)
        client.close()
        del client
        gc.collect()
    """,
    "never closed and never used": """
        client = AsyncIOMotorClient(URI)
    """,
    "run_until_complete, close, another turn, and the loop closed": """
        loop = asyncio.new_event_loop()
        client = AsyncIOMotorClient(URI, io_loop=loop)
        loop.run_until_complete(client.db.command("ping"))
        client.close()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        gc.collect()
    """,
    "close awaited as the last thing": """
        loop = asyncio.new_event_loop()
        client = AsyncIOMotorClient(URI, io_loop=loop)
        async def main():
            await client.db.command("ping")
            await client.close()
        loop.run_until_complete(main())
        loop.close()
        gc.collect()
    """,
    "a cursor dropped after its loop has ended": """
        client = AsyncIOMotorClient(URI)
        async def main():
            await client.motor_test_noise.c.insert_many([{} for _ in range(10)])
            cursor = client.motor_test_noise.c.find(batch_size=2)
            await cursor.next()
            return cursor
        cursor = asyncio.run(main())
        del cursor
        gc.collect()
        async def end():
            await client.drop_database("motor_test_noise")
        asyncio.run(end())
    """,
    "a cursor dropped while its loop does not run": """
        loop = asyncio.new_event_loop()
        client = AsyncIOMotorClient(URI, io_loop=loop)
        async def main():
            await client.motor_test_noise.c.insert_many([{} for _ in range(10)])
            cursor = client.motor_test_noise.c.find(batch_size=2)
            await cursor.next()
            return cursor
        cursor = loop.run_until_complete(main())
        del cursor
        gc.collect()
        async def end():
            await client.drop_database("motor_test_noise")
            await client.close()
            await asyncio.sleep(0.01)
        loop.run_until_complete(end())
        loop.close()
    """,
    "a client dropped in its loop": """
        async def main():
            client = AsyncIOMotorClient(URI)
            await client.db.command("ping")
            del client
            gc.collect()
            await asyncio.sleep(0.05)
            assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()
        asyncio.run(main())
        gc.collect()
    """,
    "a client dropped after its loop has ended": """
        async def main():
            client = AsyncIOMotorClient(URI)
            await client.db.command("ping")
            return client
        client = asyncio.run(main())
        del client
        gc.collect()
    """,
    "a client dropped with an operation under way": """
        async def main():
            future = AsyncIOMotorClient(URI).db.command("ping")
            gc.collect()
            assert (await future)["ok"] == 1
            del future
            gc.collect()
            await asyncio.sleep(0.05)
            assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()
        asyncio.run(main())
    """,
    "sys.exit inside": """
        async def main():
            client = AsyncIOMotorClient(URI)
            await client.db.command("ping")
            sys.exit(0)
        asyncio.run(main())
    """,
    "uvloop without close": """
        import uvloop
        client = AsyncIOMotorClient(URI)
        async def main():
            await client.db.command("ping")
        for _ in range(3):
            uvloop.run(main())
    """,
    "a server that is not there": """
        client = AsyncIOMotorClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50)
        async def main():
            try:
                await client.db.command("ping")
            except Exception as error:
                print(type(error).__name__)
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("name", NO_NOISE)
def test_nothing_is_printed(name, uri):
    printed = script(NO_NOISE[name], uri, "-X", "dev")
    assert printed == ("ServerSelectionTimeoutError\n" if name == "a server that is not there" else "")


FORKS = {
    "between two runs": """
        client = AsyncIOMotorClient(URI)
        async def main():
            assert (await client.db.command("ping"))["ok"] == 1
        asyncio.run(main())
        if (child := os.fork()) == 0:
            asyncio.run(main())
            asyncio.run(main())
            print("child", flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        asyncio.run(main())
        print("parent")
    """,
    "inside a loop that runs": """
        client = AsyncIOMotorClient(URI, maxPoolSize=1)
        async def main():
            assert (await client.db.command("ping"))["ok"] == 1
        async def parent():
            await main()
            if (child := os.fork()) == 0:
                asyncio.run(main())
                print("child", flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            pool = inside.pool_of(client)
            before = list(inside.idle(pool))
            await asyncio.gather(*(main() for _ in range(10)))
            assert inside.idle(pool) == before and len(before) == 1, "the parent's connection was closed"
        asyncio.run(parent())
        print("parent")
    """,
    "a loop that the child takes over": """
        loop = asyncio.new_event_loop()
        client = AsyncIOMotorClient(URI, maxPoolSize=1, io_loop=loop)
        async def server_side_id():
            pool = inside.pool_of(client)
            await client.db.command("ping")
            return inside.idle(pool)[0].server_connection_id
        mine = loop.run_until_complete(server_side_id())
        if (child := os.fork()) == 0:
            asyncio.set_event_loop(asyncio.new_event_loop())
            assert asyncio.get_event_loop().run_until_complete(server_side_id()) != mine
            print("child", flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert loop.run_until_complete(server_side_id()) == mine
        async def end():
            await client.close()
            await asyncio.sleep(0.01)
        loop.run_until_complete(end())
        loop.close()
        print("parent")
    """,
    "after a loop that was closed with tasks pending": """
        client = AsyncIOMotorClient(URI)
        async def main():
            assert (await client.db.command("ping"))["ok"] == 1
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        if (child := os.fork()) == 0:
            asyncio.run(main())
            asyncio.run(main())
            print("child", flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        asyncio.run(main())
        print("parent")
    """,
    "a client that asks DNS, inside a loop that runs": """
        import dns.asyncresolver, dns.resolver, socket
        from types import SimpleNamespace as Record
        port = int(URI.rstrip("/").rpartition(":")[2])
        class Answer(list):
            rrset = Record(ttl=60)
        class Resolver:
            async def resolve(self, name, kind, lifetime):
                if kind == "TXT":
                    raise dns.resolver.NoAnswer
                return Answer([Record(port=port, target=Record(to_text=lambda omit_final_dot: "one.a.b.test"))])
        dns.asyncresolver.default_resolver = Resolver()
        of_system = socket.getaddrinfo
        socket.getaddrinfo = lambda host, *more, **options: of_system("127.0.0.1", *more, **options)
        client = AsyncIOMotorClient("mongodb+srv://a.b.test/?tls=false")
        async def main():
            assert (await client.db.command("ping"))["ok"] == 1
        async def parent():
            await main()
            # Not of the loop's threads, which the child has not.
            await asyncio.get_running_loop().shutdown_default_executor()
            if (child := os.fork()) == 0:
                asyncio.run(main())
                print("child", flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            await main()
        asyncio.run(parent())
        print("parent")
    """,
    "the child closes the client": """
        client = AsyncIOMotorClient(URI)
        async def main():
            assert (await client.db.command("ping"))["ok"] == 1
        async def parent():
            await main()
            if (child := os.fork()) == 0:
                inside.close_at_once(client)
                print("child", flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            await main()
        asyncio.run(parent())
        print("parent")
    """,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("name", FORKS)
def test_a_forked_process_starts_afresh(name, uri):
    assert script(FORKS[name], uri, "-X", "dev").split() == ["child", "parent"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_that_runs_the_very_same_loop_uses_no_connection_of_its_parent(uri):
    code = """
        loop = asyncio.new_event_loop()
        client = AsyncIOMotorClient(URI, maxPoolSize=1, io_loop=loop)
        async def idle():
            await client.db.command("ping")
            return inside.idle(inside.pool_of(client))[0]
        mine = loop.run_until_complete(idle())
        if (child := os.fork()) == 0:
            async def pool():
                return inside.pool_of(client)
            same = mine in inside.idle(loop.run_until_complete(pool()))
            print("same" if same else "afresh", flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        async def end():
            await client.close()
            await asyncio.sleep(0.01)
        loop.run_until_complete(end())
        loop.close()
    """
    assert script(code, uri).split() == ["afresh"]


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_blocked_loop_does_not_make_a_healthy_server_look_dead(kind, uri):
    """The reply waits in the socket while the application blocks the loop for longer than socketTimeoutMS."""
    code = f"""
        import time, uvloop
        client = AsyncIOMotorClient(URI, socketTimeoutMS=150)
        async def main():
            for _ in range(3):
                await client.db.command("ping")
                future = client.db.command("ping")
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                time.sleep(0.3)
                assert (await future)["ok"] == 1
            assert inside.connections_made(inside.pool_of(client)) == 1, "a sound connection was closed"
        {"uvloop" if kind == "uvloop" else "asyncio"}.run(main())
    """
    assert script(code, uri) == ""
