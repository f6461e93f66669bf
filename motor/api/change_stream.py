"""A change stream: what changes in a collection, a database or the whole deployment, as it happens."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Generic

from bson.timestamp import Timestamp

from motor._pymongo import (
    CollationIn,
    Pipeline,
    validate_collation_or_none,
    validate_list,
    validate_non_negative_integer_or_none,
    validate_string_or_none,
)
from motor.api.base import AgnosticBase, AgnosticBaseProperties, DocumentType
from motor.api.query import check_integer
from motor.driver.change_streams import ChangeStream, Watch
from motor.driver.timeouts import within

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.session import AgnosticClientSession


class AgnosticChangeStream(AgnosticBase, Generic[DocumentType]):
    """Changes, as documents, to be read by ``async for``. It is there at once: it is opened when it is entered by
    ``async with``, awaited, or first read.

    It resumes by itself after an error that allows it, where it was. A ``next()`` that was given up, by
    :func:`asyncio.wait_for` for instance, misses nothing.
    """

    def __init__(
        self,
        owner: AgnosticBaseProperties[Any],
        pipeline: Pipeline | None = None,
        full_document: str | None = None,
        resume_after: Mapping[str, Any] | None = None,
        max_await_time_ms: int | None = None,
        batch_size: int | None = None,
        collation: CollationIn | None = None,
        start_at_operation_time: Timestamp | None = None,
        session: AgnosticClientSession | None = None,
        start_after: Mapping[str, Any] | None = None,
        comment: Any = None,
        full_document_before_change: str | None = None,
        show_expanded_events: bool | None = None,
    ) -> None:
        self._client = owner._client
        self._timeout = owner._timeout
        pipeline = [] if pipeline is None else pipeline
        validate_list("pipeline", pipeline)
        validate_string_or_none("full_document", full_document)
        batch_size = validate_non_negative_integer_or_none("batchSize", batch_size)
        if max_await_time_ms is not None:
            check_integer("max_await_time_ms", max_await_time_ms, "an integer or None")
        stage: dict[str, Any] = {}
        if full_document is not None:
            stage["fullDocument"] = full_document
        if full_document_before_change is not None:
            stage["fullDocumentBeforeChange"] = full_document_before_change
        if show_expanded_events:
            stage["showExpandedEvents"] = show_expanded_events
        if owner is self._client:  # and no database of it
            stage["allChangesForCluster"] = True
        watch = Watch(
            owner._watched(),
            copy.deepcopy(pipeline),
            stage,
            max_await_time_ms,
            batch_size,
            validate_collation_or_none(collation),
            comment,
        )
        self._stream = ChangeStream(
            self._client._deployment,
            watch,
            self._session_for(session),
            resume_after,
            start_after,
            start_at_operation_time,
        )

    @property
    def alive(self) -> bool:
        """Whether there may be more changes."""
        return not self._stream.closed

    @property
    def resume_token(self) -> Mapping[str, Any] | None:
        """Where the stream is: what ``watch(resume_after=...)`` takes to go on from here, in another process too.

        ``None`` before the stream has been opened.
        """
        return copy.deepcopy(self._stream.resume_token)

    def __aiter__(self) -> Self:
        return self

    async def next(self) -> DocumentType:
        """The next change, as soon as there is one. Raises StopAsyncIteration after the last.

        A stream that has failed, and cannot go on, fails again.
        """
        waiting = self._stream.next()
        change: DocumentType | None = await (waiting if self._timeout is None else within(self._timeout, waiting))
        if change is None:
            raise StopAsyncIteration
        return change

    __anext__ = next

    async def try_next(self) -> DocumentType | None:
        """The next change; ``None`` if there is none within `max_await_time_ms`, by default a second."""
        waiting = self._stream.try_next()
        change: DocumentType | None = await (waiting if self._timeout is None else within(self._timeout, waiting))
        return change

    def close(self) -> asyncio.Future[None]:
        """End it. Who waits for a change is told at once that there are no more."""
        return self._start(self._stream.close())

    def __await__(self) -> Generator[Any, None, Self]:
        yield from self._stream.open().__await__()
        return self

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stream.close()

    __iter__ = None
    __enter__ = None
