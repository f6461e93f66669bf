"""The monitor of one server: a task that asks it hello again and again.

Source: the MongoDB specification "Server Monitoring". A server that can is asked to stream: it sends a hello whenever
its state changes, and at least every heartbeatFrequencyMS. A stream says nothing about round trips: a second task
measures those.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pymongo.client_options import ClientOptions
from pymongo.hello import Hello
from pymongo.server_description import ServerDescription

from motor._pymongo import Address, in_function_as_a_service
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.handshake import shake_hands
from motor.driver.cmap.hello import hello_command, read_hello
from motor.driver.events.topology import TopologyPublisher
from motor.driver.owner import Owner
from motor.driver.sdam.round_trip import RoundTripMonitor, RoundTripTimes

MIN_HEARTBEAT_INTERVAL = 0.5
"""Seconds that pass between two checks, however much they are asked for."""


class Monitor:
    """Checks one server every heartbeatFrequencyMS, or sooner when asked, and says what it finds."""

    def __init__(
        self,
        address: Address,
        options: ClientOptions,
        owner: Owner,
        events: TopologyPublisher,
        on_hello: Callable[[ServerDescription], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """`on_hello` gets what the server says of itself, and raises what makes no sense in it; `on_failure` that, and
        what keeps the server from saying anything.
        """
        self._address = address
        self._options = options
        self._owner = owner
        self._events = events
        self._on_hello = on_hello
        self._on_failure = on_failure
        mode = options.server_monitoring_mode
        self._may_stream = mode == "stream" or (mode == "auto" and not in_function_as_a_service())
        self._description = ServerDescription(address)
        self._round_trips = RoundTripTimes()
        self._round_trip_monitor: RoundTripMonitor | None = None
        self._connection: Connection | None = None
        self._hello_ok = False
        self._check_cancelled = False
        self._retried_at = float("-inf")
        self._closed = False
        self._wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._service = owner.keep_running(self._run, f"motor monitor {address}")

    def request_check(self) -> None:
        """Check the server soon: somebody waits for it."""
        if not self._wake.done():
            self._wake.set_result(None)

    def cancel_check(self) -> None:
        """An operation has found that the server is gone: a check under way is of no use, and its stream neither."""
        if self._connection is not None:
            self._check_cancelled = True
            self._disconnect()

    def close(self) -> None:
        """Stop, and close the connections."""
        self._closed = True
        self._service.stop()
        self._disconnect()
        if self._round_trip_monitor is not None:
            self._round_trip_monitor.close()

    async def _run(self) -> None:
        # If this was broken off before, a reply may be under way that is not for the next check.
        self._disconnect()
        while not self._closed:
            await self._check_and_rest()

    async def _check_and_rest(self) -> None:
        was_known = self._description.is_server_type_known
        self._check_cancelled = False
        self._description = await self._check()
        if self._check_cancelled:
            if not was_known:
                await self._rest()
            return
        self._report()
        description = self._description
        streams = self._may_stream and description.is_server_type_known and bool(description.topology_version)
        if streams and not self._closed:
            if self._round_trip_monitor is None:
                self._round_trip_monitor = RoundTripMonitor(
                    self._address, self._options, self._owner, self._round_trips
                )
        elif not (description.error and was_known and self._may_retry_at_once()):
            await self._rest()

    def _report(self) -> None:
        if self._description.error is None:
            try:
                self._on_hello(self._description)
            except Exception as error:
                # The server's description of itself makes no sense.
                self._description = ServerDescription(self._address, error=error)
        if self._description.error is not None:
            self._on_failure(self._description.error)

    def _may_retry_at_once(self) -> bool:
        """A server that was known and fails is asked once more at once, but not one that fails again and again."""
        now = time.monotonic()
        retry = now - self._retried_at > MIN_HEARTBEAT_INTERVAL
        if retry:
            self._retried_at = now
        return retry

    async def _rest(self) -> None:
        await asyncio.sleep(MIN_HEARTBEAT_INTERVAL)
        remaining = self._options.heartbeat_frequency - MIN_HEARTBEAT_INTERVAL
        if remaining > 0:
            # Not wait_for: before Python 3.12 it can swallow a cancellation.
            await asyncio.wait([self._wake], timeout=remaining)
        if self._wake.done():
            self._wake = asyncio.get_running_loop().create_future()

    async def _check(self) -> ServerDescription:
        connection = self._connection
        awaited = (
            connection is not None
            and not connection.closed
            and self._may_stream
            and bool(self._description.topology_version)
        )
        started = time.monotonic()
        self._events.heartbeat_started(self._address, awaited)
        try:
            hello, connection = await self._hello(awaited)
        except Exception as error:
            connection_id = self._connection.id if self._connection is not None else 0
            self._events.heartbeat_failed(self._address, time.monotonic() - started, error, awaited, connection_id)
            self._disconnect()
            self._round_trips.reset()
            return ServerDescription(self._address, error=error)
        return self._describe(hello, connection, started)

    def _describe(self, hello: Hello[dict[str, Any]], connection: Connection, started: float) -> ServerDescription:
        duration = time.monotonic() - started
        self._events.heartbeat_succeeded(self._address, duration, hello, connection.id, connection.server_connection_id)
        # A server says so only in reply to a command of the old name.
        self._hello_ok = self._hello_ok or hello.hello_ok
        if not hello.awaitable:
            self._round_trips.add(connection.last_round_trip)
        return ServerDescription(
            self._address, hello, self._round_trips.average, min_round_trip_time=self._round_trips.minimum
        )

    async def _hello(self, awaited: bool) -> tuple[Hello[dict[str, Any]], Connection]:
        """What the server says, and the connection it said it on: meanwhile the check may have been cancelled."""
        connection = self._connection
        timeout = self._options.pool_options.connect_timeout
        if connection is None or connection.closed:
            connection = self._connection = Connection(self._address, self._options, self._owner)
            await connection.open()
            self._events.heartbeat_sent(self._address, awaited, connection.id, connection.server_connection_id)
            return await shake_hands(connection, self._options), connection
        self._events.heartbeat_sent(self._address, awaited, connection.id, connection.server_connection_id)
        if not awaited:
            command = hello_command(self._options, self._hello_ok)
            return read_hello(await connection.command("admin", command, timeout), self._address), connection
        patience = timeout + self._options.heartbeat_frequency if timeout else None
        if connection.streaming:
            document = await connection.next_document(patience)
            return read_hello(document, self._address, awaitable=True), connection
        command = hello_command(self._options, self._hello_ok)
        command["topologyVersion"] = self._description.topology_version
        command["maxAwaitTimeMS"] = int(self._options.heartbeat_frequency * 1000)
        reply = await connection.command("admin", command, patience, exhaust=True)
        return read_hello(reply, self._address, awaitable=True), connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._hello_ok = False
        if connection is not None:
            connection.close()
