"""The engine's inside, which applications can't see: whatever a test looks at there, or changes, stands here."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Collection, Coroutine, Sized
from typing import TYPE_CHECKING, Any

from motor.api.client import AgnosticClient
from motor.api.gridfs.bucket import AgnosticGridFSBucket
from motor.api.gridfs.grid_out import AgnosticGridOut
from motor.api.session import AgnosticClientSession
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pool import Pool
from motor.driver.execution.executor import Executor
from motor.driver.sdam.monitor import Monitor
from motor.driver.sdam.server import Server
from motor.driver.sdam.srv import SrvPoller
from motor.driver.sdam.topology import Topology
from motor.driver.sessions.server_session import ServerSession
from motor.driver.sessions.session import Session
from motor.driver.threads import Threads

if TYPE_CHECKING:  # programs that tests start need none
    import pytest

_MODULES = {
    "authentication": "motor.driver.cmap.authentication",
    "auto_encryption": "motor.api.auto_encryption",
    "batch": "motor.driver.wire.batch",
    "bulk_write": "motor.driver.operations.bulk_write",
    "chunk_reader": "motor.driver.gridfs.chunk_reader",
    "chunk_writer": "motor.driver.gridfs.chunk_writer",
    "client_settings": "motor.api.client_settings",
    "cluster_clock": "motor.driver.sessions.cluster_clock",
    "compression": "motor.driver.wire.compression",
    "connection": "motor.driver.cmap.connection",
    "decoding": "motor.driver.operations.decoding",
    "encrypted_collections": "motor.driver.operations.encrypted_collections",
    "engine_session": "motor.driver.sessions.session",
    "exchange": "motor.driver.execution.exchange",
    "expanding": "motor.driver.cmap.expanding",
    "grid_out": "motor.api.gridfs.grid_out",
    "happy_eyeballs": "motor.driver.cmap.happy_eyeballs",
    "hello": "motor.driver.cmap.hello",
    "kms": "motor.driver.encryption.kms",
    "mongocryptd": "motor.driver.encryption.mongocryptd",
    "monitor": "motor.driver.sdam.monitor",
    "object_ids": "motor.driver.object_ids",
    "owner": "motor.driver.owner",
    "pending": "motor.driver.cmap.pending",
    "pool": "motor.driver.cmap.pool",
    "reader": "motor.driver.wire.reader",
    "retries": "motor.driver.execution.retries",
    "server": "motor.driver.sdam.server",
    "server_session": "motor.driver.sessions.server_session",
    "session": "motor.api.session",
    "srv": "motor.driver.sdam.srv",
    "state_machine": "motor.driver.encryption.state_machine",
    "threads": "motor.driver.threads",
    "timeouts": "motor.driver.timeouts",
    "topology": "motor.driver.sdam.topology",
    "update": "motor.driver.operations.update",
}


def replace(patch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """Put something in the place of what a module of the engine has, a constant or a function: ``"pool.PATIENCE"``."""
    short, _, rest = name.partition(".")
    patch.setattr(f"{_MODULES[short]}.{rest}", value)


def module(name: str) -> Any:
    """The module of the engine that has this name in :func:`replace`."""
    return importlib.import_module(_MODULES[name])


def look_again_soon(patch: pytest.MonkeyPatch) -> None:
    """Let monitors ask a server again at once that has just failed, not after half a second."""
    replace(patch, "monitor.MIN_HEARTBEAT_INTERVAL", 0.005)
    replace(patch, "client_settings.MIN_HEARTBEAT_INTERVAL", 0.005)


def keep_replies_undecoded(patch: pytest.MonkeyPatch) -> None:
    """Treat every reply as large: its documents are decoded as they are consumed."""
    replace(patch, "decoding.SMALL_REPLY", 0)
    replace(patch, "decoding.LARGE_REPLY", 0)


def deployment_of(client: AgnosticClient) -> Any:
    """The client's deployment."""
    return client._deployment


def executor_of(client: AgnosticClient) -> Executor:
    """What runs the client's operations in the running loop."""
    executor = client._deployment.executor()
    assert executor is not None
    return executor


async def begin(client: AgnosticClient) -> None:
    """Have the client start on the running loop."""
    if client._deployment.executor() is None:
        await client._deployment.resolve()


def is_closed(client: AgnosticClient) -> bool:
    """Whether the client has been closed."""
    return client._deployment._closed


def has_begun(client: AgnosticClient) -> bool:
    """Whether the client has a topology on some loop."""
    return client._deployment._executor is not None


def close_at_once(client: AgnosticClient) -> None:
    """Close the client in whichever thread or process this is."""
    client._deployment.close()


def encrypter_of(client: AgnosticClient) -> Any:
    """What encrypts the client's commands."""
    return client._deployment.encrypter


def has_client_for_itself(encrypter: Any) -> bool:
    """Whether it reads over connections of its own."""
    return encrypter._internal is not None


def is_encrypter_closed(encrypter: Any) -> bool:
    """Whether it has been closed."""
    closed: bool = encrypter._closed
    return closed


def is_encrypting(client: AgnosticClient) -> bool:
    """Whether there is anything of encryption in the way of the client's commands."""
    return executor_of(client)._exchange._encrypter is not None


