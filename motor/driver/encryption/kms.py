"""Requests to key management services, which keep the keys that encrypt data keys: over TLS, on the event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import closing
from typing import Any, TypeVar

from pymongo.errors import AutoReconnect, ConfigurationError, NetworkTimeout
from pymongo.uri_parser import parse_host
from pymongocrypt.errors import MongoCryptError
from pymongocrypt.mongocrypt import MongoCryptKmsContext

from motor._pymongo import CONNECT_TIMEOUT, Address, default_ssl_context, kms_connect_context, kms_ssl_contexts
from motor.driver import timeouts
from motor.driver.cmap.errors import format_address
from motor.driver.cmap.happy_eyeballs import connect
from motor.driver.cmap.opening_sockets import OpeningSockets
from motor.driver.owner import Owner
from motor.driver.threads import WORK

T = TypeVar("T")

ConnectCallback = Callable[[Any], Awaitable[socket.socket]]

_PORT = 443


class Kms:
    """Sends the requests of libmongocrypt and feeds it the answers."""

    def __init__(self, tls_options: Mapping[str, Any] | None, connect_callback: ConnectCallback | None) -> None:
        """`tls_options` are those of a client by the names of the providers. `connect_callback` opens a connection in
        place of the driver, for example through a proxy: PyMongo's ``kms_connect_callback``. Raises TypeError for one
        that cannot be called.
        """
        if connect_callback is not None and not callable(connect_callback):
            raise TypeError(f"kms_connect_callback must be callable, not {type(connect_callback)}")
        self._tls_options = tls_options
        self._connect_callback = connect_callback
        self._contexts: dict[str, ssl.SSLContext] | None = None
        self._default: ssl.SSLContext | None = None

    def read_tls_options(self) -> None:
        """Check the TLS options, and read the files that they name.

        Raises TypeError or :class:`~pymongo.errors.ConfigurationError` for what cannot be right.
        """
        self._contexts = kms_ssl_contexts(self._tls_options)

    async def complete(self, request: MongoCryptKmsContext) -> None:
        """Send `request` and read the answer.

        A connection that fails is no error as long as libmongocrypt wants another attempt. Raises
        :class:`pymongocrypt.errors.MongoCryptError` when it does not, or does not like the answer, and
        :class:`~pymongo.errors.NetworkTimeout` when there is none in time.
        """
        host, port = parse_host(request.endpoint, _PORT)
        if host.endswith(".sock") or port is None:
            raise ConfigurationError(f"Invalid KMS endpoint {request.endpoint!r}")
        context = await self._ssl_context(request.kms_provider)
        if request.usleep:
            await asyncio.sleep(request.usleep / 1_000_000)
        try:
            await self._exchange(request, (host, port), context)
        except (OSError, AutoReconnect) as error:
            if isinstance(error, NetworkTimeout):
                raise
            try:
                request.fail()
            except MongoCryptError as final:
                message = f"{final}, last attempt failed with: {format_address((host, port))}: {error}"
                raise MongoCryptError(message, final.code) from error

    async def _exchange(self, request: MongoCryptKmsContext, address: Address, context: ssl.SSLContext) -> None:
        reader, writer = await _in_time(self._connect(address, context), address)
        try:
            writer.write(request.message)
            while needed := request.bytes_needed:
                data = await _in_time(reader.read(needed), address)
                if not data:
                    raise AutoReconnect("KMS connection closed")
                request.feed(data)
        finally:
            writer.transport.abort()

    async def _connect(
        self, address: Address, context: ssl.SSLContext
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = address
        if self._connect_callback is None:
            assert port is not None
            with closing(Owner(asyncio.get_running_loop())) as owner, OpeningSockets(owner) as sockets:
                sock = await connect(host, port, _limit(), sockets)
        else:
            sock = await _connected(self._connect_callback, address)
        # The certificate has to be the service's, whoever the connection goes through.
        try:
            return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
        except BaseException:
            sock.close()
            raise

    async def _ssl_context(self, provider: str) -> ssl.SSLContext:
        if self._contexts is None:
            await WORK.finish("reading TLS options", self.read_tls_options)
        assert self._contexts is not None
        context = self._contexts.get(provider)
        if context is not None:
            return context
        if self._default is None:
            default = await WORK.finish("reading TLS options", default_ssl_context)
            self._default = default
        return self._default


async def _connected(callback: ConnectCallback, address: Address) -> socket.socket:
    """The connection that the application's `callback` has opened.

    Raises :class:`~pymongo.errors.ConfigurationError` for a callback that is no coroutine function, or whose result is
    not a connected socket without TLS.
    """
    opening = callback(kms_connect_context(address, _limit()))
    if not isinstance(opening, Awaitable):
        _close(opening)
        raise ConfigurationError("kms_connect_callback must be a coroutine function")
    sock: Any = await opening
    if not isinstance(sock, socket.socket) or isinstance(sock, ssl.SSLSocket):
        _close(sock)
        raise ConfigurationError(
            f"kms_connect_callback must return a connected socket.socket without TLS, not {type(sock)}"
        )
    try:
        sock.getpeername()
    except OSError:
        sock.close()
        raise ConfigurationError("kms_connect_callback must return a socket that is connected") from None
    sock.setblocking(False)
    return sock


def _close(rejected: Any) -> None:
    if isinstance(rejected, socket.socket):
        rejected.close()


def _limit() -> float:
    """How many seconds one step may take."""
    remaining = timeouts.remaining()
    return CONNECT_TIMEOUT if remaining is None else max(min(CONNECT_TIMEOUT, remaining), 0.0)


async def _in_time(waiting: Coroutine[Any, Any, T], address: Address) -> T:
    limit = _limit()
    try:
        return await asyncio.wait_for(waiting, limit)
    except (TimeoutError, asyncio.TimeoutError) as error:
        raise NetworkTimeout(
            f"{format_address(address)}: timed out (the KMS did not answer within {limit * 1000:.0f}ms)"
        ) from error
