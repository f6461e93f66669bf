"""The indexes of a bucket, which whoever writes the first file makes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from pymongo.errors import OperationFailure
from pymongo.read_preferences import ReadPreference

from motor.api.collection import AgnosticCollection
from motor.api.gridfs.collections import BucketCollections
from motor.driver.deadline_lock import DeadlineLock

_FILES_INDEX = {"filename": 1, "uploadDate": 1}
_CHUNKS_INDEX = {"files_id": 1, "n": 1}


class BucketIndexes:
    """Sees once to it that an empty bucket gets its indexes. Source: the MongoDB specification "GridFS"."""

    def __init__(self, collections: BucketCollections) -> None:
        self._collections = collections
        self._ensured = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ensuring = DeadlineLock()

    async def ensure(self, session: Any) -> None:
        """Look whether there are files; if there are none, create the indexes that are missing."""
        if self._ensured:
            return
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # A bucket may be used in one loop after the other, and a lock may not.
            self._loop, self._ensuring = loop, DeadlineLock()
        async with self._ensuring:
            if self._ensured:
                return
            files = self._collections.files.with_options(read_preference=ReadPreference.PRIMARY)
            if await files._find_one({}, ({"_id": 1},), {"session": session}) is None:
                await _ensure_index(files, _FILES_INDEX, False, session)
                await _ensure_index(self._collections.chunks, _CHUNKS_INDEX, True, session)
            self._ensured = True


async def _ensure_index(collection: AgnosticCollection[Any], keys: dict[str, int], unique: bool, session: Any) -> None:
    # Who may not list indexes may still be allowed to create them.
    with contextlib.suppress(OperationFailure):
        async for index in collection.list_indexes(session=session):
            if list(index["key"].items()) == list(keys.items()):
                return
    await collection._create_index(list(keys.items()), session, None, {"unique": unique})
