"""TLS connections that break: within the handshake, within a record, or because nobody waits for them any more."""

from __future__ import annotations

import asyncio

import pymongo
import pytest
from pymongo.errors import AutoReconnect, ConnectionFailure, NetworkTimeout, PyMongoError, WaitQueueTimeoutError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.certificates import Certificates
from tests.support.inside import at_rest, check_books, idle, pool_of
from tests.support.loops import on_every_loop
from tests.support.proxy import Proxy
from tests.support.waiting import until


def _client(proxy: Proxy, certificates: Certificates, **options: str) -> AsyncIOMotorClient:
    given = certificates.options(**options)
    return AsyncIOMotorClient(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true&retryReads=false&{given}")


async def _known(client: AsyncIOMotorClient) -> None:
    """Wait until the monitors have their connections, and the pool has one."""
    await client.admin.command("ping")
    await until(lambda: at_rest(pool_of(client)), "the pool is at rest")


@on_every_loop
async def test_cut_at_any_byte(certificates, port):
    """In the middle of the TLS handshake, of MongoDB's, and of the records that a reply is in."""
    async with Proxy(port) as proxy:
        async with _client(proxy, certificates) as client:
            test = client.motor_test_tls.cut
            await test.replace_one({"_id": 1}, {"_id": 1, "text": "x" * 40_000}, upsert=True)
            await test.find_one({"_id": 1})
        await proxy.all_closed()
        whole = proxy.most_passed
        handshake = [1, 5, 6, 130, 1000]
        for budget in [*handshake, whole - 40_000, whole - 20_000, whole - 5000, whole - 1]:
            proxy.budget = budget
            client = _client(proxy, certificates, serverSelectionTimeoutMS="20")
            with pytest.raises(ConnectionFailure) as raised:
                for _ in range(3):
                    await client.motor_test_tls.cut.find_one({"_id": 1})
            assert "\x16" not in str(raised.value)
            await client.close()
            await proxy.all_closed()


@on_every_loop
async def test_a_pool_outlives_a_cut(certificates, port):
    async with Proxy(port) as proxy, _client(proxy, certificates) as client:
        await _known(client)
        connections = proxy.opened
        proxy.budget = proxy.most_passed + 1000
        with pytest.raises(AutoReconnect):
            for _ in range(100):
                await asyncio.gather(*(client.admin.command("ping") for _ in range(3)))
        proxy.budget = None
        assert (await client.admin.command("ping"))["ok"] == 1
        assert proxy.opened > connections
        check_books(pool_of(client))


@on_every_loop
async def test_giving_up_in_the_handshake(certificates, port):
    """Who is cancelled or too late leaves; the handshake goes on until connectTimeoutMS, or until the client ends."""
    async with Proxy(port) as proxy:
        async with _client(proxy, certificates, maxPoolSize="2", timeoutMS="5000") as client:
            await _known(client)
            (connection,) = idle(pool_of(client))
            proxy.mute = True
            connection.close()
            before = proxy.opened
            cancelled = asyncio.ensure_future(client.admin.command("ping"))
            await until(lambda: proxy.opened > before, "a handshake under way")
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            with pytest.raises((WaitQueueTimeoutError, NetworkTimeout)) as late, pymongo.timeout(0.05):
                await client.admin.command("ping")
            assert late.value.timeout
        await proxy.all_closed()


@on_every_loop
async def test_the_handshake_has_connect_timeout_ms(certificates, port):
    async with Proxy(port) as proxy:
        async with _client(proxy, certificates, connectTimeoutMS="300") as client:
            await _known(client)
            (connection,) = idle(pool_of(client))
            proxy.mute = True
            connection.close()
            with pytest.raises(NetworkTimeout, match="timed out before the TLS handshake was done"):
                await client.admin.command("ping")
            proxy.mute = False
            assert (await client.admin.command("ping"))["ok"] == 1
        await proxy.all_closed()


@on_every_loop
async def test_clients_that_end_in_the_handshake(certificates, port):
    """Closed while their connections are being made: nothing is left of them."""
    async with Proxy(port, mute=True) as proxy:
        clients = [_client(proxy, certificates) for _ in range(4)]
        waiting = [asyncio.ensure_future(client.admin.command("ping")) for client in clients]
        await until(lambda: proxy.open_connections == 4, "every handshake under way")
        for task in waiting[:2]:
            task.cancel()
        for client in clients:
            await client.close()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, (PyMongoError, asyncio.CancelledError)) for result in results)
        await proxy.all_closed()


@on_every_loop
async def test_cancelled_at_every_turn(certificates, port):
    """From the first file that is read to the reply: each time everything is closed in the end."""
    async with Proxy(port) as proxy:
        turns = 0
        while True:
            client = _client(proxy, certificates)
            task = asyncio.ensure_future(client.admin.command("ping"))
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            done = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.close()
            await proxy.all_closed()
            if done:
                break
            turns += 1
        assert turns
