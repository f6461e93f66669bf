"""A connection that several commands share: behind a load balancer only it leads to the server that holds a cursor or
a transaction.
"""

from __future__ import annotations

from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pin_holder import PinHolder
from motor.driver.cmap.pool import Pool


class Pin:
    """Holds a connection for a cursor or a transaction, from the command that begins it to the one that ends it."""

    __slots__ = ("_holder", "_pool", "connection")

    def __init__(self, holder: PinHolder) -> None:
        self.connection: Connection | None = None
        self._holder = holder
        self._pool: Pool | None = None

    def hold(self, pool: Pool, connection: Connection) -> None:
        """Keep `connection`, which belongs to `pool`."""
        self.connection, self._pool = connection, pool
        pool.pinned[self._holder] += 1

    def release(self) -> None:
        """Give the connection back, if there is one."""
        connection, pool = self.connection, self._pool
        self.connection = self._pool = None
        if connection is not None and pool is not None:
            pool.pinned[self._holder] -= 1
            pool.check_in(connection)
