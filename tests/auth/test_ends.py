"""Loops, clients and processes that end while somebody proves who he is: nothing waits for his thread."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest
import uvloop

from motor.motor_asyncio import AsyncIOMotorClient
from tests.auth.mechanisms import Oidc
from tests.auth.scenarios import SECRET, TOKEN, scram_server
from tests.auth.server import GuardedServer
from tests.auth.test_oidc import Waiting, with_callback
from tests.support.server import serving, silence
from tests.support.waiting import PATIENCE, until

every_loop = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def authenticating() -> list[threading.Thread]:
    """The threads that run a mechanism now."""
    return [thread for thread in threading.enumerate() if thread.name == "motor authentication"]


@every_loop
def test_loop_ends_while_a_human_is_asked(run: Any) -> None:
    callback = Waiting()
    # Of two connections at a time the later one would ask again: PyMongo's part of it forgets the token.
    options = with_callback(callback, human=True) | {"maxConnecting": 1}

    async def use(client: AsyncIOMotorClient, server: GuardedServer) -> None:
        finding = [client.db.c.find_one({"_id": 1}) for _ in range(3)]
        await until(callback.begun.is_set)
        del finding

    async def use_again(client: AsyncIOMotorClient) -> None:
        assert await client.db.c.find_one({"_id": 1}) == {"_id": 1}
        await client.close()

    with serving(GuardedServer({"MONGODB-OIDC": Oidc(TOKEN)})) as server:
        client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri, **options)
        run(use(client, server))
        assert authenticating()
        assert not callback.released.is_set()
        callback.released.set()
        for thread in authenticating():
            thread.join(PATIENCE)
        assert not authenticating()
        # What the human said is not lost, in another loop either.
        run(use_again(client))
        assert len(callback.asked) == 1


@every_loop
def test_loop_ends_while_the_server_is_silent(run: Any) -> None:
    async def use(client: AsyncIOMotorClient, server: GuardedServer) -> None:
        finding = client.db.c.find_one()
        await until(lambda: "saslContinue" in server.names)
        del finding

    with serving(scram_server("sha256")) as server:
        server.script("saslContinue", silence, silence, silence)
        run(use(AsyncIOMotorClient(server.uri, username="ann", password=SECRET), server))
        for thread in authenticating():
            thread.join(PATIENCE)
        assert not authenticating()


async def test_client_closed_while_a_human_is_asked() -> None:
    callback = Waiting()
    async with GuardedServer({"MONGODB-OIDC": Oidc(TOKEN)}) as server:
        client: AsyncIOMotorClient = AsyncIOMotorClient(server.uri, **with_callback(callback, human=True))
        finding = asyncio.ensure_future(client.db.c.find_one())
        await until(callback.begun.is_set)
        await client.close()
        with pytest.raises(Exception, match="after close"):
            await finding
        await until(lambda: not server.peers)
        callback.released.set()
        await until(lambda: not authenticating())
        assert not server.let_in


def ended_process(program: str) -> str:
    """What a program prints, which has to end by itself."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_process_ends_while_a_human_is_asked() -> None:
    printed = ended_process("""
        import asyncio, threading
        from pymongo.auth_oidc import OIDCCallback
        from motor.motor_asyncio import AsyncIOMotorClient
        from tests.auth.mechanisms import Oidc
        from tests.auth.server import GuardedServer
        from tests.support.waiting import until

        begun = threading.Event()

        class Forever(OIDCCallback):
            def fetch(self, context):
                begun.set()
                threading.Event().wait()

        async def main():
            async with GuardedServer({"MONGODB-OIDC": Oidc("token")}) as server:
                properties = {"OIDC_HUMAN_CALLBACK": Forever()}
                client = AsyncIOMotorClient(
                    server.uri, authMechanism="MONGODB-OIDC", authMechanismProperties=properties
                )
                finding = asyncio.ensure_future(client.db.c.find_one())
                await until(begun.is_set)
                finding.cancel()
                client.close()

        asyncio.run(main())
        print("ended")
    """)
    assert printed == "ended\n"


def test_loop_is_closed_under_it() -> None:
    """Without a word to the tasks that run in it: the thread sees that nobody will answer it."""
    printed = ended_process("""
        import asyncio, threading, warnings
        from motor.motor_asyncio import AsyncIOMotorClient
        from tests.auth.scenarios import SECRET, scram_server
        from tests.support.inside import module
        from tests.support.server import silence
        from tests.support.waiting import until

        warnings.simplefilter("ignore", ResourceWarning)
        module("authentication")._CLOSED_LOOP_INTERVAL = 0.01

        async def serve():
            server = scram_server("sha256")
            server.script("saslContinue", silence, silence)
            await server.open()
            return server

        async def use(server):
            client = AsyncIOMotorClient(server.uri, username="ann", password=SECRET)
            finding = client.db.c.find_one()
            await until(lambda: "saslContinue" in server.names)
            finding.cancel()

        server_loop, loop = asyncio.new_event_loop(), asyncio.new_event_loop()
        threading.Thread(target=server_loop.run_forever, daemon=True).start()
        server = asyncio.run_coroutine_threadsafe(serve(), server_loop).result()
        loop.run_until_complete(use(server))
        (waiting,) = [thread for thread in threading.enumerate() if thread.name == "motor authentication"]
        loop.close()
        waiting.join(10)
        print(waiting.is_alive())
    """)
    assert printed == "False\n"
