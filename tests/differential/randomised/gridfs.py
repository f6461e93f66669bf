"""Files, written in pieces of any size and read in every way; now and then something fails once.

The commands aren't compared: Motor reads ahead otherwise, and looks for its indexes less often.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

from bson import ObjectId
from gridfs import AsyncGridFSBucket
from pymongo.database import Database

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket
from tests.differential.harness import got
from tests.differential.randomised.real import RealScene
from tests.differential.randomised.seen import Seen
from tests.differential.randomised.stage import FailPoint

STEPS: dict[str, Callable[[Any, int], Any]] = {
    "read": lambda file, argument: file.read(argument),
    "read all": lambda file, _: file.read(),
    "readline": lambda file, _: file.readline(),
    "readline, limited": lambda file, argument: file.readline(argument),
    "readlines": lambda file, _: file.readlines(),
    "readlines, limited": lambda file, argument: file.readlines(argument),
    "readchunk": lambda file, _: file.readchunk(),
    "seek": lambda file, argument: file.seek(argument),
    "seek from the end": lambda file, argument: file.seek(-argument, os.SEEK_END),
    "seek on": lambda file, argument: file.seek(argument, os.SEEK_CUR),
    "seek back": lambda file, argument: file.seek(-argument, os.SEEK_CUR),
}


class GridFS(RealScene):
    """One file."""

    compares_commands = False

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.chunk = dice.choice([1, 3, 7, 16, 1000])
        size = dice.choice([0, 1, self.chunk - 1, self.chunk, self.chunk + 1, dice.randint(0, self.chunk * 20)])
        self.data = bytes(dice.choices(b"ab\n", k=size))
        self.pieces = _pieces(self.data, dice, 2 * self.chunk)
        sizes = [0, 1, 2, self.chunk, self.chunk + 1, size, size + 5, dice.randint(0, size + 3)]
        self.steps = [(dice.choice(list(STEPS)), dice.choice(sizes)) for _ in range(25)]
        if dice.random() < 0.3:
            # Once, and what is retried: an error would end what the two send differently at different places.
            failing = dice.choice(["find", "insert"])
            self.fail_point = FailPoint(1, {"failCommands": [failing], "closeConnection": True})

    def prepare(self, database: Database[Any]) -> None:
        """Nothing is there."""

    async def act(self, db: Any, seen: Seen) -> None:
        """Write the file, and read it."""
        bucket = AsyncIOMotorGridFSBucket(db) if isinstance(db.client, AsyncIOMotorClient) else AsyncGridFSBucket(db)
        file_id = ObjectId("0" * 24)
        writing = bucket.open_upload_stream_with_id(file_id, "f", chunk_size_bytes=self.chunk)
        for piece in self.pieces:
            await seen.attempt("write", lambda: writing.write(piece))  # noqa: B023
        await seen.attempt("close", writing.close)
        reading = await seen.begin("open", lambda: bucket.open_download_stream(file_id))
        if reading is None:
            return
        for name, argument in self.steps:
            await seen.attempt(f"{name} {argument}", lambda: got(STEPS[name](reading, argument)))  # noqa: B023
            seen.note("tell", reading.tell())


def _pieces(data: bytes, dice: Random, longest: int) -> list[bytes]:
    pieces = []
    while data:
        size = dice.randint(1, longest)
        pieces.append(data[:size])
        data = data[size:]
    return pieces
