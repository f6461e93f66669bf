"""A server that says hello, remembers what it was told, and knows nothing else."""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType
from typing import Any

import bson

from tests.listening import Connections

_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013


class TinyServer:
    """Listens on loopback while its block runs. Answers every command with ok, and those in `hold` when told to."""

    def __init__(self) -> None:
        self.introductions: list[dict[str, Any]] = []
        self.commands: list[str] = []
        self.connections = 0
        self.hold: set[str] = set()
        self.release = asyncio.Event()
        self._clients = Connections(self._serve)

    @property
    def uri(self) -> str:
        """Where it is."""
        host, port = self._server.sockets[0].getsockname()
        return f"mongodb://{host}:{port}/?directConnection=true"

    async def __aenter__(self) -> TinyServer:
        self._server = await asyncio.start_server(self._clients.accept, "127.0.0.1")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._clients.end(self._server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        introduced = False
        try:
            while True:
                size, request_id, _, opcode = _HEADER.unpack(await reader.readexactly(_HEADER.size))
                assert opcode == _OP_MSG
                body = await reader.readexactly(size - _HEADER.size)
                document = bson.decode(body[5:])
                name = next(iter(document))
                if name in ("hello", "ismaster"):
                    if not introduced:
                        introduced = True
                        self.introductions.append(document)
                else:
                    self.commands.append(name)
                if name in self.hold:
                    await self.release.wait()
                reply = b"\0\0\0\0\0" + bson.encode(_reply(name))
                writer.write(_HEADER.pack(_HEADER.size + len(reply), 1, request_id, _OP_MSG) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections -= 1


def _reply(name: str) -> dict[str, Any]:
    if name not in ("hello", "ismaster"):
        return {"ok": 1.0}
    return {
        "ok": 1.0,
        "isWritablePrimary": True,
        "ismaster": True,
        "helloOk": True,
        "maxWireVersion": 25,
        "minWireVersion": 0,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "readOnly": False,
    }