def topology_id_of(client: AgnosticClient) -> Any:
    """The id of the client's topology in events and log messages, before it begins, too."""
    return client._settings.topology.topology_id


def topology_of(client: AgnosticClient) -> Topology:
    """The topology that the client has in the running loop."""
    return executor_of(client).topology


def servers_of(client: AgnosticClient) -> Collection[Server]:
    """The servers of a client's topology."""
    return topology_of(client)._servers.values()


def server_of(client: AgnosticClient) -> Server:
    """The one server of a client's topology."""
    (server,) = servers_of(client)
    return server


def pool_of(client: AgnosticClient) -> Pool:
    """The pool of the one server of a client's topology."""
    return server_of(client).pool


def monitor_of(client: AgnosticClient) -> Monitor:
    """The monitor of the one server of a client's topology."""
    monitor = server_of(client).monitor
    assert monitor is not None
    return monitor


def task_of(service: Monitor | SrvPoller) -> asyncio.Task[None]:
    """The task in which a monitor, or the one who polls SRV records, does its work."""
    return service._service.task


def connections_of_all(client: AgnosticClient) -> int:
    """How many connections the client has, its monitors' included."""
    return len(executor_of(client).owner._connections)


def tell_of_hello(monitor: Monitor, callback: Any) -> Any:
    """Have another function called with each reply to a monitor's hello; the one that it was."""
    former, monitor._on_hello = monitor._on_hello, callback
    return former


def idle_sessions(client: AgnosticClient) -> Collection[ServerSession]:
    """The server's sessions that nobody uses."""
    return topology_of(client).sessions._sessions


def engine_session(session: AgnosticClientSession) -> Session:
    """The engine's part of a user's session."""
    return session._engine


def forget_indexes(bucket: AgnosticGridFSBucket) -> None:
    """Let a bucket make its indexes again, with its next upload."""
    bucket._indexes._ensured = False


def pieces_of(grid_out: AgnosticGridOut, part: range) -> AsyncIterator[bytes]:
    """A part of a file, in pieces for a slow client."""
    return grid_out._pieces(part)


def as_operation(bucket: AgnosticGridFSBucket, coroutine: Coroutine[Any, Any, None]) -> Any:
    """Run a coroutine as the bucket's own operations are."""
    return bucket._start(coroutine)


def generation_of(pool: Pool) -> int:
    """How often the pool has been cleared."""
    return pool.generations.current()


def connections(pool: Pool) -> Collection[Connection]:
    """The connections that are open."""
    return pool._open


def connections_made(pool: Pool) -> int:
    """How many connections the pool has ever had."""
    return pool._next_connection_id - 1


def idle(pool: Pool) -> list[Connection]:
    """The connections that nobody uses."""
    return pool._idle


def draining(pool: Pool) -> Collection[Connection]:
    """The connections that wait for a reply that nobody wants any more, the oldest first."""
    return pool._draining


def opening(pool: Pool) -> Sized:
    """The connections that are being opened."""
    return pool._opening


def waiters(pool: Pool) -> Collection[asyncio.Future[Any]]:
    """Those who wait for a connection."""
    return pool._waiters


def maintain(pool: Pool) -> None:
    """Do at once what the pool does now and then."""
    pool._maintain()


def timers_of(pool: Pool) -> list[asyncio.TimerHandle]:
    """When the pool will do that."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled() and timer._callback == pool._maintain]


def never_maintain(patch: pytest.MonkeyPatch) -> None:
    """Let no pool do that."""
    patch.setattr(Pool, "_maintain", lambda pool: None)


def unsent(connection: Connection) -> Any:
    """What is still to be sent over a connection."""
    return connection._unsent


def is_paused(connection: Connection) -> bool:
    """Whether the system takes no more of that."""
    return connection._paused


def streamed(connection: Connection) -> Collection[Any]:
    """The replies that have come over a connection and nobody has taken yet."""
    return connection._streamed


def awaited_reply(connection: Connection) -> asyncio.Future[Any] | None:
    """The reply that somebody waits for."""
    return connection._reply


def socket_of(connection: Connection) -> Any:
    """A connection's socket, if it still has one."""
    return connection._transport and connection._transport.get_extra_info("socket")


def threads_of(threads: Threads) -> int:
    """How many threads there are of the driver's own."""
    return threads._threads


def idle_threads_of(threads: Threads) -> int:
    """How many of them have nothing to do."""
    return threads._idle


def check_books(pool: Pool) -> None:
    """The pool's numbers fit each other: no connection is in two places, idle ones are sound, none is too much."""
    waiting, left = set(idle(pool)), set(draining(pool))
    assert len(waiting) == len(idle(pool))
    assert not waiting & left
    assert waiting | left <= set(connections(pool))
    assert all(connection.at_rest and not connection.closed for connection in waiting)
    assert not any(connection.at_rest or connection.closed for connection in left)
    assert not any(pool.generations.is_stale(connection.generation, connection.service_id) for connection in waiting)
    maximum = pool.options.pool_options.max_pool_size
    assert not maximum or pool.size <= maximum


def at_rest(pool: Pool) -> bool:
    """Whether every connection is idle and nobody waits."""
    check_books(pool)
    return len(idle(pool)) == pool.size and not opening(pool) and all(waiter.done() for waiter in waiters(pool))
