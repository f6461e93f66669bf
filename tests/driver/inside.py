"""The engine's inside of a client, which tests look at and applications can't."""

from __future__ import annotations

from motor.api.client import AgnosticClient
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pool import Pool
from motor.driver.sdam.monitor import Monitor
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology


def topology_of(client: AgnosticClient) -> Topology:
    """The topology that the client has in the running loop."""
    executor = client._deployment.executor()
    assert executor is not None
    return executor.topology


def servers_of(client: AgnosticClient) -> list[Server]:
    """The servers of a client's topology."""
    return list(topology_of(client)._servers.values())


def server_of(client: AgnosticClient) -> Server:
    """The one server of a client's topology."""
    (server,) = servers_of(client)
    return server


def pool_of(client: AgnosticClient) -> Pool:
    """The pool of the one server of a client's topology."""
    return server_of(client).pool


def generation_of(pool: Pool) -> int:
    """How often the pool has been cleared."""
    return pool.generations.current()


def monitor_of(client: AgnosticClient) -> Monitor:
    """The monitor of the one server of a client's topology."""
    monitor = server_of(client).monitor
    assert monitor is not None
    return monitor


def idle(pool: Pool) -> list[Connection]:
    """The connections that nobody uses."""
    return pool._idle


def check_books(pool: Pool) -> None:
    """The pool's numbers fit each other: no connection is in two places, idle ones are sound, none is too much."""
    waiting, draining = set(idle(pool)), set(pool._draining)
    assert len(waiting) == len(idle(pool))
    assert not waiting & draining
    assert waiting | draining <= pool._open
    assert all(connection.at_rest and not connection.closed for connection in waiting)
    assert not any(connection.at_rest or connection.closed for connection in draining)
    assert not any(pool.generations.is_stale(connection.generation, connection.service_id) for connection in waiting)
    maximum = pool.options.pool_options.max_pool_size
    assert not maximum or pool.size <= maximum


def at_rest(pool: Pool) -> bool:
    """Whether every connection is idle and nobody waits."""
    check_books(pool)
    return len(idle(pool)) == pool.size and not pool._opening and all(waiter.done() for waiter in pool._waiters)
