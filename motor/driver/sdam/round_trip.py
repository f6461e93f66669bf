"""How long a round trip to a server takes: an average that remembers, and the shortest of late. What a stream does not
say is measured by a task of its own.

Source: the MongoDB specifications "Server Selection" (the average) and "Server Monitoring" (the minimum).
"""

from __future__ import annotations

import asyncio
from collections import deque

from pymongo.client_options import ClientOptions

from motor._pymongo import Address
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.handshake import shake_hands
from motor.driver.cmap.hello import hello_command
from motor.driver.owner import Owner

_WEIGHT = 0.2
_RECENT = 10
_FEWEST = 2


class RoundTripTimes:
    """Samples, in seconds."""

    __slots__ = ("_recent", "average")

    def __init__(self) -> None:
        self.average: float | None = None
        self._recent: deque[float] = deque(maxlen=_RECENT)

    @property
    def minimum(self) -> float:
        """The shortest of the last ten; 0 while there are not two of them."""
        return min(self._recent) if len(self._recent) >= _FEWEST else 0.0

    def add(self, sample: float) -> None:
        """Take in a sample."""
        previous = self.average
        self.average = sample if previous is None else _WEIGHT * sample + (1 - _WEIGHT) * previous
        self._recent.append(sample)

    def reset(self) -> None:
        """Forget: the server was gone, and may be another one now."""
        self.average = None
        self._recent.clear()


class RoundTripMonitor:
    """Measures round trips to a server that streams, on a connection of its own."""

    def __init__(self, address: Address, options: ClientOptions, owner: Owner, round_trips: RoundTripTimes) -> None:
        self._address = address
        self._options = options
        self._owner = owner
        self._round_trips = round_trips
        self._hello_ok = False
        self._connection: Connection | None = None
        self._service = owner.keep_running(self._run, f"motor round trip monitor {address}")

    def close(self) -> None:
        """Stop, and close the connection."""
        self._service.stop()
        self._disconnect()

    async def _run(self) -> None:
        self._disconnect()
        while True:
            await self._add_sample()
            await asyncio.sleep(self._options.heartbeat_frequency)

    async def _add_sample(self) -> None:
        try:
            self._round_trips.add(await self._measure())
        except Exception:
            # The monitor notices what is wrong with the server, and says so.
            self._disconnect()

    async def _measure(self) -> float:
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connection = Connection(self._address, self._options, self._owner)
            await connection.open()
            self._hello_ok = (await shake_hands(connection, self._options)).hello_ok
        else:
            timeout = self._options.pool_options.connect_timeout
            await connection.command("admin", hello_command(self._options, self._hello_ok), timeout)
        return connection.last_round_trip

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
