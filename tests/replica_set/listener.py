"""A port and the connections on it: each command becomes a task, and all of it can be cut off at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from tests.driver.scripted import HEADER, Peer, Request, parse
from tests.listening import close, let_nobody_in

_LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing a socket with this option resets its connection."""

HELLO = ("hello", "ismaster", "isMaster")


class Listener:
    """Accepts connections and has `answer` called with each command. It keeps its port, also while it does not listen.

    What goes wrong inside of `answer` is kept in `failures`: a script with a mistake in it must not pass for a server
    with a fault.
    """

    def __init__(self, answer: Callable[[Request], Coroutine[Any, Any, None]]) -> None:
        self.port = 0
        self.peers: dict[Peer, int] = {}
        self.opened = 0
        self.failures: list[Exception] = []
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._closing: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[Any]] = set()

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen, on the same port as before if it did before."""
        self._release()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self, *, cleanly: bool = False) -> None:
        """Stop listening, close every connection and forget every command.

        `cleanly` ends the connections as a server does that shuts down, else they are reset.
        """
        if self._server is not None:
            self._closing, self._server = self._server, None
            let_nobody_in(self._closing)
            current = asyncio.current_task()
            for task in self._tasks:
                if task is not current:
                    task.cancel()
            for peer in list(self.peers):
                cut(peer, cleanly=cleanly)

    async def gone(self) -> None:
        """Wait until what was cut is gone, and reserve the port."""
        if self._closing is None:
            return
        closing, self._closing = self._closing, None
        await close(closing)
        await closing.wait_closed()
        # Nobody else must get the port, nor a client connect to itself there, while the server is down.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", self.port))

    async def close(self) -> None:
        """End all of it."""
        self.cut()
        await self.gone()
        self._release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._serving, return_exceptions=True)

    def _release(self) -> None:
        reserved, self._reserved = self._reserved, None
        if reserved is not None:
            reserved.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.opened += 1
        self.peers[peer] = self.opened
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        greeting: asyncio.Task[None] | None = None
        if self._server is None:
            peer.close()
        try:
            while True:
                head = await reader.readexactly(HEADER.size)
                request = parse(head + await reader.readexactly(HEADER.unpack(head)[0] - HEADER.size), peer)
                task = asyncio.create_task(self._handle(request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                if request.name in HELLO:
                    greeting = task
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            # A greeting may go on for ever. Anything else is done to its end, as a server does, though nobody listens.
            if greeting is not None:
                greeting.cancel()
            del self.peers[peer]
            self._serving.discard(serving)
            peer.close()

    async def _handle(self, request: Request) -> None:
        answered = not request.flags & 2
        try:
            assert not (answered and request.peer.in_hand), f"{request.name} while another command is in hand"
            request.peer.in_hand += answered
            await self._answer(request)
        except Exception as error:
            self.failures.append(error)
            request.peer.close()
        finally:
            request.peer.in_hand -= answered


def cut(peer: Peer, *, cleanly: bool = False) -> None:
    """Close a connection: cleanly after what has been sent, or by resetting it."""
    if cleanly:
        peer.writer.close()
        return
    with contextlib.suppress(OSError):
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    peer.close()
