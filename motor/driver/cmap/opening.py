"""Opening a transport to a server, over TCP or a Unix domain socket, with TLS or without; and what may be wrong when
there is none, or when nobody answers over it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any

from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect

from motor._pymongo import Address, ssl_context_of
from motor.driver.background import retrieve
from motor.driver.cmap.errors import connection_failure

LATE_TIMER_GRACE = 0.02
"""Seconds between a timer and the verdict, in which the event loop looks at the socket."""

_KEEPALIVE = (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 9))

_HANDSHAKE_CUT = "connection closed: does the server speak TLS 1.2 or later, and accept this client's certificate?"

_MAY_WANT_TLS = "does it expect TLS (tls=true)?"

_MAY_WANT_CERTIFICATE = "does it expect another client certificate (tlsCertificateKeyFile)?"


async def open_transport(protocol: asyncio.BaseProtocol, address: Address, options: ClientOptions) -> None:
    """Connect `protocol` to the server at `address`, with TLS if the options say so.

    Raises :class:`~pymongo.errors.AutoReconnect` or, after connectTimeoutMS, :class:`~pymongo.errors.NetworkTimeout`.
    """
    loop = asyncio.get_running_loop()
    host, port = address
    ssl_context = ssl_context_of(options)
    server_hostname = host if ssl_context else None
    opening: Any
    if port is None:
        opening = loop.create_unix_connection(lambda: protocol, host, ssl=ssl_context, server_hostname=server_hostname)
    else:
        opening = loop.create_connection(lambda: protocol, host, port, ssl=ssl_context, server_hostname=server_hostname)
    task = loop.create_task(opening, name=f"motor opening {address}")
    try:
        transport = await _opened_in_time(task, options.pool_options.connect_timeout)
    except OSError as error:
        raise _open_failure(address, options, error) from error
    if port is not None:
        _keep_alive(transport)


async def _opened_in_time(opening: asyncio.Task[Any], timeout: float | None) -> asyncio.Transport:
    opening.add_done_callback(retrieve)
    try:
        await asyncio.wait([opening], timeout=timeout)
        # A loop that was blocked finds its timer due before it has looked at the socket.
        await asyncio.wait([opening], timeout=LATE_TIMER_GRACE)
    finally:
        if not opening.done():
            opening.cancel()
    if opening.cancelled() or not opening.done():
        raise TimeoutError("timed out")
    transport: asyncio.Transport = opening.result()[0]
    return transport


def _keep_alive(transport: asyncio.Transport) -> None:
    """Have the kernel notice a peer that is gone: after two minutes, and then every ten seconds."""
    raw: Any = transport.get_extra_info("socket")
    if raw is None:
        return
    # The peer may have gone already: what is sent next finds that out.
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, maximum in _KEEPALIVE:
            option = getattr(socket, name, None)
            if option is not None and raw.getsockopt(socket.IPPROTO_TCP, option) > maximum:
                raw.setsockopt(socket.IPPROTO_TCP, option, maximum)


def _open_failure(address: Address, options: ClientOptions, error: OSError) -> AutoReconnect:
    if ssl_context_of(options) is None:
        return connection_failure(address, options, error)
    if isinstance(error, TimeoutError) and not error.errno:
        return connection_failure(address, options, TimeoutError(f"{error} before the TLS handshake was done"))
    if not isinstance(error, (ssl.SSLError, ConnectionResetError, ConnectionAbortedError)):
        return connection_failure(address, options, error)
    is_cut = isinstance(error, ConnectionResetError) or not error.args
    return connection_failure(address, options, _HANDSHAKE_CUT if is_cut else error, "SSL handshake failed: ")


def unanswered(address: Address, options: ClientOptions, error: Exception | None) -> AutoReconnect:
    """The exception for a connection that the server has closed, for `error` if one is known, before it said anything
    that MongoDB's protocol knows.
    """
    reason = error or "connection closed"
    if isinstance(error, (ssl.SSLError, TimeoutError)):
        return connection_failure(address, options, error)
    hint = _MAY_WANT_TLS if ssl_context_of(options) is None else _MAY_WANT_CERTIFICATE
    failure = connection_failure(address, options, f"{reason} before the server said anything: {hint}")
    failure.__cause__ = error
    return failure
