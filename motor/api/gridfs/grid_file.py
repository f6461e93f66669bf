"""What a file that is read and a file that is written have in common."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from motor.api.base import AgnosticBase
from motor.api.collection import AgnosticCollection
from motor.api.gridfs.collections import BucketCollections, disallow_transaction
from motor.driver.timeouts import within

T = TypeVar("T")


class GridFile(AgnosticBase):
    """A file in the bucket of `root_collection`; its commands run in `session`, if there is one."""

    def __init__(self, root_collection: AgnosticCollection[Any], session: Any) -> None:
        if not isinstance(root_collection, AgnosticCollection):
            raise TypeError(
                f"First argument to {type(self).__name__} must be a collection of Motor's, not {root_collection!r}"
            )
        self._client = root_collection.database.client
        self._timeout = root_collection._timeout
        disallow_transaction(session)
        self._engine_session(session)
        self._session = session
        self._collections = BucketCollections(root_collection)

    @property
    def io_loop(self) -> Any:
        """The client's event loop."""
        return self.get_io_loop()

    async def _in_time(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await `coroutine`, no longer than an operation may take."""
        return await coroutine if self._timeout is None else await within(self._timeout, coroutine)
