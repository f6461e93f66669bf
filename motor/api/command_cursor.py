"""Cursors that come from a command: aggregate, listIndexes, listCollections and their like."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from motor.api.base import DocumentType
from motor.api.base_cursor import AgnosticBaseCursor
from motor.api.query import check_batch_size
from motor.driver.cursors import ServerCursor
from motor.driver.operations.aggregate import Aggregate
from motor.driver.operations.operation import Operation
from motor.driver.operations.reply import Batch

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.collection import AgnosticCollection


class AgnosticCommandCursor(AgnosticBaseCursor[DocumentType]):
    """The documents that a command returns."""

    def batch_size(self, batch_size: int) -> Self:
        """Ask for `batch_size` documents at a time; 0 leaves it to the server."""
        check_batch_size(batch_size)
        # A batch of one would close the cursor on servers of old: two is the least.
        self._cursor.batch_size = 2 if batch_size == 1 else batch_size
        return self

    async def try_next(self) -> DocumentType | None:
        """The next document, or ``None`` if there is none at the moment; asks the server once at most."""
        if not self._cursor.documents:
            await self._refresh()
        documents = self._cursor.documents
        return documents.popleft() if documents else None


class AgnosticLatentCommandCursor(AgnosticCommandCursor[DocumentType]):
    """A command's cursor that was returned before the command was sent: it is sent when the cursor is first read.

    Awaiting it sends the command at once and returns the cursor, so that code written for PyMongo Async can use it.
    """

    def __init__(
        self, collection: AgnosticCollection[DocumentType], operation: Operation[Batch], session: Any = None
    ) -> None:
        super().__init__(collection, session)
        self._operation = operation
        self._cursor = ServerCursor(self._client._deployment, operation)

    def batch_size(self, batch_size: int) -> Self:
        """Ask for `batch_size` documents at a time; 0 leaves it to the server."""
        super().batch_size(batch_size)
        if isinstance(self._operation, Aggregate) and not self._cursor.opened:
            self._operation.batch_size = batch_size
        return self

    async def _opened(self) -> Self:
        # Once it has failed, this fails again.
        if not self._cursor.opened or not (self._cursor.alive or self._cursor.at_end):
            await self._refresh()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._opened().__await__()


class AgnosticRawBatchCommandCursor(AgnosticLatentCommandCursor[Any]):
    """The batches of an aggregation as bytes: documents in BSON, one after the other."""

    if TYPE_CHECKING:

        async def next(self) -> bytes: ...

        __anext__ = next

        async def try_next(self) -> bytes | None: ...

        def to_list(self, length: int | None = None) -> asyncio.Future[list[bytes]]: ...
