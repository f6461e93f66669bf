"""A host name with several addresses: the first that answers, in time, on every event loop; and what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo.errors import NetworkTimeout, ServerSelectionTimeoutError

from motor.driver.cmap import happy_eyeballs
from motor.driver.cmap.happy_eyeballs import ATTEMPT_DELAY
from motor.driver.cmap.opening_sockets import OpeningSockets
from motor.driver.owner import Owner
from motor.driver.timeouts import LATE_TIMER_GRACE
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import module, replace
from tests.support.leaks import drivers_tasks
from tests.support.loops import on_every_loop
from tests.support.server import ScriptedServer
from tests.support.waiting import PATIENCE, until

NAME = "several.test"

SILENT = "127.0.0.2"
REFUSING = "127.0.0.3"

BRIEF = 0.3


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the system's resolver says of `NAME`, and of "localhost"."""
    found: list[str] = []
    ask_system = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, family: int = 0, *args: Any, **options: Any) -> Any:
        if host not in (NAME, "localhost"):
            return ask_system(host, port, family, *args, **options)
        if options.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        places = [ask_system(address, port, 0, socket.SOCK_STREAM)[0] for address in found]
        return [place for place in places if family in (0, place[0])]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return found


@contextmanager
def silent_at(port: int) -> Iterator[None]:
    """`SILENT` does not answer: the queue of who wants in is full there."""
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind((SILENT, port))
        hole.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((SILENT, port))
        yield


def client_of(server: ScriptedServer, host: str = NAME, **options: Any) -> AsyncIOMotorClient:
    """A client of `server` under a name."""
    return AsyncIOMotorClient(f"mongodb://{host}:{server.port}/?directConnection=true", **options)


async def connect(host: str, port: int, timeout: float | None) -> socket.socket:
    """A connected socket."""
    with contextlib.closing(Owner(asyncio.get_running_loop())) as owner, OpeningSockets(owner) as sockets:
        return await happy_eyeballs.connect(host, port, timeout, sockets)


async def peer_of(sock: socket.socket) -> str:
    """The address that it is connected to. It is closed."""
    with sock:
        address: str = sock.getpeername()[0]
        return address


@on_every_loop
async def test_one_that_is_silent_keeps_nobody_from_the_others(addresses):
    """connectTimeoutMS is each address's own."""
    addresses[:] = [SILENT, "127.0.0.1"]
    async with ScriptedServer() as server:
        with silent_at(server.port):
            async with client_of(server, connectTimeoutMS=int(PATIENCE * 1000)) as client:
                loop = asyncio.get_running_loop()
                started = loop.time()
                assert (await client.admin.command("ping"))["ok"] == 1
                assert loop.time() - started < PATIENCE
            assert not drivers_tasks()
    gc.collect()


@on_every_loop
async def test_one_that_refuses_is_not_waited_for(addresses, monkeypatch):
    replace(monkeypatch, "happy_eyeballs.ATTEMPT_DELAY", PATIENCE)
    addresses[:] = [REFUSING, "127.0.0.1"]
    async with ScriptedServer() as server:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await peer_of(await connect(NAME, server.port, None)) == "127.0.0.1"
        assert loop.time() - started < PATIENCE


@on_every_loop
async def test_the_first_that_answers_is_preferred(addresses):
    addresses[:] = ["127.0.0.1", "127.0.0.4"]
    async with ScriptedServer(), ScriptedServer(host="127.0.0.4") as other:
        addresses.reverse()
        assert await peer_of(await connect(NAME, other.port, None)) == "127.0.0.4"


@on_every_loop
async def test_all_of_them_fail(addresses):
    """The last error is raised, as by PyMongo; a silent one is a timeout."""
    addresses[:] = [SILENT, REFUSING]
    async with ScriptedServer() as server:
        with silent_at(server.port):
            loop = asyncio.get_running_loop()
            started = loop.time()
            with pytest.raises(TimeoutError, match="timed out"):
                await connect(NAME, server.port, BRIEF)
            assert loop.time() - started >= BRIEF
            client = client_of(server, connectTimeoutMS=int(BRIEF * 1000), serverSelectionTimeoutMS=1500)
            with pytest.raises(ServerSelectionTimeoutError, match=f"{NAME}:{server.port}: timed out"):
                await client.admin.command("ping")
            (description,) = client.topology_description.server_descriptions().values()
            assert isinstance(description.error, NetworkTimeout)
            client.close()
            await asyncio.sleep(0.05)
    gc.collect()


@on_every_loop
async def test_given_up_while_connecting(addresses):
    """No socket is left, of whichever attempt."""
    addresses[:] = [SILENT, SILENT, SILENT]
    async with ScriptedServer() as server:
        with silent_at(server.port):
            connecting = asyncio.ensure_future(connect(NAME, server.port, None))
            await asyncio.sleep(ATTEMPT_DELAY * 1.5)
            assert len([task for task in asyncio.all_tasks() if task.get_name().startswith("motor opening")]) == 2
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not drivers_tasks()
    gc.collect()


@on_every_loop
async def test_two_that_answer_at_once(addresses, monkeypatch):
    """One is taken, the other is closed."""
    replace(monkeypatch, "happy_eyeballs.ATTEMPT_DELAY", 0)
    addresses[:] = ["127.0.0.1"] * 5
    async with ScriptedServer() as server:
        assert await peer_of(await connect(NAME, server.port, None)) == "127.0.0.1"
        await asyncio.sleep(0.05)
        assert not drivers_tasks()
        await until(lambda: not server.peers, "every connection closed")
    gc.collect()


@on_every_loop
async def test_the_families_take_turns(monkeypatch):
    """One of them may be cut off as a whole."""

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        six = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (f"2001:db8::{n}", port, 0, 0)) for n in (1, 2, 3)]
        return [*six, *((socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", port)) for n in (1, 2))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    places = await module("happy_eyeballs")._resolve(NAME, 1, None)
    assert [place.address[0] for place in places] == [
        "2001:db8::1",
        "192.0.2.1",
        "2001:db8::2",
        "192.0.2.2",
        "2001:db8::3",
    ]


@on_every_loop
async def test_localhost_is_not_asked_for_in_ipv6(addresses):
    """As by PyMongo: something else may listen there, a container's proxy that accepts and says nothing."""
    addresses[:] = ["::1", "127.0.0.1"]
    async with ScriptedServer() as server:
        with socket.socket(socket.AF_INET6) as other:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            other.bind(("::1", server.port))
            other.listen(5)
            async with client_of(server, "localhost", serverSelectionTimeoutMS=int(PATIENCE * 1000)) as client:
                assert (await client.admin.command("ping"))["ok"] == 1
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                other.accept()


@on_every_loop
async def test_a_resolver_that_takes_long(monkeypatch):
    """It has connectTimeoutMS; and its thread is not the loop's."""
    free = threading.Event()
    asked = []

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if options.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        asked.append(threading.current_thread().name)
        free.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    client: AsyncIOMotorClient = AsyncIOMotorClient(
        f"mongodb://{NAME}/?directConnection=true", connectTimeoutMS=100, serverSelectionTimeoutMS=1000
    )
    with pytest.raises(ServerSelectionTimeoutError, match="timed out while the host name was looked up"):
        await client.admin.command("ping")
    assert set(asked) == {"motor names"}
    free.set()
    client.close()
    await asyncio.sleep(3 * LATE_TIMER_GRACE)


@on_every_loop
async def test_options_of_the_socket():
    """The kernel notices a peer that is gone, and sends small messages at once."""
    async with ScriptedServer() as server:
        with await connect("127.0.0.1", server.port, None) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 120
