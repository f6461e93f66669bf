"""A socket that is connected: to a host, at whichever of its addresses answers first, or to a Unix domain socket.

Source: RFC 8305, "Happy Eyeballs". Written out here, so that it is the same on every event loop: uvloop has none. Names
are resolved in the driver's own threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections import deque
from typing import Any, NamedTuple

from motor.driver.cmap.opening_sockets import OpeningSockets
from motor.driver.threads import NAMES
from motor.driver.timeouts import Timer, in_time

ATTEMPT_DELAY = 0.25
"""Seconds after which the next address is tried, too."""

_KEEPALIVE = (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 9))


class _Place(NamedTuple):
    """Where to connect to."""

    family: int
    protocol: int
    address: Any


async def connect_to_path(path: str, timeout: float | None, sockets: OpeningSockets) -> socket.socket:
    """A socket connected to the one at `path`. Raises OSError, and TimeoutError after `timeout` seconds."""
    place = _Place(socket.AF_UNIX, 0, path)
    return await in_time(_start(place, path, timeout, sockets), None)


async def connect(host: str, port: int, timeout: float | None, sockets: OpeningSockets) -> socket.socket:
    """A socket connected to `host`. The resolver has `timeout` seconds, and so has each of the addresses that it names.

    Raises OSError, that of the last address to fail, and TimeoutError for one that is silent.
    """
    waiting = deque(await _resolve(host, port, timeout))
    failure: BaseException = OSError(f"{host} has no address")
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(_start(waiting.popleft(), host, timeout, sockets))
            done, _ = await asyncio.wait(
                attempts, timeout=ATTEMPT_DELAY if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                error = attempt.exception()
                if error is None:
                    attempts.discard(attempt)
                    return attempt.result()
                attempts.discard(attempt)
                failure = error
        raise failure
    finally:
        for attempt in attempts:
            _discard(attempt)


async def _resolve(host: str, port: int, timeout: float | None) -> list[_Place]:
    # Many a hosts file says ::1 of localhost, too, where only 127.0.0.1 is listened to: PyMongo doesn't ask for it.
    family = socket.AF_UNSPEC if socket.has_ipv6 and host != "localhost" else socket.AF_INET
    try:
        # It has nobody to ask for what is an address already.
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        asking = loop.run_in_executor(NAMES, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        try:
            found = await in_time(asking, timeout)
        except TimeoutError:
            raise TimeoutError("timed out while the host name was looked up") from None
    places = [_Place(family, protocol, address) for family, _, protocol, _, address in found]
    # The families in turn, as one of them may be cut off as a whole; the resolver's order says which is the first.
    of_first = [place for place in places if place.family == places[0].family]
    of_others = [place for place in places if place.family != places[0].family]
    return [place for pair in itertools.zip_longest(of_first, of_others) for place in pair if place is not None]


def _start(place: _Place, host: str, timeout: float | None, sockets: OpeningSockets) -> asyncio.Task[socket.socket]:
    return sockets.owner.start(_attempt(place, timeout, sockets), f"motor opening {host}")


async def _attempt(place: _Place, timeout: float | None, sockets: OpeningSockets) -> socket.socket:
    loop = asyncio.get_running_loop()
    task: Any = asyncio.current_task()
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    sock = socket.socket(place.family, socket.SOCK_STREAM, place.protocol)
    sockets.add(sock)
    timer = None if timeout is None else Timer(loop, timeout, expire)
    try:
        sock.setblocking(False)
        if place.protocol == socket.IPPROTO_TCP:
            _configure(sock)
        await loop.sock_connect(sock, place.address)
    except BaseException:
        sock.close()
        if expired:
            raise TimeoutError("timed out") from None
        raise
    finally:
        if timer is not None:
            timer.cancel()
    return sock


def _configure(sock: socket.socket) -> None:
    """Send at once. Have the kernel notice a peer that is gone: after two minutes, and then every ten seconds."""
    # Not every system that has an option lets everybody set it.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, maximum in _KEEPALIVE:
            option = getattr(socket, name, None)
            if option is not None and sock.getsockopt(socket.IPPROTO_TCP, option) > maximum:
                sock.setsockopt(socket.IPPROTO_TCP, option, maximum)


def _discard(attempt: asyncio.Task[socket.socket]) -> None:
    """Nobody wants its connection any more."""
    if attempt.done():
        _close_late(attempt)
    else:
        attempt.cancel()
        attempt.add_done_callback(_close_late)


def _close_late(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
