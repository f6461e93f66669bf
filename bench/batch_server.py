"""A server that is far away: each reply takes 5 ms, and a find has many batches.

    python -m bench.batch_server [--core N]

prints its port, and runs until its stdin ends. All other commands are the replay server's.
"""

import asyncio
import struct
from typing import Any

from bson import Int64

from .replay_server import SECTIONS, ReplayProtocol, listening, main
from .replies import Replies, Reply, op_msg
from .worker.documents import small

NAME = SECTIONS + 6
GET_MORE, FIND = b"getMore\0", b"find\0"
LATENCY = 0.005
BATCHES = 20
SIZE = 1000
"""Documents in a batch."""


class BatchProtocol(ReplayProtocol):
    """A cursor's id is the number of batches that are still to come."""

    def __init__(self, replies: Replies, batches: dict[int, Reply]) -> None:
        super().__init__(replies)
        self._batches = batches
        self._loop = asyncio.get_running_loop()

    def _answer(self, message: bytes) -> None:
        self._loop.call_later(LATENCY, self._send, message)

    def _send(self, message: bytes) -> None:
        if message.startswith(FIND, NAME):
            before, after = self._batches[BATCHES]
        elif message.startswith(GET_MORE, NAME):
            before, after = self._batches[struct.unpack_from("<q", message, NAME + len(GET_MORE))[0]]
        else:
            before, after = self._reply(message)
        self._transport.write(before + message[4:8] + after)


def batches() -> dict[int, Reply]:
    """The replies, by how many batches there were still to come before it."""
    documents = [small(number) for number in range(SIZE)]

    def batch(left: int) -> dict[str, Any]:
        field = "firstBatch" if left == BATCHES else "nextBatch"
        return {"cursor": {field: documents, "id": Int64(left - 1), "ns": "bench.batches"}, "ok": 1.0}

    return {left: op_msg(batch(left)) for left in range(1, BATCHES + 1)}


async def serve() -> None:
    prepared = batches()
    async with listening(lambda replies: BatchProtocol(replies, prepared)) as parent:
        await parent.read()


if __name__ == "__main__":
    main(serve)
