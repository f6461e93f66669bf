"""Motor for asyncio.

The classes hold no code: it is all in :mod:`motor.core`'s. What stands under ``TYPE_CHECKING`` tells editors and type
checkers that a client's databases, collections and cursors are of its own family.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from bson.codec_options import CodecOptions
from bson.timestamp import Timestamp
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import CollationIn, Pipeline, ReadPreferenceMode, TransactionOptions
from motor.api.base import DocumentType
from motor.api.change_stream import AgnosticChangeStream
from motor.api.client import AgnosticClient
from motor.api.collection import AgnosticCollection
from motor.api.command_cursor import (
    AgnosticCommandCursor,
    AgnosticLatentCommandCursor,
    AgnosticRawBatchCommandCursor,
)
from motor.api.cursor import AgnosticCursor, AgnosticRawBatchCursor
from motor.api.database import AgnosticDatabase
from motor.api.family import Family
from motor.api.session import AgnosticClientSession
from motor.frameworks import asyncio as framework

__all__ = [
    "AsyncIOMotorChangeStream",
    "AsyncIOMotorClient",
    "AsyncIOMotorClientSession",
    "AsyncIOMotorCollection",
    "AsyncIOMotorCommandCursor",
    "AsyncIOMotorCursor",
    "AsyncIOMotorDatabase",
    "AsyncIOMotorLatentCommandCursor",
    "AsyncIOMotorRawBatchCommandCursor",
    "AsyncIOMotorRawBatchCursor",
]


class AsyncIOMotorChangeStream(AgnosticChangeStream[DocumentType]):
    """A change stream."""


class AsyncIOMotorClientSession(AgnosticClientSession):
    """A session."""

    if TYPE_CHECKING:

        @property
        def client(self) -> AsyncIOMotorClient[Any]: ...


class AsyncIOMotorCursor(AgnosticCursor[DocumentType]):
    """The cursor of a find."""

    if TYPE_CHECKING:
        collection: AsyncIOMotorCollection[DocumentType]


class AsyncIOMotorCommandCursor(AgnosticCommandCursor[DocumentType]):
    """The cursor of a command."""

    if TYPE_CHECKING:
        collection: AsyncIOMotorCollection[DocumentType]


class AsyncIOMotorLatentCommandCursor(
    AgnosticLatentCommandCursor[DocumentType], AsyncIOMotorCommandCursor[DocumentType]
):
    """The cursor of a command that has not been sent yet."""


class AsyncIOMotorRawBatchCursor(AgnosticRawBatchCursor):
    """The cursor of a find whose batches stay BSON."""


class AsyncIOMotorRawBatchCommandCursor(AgnosticRawBatchCommandCursor):
    """The cursor of an aggregation whose batches stay BSON."""


class AsyncIOMotorCollection(AgnosticCollection[DocumentType]):
    """A collection."""

    if TYPE_CHECKING:

        @property
        def database(self) -> AsyncIOMotorDatabase[DocumentType]: ...

        def find(self, *args: Any, **kwargs: Any) -> AsyncIOMotorCursor[DocumentType]: ...

        def find_raw_batches(self, *args: Any, **kwargs: Any) -> AsyncIOMotorRawBatchCursor: ...

        def aggregate_raw_batches(
            self, pipeline: Pipeline, session: Any = None, comment: Any = None, **kwargs: Any
        ) -> AsyncIOMotorRawBatchCommandCursor: ...

        def aggregate(
            self,
            pipeline: Pipeline,
            session: Any = None,
            let: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> AsyncIOMotorLatentCommandCursor[DocumentType]: ...

        def watch(
            self,
            pipeline: Pipeline | None = None,
            full_document: str | None = None,
            resume_after: Mapping[str, Any] | None = None,
            max_await_time_ms: int | None = None,
            batch_size: int | None = None,
            collation: CollationIn | None = None,
            start_at_operation_time: Timestamp | None = None,
            session: Any = None,
            start_after: Mapping[str, Any] | None = None,
            comment: Any = None,
            full_document_before_change: str | None = None,
            show_expanded_events: bool | None = None,
        ) -> AsyncIOMotorChangeStream[DocumentType]: ...

        def list_indexes(
            self, session: Any = None, comment: Any = None
        ) -> AsyncIOMotorLatentCommandCursor[MutableMapping[str, Any]]: ...

        def list_search_indexes(
            self, name: str | None = None, session: Any = None, comment: Any = None, **kwargs: Any
        ) -> AsyncIOMotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class AsyncIOMotorDatabase(AgnosticDatabase[DocumentType]):
    """A database."""

    if TYPE_CHECKING:

        @property
        def client(self) -> AsyncIOMotorClient[DocumentType]: ...

        def __getattr__(self, name: str) -> AsyncIOMotorCollection[DocumentType]: ...

        def __getitem__(self, name: str) -> AsyncIOMotorCollection[DocumentType]: ...

        def get_collection(
            self,
            name: str,
            codec_options: CodecOptions[Any] | None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorCollection[DocumentType]: ...

        def create_collection(
            self,
            name: str,
            codec_options: CodecOptions[Any] | None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            session: Any = None,
            check_exists: bool | None = True,
            **kwargs: Any,
        ) -> asyncio.Future[AsyncIOMotorCollection[DocumentType]]: ...

        def aggregate(
            self, pipeline: Pipeline, session: Any = None, **kwargs: Any
        ) -> AsyncIOMotorLatentCommandCursor[DocumentType]: ...

        def watch(
            self,
            pipeline: Pipeline | None = None,
            full_document: str | None = None,
            resume_after: Mapping[str, Any] | None = None,
            max_await_time_ms: int | None = None,
            batch_size: int | None = None,
            collation: CollationIn | None = None,
            start_at_operation_time: Timestamp | None = None,
            session: Any = None,
            start_after: Mapping[str, Any] | None = None,
            comment: Any = None,
            full_document_before_change: str | None = None,
            show_expanded_events: bool | None = None,
        ) -> AsyncIOMotorChangeStream[DocumentType]: ...

        def list_collections(
            self,
            session: Any = None,
            filter: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> AsyncIOMotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class AsyncIOMotorClient(AgnosticClient[DocumentType]):
    """A client for asyncio."""

    _family = Family(
        framework,
        AsyncIOMotorDatabase,
        AsyncIOMotorCollection,
        AsyncIOMotorCursor,
        AsyncIOMotorCommandCursor,
        AsyncIOMotorLatentCommandCursor,
        AsyncIOMotorRawBatchCursor,
        AsyncIOMotorRawBatchCommandCursor,
        AsyncIOMotorClientSession,
        AsyncIOMotorChangeStream,
    )

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> AsyncIOMotorDatabase[DocumentType]: ...

        def __getitem__(self, name: str) -> AsyncIOMotorDatabase[DocumentType]: ...

        def get_database(
            self,
            name: str | None = None,
            codec_options: CodecOptions[Any] | None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorDatabase[DocumentType]: ...

        def get_default_database(
            self,
            default: str | None = None,
            codec_options: CodecOptions[Any] | None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
        ) -> AsyncIOMotorDatabase[DocumentType]: ...

        def start_session(
            self,
            causal_consistency: bool | None = None,
            default_transaction_options: TransactionOptions | None = None,
            snapshot: bool | None = False,
        ) -> AsyncIOMotorClientSession: ...

        def watch(
            self,
            pipeline: Pipeline | None = None,
            full_document: str | None = None,
            resume_after: Mapping[str, Any] | None = None,
            max_await_time_ms: int | None = None,
            batch_size: int | None = None,
            collation: CollationIn | None = None,
            start_at_operation_time: Timestamp | None = None,
            session: Any = None,
            start_after: Mapping[str, Any] | None = None,
            comment: Any = None,
            full_document_before_change: str | None = None,
            show_expanded_events: bool | None = None,
        ) -> AsyncIOMotorChangeStream[DocumentType]: ...

        def list_databases(
            self, session: Any = None, comment: Any = None, **kwargs: Any
        ) -> AsyncIOMotorLatentCommandCursor[dict[str, Any]]: ...
