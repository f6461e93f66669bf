"""Motor for asyncio.

The classes hold no code: it is all in :mod:`motor.core`'s. What stands under ``TYPE_CHECKING`` tells editors and type
checkers that a client's databases, collections and cursors are of its own family.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, overload

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import Pipeline, ReadPreferenceMode, TransactionOptions
from motor.api.base import DocumentType, OtherType
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
from motor.api.encryption import AgnosticClientEncryption
from motor.api.family import Family
from motor.api.gridfs.bucket import AgnosticGridFSBucket
from motor.api.gridfs.grid_in import AgnosticGridIn
from motor.api.gridfs.grid_out import AgnosticGridOut
from motor.api.gridfs.grid_out_cursor import AgnosticGridOutCursor
from motor.api.session import AgnosticClientSession
from motor.api.signatures import takes_those_of_method
from motor.frameworks import asyncio as framework

__all__ = [
    "AsyncIOMotorChangeStream",
    "AsyncIOMotorClient",
    "AsyncIOMotorClientEncryption",
    "AsyncIOMotorClientSession",
    "AsyncIOMotorCollection",
    "AsyncIOMotorCommandCursor",
    "AsyncIOMotorCursor",
    "AsyncIOMotorDatabase",
    "AsyncIOMotorGridFSBucket",
    "AsyncIOMotorGridIn",
    "AsyncIOMotorGridOut",
    "AsyncIOMotorGridOutCursor",
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
        collection: AsyncIOMotorCollection[DocumentType]  # pyright: ignore[reportIncompatibleVariableOverride]


class AsyncIOMotorCommandCursor(AgnosticCommandCursor[DocumentType]):
    """The cursor of a command."""

    if TYPE_CHECKING:
        collection: AsyncIOMotorCollection[DocumentType]  # pyright: ignore[reportIncompatibleVariableOverride]


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

        @overload
        def with_options(
            self,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorCollection[DocumentType]: ...

        @overload
        def with_options(
            self,
            codec_options: CodecOptions[OtherType],
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorCollection[OtherType]: ...

        def with_options(self, *args: Any, **kwargs: Any) -> Any: ...

        @takes_those_of_method(AgnosticCollection.find)
        def find(self, *args: Any, **kwargs: Any) -> AsyncIOMotorCursor[DocumentType]: ...

        @takes_those_of_method(AgnosticCollection.find_raw_batches)
        def find_raw_batches(self, *args: Any, **kwargs: Any) -> AsyncIOMotorRawBatchCursor: ...

        def aggregate_raw_batches(
            self, pipeline: Pipeline, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
        ) -> AsyncIOMotorRawBatchCommandCursor: ...

        def aggregate(
            self,
            pipeline: Pipeline,
            session: AgnosticClientSession | None = None,
            let: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> AsyncIOMotorLatentCommandCursor[DocumentType]: ...

        @takes_those_of_method(AgnosticCollection.watch)
        def watch(self, *args: Any, **kwargs: Any) -> AsyncIOMotorChangeStream[DocumentType]: ...

        def list_indexes(
            self, session: AgnosticClientSession | None = None, comment: Any = None
        ) -> AsyncIOMotorLatentCommandCursor[MutableMapping[str, Any]]: ...

        def list_search_indexes(
            self,
            name: str | None = None,
            session: AgnosticClientSession | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> AsyncIOMotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class AsyncIOMotorDatabase(AgnosticDatabase[DocumentType]):
    """A database."""

    if TYPE_CHECKING:

        @property
        def client(self) -> AsyncIOMotorClient[DocumentType]: ...

        @overload
        def with_options(
            self,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorDatabase[DocumentType]: ...

        @overload
        def with_options(
            self,
            codec_options: CodecOptions[OtherType],
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorDatabase[OtherType]: ...

        def with_options(self, *args: Any, **kwargs: Any) -> Any: ...

        def __getattr__(self, name: str) -> AsyncIOMotorCollection[DocumentType]: ...

        def __getitem__(self, name: str) -> AsyncIOMotorCollection[DocumentType]: ...

        @overload
        def get_collection(
            self,
            name: str,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorCollection[DocumentType]: ...

        @overload
        def get_collection(
            self,
            name: str,
            codec_options: CodecOptions[OtherType],
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorCollection[OtherType]: ...

        def get_collection(self, *args: Any, **kwargs: Any) -> Any: ...

        @overload
        def create_collection(
            self,
            name: str,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            session: AgnosticClientSession | None = None,
            check_exists: bool | None = True,
            **kwargs: Any,
        ) -> asyncio.Future[AsyncIOMotorCollection[DocumentType]]: ...

        @overload
        def create_collection(
            self,
            name: str,
            codec_options: CodecOptions[OtherType] = ...,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            session: AgnosticClientSession | None = None,
            check_exists: bool | None = True,
            **kwargs: Any,
        ) -> asyncio.Future[AsyncIOMotorCollection[OtherType]]: ...

        def create_collection(self, *args: Any, **kwargs: Any) -> Any: ...

        @overload
        def cursor_command(
            self,
            command: str | MutableMapping[str, Any],
            value: Any = 1,
            read_preference: ReadPreferenceMode | None = None,
            codec_options: None = None,
            session: AgnosticClientSession | None = None,
            comment: Any = None,
            max_await_time_ms: int | None = None,
            **kwargs: Any,
        ) -> asyncio.Future[AsyncIOMotorCommandCursor[dict[str, Any]]]: ...

        @overload
        def cursor_command(
            self,
            command: str | MutableMapping[str, Any],
            value: Any = 1,
            read_preference: ReadPreferenceMode | None = None,
            codec_options: CodecOptions[OtherType] = ...,
            session: AgnosticClientSession | None = None,
            comment: Any = None,
            max_await_time_ms: int | None = None,
            **kwargs: Any,
        ) -> asyncio.Future[AsyncIOMotorCommandCursor[OtherType]]: ...

        def cursor_command(self, *args: Any, **kwargs: Any) -> Any: ...

        def aggregate(
            self, pipeline: Pipeline, session: AgnosticClientSession | None = None, **kwargs: Any
        ) -> AsyncIOMotorLatentCommandCursor[DocumentType]: ...

        @takes_those_of_method(AgnosticDatabase.watch)
        def watch(self, *args: Any, **kwargs: Any) -> AsyncIOMotorChangeStream[DocumentType]: ...

        def list_collections(
            self,
            session: AgnosticClientSession | None = None,
            filter: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> AsyncIOMotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class AsyncIOMotorGridIn(AgnosticGridIn):
    """A file to be written."""


class AsyncIOMotorGridOut(AgnosticGridOut):
    """A file to be read."""


class AsyncIOMotorGridOutCursor(AgnosticGridOutCursor):
    """The files that match a query."""

    if TYPE_CHECKING:

        async def next(self) -> AsyncIOMotorGridOut: ...

        __anext__ = next

        def to_list(self, length: int | None = None) -> asyncio.Future[list[AsyncIOMotorGridOut]]: ...


class AsyncIOMotorGridFSBucket(AgnosticGridFSBucket):
    """A bucket of files."""

    if TYPE_CHECKING:
        collection: AsyncIOMotorCollection[Any]

        def open_download_stream(
            self, file_id: Any, session: AgnosticClientSession | None = None
        ) -> asyncio.Future[AsyncIOMotorGridOut]: ...

        def open_download_stream_by_name(
            self, filename: str, revision: int = -1, session: AgnosticClientSession | None = None
        ) -> asyncio.Future[AsyncIOMotorGridOut]: ...

        def open_upload_stream(
            self,
            filename: str,
            chunk_size_bytes: int | None = None,
            metadata: Mapping[str, Any] | None = None,
            session: AgnosticClientSession | None = None,
        ) -> AsyncIOMotorGridIn: ...

        def open_upload_stream_with_id(
            self,
            file_id: Any,
            filename: str,
            chunk_size_bytes: int | None = None,
            metadata: Mapping[str, Any] | None = None,
            session: AgnosticClientSession | None = None,
        ) -> AsyncIOMotorGridIn: ...

        @takes_those_of_method(AgnosticGridOutCursor)
        def find(self, *args: Any, **kwargs: Any) -> AsyncIOMotorGridOutCursor: ...


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
        AsyncIOMotorGridIn,
        AsyncIOMotorGridOut,
        AsyncIOMotorGridOutCursor,
    )

    if TYPE_CHECKING:

        @property
        def io_loop(self) -> asyncio.AbstractEventLoop: ...

        def get_io_loop(self) -> asyncio.AbstractEventLoop: ...

        def __getattr__(self, name: str) -> AsyncIOMotorDatabase[DocumentType]: ...

        def __getitem__(self, name: str) -> AsyncIOMotorDatabase[DocumentType]: ...

        @overload
        def get_database(
            self,
            name: str | None = None,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorDatabase[DocumentType]: ...

        @overload
        def get_database(
            self,
            name: str | None = None,
            codec_options: CodecOptions[OtherType] = ...,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> AsyncIOMotorDatabase[OtherType]: ...

        def get_database(self, *args: Any, **kwargs: Any) -> Any: ...

        @overload
        def get_default_database(
            self,
            default: str | None = None,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
        ) -> AsyncIOMotorDatabase[DocumentType]: ...

        @overload
        def get_default_database(
            self,
            default: str | None = None,
            codec_options: CodecOptions[OtherType] = ...,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
        ) -> AsyncIOMotorDatabase[OtherType]: ...

        def get_default_database(self, *args: Any, **kwargs: Any) -> Any: ...

        def start_session(
            self,
            causal_consistency: bool | None = None,
            default_transaction_options: TransactionOptions | None = None,
            snapshot: bool | None = False,
        ) -> AsyncIOMotorClientSession: ...

        @takes_those_of_method(AgnosticClient.watch)
        def watch(self, *args: Any, **kwargs: Any) -> AsyncIOMotorChangeStream[DocumentType]: ...

        def list_databases(
            self, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
        ) -> AsyncIOMotorLatentCommandCursor[dict[str, Any]]: ...


class AsyncIOMotorClientEncryption(AgnosticClientEncryption[DocumentType]):
    """Encrypts and decrypts values, and manages the data keys that this is done with."""

    if TYPE_CHECKING:

        def get_keys(self) -> asyncio.Future[AsyncIOMotorCursor[RawBSONDocument]]: ...

        def create_encrypted_collection(
            self,
            database: AgnosticDatabase[OtherType],
            name: str,
            encrypted_fields: Mapping[str, Any],
            kms_provider: str | None = None,
            master_key: Mapping[str, Any] | None = None,
            **kwargs: Any,
        ) -> asyncio.Future[tuple[AsyncIOMotorCollection[OtherType], Mapping[str, Any]]]: ...
