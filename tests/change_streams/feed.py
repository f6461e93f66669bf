"""The change streams of a scripted server: changes with numbers for tokens, and as much of a cursor as they need."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp

from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, answer, failure
from tests.support.waiting import until

CURSOR_NOT_FOUND = 43
NAMESPACE = "db.c"
START = Timestamp(1_700_000_000, 1)
"""The time at which a stream starts that doesn't say where."""

Change = dict[str, Any]


def token(number: float) -> dict[str, Any]:
    """The resume token of the change with that number, or of the place after it: ``token(3.5)`` is behind change 3."""
    return {"_data": float(number)}


def change(number: int) -> Change:
    """An insert of the document ``{"_id": number}``."""
    return {"_id": token(number), "operationType": "insert", "documentKey": {"_id": number}}


class Feed:
    """Answers the commands of change streams on `server`.

    Without `post_batch_tokens` it is as servers were before 4.0.7, without `times` it doesn't say what time it is. A
    getMore waits `patience` seconds for a change, whatever it asks for.
    """

    def __init__(self, server: ScriptedServer, *, post_batch_tokens: bool = True, times: bool = True) -> None:
        self.changes: list[Change] = []
        self.open: dict[int, float] = {}
        self.patience = 30.0
        self._server = server
        self._post_batch_tokens = post_batch_tokens
        self._times = times
        self._ids = itertools.count(1)
        self._prepared: dict[int, int] = {}
        self._moved = asyncio.Event()
        server.default = self

    def emit(self, *numbers: int) -> None:
        """These changes happen."""
        self.add(*(change(number) for number in numbers))

    def add(self, *changes: Change) -> None:
        """Any changes happen."""
        self.changes.extend(changes)
        self._move()

    def lose_cursors(self) -> None:
        """The server forgets the cursors, as if it had been restarted."""
        self.open.clear()
        self._move()

    def stages(self) -> list[Mapping[str, Any]]:
        """The ``$changeStream`` of each aggregate that came."""
        pipelines = [request.command["pipeline"] for request in self._server.requests if request.name == "aggregate"]
        return [pipeline[0]["$changeStream"] for pipeline in pipelines]

    async def until_waiting(self) -> None:
        """Wait until a getMore waits for a change."""
        await until(self._is_waiting, "a getMore")

    def _is_waiting(self) -> bool:
        in_hand = (request for peer in self._server.peers for request in peer.in_hand)
        return any(request.name == "getMore" for request in in_hand)

    async def __call__(self, request: Request) -> None:
        """Answer a command."""
        if request.name == "aggregate":
            await self._open(request)
        elif request.name == "getMore":
            await self._get_more(request)
        else:
            if request.name == "killCursors":
                for cursor_id in request.command["cursors"]:
                    self.open.pop(cursor_id, None)
                self._move()
            await answer(request)

    def _move(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def prepare(self, request: Request) -> None:
        """Begin to do what an aggregate says, to be answered later: what changes from now on is the stream's."""
        stage = request.command["pipeline"][0]["$changeStream"]
        start = stage.get("startAfter") or stage.get("resumeAfter")
        place = start["_data"] if start else self._last()
        if "startAtOperationTime" in stage:
            place = -1.0
        cursor_id = self._prepared[request.id] = next(self._ids)
        self.open[cursor_id] = place

    async def _open(self, request: Request) -> None:
        if request.id not in self._prepared:
            self.prepare(request)
        await self._send(request, self._prepared.pop(request.id), "firstBatch")

    async def _get_more(self, request: Request) -> None:
        cursor_id = request.command["getMore"]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience
        while cursor_id in self.open and self._last() <= self.open[cursor_id] and loop.time() < deadline:
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._moved.wait(), deadline - loop.time())
        if cursor_id in self.open:
            await self._send(request, cursor_id, "nextBatch")
        else:
            await failure(CURSOR_NOT_FOUND)(request)

    async def _send(self, request: Request, cursor_id: int, field: str) -> None:
        place = self.open[cursor_id]
        batch = [each for each in self.changes if _number(each) > place]
        if batch:
            # Behind the last change of the batch, as a server is that has looked further than that.
            self.open[cursor_id] = _number(batch[-1]) + 0.5
        if any(each["operationType"] == "invalidate" for each in batch):
            del self.open[cursor_id]
        cursor: dict[str, Any] = {"id": Int64(cursor_id if cursor_id in self.open else 0), "ns": NAMESPACE}
        cursor[field] = [{name: value for name, value in each.items() if name != "number"} for each in batch]
        if self._post_batch_tokens:
            cursor["postBatchResumeToken"] = token(self.open.get(cursor_id, self._last()))
        document: dict[str, Any] = {"cursor": cursor, "ok": 1}
        if self._times:
            document["operationTime"] = START
        await request.peer.send(message(document, request.id))

    def _last(self) -> float:
        return _number(self.changes[-1]) if self.changes else 0.0


def _number(each: Change) -> float:
    number: float = each["number"] if "number" in each else each["_id"]["_data"]
    return number


def number_of(each: Change) -> int:
    """The ``_id`` of the document that it is about."""
    number: int = each["documentKey"]["_id"]
    return number


async def take(stream: Any, count: int) -> list[int]:
    """The numbers of the next so many changes."""
    return [number_of(await stream.next()) for _ in range(count)]
