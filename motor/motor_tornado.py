# Made by scripts/families from motor_asyncio.py: change that, and run the script.
"""Motor for Tornado.

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
from tornado.ioloop import IOLoop

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
from motor.frameworks import tornado as framework

__all__ = [
    "MotorChangeStream",
    "MotorClient",
    "MotorClientEncryption",
    "MotorClientSession",
    "MotorCollection",
    "MotorCommandCursor",
    "MotorCursor",
    "MotorDatabase",
    "MotorGridFSBucket",
    "MotorGridIn",
    "MotorGridOut",
    "MotorGridOutCursor",
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
        collection: MotorCollection[DocumentType]  # pyright: ignore[reportIncompatibleVariableOverride]


class MotorCommandCursor(AgnosticCommandCursor[DocumentType]):
    """The cursor of a command."""

    if TYPE_CHECKING:
        collection: MotorCollection[DocumentType]  # pyright: ignore[reportIncompatibleVariableOverride]


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

        @overload
        def with_options(
            self,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> MotorCollection[DocumentType]: ...

        @overload
        def with_options(
            self,
            codec_options: CodecOptions[OtherType],
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> MotorCollection[OtherType]: ...

        def with_options(self, *args: Any, **kwargs: Any) -> Any: ...

        @takes_those_of_method(AgnosticCollection.find)
        def find(self, *args: Any, **kwargs: Any) -> MotorCursor[DocumentType]: ...

        @takes_those_of_method(AgnosticCollection.find_raw_batches)
        def find_raw_batches(self, *args: Any, **kwargs: Any) -> MotorRawBatchCursor: ...

        def aggregate_raw_batches(
            self, pipeline: Pipeline, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
        ) -> MotorRawBatchCommandCursor: ...

        def aggregate(
            self,
            pipeline: Pipeline,
            session: AgnosticClientSession | None = None,
            let: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> MotorLatentCommandCursor[DocumentType]: ...

        @takes_those_of_method(AgnosticCollection.watch)
        def watch(self, *args: Any, **kwargs: Any) -> MotorChangeStream[DocumentType]: ...

        def list_indexes(
            self, session: AgnosticClientSession | None = None, comment: Any = None
        ) -> MotorLatentCommandCursor[MutableMapping[str, Any]]: ...

        def list_search_indexes(
            self,
            name: str | None = None,
            session: AgnosticClientSession | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> MotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class MotorDatabase(AgnosticDatabase[DocumentType]):
    """A database."""

    if TYPE_CHECKING:

        @property
        def client(self) -> MotorClient[DocumentType]: ...

        @overload
        def with_options(
            self,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> MotorDatabase[DocumentType]: ...

        @overload
        def with_options(
            self,
            codec_options: CodecOptions[OtherType],
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
            *,
            timeout_ms: float | None = None,
        ) -> MotorDatabase[OtherType]: ...

        def with_options(self, *args: Any, **kwargs: Any) -> Any: ...

        def __getattr__(self, name: str) -> MotorCollection[DocumentType]: ...

        def __getitem__(self, name: str) -> MotorCollection[DocumentType]: ...

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
        ) -> MotorCollection[DocumentType]: ...

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
        ) -> MotorCollection[OtherType]: ...

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
        ) -> asyncio.Future[MotorCollection[DocumentType]]: ...

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
        ) -> asyncio.Future[MotorCollection[OtherType]]: ...

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
        ) -> asyncio.Future[MotorCommandCursor[dict[str, Any]]]: ...

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
        ) -> asyncio.Future[MotorCommandCursor[OtherType]]: ...

        def cursor_command(self, *args: Any, **kwargs: Any) -> Any: ...

        def aggregate(
            self, pipeline: Pipeline, session: AgnosticClientSession | None = None, **kwargs: Any
        ) -> MotorLatentCommandCursor[DocumentType]: ...

        @takes_those_of_method(AgnosticDatabase.watch)
        def watch(self, *args: Any, **kwargs: Any) -> MotorChangeStream[DocumentType]: ...

        def list_collections(
            self,
            session: AgnosticClientSession | None = None,
            filter: Mapping[str, Any] | None = None,
            comment: Any = None,
            **kwargs: Any,
        ) -> MotorLatentCommandCursor[MutableMapping[str, Any]]: ...


class MotorGridIn(AgnosticGridIn):
    """A file to be written."""


class MotorGridOut(AgnosticGridOut):
    """A file to be read."""


class MotorGridOutCursor(AgnosticGridOutCursor):
    """The files that match a query."""

    if TYPE_CHECKING:

        async def next(self) -> MotorGridOut: ...

        __anext__ = next

        def to_list(self, length: int | None = None) -> asyncio.Future[list[MotorGridOut]]: ...


class MotorGridFSBucket(AgnosticGridFSBucket):
    """A bucket of files."""

    if TYPE_CHECKING:
        collection: MotorCollection[Any]

        def open_download_stream(
            self, file_id: Any, session: AgnosticClientSession | None = None
        ) -> asyncio.Future[MotorGridOut]: ...

        def open_download_stream_by_name(
            self, filename: str, revision: int = -1, session: AgnosticClientSession | None = None
        ) -> asyncio.Future[MotorGridOut]: ...

        def open_upload_stream(
            self,
            filename: str,
            chunk_size_bytes: int | None = None,
            metadata: Mapping[str, Any] | None = None,
            session: AgnosticClientSession | None = None,
        ) -> MotorGridIn: ...

        def open_upload_stream_with_id(
            self,
            file_id: Any,
            filename: str,
            chunk_size_bytes: int | None = None,
            metadata: Mapping[str, Any] | None = None,
            session: AgnosticClientSession | None = None,
        ) -> MotorGridIn: ...

        @takes_those_of_method(AgnosticGridOutCursor)
        def find(self, *args: Any, **kwargs: Any) -> MotorGridOutCursor: ...


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
        MotorGridIn,
        MotorGridOut,
        MotorGridOutCursor,
    )

    if TYPE_CHECKING:

        @property
        def io_loop(self) -> IOLoop: ...

        def get_io_loop(self) -> IOLoop: ...

        def __getattr__(self, name: str) -> MotorDatabase[DocumentType]: ...

        def __getitem__(self, name: str) -> MotorDatabase[DocumentType]: ...

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
        ) -> MotorDatabase[DocumentType]: ...

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
        ) -> MotorDatabase[OtherType]: ...

        def get_database(self, *args: Any, **kwargs: Any) -> Any: ...

        @overload
        def get_default_database(
            self,
            default: str | None = None,
            codec_options: None = None,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
        ) -> MotorDatabase[DocumentType]: ...

        @overload
        def get_default_database(
            self,
            default: str | None = None,
            codec_options: CodecOptions[OtherType] = ...,
            read_preference: ReadPreferenceMode | None = None,
            write_concern: WriteConcern | None = None,
            read_concern: ReadConcern | None = None,
        ) -> MotorDatabase[OtherType]: ...

        def get_default_database(self, *args: Any, **kwargs: Any) -> Any: ...

        def start_session(
            self,
            causal_consistency: bool | None = None,
            default_transaction_options: TransactionOptions | None = None,
            snapshot: bool | None = False,
        ) -> MotorClientSession: ...

        @takes_those_of_method(AgnosticClient.watch)
        def watch(self, *args: Any, **kwargs: Any) -> MotorChangeStream[DocumentType]: ...

        def list_databases(
            self, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
        ) -> MotorLatentCommandCursor[dict[str, Any]]: ...


class MotorClientEncryption(AgnosticClientEncryption[DocumentType]):
    """Encrypts and decrypts values, and manages the data keys that this is done with."""

    if TYPE_CHECKING:

        def get_keys(self) -> asyncio.Future[MotorCursor[RawBSONDocument]]: ...

        def create_encrypted_collection(
            self,
            database: AgnosticDatabase[OtherType],
            name: str,
            encrypted_fields: Mapping[str, Any],
            kms_provider: str | None = None,
            master_key: Mapping[str, Any] | None = None,
            **kwargs: Any,
        ) -> asyncio.Future[tuple[MotorCollection[OtherType], Mapping[str, Any]]]: ...
