"""Somebody who writes all the time, for a page to follow."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pymongo.errors import ConnectionFailure, DuplicateKeyError

from motor.motor_asyncio import AsyncIOMotorCollection
from tests.examples.programs import PATIENCE


class Writer:
    """Inserts 0, 1, 2 and so on, each once, with the same fields, whatever happens to the database."""

    def __init__(self, collection: AsyncIOMotorCollection, fields: Mapping[str, Any]) -> None:
        self.written = 0
        self._fields = fields
        self._collection = collection
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def keys(self) -> list[str]:
        """Of what it has written, as the page shows them."""
        return [f'{{"_id": {number}}}' for number in range(self.written)]

    async def more(self, number: int = 10) -> None:
        """Start if it hasn't, and wait until so many more are written."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await asyncio.wait_for(self._reach(self.written + number), PATIENCE)

    async def stop(self) -> None:
        """Finish what was begun, and write no more."""
        self._stopped = True
        if self._task is not None:
            await asyncio.wait_for(self._task, PATIENCE)

    def abandon(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _reach(self, goal: int) -> None:
        while self.written < goal:  # noqa: ASYNC110  # now and then is enough
            await asyncio.sleep(0.02)

    async def _run(self) -> None:
        while not self._stopped:
            try:
                await self._collection.insert_one({"_id": self.written, **self._fields})
            except ConnectionFailure:
                continue
            except DuplicateKeyError:
                pass  # it had been written when its connection broke
            self.written += 1
            await asyncio.sleep(0.02)


@asynccontextmanager
async def writing(collection: AsyncIOMotorCollection, **fields: Any) -> AsyncIterator[Writer]:
    """A writer, who is gone after the block."""
    writer = Writer(collection, fields)
    try:
        yield writer
    finally:
        writer.abandon()
