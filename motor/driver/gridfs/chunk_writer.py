"""Writing a file: its chunks in batches, several of them under way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bson.objectid import ObjectId
from gridfs.errors import FileExists
from pymongo.errors import DuplicateKeyError

from motor.driver.execution.deployment import Deployment
from motor.driver.object_ids import new_object_id
from motor.driver.operations.delete import Delete
from motor.driver.operations.insert import InsertOne
from motor.driver.operations.insert_chunks import InsertChunks
from motor.driver.operations.operation import Operation, Target
from motor.driver.sessions.session import Session

_BATCH_SIZE = 1024 * 1024
"""How many bytes of a file are sent at a time, about."""

_MAX_BATCH_COUNT = 1000
"""How many chunks are sent at a time, however small they are."""

_IN_FLIGHT = 4
"""How many batches are under way at a time. An application's session does one thing after the other."""


class ChunkWriter:
    """Cuts the bytes of the file `file_id` into chunks of `chunk_size` bytes, and inserts them.

    The first batch goes alone: the server refuses it if the id is that of another file, and no other batch may have
    been added to that one by then. `length` is how many bytes have been taken; what is written belongs to `session`.
    """

    def __init__(self, deployment: Deployment, target: Target, file_id: Any, chunk_size: int) -> None:
        self.length = 0
        self.session: Session | None = None
        self._deployment = deployment
        self._target = target
        self._file_id = file_id
        self.chunk_size = chunk_size
        self._tail = bytearray()
        self._batch: list[bytes | bytearray | memoryview] = []
        self._number = 0
        self._ids: tuple[ObjectId, ObjectId] | None = None
        self._is_ours = False
        self._under_way: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    @property
    def _batch_count(self) -> int:
        return max(1, min(_BATCH_SIZE // self.chunk_size, _MAX_BATCH_COUNT))

    async def write(self, data: bytes) -> None:
        """Take `data`, and return when no more of it has to wait than the batches under way.

        Raises the error of any batch so far, :class:`~gridfs.errors.FileExists` if the id is taken.
        """
        view = memoryview(data)
        self.length += len(view)
        position = 0
        if self._tail:
            position = min(self.chunk_size - len(self._tail), len(view))
            self._tail += view[:position]
            if len(self._tail) < self.chunk_size:
                return
            full, self._tail = self._tail, bytearray()
            await self._add(full)
        while len(view) - position >= self.chunk_size:
            await self._add(view[position : position + self.chunk_size])
            position += self.chunk_size
        self._tail += view[position:]

    async def finish(self, document: Callable[[], InsertOne]) -> None:
        """Send the rest, wait until all chunks are acknowledged, and only then insert the file's `document`.

        Raises what :meth:`write` raises.
        """
        if self._tail:
            self._batch.append(self._tail)
        if self._batch:
            await self._send()
        await self.settle()
        self._check()
        await self._ended(document())

    async def settle(self) -> None:
        """Wait for what is under way, however it ends: to give up on a command does not keep the server from it."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def discard(self, session: Session | None) -> None:
        """Send no more, and delete in `session` the chunks that were written: no others, for the file's id may be that
        of an older one.
        """
        self._tail, self._batch = bytearray(), []
        await self.settle()
        if self._ids is not None:
            lowest, highest = self._ids
            ours = {"files_id": {"$eq": self._file_id}, "_id": {"$gte": lowest, "$lte": highest}}
            await self._deployment.execute(Delete(self._target, ours, multi=True), session)

    async def _add(self, chunk: bytearray | memoryview) -> None:
        self._batch.append(chunk)
        if len(self._batch) == self._batch_count:
            await self._send()

    async def _send(self) -> None:
        batch, self._batch = self._batch, []
        ids = [new_object_id() for _ in batch]
        operation = InsertChunks(self._target, self._file_id, self._number, ids, batch)
        self._number += len(batch)
        lowest, highest = self._ids or (ids[0], ids[0])
        self._ids = min(lowest, *ids), max(highest, *ids)
        if self.session is not None or not self._is_ours:
            await self._ended(operation)
            self._is_ours = True
            return
        while len(self._under_way) >= _IN_FLIGHT:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        self._check()
        self._started(operation)

    def _started(self, operation: InsertChunks | InsertOne) -> asyncio.Task[None]:
        """A task of its own: it goes on if the one that has started it is cancelled."""
        task = asyncio.get_running_loop().create_task(self._insert(operation, self.session), name="motor chunks")
        self._under_way.add(task)
        task.add_done_callback(self._arrived)
        return task

    async def _ended(self, operation: InsertChunks | InsertOne) -> None:
        task = self._started(operation)
        await asyncio.wait([task])
        await task

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._failure = self._failure or failure

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _insert(self, operation: Operation[Any], session: Session | None) -> None:
        try:
            await self._deployment.execute(operation, session)
        except DuplicateKeyError as error:
            raise FileExists(f"file with _id {self._file_id!r} already exists") from error
