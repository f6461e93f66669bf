"""A bucket on a scripted server: what is written into it is kept, and a test may look at it and spoil it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from bson.int64 import Int64

from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, answer, failure, reply


class StoredBucket:
    """Answers `server`'s commands from `files` and `chunks`, the documents of the bucket ``fs``.

    `open` are the cursors that are neither exhausted nor killed, `batches` the sizes of the batches of chunks that went
    out, `most_inserts` how many inserts of chunks were there at the same time, `latency` the seconds that each takes.
    The chunks have an index if they are to be `unique`. An insert that is sent again is not done again.
    """

    def __init__(self, server: ScriptedServer) -> None:
        self.files: list[dict[str, Any]] = []
        self.chunks: list[dict[str, Any]] = []
        self.indexes: dict[str, list[Mapping[str, Any]]] = {}
        self.open: dict[int, list[dict[str, Any]]] = {}
        self.batches: list[int] = []
        self.most_inserts = 0
        self.latency = 0.0
        self.unique = True
        self._inserts = 0
        self._done: set[tuple[bytes, int]] = set()
        self._ids = itertools.count(1)
        self._server = server
        server.default = self

    def data(self, file_id: Any) -> bytes:
        """The bytes of a file's chunks."""
        own = [chunk for chunk in self.chunks if chunk["files_id"] == file_id]
        return b"".join(chunk["data"] for chunk in sorted(own, key=lambda chunk: chunk["n"]))

    def add(self, file_id: Any, data: bytes, chunk_size: int, **fields: Any) -> None:
        """Put a file into the bucket."""
        self.files.append({"_id": file_id, "length": Int64(len(data)), "chunkSize": chunk_size, **fields})
        for number, position in enumerate(range(0, len(data), chunk_size)):
            piece = data[position : position + chunk_size]
            self.chunks.append({"_id": len(self.chunks), "files_id": file_id, "n": number, "data": piece})

    def commands(self, name: str, collection: str) -> list[dict[str, Any]]:
        """The commands of one name that came for ``fs.files`` or ``fs.chunks``."""
        commands = [request.command for request in self._server.requests if request.name == name]
        return [command for command in commands if collection in (command[name], command.get("collection"))]

    async def __call__(self, request: Request) -> None:
        """Answer a command."""
        command = request.command
        collection = command[request.name]
        if request.name == "find":
            found = self._found(collection, command["filter"])
            found.sort(key=lambda document: document.get("n", 0))
            cursor_id = next(self._ids)
            self.open[cursor_id] = found[command.get("skip", 0) :]
            await self._send(
                request, cursor_id, "firstBatch", 1 if "limit" in command else command.get("batchSize", 101)
            )
            if "limit" in command:
                self.open.pop(cursor_id, None)
        elif request.name == "getMore":
            if collection in self.open:
                await self._send(request, collection, "nextBatch", command.get("batchSize", 10**6))
            else:
                await failure(43)(request)
        elif request.name == "insert":
            await self._insert(request, collection, command["documents"])
        elif request.name == "delete":
            (statement,) = command["deletes"]
            for document in self._found(collection, statement["q"]):
                self._of(collection).remove(document)
            await answer(request)
        elif request.name == "listIndexes":
            indexes = self.indexes.get(collection, [])
            await reply({"cursor": {"id": Int64(0), "ns": f"db.{collection}", "firstBatch": indexes}, "ok": 1})(request)
        elif request.name == "createIndexes":
            self.indexes.setdefault(collection, []).extend(command["indexes"])
            await answer(request)
        else:
            for cursor_id in command.get("cursors", []):
                self.open.pop(cursor_id, None)
            await answer(request)

    async def _send(self, request: Request, cursor_id: int, field: str, size: int) -> None:
        waiting = self.open[cursor_id]
        batch, self.open[cursor_id] = waiting[:size], waiting[size:]
        ended = len(batch) < size
        if ended:
            del self.open[cursor_id]
        if "fs.chunks" in (request.command.get("find"), request.command.get("collection")):
            self.batches.append(len(batch))
        cursor = {"id": Int64(0 if ended else cursor_id), "ns": "db.fs.chunks", field: batch}
        if request.command.get("find") == "fs.files":
            cursor["ns"], cursor["id"] = "db.fs.files", Int64(0)
        await request.peer.send(message({"cursor": cursor, "ok": 1}, request.id))

    async def _insert(self, request: Request, collection: str, documents: list[dict[str, Any]]) -> None:
        if collection == "fs.chunks":
            self._inserts += 1
            self.most_inserts = max(self.most_inserts, self._inserts)
            await asyncio.sleep(self.latency)
            self._inserts -= 1
        if "txnNumber" in request.command:
            statement = (bytes(request.command["lsid"]["id"]), request.command["txnNumber"])
            if statement in self._done:
                await answer(request)
                return
            self._done.add(statement)
        keys = ("files_id", "n") if collection == "fs.chunks" and self.unique else ("_id",)
        taken = [[other[key] for key in keys] for other in self._of(collection)]
        for number, document in enumerate(documents):
            if taken and [document[key] for key in keys] in taken:
                error = {"index": number, "code": 11000, "errmsg": "E11000 duplicate key error"}
                await reply({"ok": 1, "n": number, "writeErrors": [error]})(request)
                return
            self._of(collection).append(document)
        await answer(request)

    def _of(self, collection: str) -> list[dict[str, Any]]:
        return {"fs.files": self.files, "fs.chunks": self.chunks}[collection]

    def _found(self, collection: str, selected: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [document for document in self._of(collection) if _matches(document, selected)]


def _matches(document: Mapping[str, Any], selected: Mapping[str, Any]) -> bool:
    return all(
        _passes(document.get(field), operator, operand)
        for field, wanted in selected.items()
        for operator, operand in (wanted if isinstance(wanted, Mapping) else {"$eq": wanted}).items()
    )


def _passes(value: Any, operator: str, operand: Any) -> bool:
    if operator in ("$gte", "$lte") and type(value) is not type(operand):
        return False
    match operator:
        case "$eq":
            return bool(value == operand)
        case "$gte":
            return bool(value >= operand)
        case "$lte":
            return bool(value <= operand)
        case "$in":
            return value in operand
    raise ValueError(f"this server does not know {operator}")
