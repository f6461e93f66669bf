"""A port and the connections on it: each command becomes a task, and all of it can be cut off at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.support.listening import close, cut, let_nobody_in
from tests.support.messages import GREETINGS, HEADER, MORE_TO_COME, command_of, flags_of


@dataclass(eq=False)
class Peer:
    """A client's connection, seen from the server. `in_hand` are the commands on it that are to be answered."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    in_hand: list[Request] = field(default_factory=list)

    async def send(self, data: bytes) -> None:
        """Send bytes, whatever they mean; a client that has gone is no error."""
        with contextlib.suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    def close(self) -> None:
        """Close at once."""
        self.writer.transport.abort()

    def cut(self, *, cleanly: bool = False) -> None:
        """Close: cleanly after what has been sent, or by resetting the connection."""
        cut(self.writer, cleanly=cleanly)


@dataclass(eq=False)
class Request:
    """A command as it came: its document sequences are put back into it as lists."""

    id: int
    flags: int
    command: dict[str, Any]
    peer: Peer

    @property
    def name(self) -> str:
        """The command's name."""
        return next(iter(self.command))

    @property
    def wants_answer(self) -> bool:
        """Whether the client waits for an answer."""
        return not self.flags & MORE_TO_COME


def parse(data: bytes, peer: Peer) -> Request:
    """A whole message, header included."""
    return Request(HEADER.unpack_from(data)[1], flags_of(data), command_of(data), peer)


class Listener:
    """Accepts connections and has `answer` called with each command. It keeps its port, also while it does not listen.

    While `reading` is not set nothing is taken from clients. `failures` has what went wrong inside of `answer`, for a
    script with a mistake in it must not pass for a server with a fault, and what a client did and may not: one command
    at a time goes over a connection.
    """

    def __init__(
        self,
        answer: Callable[[Request], Coroutine[Any, Any, None]],
        *,
        host: str = "127.0.0.1",
        path: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.port = 0
        self.peers: dict[Peer, int] = {}
        self.opened = 0
        self.most_open = 0
        self.failures: list[Exception] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self._answer = answer
        self._path = path
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._closing: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[Any]] = set()

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    async def open(self) -> None:
        """Listen, on the same port as before if it did before."""
        self._release()
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._accept, self._path)
            return
        self._server = await asyncio.start_server(self._accept, self.host, self.port, ssl=self._tls)
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
                peer.cut(cleanly=cleanly)

    async def gone(self) -> None:
        """Wait until what was cut is gone, and reserve the port."""
        if self._closing is None:
            return
        closing, self._closing = self._closing, None
        family = closing.sockets[0].family
        await close(closing)
        await closing.wait_closed()
        if self._path is None:
            # Nobody else must get the port, nor a client connect to itself there, while the server is down.
            self._reserved = socket.socket(family)
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserved.bind((self.host, self.port))

    async def close(self) -> None:
        """End all of it."""
        self.reading.set()
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
        self.most_open = max(self.most_open, len(self.peers))
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        greeting: asyncio.Task[None] | None = None
        if self._server is None:
            peer.close()
        try:
            while True:
                await self.reading.wait()
                head = await reader.readexactly(HEADER.size)
                request = parse(head + await reader.readexactly(HEADER.unpack(head)[0] - HEADER.size), peer)
                task = asyncio.create_task(self._handle(request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                if request.name in GREETINGS:
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
        in_hand = request.peer.in_hand
        if request.wants_answer:
            if in_hand:
                self.failures.append(AssertionError(f"{request.name} while {in_hand[0].name} is in hand"))
            in_hand.append(request)
        try:
            await self._answer(request)
        except Exception as error:
            self.failures.append(error)
            request.peer.close()
        finally:
            if request.wants_answer:
                in_hand.remove(request)
