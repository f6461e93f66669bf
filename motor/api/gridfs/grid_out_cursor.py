"""The files that match a query, each to be read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from motor.api.collection import AgnosticCollection
from motor.api.cursor import AgnosticCursor
from motor.api.gridfs.collections import BucketCollections, disallow_transaction
from motor.api.query import Sort
from motor.driver.cursors import ServerCursor
from motor.driver.operations.find import Find, Query

if TYPE_CHECKING:
    from motor.api.session import AgnosticClientSession


class AgnosticGridOutCursor(AgnosticCursor[Any]):
    """The files whose documents match `filter`, in the bucket of the collection `collection`.

    Each is an :class:`AgnosticGridOut`, open, in the cursor's session if it has one.

    .. versionchanged:: 4.0 ``async for`` and :meth:`to_list` give Motor's files, too. They can be read like the plain
       documents that ``to_list`` gave before.
    """

    def __init__(
        self,
        collection: AgnosticCollection[Any],
        filter: Mapping[str, Any] | None = None,
        skip: int = 0,
        limit: int = 0,
        no_cursor_timeout: bool = False,
        sort: Sort | None = None,
        batch_size: int = 0,
        session: AgnosticClientSession | None = None,
    ) -> None:
        disallow_transaction(session)
        self._files = BucketCollections(collection).files
        super().__init__(
            collection,
            filter,
            skip=skip,
            limit=limit,
            no_cursor_timeout=no_cursor_timeout,
            sort=sort,
            batch_size=batch_size,
            session=session,
        )

    def _set_query(self, query: Query) -> None:
        self._query = query
        self._cursor = ServerCursor(self._client._deployment, Find(self._files._target, query))

    async def _refresh(self) -> int:
        disallow_transaction(self._explicit_session)
        await super()._refresh()
        grid_out = self._client._family.grid_out
        documents = self._cursor.documents
        for index, document in enumerate(documents):
            if not isinstance(document, grid_out):
                documents[index] = grid_out(self.collection, file_document=document, session=self._explicit_session)
        return len(documents)

    def distinct(self, key: str) -> asyncio.Future[list[Any]]:
        """The different values of the field `key` among the documents of the files that match."""
        return self._over_documents().distinct(key)

    def explain(self) -> asyncio.Future[dict[str, Any]]:
        """The server's plan for the query."""
        return self._over_documents().explain()

    def _over_documents(self) -> AgnosticCursor[Any]:
        cursor = self._client._family.cursor(self._files, session=self._explicit_session)
        cursor._set_query(self._query)
        return cursor

    def add_option(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: a query for files has no such options."""
        raise NotImplementedError("Method does not exist for GridOutCursor")

    def remove_option(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError, as :meth:`add_option`."""
        raise NotImplementedError("Method does not exist for GridOutCursor")
