"""A server with change streams, on which something changes when the benchmark says so.

    python -m bench.stream_server [--core N]

prints its port, and runs until its stdin ends. A line of JSON on stdin is a request, its answer a line on stdout:
{"do": "count"} counts the streams that wait for a change; {"do": "rate", "rate": 100} has so many changes a second,
each for one stream, the one that has waited longest; {"do": "all"} has one change for all of them. A stream that
waits for a second gets an empty batch, as from a MongoDB server. All other commands are the replay server's.
"""

import asyncio
import itertools
import json
import struct
import time
from dataclasses import dataclass
from typing import Any

import bson
from bson import Int64

from .replay_server import SECTIONS, ReplayProtocol, listening, main
from .replies import Replies, op_msg

NAME = SECTIONS + 6
"""Where the name of the command stands in a message of one section: behind the document's length and a type."""
GET_MORE, AGGREGATE = b"getMore\0", b"aggregate\0"
PATIENCE = 1.0
"""Seconds that a getMore waits for a change."""
SPREAD = 1000
"""The first getMore of a stream waits for a part of that, of which there are so many: streams that are opened in one
moment do not ask again all at once for ever, as those of a thousand users don't.
"""


@dataclass(eq=False)
class Waiting:
    """A getMore that has no answer yet."""

    protocol: "StreamProtocol"
    message: bytes
    timer: asyncio.TimerHandle


class Streams:
    """The cursors of all connections."""

    def __init__(self) -> None:
        self.opened = 0
        self.waiting: dict[int, Waiting] = {}
        self._loop = asyncio.get_running_loop()
        self._places = itertools.count(1)
        self._rate: asyncio.TimerHandle | None = None
        self._missed: dict[int, Any] = {}
        self._spread: set[int] = set()

    def open(self, protocol: "StreamProtocol", message: bytes) -> None:
        self.opened += 1
        protocol.reply(message, self._cursor(self.opened, "firstBatch", []))

    def wait(self, protocol: "StreamProtocol", message: bytes) -> None:
        (cursor_id,) = struct.unpack_from("<q", message, NAME + len(GET_MORE))
        patience = PATIENCE if cursor_id in self._spread else PATIENCE * (cursor_id % SPREAD) / SPREAD
        self._spread.add(cursor_id)
        timer = self._loop.call_later(patience, self._give_up, cursor_id)
        self.waiting[cursor_id] = Waiting(protocol, message, timer)
        if cursor_id in self._missed:
            self._answer(cursor_id, [self._missed.pop(cursor_id)])

    def forget(self, protocol: "StreamProtocol") -> None:
        gone = [cursor_id for cursor_id, waiting in self.waiting.items() if waiting.protocol is protocol]
        for cursor_id in gone:
            self.waiting.pop(cursor_id).timer.cancel()

    def change_all(self) -> int:
        """Those between two getMores get it with the next; how many there are in all."""
        change = self._change(for_all=True)
        self._missed = {cursor_id: change for cursor_id in range(1, self.opened + 1) if cursor_id not in self.waiting}
        for cursor_id in list(self.waiting):
            self._answer(cursor_id, [change])
        return self.opened

    def change_one(self, interval: float) -> None:
        """For the stream that has waited longest; and so on."""
        self._rate = self._loop.call_later(interval, self.change_one, interval)
        if self.waiting:
            self._answer(next(iter(self.waiting)), [self._change(for_all=False)])

    def stop(self) -> None:
        if self._rate is not None:
            self._rate.cancel()
            self._rate = None

    def _give_up(self, cursor_id: int) -> None:
        self._answer(cursor_id, [])

    def _answer(self, cursor_id: int, batch: list[Any]) -> None:
        waiting = self.waiting.pop(cursor_id)
        waiting.timer.cancel()
        waiting.protocol.reply(waiting.message, self._cursor(cursor_id, "nextBatch", batch))

    def _cursor(self, cursor_id: int, field: str, batch: list[Any]) -> dict[str, Any]:
        token = {"_data": f"{next(self._places):032x}"}
        cursor = {"id": Int64(cursor_id), "ns": "bench.watched", field: batch, "postBatchResumeToken": token}
        return {"cursor": cursor, "ok": 1.0}

    def _change(self, *, for_all: bool) -> dict[str, Any]:
        # This clock is the system's: the worker reads the same.
        document = {"_id": bson.ObjectId(), "sent": time.monotonic(), "for_all": for_all}
        return {
            "_id": {"_data": f"{next(self._places):032x}"},
            "operationType": "insert",
            "ns": {"db": "bench", "coll": "watched"},
            "documentKey": {"_id": document["_id"]},
            "fullDocument": document,
        }


class StreamProtocol(ReplayProtocol):
    def __init__(self, replies: Replies, streams: Streams) -> None:
        super().__init__(replies)
        self._streams = streams

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.forget(self)

    def reply(self, message: bytes, document: dict[str, Any]) -> None:
        before, after = op_msg(document)
        self._transport.write(before + message[4:8] + after)

    def _answer(self, message: bytes) -> None:
        if message.startswith(GET_MORE, NAME):
            self._streams.wait(self, message)
        elif message.startswith(AGGREGATE, NAME):
            self._streams.open(self, message)
        else:
            super()._answer(message)


def answer(streams: Streams, request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "count":
            return {"opened": streams.opened, "waiting": len(streams.waiting)}
        case "rate":
            streams.stop()
            if request["rate"]:
                streams.change_one(1 / request["rate"])
            return {}
        case "all":
            return {"sent": streams.change_all()}
    raise ValueError(f"unknown request {request}")


async def serve() -> None:
    streams = Streams()
    async with listening(lambda replies: StreamProtocol(replies, streams)) as parent:
        while line := await parent.readline():
            print(json.dumps(answer(streams, json.loads(line))), flush=True)


if __name__ == "__main__":
    main(serve)
