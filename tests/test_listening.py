"""The servers that tests run in their own event loop leave no connection open, however the tasks end that serve it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket

import pytest

from tests.support.listening import Connections

HOST = "127.0.0.1"
PATIENCE = 20.0


async def listen(connections: Connections) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(connections.accept, HOST, 0)
    return server, server.sockets[0].getsockname()[1]


async def test_a_task_that_never_began() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    class Hasty(Connections):
        def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            super().accept(reader, writer)
            self.cancel()

    connections = Hasty(serve)
    server, port = await listen(connections)
    reader, writer = await asyncio.open_connection(HOST, port)
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    writer.close()
    await connections.end(server)


async def test_a_task_that_is_cancelled_while_it_clears_away() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await connections.open(HOST, other_port)
        try:
            await reader.read()
        finally:
            connections.cancel()
            await asyncio.sleep(0)

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        ended.set()

    ended = asyncio.Event()
    connections, others = Connections(serve), Connections(wait_for_the_end)
    server, port = await listen(connections)
    other_server, other_port = await listen(others)
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    await asyncio.wait_for(ended.wait(), PATIENCE)
    writer.close()
    await connections.end(server)
    await others.end(other_server)


@pytest.mark.parametrize("turns", range(8))
async def test_who_has_just_been_let_in(turns: int) -> None:
    """A warning is an error, and that of a socket left open comes when it is collected."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    connections = Connections(serve)
    server, port = await listen(connections)
    with socket.create_connection((HOST, port), timeout=PATIENCE) as peer:
        for _ in range(turns):
            await asyncio.sleep(0)
        await connections.end(server)
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""
    gc.collect()
