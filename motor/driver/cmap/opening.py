"""Opening a transport to a server, over TCP or a Unix domain socket, with TLS or without; and what may be wrong when
there is none, or when nobody answers over it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect

from motor._pymongo import Address, ssl_context_of
from motor.driver.cmap.errors import connection_failure
from motor.driver.cmap.happy_eyeballs import connect, connect_to_path
from motor.driver.cmap.opening_sockets import OpeningSockets
from motor.driver.cmap.socket_end import leave_to_loop
from motor.driver.owner import Owner
from motor.driver.timeouts import in_time

_HANDSHAKE_CUT = "connection closed: does the server speak TLS 1.2 or later, and accept this client's certificate?"

_MAY_WANT_TLS = "does it expect TLS (tls=true)?"

_MAY_WANT_CERTIFICATE = "does it expect another client certificate (tlsCertificateKeyFile)?"


async def open_transport(
    protocol: asyncio.BaseProtocol, address: Address, options: ClientOptions, owner: Owner
) -> None:
    """Connect `protocol` to the server at `address`, with TLS if the options say so.

    Raises :class:`~pymongo.errors.AutoReconnect` or :class:`~pymongo.errors.NetworkTimeout`: connectTimeoutMS is the
    time for the resolver, for each of the host's addresses, and for the TLS handshake.
    """
    host, port = address
    timeout = options.pool_options.connect_timeout
    try:
        with OpeningSockets(owner) as sockets:
            if port is None:
                sock = await connect_to_path(host, timeout, sockets)
            else:
                sock = await connect(host, port, timeout, sockets)
            await _hand_over(sock, protocol, address, options, owner)
    except OSError as error:
        raise _open_failure(address, options, error) from error


async def _hand_over(
    sock: socket.socket, protocol: asyncio.BaseProtocol, address: Address, options: ClientOptions, owner: Owner
) -> None:
    """Have the event loop read and write a connected socket for `protocol`."""
    host, port = address
    ssl_context = ssl_context_of(options)
    tls: dict[str, Any] = {"ssl": ssl_context, "server_hostname": host} if ssl_context else {}
    make_transport: Any = owner.loop.create_unix_connection if port is None else owner.loop.create_connection
    taken = False

    def take() -> asyncio.BaseProtocol:
        nonlocal taken
        taken = True
        return protocol

    async def make() -> None:
        try:
            await make_transport(take, sock=sock, **tls)
        except BaseException:
            if taken:
                leave_to_loop(sock, owner.loop)
            raise

    try:
        await in_time(owner.start(make(), f"motor opening {address}"), options.pool_options.connect_timeout)
    finally:
        if not taken:
            # Else it is the loop's, which closes it.
            sock.close()


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
