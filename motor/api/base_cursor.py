"""Reading a cursor: by ``async for``, as a list, document by document, or with a callback."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic

from pymongo.errors import InvalidOperation

from motor._pymongo import Address
from motor.api.base import BOUND_SESSION, AgnosticBase, DocumentType
from motor.driver.cursors import ServerCursor
from motor.driver.timeouts import within

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.collection import AgnosticCollection


class AgnosticBaseCursor(AgnosticBase, Generic[DocumentType]):
    """The results of a query or a command, fetched a batch at a time as they are read."""

    collection: AgnosticCollection[DocumentType]
    """The collection that is read."""

    _cursor: ServerCursor

    def __init__(self, collection: AgnosticCollection[DocumentType], session: Any) -> None:
        self.collection = collection
        self._client = collection.database.client
        self._timeout = collection._timeout
        self._explicit_session = session
        self._reads_ahead = self._client._reads_ahead

    @property
    def alive(self) -> bool:
        """Whether there may be more documents."""
        return self._cursor.alive

    @property
    def cursor_id(self) -> int | None:
        """The server's id for the cursor: ``None`` before it is opened, 0 when the server has no more."""
        return self._cursor.id

    @property
    def address(self) -> Address | None:
        """The server that holds the cursor, as ``(host, port)``; ``None`` before it is opened."""
        return self._cursor.address

    @property
    def session(self) -> Any:
        """The session that the cursor was given; ``None`` if it uses one of its own."""
        return self._explicit_session

    @property
    def closed(self) -> bool:
        """Whether nothing more is fetched: it was closed, or the server has no more."""
        return self._cursor.closed

    @property
    def started(self) -> bool:
        """Whether the server has been asked."""
        return self._cursor.opened

    def read_ahead(self, enabled: bool = True) -> Self:
        """Fetch the next batch while the application works through this one; with `enabled` false, no more.

        It gains where the server is far away and the application has work to do for each document. No more than one
        batch is fetched ahead. It has no effect on tailable and exhaust cursors, in explicit sessions and transactions,
        and behind a load balancer. The cursor itself is the result.

        .. versionadded:: 4.0
        """
        self._reads_ahead = enabled
        return self

    def __aiter__(self) -> Self:
        return self

    __iter__ = None

    async def next(self) -> DocumentType:
        """The next document. Raises StopAsyncIteration when there are no more."""
        documents: deque[DocumentType] = self._cursor.documents
        if not documents:
            await self._fill(documents)
        return documents.popleft()

    __anext__ = next

    async def _fill(self, documents: deque[DocumentType]) -> None:
        while not documents:
            await self._refresh()
            if not documents and (self._cursor.plan.tailable or not self._cursor.alive):
                raise StopAsyncIteration

    async def _refresh(self) -> int:
        if not self._cursor.opened:
            self._cursor.reads_ahead = self._reads_ahead
            if self._explicit_session is not None or BOUND_SESSION.get() is not None:
                self._cursor.use_session(self._session_for(self._explicit_session))
        if self._timeout is None:
            return await self._cursor.refresh()
        return await within(self._timeout, self._cursor.refresh())

    def to_list(self, length: int | None = None) -> asyncio.Future[list[DocumentType]]:
        """The next `length` documents as a list, or all that are left; fewer if there are fewer.

        Raises TypeError or ValueError for a length that is no number or is negative, and
        :class:`~pymongo.errors.InvalidOperation` on a tailable cursor, which never ends.
        """
        if length is not None:
            if not isinstance(length, int):
                raise TypeError(f"length must be an int, not {length!r}")
            if length < 0:
                raise ValueError("length must be non-negative")
        if self._cursor.plan.tailable:
            raise InvalidOperation("Can't call to_list on tailable cursor")
        return self._start(self._to_list(length))

    async def _to_list(self, length: int | None) -> list[DocumentType]:
        cursor = self._cursor
        documents = cursor.documents
        result: list[DocumentType] = []
        try:
            while not cursor.at_end and (length is None or len(result) < length):
                if not documents:
                    await self._refresh()
                if length is None or len(result) + len(documents) <= length:
                    result.extend(documents)
                    documents.clear()
                else:
                    result.extend(documents.popleft() for _ in range(length - len(result)))
        except BaseException:
            # Nobody has seen them: they are there for whoever reads on.
            documents.extendleft(reversed(result))
            raise
        return result

    @property
    def fetch_next(self) -> asyncio.Future[bool]:
        """A Future of whether there is another document, which :meth:`next_object` then returns.

        .. deprecated:: 2.2 Use ``async for``.
        """
        warnings.warn(
            "The fetch_next property is deprecated and may be removed in a future major release. "
            "Use `async for` to iterate over Cursor objects instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self._start(self._fetch_next())

    async def _fetch_next(self) -> bool:
        cursor = self._cursor
        while not (cursor.documents or cursor.at_end):
            await self._refresh()
            if cursor.plan.tailable:
                break
        return bool(cursor.documents)

    def next_object(self) -> Any:
        """The document that :attr:`fetch_next` has fetched, or ``None``; never waits.

        .. deprecated:: 2.2 Use ``async for``.
        """
        warnings.warn(
            "The next_object method is deprecated and may be removed in a future major release. "
            "Use `async for` to iterate over Cursor objects instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        documents = self._cursor.documents
        return documents.popleft() if documents else None

    def each(self, callback: Callable[[DocumentType | None, Exception | None], Any]) -> None:
        """Call ``callback(document, error)`` for each document, and last with ``(None, None)`` or the error.

        A callback that returns ``False`` ends it. Raises TypeError for what cannot be called.
        """
        if not callable(callback):
            raise TypeError("callback must be a callable")
        self._start(self._each(callback))

    async def _each(self, callback: Callable[[DocumentType | None, Exception | None], Any]) -> None:
        while True:
            try:
                more = await self._fetch_next()
            except Exception as error:
                callback(None, error)
                return
            if not more:
                callback(None, None)
                return
            while self._cursor.documents:
                if callback(self._cursor.documents.popleft(), None) is False:
                    return

    def close(self) -> asyncio.Future[None]:
        """Close the cursor, on the server too. It starts at once; awaiting it is optional."""
        return self._start(self._cursor.close())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._cursor.close()
