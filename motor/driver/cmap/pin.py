"""A connection that several commands share: behind a load balancer only it leads to the server that holds a cursor."""

from __future__ import annotations

from motor.driver.cmap.connection import Connection
from motor.driver.cmap.pool import Pool


class CursorPin:
    """Holds a connection for a cursor, from the command that opens it to the one that ends it."""

    __slots__ = ("_pool", "connection")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self._pool: Pool | None = None

    def hold(self, pool: Pool, connection: Connection) -> None:
        """Keep `connection`, which belongs to `pool`."""
        self.connection, self._pool = connection, pool
        pool.pinned_to_cursors += 1

    def release(self) -> None:
        """Give the connection back, if there is one."""
        connection, pool = self.connection, self._pool
        self.connection = self._pool = None
        if connection is not None and pool is not None:
            pool.pinned_to_cursors -= 1
            pool.check_in(connection)
