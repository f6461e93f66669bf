"""However a client ends, and whatever its loop does then: no socket, no task and no complaint is left.

The loop is asyncio's or uvloop, with TLS or without, the client one that monitors or one behind a load balancer.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson.objectid import ObjectId
from pymongo.errors import InvalidOperation

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.certificates import Certificates
from tests.support.listener import Peer
from tests.support.loops import RUNS
from tests.support.server import ScriptedServer, serving, silence
from tests.support.waiting import PATIENCE, block_until, until

uvloop = pytest.importorskip("uvloop")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
KINDS = ["monitored", "load balanced", "TLS"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    return Certificates(folder)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str, certificates: Certificates) -> Iterator[ScriptedServer]:
    hello = {"serviceId": ObjectId(), "msg": "isdbgrid"} if kind == "load balanced" else {}
    tls = certificates.context(certificates.good) if kind == "TLS" else None
    replica_set = None if kind == "load balanced" else "rs"
    with serving(ScriptedServer(hello=hello, streams=True, replica_set=replica_set, tls=tls)) as server:
        yield server


@pytest.fixture
def connect(server: ScriptedServer, kind: str, certificates: Certificates) -> Callable[..., AsyncIOMotorClient]:
    every: dict[str, dict[str, Any]] = {
        "monitored": {},
        "load balanced": {"directConnection": False, "loadBalanced": True},
        "TLS": {"tls": True, "tlsCAFile": certificates.authority},
    }
    options = every[kind]
    uri = server.uri.partition("?")[0]
    return lambda **more: AsyncIOMotorClient(uri, **options, **more)


@pytest.fixture(autouse=True)
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What anybody says who notices something unclosed, pending or never awaited: nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caplog.messages
        gc.collect()
    mine = [
        str(warning.message) for warning in caught if issubclass(warning.category, (ResourceWarning, RuntimeWarning))
    ]
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert not mine + said


async def use(client: AsyncIOMotorClient) -> None:
    await asyncio.gather(*(client.db.c.find_one({"_id": number}) for number in range(5)))


@pytest.mark.parametrize("loop_name", LOOPS)
def test_closed_while_the_loop_does_not_run(loop_name, server, connect, kind):
    loop = LOOPS[loop_name]()
    client = connect()
    loop.run_until_complete(use(client))
    client.close()
    assert not asyncio.all_tasks(loop)
    block_until(lambda: not server.peers, "the end of every connection")
    if loop_name == "asyncio":
        assert "endSessions" in server.names
    loop.close()


def test_closed_after_the_loop(server, connect):
    loop = asyncio.new_event_loop()
    client = connect()
    loop.run_until_complete(use(client))
    loop.close()
    assert server.peers
    client.close()
    block_until(lambda: not server.peers, "the end of every connection")
    with pytest.raises(InvalidOperation):
        asyncio.run(use(client))


def test_each_loop_takes_the_place_of_the_last(server, connect, kind):
    client = connect()
    former: set[Peer] = set()
    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(use(client))
        block_until(partial(former.isdisjoint, server.peers), "the end of the former loop's connections")
        former = set(server.peers)
        loop.close()
    client.close()
    block_until(lambda: not server.peers, "the end of every connection")


@pytest.mark.parametrize("loop_name", LOOPS)
def test_the_loop_ends_and_nobody_has_closed_the_client(loop_name, server, connect):
    client = connect()
    for _ in range(2):
        RUNS[loop_name](use(client))
        block_until(lambda: not server.peers, "the end of every connection")
    client.close()


@pytest.mark.parametrize("loop_name", LOOPS)
def test_closed_in_another_loop_of_the_same_thread(loop_name, server, connect):
    loop = LOOPS[loop_name]()
    client = connect()
    loop.run_until_complete(use(client))

    async def close() -> None:
        client.close()

    asyncio.run(close())
    block_until(lambda: not server.peers, "the end of every connection")
    # Nothing is left but tasks that have been told to end.
    loop.run_until_complete(asyncio.sleep(0.01))
    assert not asyncio.all_tasks(loop)
    loop.close()


@pytest.mark.parametrize("loop_name", LOOPS)
def test_closed_in_another_thread_while_the_loop_does_not_run(loop_name, server, connect):
    loop = LOOPS[loop_name]()
    client = connect()
    loop.run_until_complete(use(client))
    thread = threading.Thread(target=client.close)
    thread.start()
    thread.join()
    block_until(lambda: not server.peers, "the end of every connection")
    loop.run_until_complete(asyncio.sleep(0.01))
    assert not asyncio.all_tasks(loop)
    loop.close()


@pytest.mark.parametrize("loop_name", LOOPS)
def test_closed_in_another_thread_while_the_loop_runs(loop_name, server, connect):
    client = connect()

    async def main() -> None:
        await use(client)
        await asyncio.to_thread(client.close)
        with pytest.raises(InvalidOperation):
            await use(client)
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    RUNS[loop_name](main())
    block_until(lambda: not server.peers, "the end of every connection")


@pytest.mark.parametrize("after", ["the loop is closed", "the loop has stopped"])
def test_forgotten(after, server, connect):
    loop = asyncio.new_event_loop()
    client = connect()
    loop.run_until_complete(use(client))
    if after == "the loop is closed":
        loop.close()
    del client
    gc.collect()
    block_until(lambda: not server.peers, "the end of every connection")
    loop.close()


@pytest.mark.parametrize("loop_name", LOOPS)
def test_what_cleans_up_at_the_end_of_the_loop_may_use_the_client(loop_name, server, connect):
    client = connect()
    cleaned = []

    async def clean_up_in_the_end() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
                cleaned.append((await client.db.c.insert_one({"_id": 1})).inserted_id)

    async def main() -> None:
        await use(client)
        main.task = asyncio.ensure_future(clean_up_in_the_end())  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    RUNS[loop_name](main())
    assert cleaned == [1, 1, 1]
    block_until(lambda: not server.peers, "the end of every connection")
    client.close()


def test_operations_that_nobody_ends(server, connect):
    """The loop is closed while they wait for replies, connections and servers; they are collected after that."""
    client = connect(maxPoolSize=2)
    server.script("find", silence, silence)
    loop = asyncio.new_event_loop()

    async def main() -> list[Any]:
        futures = [client.db.c.find_one({"_id": number}) for number in range(6)]
        await until(lambda: server.names.count("find") == 2)
        return futures

    futures = loop.run_until_complete(main())
    loop.close()
    # They are the application's, and so is what asyncio says of them.
    while futures:
        futures.pop()._log_destroy_pending = False
    gc.collect()
    with contextlib.closing(asyncio.new_event_loop()) as another:
        another.run_until_complete(use(client))
        client.close()
    block_until(lambda: not server.peers, "the end of every connection")


@pytest.mark.parametrize("kind", ["TLS"])
@pytest.mark.parametrize(
    ("loop_name", "order"), [("asyncio", "client, loop"), ("asyncio", "loop, client"), ("uvloop", "client, loop")]
)
def test_an_opening_that_is_half_done(loop_name, order, kind, certificates):
    """The server has been reached, and says nothing in the TLS handshake.

    The loop first, and then the client, is not for uvloop: what it has not yet told a protocol of, only itself can end,
    and it complains when it is closed before that.
    """
    loop = LOOPS[loop_name]()
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        uri = f"mongodb://127.0.0.1:{listener.getsockname()[1]}/"
        client = AsyncIOMotorClient(uri, tls=True, tlsCAFile=certificates.authority)

        async def main() -> socket.socket:
            finding: Any = client.db.c.find_one()
            finding._log_destroy_pending = False
            peer, _ = await asyncio.to_thread(listener.accept)
            return peer

        with loop.run_until_complete(main()) as peer:
            peer.settimeout(PATIENCE)
            for which in order.split(", "):
                (client if which == "client" else loop).close()
            said = b""
            while data := receive(peer):
                said += data
            assert said[:1] in (b"", b"\x16")


def receive(peer: socket.socket) -> bytes:
    """What comes next; nothing at the end, however it comes."""
    try:
        return peer.recv(1 << 16)
    except ConnectionResetError:
        return b""
