"""The cursor of a ``find``: its options may be changed until it is first read."""

from __future__ import annotations

import asyncio
import copy
import warnings
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from bson.code import Code
from pymongo.cursor import CursorType
from pymongo.errors import InvalidOperation

from motor._pymongo import (
    QUERY_OPTIONS,
    CollationIn,
    index_document,
    index_list,
    validate_collation_or_none,
)
from motor.api.base import DocumentType
from motor.api.base_cursor import AgnosticBaseCursor
from motor.api.query import Hint, Sort, build_query, check_batch_size, check_integer
from motor.api.signatures import takes_one_and_those_of
from motor.driver.cursors import ServerCursor
from motor.driver.operations.find import ExplainAsFind, ExplainQuery, Find, FindRaw, Query
from motor.driver.operations.operation import hint_document

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.collection import AgnosticCollection


class AgnosticCursor(AgnosticBaseCursor[DocumentType]):
    """The documents that match a query. Making it does no I/O: it asks the server when it is first read.

    It may be awaited, and then is itself: of PyMongo Async's cursor some methods that return it are coroutines.

    :meth:`AgnosticCollection.find` makes it, of its `collection` and these, of which many have a method of their name,
    too:

    - `filter`: a document of conditions that documents match; all do without one.
    - `projection`: the fields to return, a list of names or a document.
    - `skip`: how many documents to leave out. `limit`: how many to return, 0 is all.
    - `no_cursor_timeout`: the server does not close it for being idle.
    - `cursor_type`: a :class:`~pymongo.cursor.CursorType`; tailable ones go on with what is inserted later.
    - `sort`: the order, a list of pairs or a document.
    - `allow_partial_results`: a mongos leaves out shards that are down, instead of failing.
    - `oplog_replay`: ignored since MongoDB 4.4.
    - `batch_size`: how many documents the server sends at a time; 0 leaves it to the server.
    - `collation`: how strings are compared, a :class:`~pymongo.collation.Collation`.
    - `hint`: the index to use, by its name or by its keys; `max` and `min` are its bounds.
    - `max_scan`, `snapshot`: for servers before 4.2 and 4.0.
    - `max_time_ms`: how many milliseconds the server may work on it.
    - `return_key`: only the keys of the index. `show_record_id`: the record's id, too.
    - `comment`: any value that BSON has; the server's log and profiler show it.
    - `session`: a :class:`~motor.core.AgnosticClientSession` that it belongs to.
    - `allow_disk_use`: the server may sort with temporary files.
    - `let`: values that expressions find as ``$$name``, a document.

    Raises TypeError or ValueError for what cannot be right, :class:`~pymongo.errors.InvalidOperation` for options that
    do not go together.
    """

    _operation_class: ClassVar[type[Find]] = Find

    @takes_one_and_those_of(build_query)
    def __init__(self, collection: AgnosticCollection[DocumentType], *args: Any, **kwargs: Any) -> None:
        query, session = build_query(*args, **kwargs)
        super().__init__(collection, session)
        self._engine_session(session)
        query.check()
        if query.flags & QUERY_OPTIONS["no_timeout"] and session is None:
            warnings.warn(
                "The server ends a session after 30 idle minutes, and its cursors with it, also with "
                "no_cursor_timeout=True: use an explicit session, and refresh it.",
                UserWarning,
                stacklevel=3,
            )
        self._empty = False
        self._set_query(query)

    @property
    def retrieved(self) -> int:
        """How many documents have come from the server so far.

        .. versionadded:: 4.0
        """
        return self._cursor.retrieved

    def __await__(self) -> Generator[None, None, Self]:
        return self
        yield  # a generator, which waits for nothing

    def _set_query(self, query: Query) -> None:
        self._query = query
        operation = ExplainAsFind if "$explain" in query.filter else self._operation_class
        self._cursor = ServerCursor(self._client._deployment, operation(self.collection._target, query))

    async def _refresh(self) -> int:
        if self._empty and not self._cursor.opened:
            self._cursor.abandon()
            return 0
        return await super()._refresh()

    def _changing(self) -> Query:
        """The query, if it may still be changed."""
        if self._cursor.retrieved or self._cursor.id is not None:
            raise InvalidOperation("cannot set options after executing query")
        return self._query

    def add_option(self, mask: int) -> Self:
        """Set query flags: `mask` has bits as those of the old OP_QUERY message. The cursor itself is the result.

        Raises :class:`~pymongo.errors.InvalidOperation` if it has been read already.
        """
        check_integer("mask", mask, "an int")
        query = self._changing()
        if mask & QUERY_OPTIONS["exhaust"] and query.limit:
            raise InvalidOperation("Can't use limit and exhaust together.")
        query.flags |= mask
        return self

    def remove_option(self, mask: int) -> Self:
        """Unset query flags, those in `mask`. The cursor itself is the result.

        Raises :class:`~pymongo.errors.InvalidOperation` if it has been read already.
        """
        check_integer("mask", mask, "an int")
        query = self._changing()
        query.flags &= ~mask
        return self

    def allow_disk_use(self, allow_disk_use: bool) -> Self:
        """Whether the server may use temporary files: `allow_disk_use` is a bool."""
        if not isinstance(allow_disk_use, bool):
            raise TypeError(f"allow_disk_use must be a bool, not {type(allow_disk_use)}")
        self._changing().set_option("allowDiskUse", allow_disk_use, True)
        return self

    def limit(self, limit: int) -> Self:
        """Return no more than `limit` documents; 0 is no limit, a negative one closes the cursor after one batch."""
        check_integer("limit", limit)
        if self._query.flags & QUERY_OPTIONS["exhaust"]:
            raise InvalidOperation("Can't use limit and exhaust together.")
        query = self._changing()
        self._empty = False
        query.limit = limit
        return self

    def batch_size(self, batch_size: int) -> Self:
        """Ask for `batch_size` documents at a time; 0 leaves it to the server."""
        check_batch_size(batch_size)
        self._changing().batch_size = batch_size
        return self

    def skip(self, skip: int) -> Self:
        """Leave out the first `skip` documents."""
        check_integer("skip", skip)
        if skip < 0:
            raise ValueError("skip must be >= 0")
        self._changing().skip = skip
        return self

    def max_time_ms(self, max_time_ms: int | None) -> Self:
        """Have the server give up after `max_time_ms` milliseconds of work."""
        if max_time_ms is not None:
            check_integer("max_time_ms", max_time_ms, "an integer or None")
        self._changing().set_option("maxTimeMS", max_time_ms, max_time_ms is not None)
        return self

    def max_await_time_ms(self, max_await_time_ms: int | None) -> Self:
        """Have the server wait `max_await_time_ms` milliseconds for new documents; for tailable await cursors only."""
        if max_await_time_ms is not None:
            check_integer("max_await_time_ms", max_await_time_ms, "an integer or None")
        if self._changing().flags & CursorType.TAILABLE_AWAIT:
            self._query.max_await_time_ms = max_await_time_ms
        return self

    def max_scan(self, max_scan: int | None) -> Self:
        """Have the server look at no more than `max_scan` documents; servers since 4.2 refuse it."""
        self._changing().set_option("maxScan", max_scan, max_scan)
        return self

    def max(self, spec: Sort) -> Self:
        """The upper bound of an index, exclusive: `spec` is a list of pairs. Needs :meth:`hint`."""
        self._changing().set_option("max", _bound(spec), spec)
        return self

    def min(self, spec: Sort) -> Self:
        """The lower bound of an index, inclusive: `spec` is a list of pairs. Needs :meth:`hint`."""
        self._changing().set_option("min", _bound(spec), spec)
        return self

    def sort(self, key_or_list: Hint, direction: int | str | None = None) -> Self:
        """Sort by `key_or_list`: one key, in a `direction`, or a list of pairs of them."""
        self._changing().set_option("sort", index_document(index_list(key_or_list, direction)), True)
        return self

    def hint(self, index: Hint | None) -> Self:
        """Have the server use an index, by its name or its keys; ``None`` leaves the choice to it."""
        self._changing().set_option("hint", hint_document(index), index)
        return self

    def comment(self, comment: Any) -> Self:
        """Attach a comment, which the server's profiler and log show."""
        self._changing().set_option("comment", comment, comment)
        return self

    def where(self, code: str | Code) -> Self:
        """Add a ``$where`` clause, `code` in JavaScript, to the filter."""
        query = self._changing()
        query.filter = {**query.filter, "$where": code if isinstance(code, Code) else Code(code)}
        return self

    def collation(self, collation: CollationIn | None) -> Self:
        """Compare strings as `collation` says."""
        self._changing().set_option("collation", validate_collation_or_none(collation), collation is not None)
        return self

    def __getitem__(self, index: int | slice) -> Self:
        """``cursor[start:stop]`` sets skip and limit; ``cursor[index]`` is a cursor over that one document.

        Raises IndexError for negative indices and for steps, TypeError for what is no index.
        """
        self._changing()
        name = type(self).__name__
        if isinstance(index, slice):
            return self._slice(index)
        if not isinstance(index, int):
            raise TypeError(f"index {index!r} cannot be applied to {name} instances")
        if index < 0:
            raise IndexError(f"{name} instances do not support negative indices")
        return self.skip(self._query.skip + index).limit(-1)

    def _slice(self, bounds: slice) -> Self:
        name = type(self).__name__
        if bounds.step is not None:
            raise IndexError(f"{name} instances do not support slice steps")
        start = bounds.start or 0
        if start < 0:
            raise IndexError(f"{name} instances do not support negative indices")
        limit = 0
        if bounds.stop is not None:
            limit = bounds.stop - start
            if limit < 0:
                raise IndexError(f"stop index must be greater than start index for slice {bounds!r}")
        self.skip(start).limit(limit)
        self._empty = bounds.stop is not None and limit == 0
        return self

    def clone(self) -> Self:
        """A new cursor with the same query, not yet read."""
        return self._copy(copy.deepcopy(self._query))

    def __copy__(self) -> Self:
        return self._copy(replace(self._query, options=dict(self._query.options)))

    def __deepcopy__(self, memo: Any) -> Self:
        return self.clone()

    def _copy(self, query: Query) -> Self:
        clone = type(self)(self.collection, session=self._explicit_session)
        clone._empty = self._empty
        clone._reads_ahead = self._reads_ahead
        clone._set_query(query)
        return clone

    def rewind(self) -> Self:
        """Start from the beginning, and allow the options to be changed again."""
        self._cursor.abandon()
        self._set_query(self._query)
        return self

    def distinct(self, key: str) -> asyncio.Future[list[Any]]:
        """The different values of the field `key` among the documents that match, whatever skip and limit say."""
        query = self._query
        options: dict[str, Any] = {}
        if query.filter:
            options["query"] = query.filter
        options.update(
            (name, query.options[name]) for name in ("maxTimeMS", "comment", "collation") if name in query.options
        )
        return self.collection.distinct(key, session=self._explicit_session, **options)

    def explain(self) -> asyncio.Future[dict[str, Any]]:
        """The server's plan for the query."""
        query = replace(self._query, limit=-abs(self._query.limit))
        return self._run(ExplainQuery(self.collection._target, query), self._explicit_session)


class AgnosticRawBatchCursor(AgnosticCursor[Any]):
    """The batches of a query as bytes: documents in BSON, one after the other."""

    _operation_class = FindRaw

    if TYPE_CHECKING:

        async def next(self) -> bytes: ...

        __anext__ = next

        def to_list(self, length: int | None = None) -> asyncio.Future[list[bytes]]: ...

    def __getitem__(self, index: Any) -> NoReturn:
        raise InvalidOperation(f"Cannot call __getitem__ on {type(self).__name__}")


def _bound(spec: Any) -> dict[str, Any]:
    if not isinstance(spec, (list, tuple)):
        raise TypeError(f"spec must be an instance of list or tuple, not {type(spec)}")
    return dict(spec)
