"""The end of a socket that its event loop cannot close: the loop does not run, or is another process's.

asyncio closes a transport in the loop's next turn, which may never come.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from asyncio import selector_events
from typing import Any, cast

_SelectorTransport: Any = selector_events._SelectorTransport  # type: ignore[attr-defined]
"""The class of the transports of asyncio's loops, but for that of Windows."""


def close_without_loop(transport: asyncio.BaseTransport) -> None:
    """Close the transport's socket now. Its loop must not run, and may be closed."""
    of_socket = _socket_transport(transport)
    if not isinstance(of_socket, _SelectorTransport):
        _shut_down(transport)
        return
    if of_socket._sock is None:
        return
    descriptor = of_socket._sock.fileno()
    if not of_socket._conn_lost or of_socket._loop.is_closed():
        # So that aborting it leaves nothing to be done by the next turn, which would find everything gone.
        of_socket._conn_lost += 1
        of_socket._closing = True
        of_socket._loop._remove_reader(descriptor)
        of_socket._loop._remove_writer(descriptor)
        with contextlib.suppress(RuntimeError):
            transport.abort()  # type: ignore[attr-defined]  # that of TLS, which asks whether it was closed
        # On a closed loop the protocol cannot be told, and has no need to be.
        with contextlib.suppress(RuntimeError):
            of_socket._call_connection_lost(None)
    else:
        # It was closed in the last turn that there was: the next does the rest.
        of_socket._sock.close()


def close_socket_without_loop(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    """The same for a socket that is still being connected, or whose transport its protocol does not know yet."""
    if not isinstance(loop, asyncio.SelectorEventLoop):
        # uvloop may have made a transport of it, which closes it.
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        return
    transport = cast(Any, loop)._transports.get(sock.fileno())
    if transport is not None:
        # That of TLS is there before it knows the one below.
        of_tls = getattr(transport.get_protocol(), "_app_transport", None)
        close_without_loop(transport)
        if of_tls is not None:
            with contextlib.suppress(RuntimeError):
                of_tls.abort()
    sock.close()


def leave_to_loop(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    """Let go of a socket that the loop was to make a transport of, which has failed: the loop closes it.

    uvloop has closed the descriptor already, and leaves the object, in versions before its issue 645 was solved, to
    close that number again, which may be another socket's by then.
    """
    if not isinstance(loop, asyncio.BaseEventLoop):
        sock.detach()


def leave_to_parent(descriptor: int) -> None:
    """Let go of a socket that a forked process has of its parent: without a word to the peer, and without touching the
    transport or the loop, whose selector the parent has, too. Nothing is done if it has been closed, and is -1.

    Something that leads nowhere takes the descriptor's place, because the transport may still use its number.
    """
    if descriptor < 0:
        return
    # Without a descriptor to spare, the socket stays open until the process ends.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as nowhere:
        os.dup2(nowhere.fileno(), descriptor, inheritable=False)


def _socket_transport(transport: Any) -> Any:
    """The transport that has the socket: with TLS it is another one, below."""
    protocol = getattr(transport, "_ssl_protocol", None)
    return transport if protocol is None else protocol._transport


def _shut_down(transport: asyncio.BaseTransport) -> None:
    """For the transports of other loops, such as uvloop's: the peer notices now, and closing a loop closes them."""
    with contextlib.suppress(RuntimeError):
        transport.abort()  # type: ignore[attr-defined]  # every transport that has a socket has it
    of_transport = transport.get_extra_info("socket")
    if of_transport is not None and of_transport.fileno() >= 0:
        # That object has no such method.
        with (
            contextlib.suppress(OSError),
            socket.fromfd(of_transport.fileno(), of_transport.family, socket.SOCK_STREAM) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)


def descriptor_of(transport: asyncio.BaseTransport) -> int:
    """The number of the socket's descriptor, -1 when it has been closed."""
    of_transport = transport.get_extra_info("socket")
    return -1 if of_transport is None else of_transport.fileno()
