"""The monitor of one server: a task that asks it hello, again and again, on a connection of its own.

Source: the MongoDB specification "Server Monitoring".
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from pymongo.client_options import ClientOptions
from pymongo.hello import Hello
from pymongo.server_description import ServerDescription

from motor._pymongo import Address
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.handshake import hello_command, shake_hands

if TYPE_CHECKING:
    from motor.driver.sdam.topology import Topology

MIN_HEARTBEAT_INTERVAL = 0.5
"""Seconds that pass between two checks, however much they are asked for."""

_RTT_WEIGHT = 0.2


class Monitor:
    """Checks one server every heartbeatFrequencyMS, or sooner when asked, and reports what it finds to the topology."""

    def __init__(self, address: Address, topology: Topology, options: ClientOptions) -> None:
        self._address = address
        self._topology = topology
        self._options = options
        self._connection: Connection | None = None
        self._hello_ok = False
        self._round_trip_time: float | None = None
        self._closed = False
        self._wake = asyncio.Event()
        self._task: Any = asyncio.get_running_loop().create_task(self._run(), name=f"motor monitor {address}")
        # A loop that ends without cancelling its tasks, as Tornado's does, is none of the application's mistakes.
        self._task._log_destroy_pending = False

    def request_check(self) -> None:
        """Check the server soon: somebody waits for it."""
        self._wake.set()

    def close(self) -> None:
        """Stop, and close the connection."""
        self._closed = True
        self._task.cancel()
        self._disconnect()

    async def _run(self) -> None:
        try:
            while True:
                self._topology.update(await self._check())
                await asyncio.sleep(MIN_HEARTBEAT_INTERVAL)
                await self._rest(self._options.heartbeat_frequency - MIN_HEARTBEAT_INTERVAL)
        except asyncio.CancelledError:
            if not self._closed:
                # The loop is being shut down, and nobody else closes the connections while it still runs.
                self._topology.close()
            raise

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(seconds, 0))
        self._wake.clear()

    async def _check(self) -> ServerDescription:
        """One check; a server that was known and fails is asked once more, at once, before it is given up."""
        try:
            return await self._check_once()
        except Exception as error:
            self._disconnect()
            failure = error
        if self._topology.knows(self._address):
            self._topology.server_failed(self._address, failure)
            try:
                return await self._check_once()
            except Exception as error:
                self._disconnect()
                failure = error
        self._round_trip_time = None
        return ServerDescription(self._address, error=failure)

    async def _check_once(self) -> ServerDescription:
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connection = Connection(self._address, self._options)
            await connection.open()
            hello = await shake_hands(connection, self._options)
        else:
            command = hello_command(self._options, self._hello_ok)
            reply = await connection.command("admin", command, timeout=self._options.pool_options.connect_timeout)
            hello = Hello(reply)
        self._hello_ok = hello.hello_ok
        return self._describe(hello, connection.last_round_trip)

    def _describe(self, hello: Hello[dict[str, Any]], round_trip_time: float) -> ServerDescription:
        previous = self._round_trip_time
        if previous is not None:
            round_trip_time = _RTT_WEIGHT * round_trip_time + (1 - _RTT_WEIGHT) * previous
        self._round_trip_time = round_trip_time
        return ServerDescription(self._address, hello, round_trip_time)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
