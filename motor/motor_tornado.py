"""Motor for Tornado.

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
from motor.frameworks import tornado as framework

__all__ = [
    "MotorChangeStream",
    "MotorClient",
    "MotorClientSession",
    "MotorCollection",
    "MotorCommandCursor",
    "MotorCursor",
    "MotorDatabase",
    "MotorLatentCommandCursor",
    "MotorRawBatchCommandCursor",
    "MotorRawBatchCursor",
]


class MotorChangeStream(AgnosticChangeStream[DocumentType]):
    """A change stream."""


class MotorClientSession(AgnosticClientSession):
    """A session."""

    if TYPE_CHECKING:

        @property
        def client(self) -> MotorClient[Any]: ...


class MotorCursor(AgnosticCursor[DocumentType]):
    """The cursor of a find."""

    if TYPE_CHECKING:
        collection: MotorCollection[DocumentType]


class MotorCommandCursor(AgnosticCommandCursor[DocumentType]):
    """The cursor of a command."""

    if TYPE_CHECKING:
        collection: MotorCollection[DocumentType]


class MotorLatentCommandCursor(AgnosticLatentCommandCursor[DocumentType], MotorCommandCursor[DocumentType]):
    """The cursor of a command that has not been sent yet."""


class MotorRawBatchCursor(AgnosticRawBatchCursor):
    """The cursor of a find whose batches stay BSON."""


class MotorRawBatchCommandCursor(AgnosticRawBatchCommandCursor):
    """The cursor of an aggregation whose batches stay BSON."""


class MotorCollection(AgnosticCollection[DocumentType]):
    """A collection."""

    if TYPE_CHECKING:

        @property
        def database(self) -> MotorDatabase[DocumentType]: ...

        def find(self, *args: Any, **kwargs: Any) -> MotorCursor[DocumentType]: ...

        def find_raw_batches(self, *args: Any, **kwargs: Any) -> MotorRawBatchCursor: ...

        def aggregate_raw_batches(
            self, pipeline: Pipeline, session: Any = None, comment: Any = None, **kwargs: Any
        ) -> MotorRawBatchCommandCursor: ...

        def aggregate(
            self,
            pipeline: Pipeline,
            session: Any = None,
            let: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> MotorLatentCommandCursor[DocumentType]: ...

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
        ) -> MotorChangeStream[DocumentType]: ...

        def list_indexes(
            self, session: Any = None, comment: Any = None
        ) -> MotorLatentCommandCursor[MutableMapping[str, Any]]: ...

        def list_search_indexes(
            self, name: str | None = None, session: Any = None, comment: Any = None, **kwargs: Any
        ) -> MotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class MotorDatabase(AgnosticDatabase[DocumentType]):
    """A database."""

    if TYPE_CHECKING:

        @property
        def client(self) -> MotorClient[DocumentType]: ...

        def __getattr__(self, name: str) -> MotorCollection[DocumentType]: ...

        def __getitem__(self, name: str) -> MotorCollection[DocumentType]: ...

        def get_collection(
            self,
            name: str,
            codec_options: CodecOptions[Any] | None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> MotorCollection[DocumentType]: ...

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
        ) -> asyncio.Future[MotorCollection[DocumentType]]: ...

        def aggregate(
            self, pipeline: Pipeline, session: Any = None, **kwargs: Any
        ) -> MotorLatentCommandCursor[DocumentType]: ...

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
        ) -> MotorChangeStream[DocumentType]: ...

        def list_collections(
            self,
            session: Any = None,
            filter: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> MotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class MotorClient(AgnosticClient[DocumentType]):
    """A client for Tornado."""

    _family = Family(
        framework,
        MotorDatabase,
        MotorCollection,
        MotorCursor,
        MotorCommandCursor,
        MotorLatentCommandCursor,
        MotorRawBatchCursor,
        MotorRawBatchCommandCursor,
        MotorClientSession,
        MotorChangeStream,
    )

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> MotorDatabase[DocumentType]: ...

        def __getitem__(self, name: str) -> MotorDatabase[DocumentType]: ...

        def get_database(
            self,
            name: str | None = None,
            codec_options: CodecOptions[Any] | None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> MotorDatabase[DocumentType]: ...

        def get_default_database(
            self,
            default: str | None = None,
            codec_options: CodecOptions[Any] | None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
        ) -> MotorDatabase[DocumentType]: ...

        def start_session(
            self,
            causal_consistency: bool | None = None,
            default_transaction_options: TransactionOptions | None = None,
            snapshot: bool | None = False,
        ) -> MotorClientSession: ...

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
        ) -> MotorChangeStream[DocumentType]: ...

        def list_databases(
            self, session: Any = None, comment: Any = None, **kwargs: Any
        ) -> MotorLatentCommandCursor[dict[str, Any]]: ...
