"""The cursors of a scripted server: batches of numbered documents, one getMore after the other or streamed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from bson.int64 import Int64

from tests.support.listener import Request
from tests.support.messages import EXHAUST_ALLOWED, MORE_TO_COME, OWN_REQUEST_ID, message
from tests.support.server import ScriptedServer, answer, failure


class Holder:
    """Answers find, aggregate and getMore on `server` with `count` documents, `size` in a batch.

    `open` are the cursors that are neither exhausted nor killed, `sent` counts the batches that went out, `latency`
    are the seconds that each reply takes. With `streams` a getMore that allows it is answered by all batches in a row.
    """

    def __init__(self, server: ScriptedServer, count: int, size: int, *, streams: bool = False) -> None:
        self.documents: list[Mapping[str, Any]] = [{"_id": number} for number in range(count)]
        self.open: dict[int, int] = {}
        self.sent = 0
        self.latency = 0.0
        self._server = server
        self._size = size
        self._streams = streams
        self._ids = itertools.count(1)
        server.default = self

    @property
    def killed(self) -> list[int]:
        """The cursors that were to be killed, as often as it was asked for."""
        requests = self._server.requests
        return [each for request in requests if request.name == "killCursors" for each in request.command["cursors"]]

    async def __call__(self, request: Request) -> None:
        """Answer a command."""
        if self.latency:
            await asyncio.sleep(self.latency)
        command = request.command
        if request.name in ("find", "aggregate"):
            cursor_id = next(self._ids)
            self.open[cursor_id] = 0
            size = command.get("batchSize", command.get("cursor", {}).get("batchSize", self._size))
            await self._send(request, self._batch(cursor_id, size, "firstBatch"))
        elif request.name == "getMore":
            await self._get_more(request)
        else:
            if request.name == "killCursors":
                for cursor_id in command["cursors"]:
                    self.open.pop(cursor_id, None)
            await answer(request)

    async def _get_more(self, request: Request) -> None:
        command = request.command
        cursor_id, size = command["getMore"], command.get("batchSize", self._size)
        if cursor_id not in self.open:
            await failure(43)(request)
        elif not (self._streams and request.flags & EXHAUST_ALLOWED):
            await self._send(request, self._batch(cursor_id, size, "nextBatch"))
        else:
            response_to = request.id
            while cursor_id in self.open:
                batch = self._batch(cursor_id, size, "nextBatch")
                await request.peer.send(
                    message(batch, response_to, flags=MORE_TO_COME if cursor_id in self.open else 0)
                )
                self.sent += 1
                response_to = OWN_REQUEST_ID
                if request.peer.writer.is_closing():
                    # Its cursors end with the connection.
                    self.open.pop(cursor_id, None)

    async def _send(self, request: Request, document: dict[str, Any]) -> None:
        await request.peer.send(message(document, request.id))
        self.sent += 1

    def _batch(self, cursor_id: int, size: int, field: str) -> dict[str, Any]:
        start = self.open[cursor_id]
        end = self.open[cursor_id] = start + size
        if end >= len(self.documents):
            del self.open[cursor_id]
        cursor = {
            "id": Int64(cursor_id if cursor_id in self.open else 0),
            "ns": "db.c",
            field: self.documents[start:end],
        }
        return {"cursor": cursor, "ok": 1}


class Cursors:
    """Answers find, aggregate and getMore with cursors of several batches, and knows which are open."""

    def __init__(self, batches: int = 3, size: int = 2) -> None:
        self.open: dict[int, tuple[Any, int]] = {}
        self.seen: set[int] = set()
        self._batches = batches
        self._size = size
        self._ids = itertools.count(1)

    async def __call__(self, request: Request) -> None:
        """Answer a command."""
        command = request.command
        name = request.name
        if name == "killCursors":
            for each in command["cursors"]:
                self.open.pop(each, None)
        if name not in ("find", "aggregate", "getMore") or command.get("limit") == 1:
            await answer(request)
            return
        if name == "getMore":
            cursor_id = command["getMore"]
            mark, sent = self.open[cursor_id]
            field = "nextBatch"
        else:
            cursor_id, sent, field = next(self._ids), 0, "firstBatch"
            mark = command["filter"]["_id"] if name == "find" else command["pipeline"][0]["$match"]["_id"]
        self.seen.add(cursor_id)
        documents = [{"_id": mark, "n": sent * self._size + index} for index in range(self._size)]
        self.open[cursor_id] = mark, sent + 1
        still_open = sent + 1 < self._batches
        if not still_open:
            del self.open[cursor_id]
        cursor = {"id": cursor_id if still_open else 0, "ns": "db.c", field: documents}
        await request.peer.send(message({"cursor": cursor, "ok": 1}, request.id))
