"""Servers that a test runs in its own event loop: how they stop listening, and leave no connection open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

_LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing a socket with this option resets its connection."""


def cut(writer: asyncio.StreamWriter, *, cleanly: bool = False) -> None:
    """End a connection: cleanly after what has been sent, or by resetting it."""
    if cleanly:
        writer.close()
        return
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


def let_nobody_in(server: asyncio.AbstractServer) -> None:
    """Whoever connects from now on waits in vain; who has just been let in gets a transport all the same."""
    if isinstance(server, asyncio.Server):
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())


async def close(server: asyncio.AbstractServer) -> None:
    """Let nobody in any more.

    Who has just been let in gets a transport first: of a server that is closed by then, asyncio would leave its socket
    open (``Server._attach`` fails, and nobody has the transport that it was called by).
    """
    let_nobody_in(server)
    for _ in range(5):
        await asyncio.sleep(0)
    server.close()


class Connections:
    """The connections of a server: those that it lets in, and those that it opens for them.

    Each that is let in is served by a task, and all are closed when their task is done. The task itself can't see to
    that for certain: it may be cancelled before it has begun, and again while it clears away.
    """

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
    ) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve who has connected; `asyncio.start_server` calls it."""
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._close_after(task, writer)

    async def open(self, host: str, port: int, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to another server, for whom this task serves."""
        reader, writer = await asyncio.open_connection(host, port, **options)
        task = asyncio.current_task()
        assert task is not None
        self._close_after(task, writer)
        return reader, writer

    def cancel(self) -> None:
        """Serve nobody of those that are here any longer."""
        for task in self._tasks:
            task.cancel()

    async def end(self, server: asyncio.AbstractServer) -> None:
        """Stop listening, and end every connection."""
        await close(server)
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        # A transport closes its socket in the loop's next turn.
        await asyncio.sleep(0)

    def _close_after(self, task: asyncio.Task[Any], writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)

        def close_it(_: object) -> None:
            # A TLS transport that is closed twice forgets its protocol, and could not be aborted any more.
            if not writer.is_closing():
                writer.close()

        task.add_done_callback(close_it)
