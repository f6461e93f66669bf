"""A collection: reading and writing documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, overload

from bson.codec_options import CodecOptions
from pymongo.collection import Collection
from pymongo.operations import (
    IndexModel,
    SearchIndexModel,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import Pipeline, ReadPreferenceMode
from motor.api.base import DocumentType, OtherType, missing_attribute, no_truth_value, timeout_seconds
from motor.api.change_stream import AgnosticChangeStream
from motor.api.collection_writes import CollectionWrites
from motor.api.command_cursor import AgnosticLatentCommandCursor, AgnosticRawBatchCommandCursor
from motor.api.cursor import AgnosticCursor, AgnosticRawBatchCursor
from motor.api.encrypted_collections import drop_state_collections
from motor.api.query import Hint, build_query, refuse_explain
from motor.api.signatures import takes_those_of, takes_those_of_method
from motor.driver.cmap.errors import reading
from motor.driver.operations.aggregate import Aggregate, AggregateRaw
from motor.driver.operations.collections import Drop, Rename, check_collection_name
from motor.driver.operations.count import CountDocuments, EstimatedDocumentCount
from motor.driver.operations.distinct import Distinct
from motor.driver.operations.find import ExplainQuery, FindOne, Query
from motor.driver.operations.indexes import CreateIndexes, DropIndexes, ListIndexes, index_information
from motor.driver.operations.operation import Document, Operation, Target
from motor.driver.operations.search_indexes import ChangeSearchIndex, CreateSearchIndexes

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.database import AgnosticDatabase
    from motor.api.session import AgnosticClientSession


class AgnosticCollection(CollectionWrites[DocumentType]):
    """One collection of a database. Two with the same database and name are equal.

    Made of a `database` and a `name`, without I/O; `timeout_ms` is how many milliseconds each of its operations may
    take. That raises :class:`~pymongo.errors.InvalidName` for what cannot be a collection's name, and TypeError for
    options that are none.

    What many methods take:

    - `filter`: a document of conditions that documents match; an empty one is matched by all.
    - `session`: a :class:`~motor.core.AgnosticClientSession` that the operation belongs to.
    - `comment`: any value that BSON has; the server's log and profiler show it.
    - `projection`: the fields to return, a list of names or a document.
    - `sort`: in which order documents are looked at, a list of pairs or a document.
    - `hint`: the index to use, by its name or by its keys.
    - `collation`: how strings are compared, a :class:`~pymongo.collation.Collation` or a document.
    - `let`: values that expressions find as ``$$name``, a document.
    - `upsert`: insert a document if none matches.
    - `array_filters`: which elements of arrays each ``$[name]`` in an update stands for, a list of documents.
    - `bypass_document_validation`: write what the collection's validator would refuse.
    - `codec_options`, `read_preference`, `write_concern`, `read_concern`: options that are those of the database, or of
      this collection, where they are ``None``.

    What does I/O raises :class:`~pymongo.errors.PyMongoError`: :class:`~pymongo.errors.OperationFailure` for what the
    server refuses, :class:`~pymongo.errors.ConnectionFailure` when there is no server to ask or its connection breaks.
    For arguments that cannot be right it is TypeError or ValueError.
    """

    def __init__(
        self,
        database: AgnosticDatabase[DocumentType],
        name: str,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> None:
        super().__init__(
            codec_options or database.codec_options,
            read_preference or database.read_preference,
            write_concern or database.write_concern,
            read_concern or database.read_concern,
            database._timeout if timeout_ms is None else timeout_seconds(timeout_ms),
        )
        check_collection_name(name)
        self._client = database.client
        self._database = database
        self._name = name
        self._target = self._target_for(database.name, name)

    @property
    def database(self) -> AgnosticDatabase[DocumentType]:
        """The database that this collection belongs to."""
        return self._database

    @property
    def name(self) -> str:
        """The collection's name, without its database's."""
        return self._name

    @property
    def full_name(self) -> str:
        """``database.collection``."""
        return self._target.namespace

    @overload
    def with_options(
        self,
        codec_options: None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticCollection[DocumentType]: ...

    @overload
    def with_options(
        self,
        codec_options: CodecOptions[OtherType],
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticCollection[OtherType]: ...

    def with_options(
        self,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticCollection[Any]:
        """The same collection, with other options where they are given.

        `timeout_ms` is how many milliseconds each operation may take, all that it waits for included; 0 is no limit.

        .. versionchanged:: 4.0 `timeout_ms`.
        """
        return type(self)(
            self._database,
            self._name,
            codec_options or self.codec_options,
            read_preference or self.read_preference,
            write_concern or self.write_concern,
            read_concern or self.read_concern,
            timeout_ms=self._timeout_ms if timeout_ms is None else timeout_ms,
        )

    @property
    def delegate(self) -> Collection[DocumentType]:
        """PyMongo's synchronous collection with the same name and options: of :attr:`AgnosticClient.delegate`."""
        return self._client.delegate[self._database.name].get_collection(
            self._name, self._codec_options, self._read_preference, self._write_concern, self._read_concern
        )

    def wrap(self, obj: Any) -> Any:
        """The Motor collection for `obj`, a collection of :attr:`delegate`; anything else comes back as it is."""
        return self._database.wrap(obj) if isinstance(obj, Collection) else obj

    def __getattr__(self, name: str) -> Self:
        if name.startswith("_"):
            path = f"{self.__dict__.get('_name')}.{name}"
            raise missing_attribute(self, name, f"{path} collection", f"database[{path!r}]")
        return self[name]

    def __getitem__(self, name: str) -> Self:
        return type(self)(
            self._database,
            f"{self._name}.{name}",
            self._codec_options,
            self._read_preference,
            self._write_concern,
            self._read_concern,
            timeout_ms=self._timeout_ms,
        )

    if not TYPE_CHECKING:  # to a type checker, what looks like a misspelled method is one

        def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
            owner = f"a {type(self).__name__!r}" if "." in self._name else f"an {type(self._database).__name__!r}"
            method = self._name.rpartition(".")[2]
            raise TypeError(
                f"{type(self).__name__!r} object is not callable. If you meant to call the {method!r} method on "
                f"{owner} object it is failing because no such method exists."
            )

    @takes_those_of(build_query)
    def find(self, *args: Any, **kwargs: Any) -> AgnosticCursor[DocumentType]:
        """Query the collection: a cursor, at once, which asks the server when it is first read.

        Takes the arguments of :class:`~motor.core.AgnosticCursor`, of which the first is the filter.
        """
        return self._client._family.cursor(self, *args, **kwargs)

    @takes_those_of(build_query)
    def find_raw_batches(self, *args: Any, **kwargs: Any) -> AgnosticRawBatchCursor:
        """Query the collection: a cursor over batches of BSON, each a ``bytes`` of documents one after the other, for
        :func:`bson.decode_all` or another library.

        Takes the arguments of :meth:`find`.
        """
        return self._client._family.raw_batch_cursor(self, *args, **kwargs)

    def find_one(self, filter: Any = None, *args: Any, **kwargs: Any) -> asyncio.Future[DocumentType | None]:
        """The first document that matches, or ``None``.

        Takes the arguments of :meth:`find`; a filter that is no mapping is taken for an ``_id``.
        """
        return self._start(self._find_one(filter, args, kwargs))

    async def _find_one(self, filter: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> DocumentType | None:
        if filter is not None and not isinstance(filter, Mapping):
            filter = {"_id": filter}
        query, session = build_query(filter, *args, **kwargs) if args or kwargs else (Query(filter or {}), None)
        operation: Operation[Any] = (ExplainQuery if "$explain" in query.filter else FindOne)(self._target, query)
        document: DocumentType | None = await self._execute(  # pyright: ignore[reportAssignmentType]
            operation, session
        )
        return document

    def count_documents(
        self, filter: Document, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[int]:
        """How many documents match. Keywords: skip, limit, maxTimeMS in milliseconds, collation, hint."""
        return self._run(CountDocuments(self._target, filter, kwargs, comment), session)

    def estimated_document_count(self, comment: Any = None, **kwargs: Any) -> asyncio.Future[int]:
        """How many documents there are, according to the collection's metadata: quick, and not always exact.

        Keywords are the command's options: maxTimeMS in milliseconds.
        """
        return self._run(EstimatedDocumentCount(self._target, kwargs, comment))

    def distinct(
        self,
        key: str,
        filter: Document | None = None,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        hint: Hint | None = None,
        **kwargs: Any,
    ) -> asyncio.Future[list[Any]]:
        """The different values of the field `key` among the documents that match, as a list.

        Keywords are the command's options: maxTimeMS in milliseconds, collation.
        """
        return self._run(Distinct(self._target, key, filter, kwargs, comment, hint), session)

    def aggregate(
        self,
        pipeline: Pipeline,
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> AgnosticLatentCommandCursor[DocumentType]:
        """Run an aggregation `pipeline`: a cursor, at once, which asks the server when it is first read.

        Awaited, it asks the server then, and raises what that refuses. A pipeline that ends with ``$out`` or ``$merge``
        runs when the cursor is first read or awaited, too. Keywords are the command's options: allowDiskUse, batchSize,
        collation, hint, maxTimeMS in milliseconds, ...
        """
        refuse_explain(kwargs, self._database)
        operation = Aggregate(self._target, pipeline, kwargs, let, comment)
        return self._client._family.latent_command_cursor(self, operation, session)

    def aggregate_raw_batches(
        self,
        pipeline: Pipeline,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> AgnosticRawBatchCommandCursor:
        """Run an aggregation pipeline: a cursor over batches of BSON, as of :meth:`find_raw_batches`.

        Takes the arguments of :meth:`aggregate`.
        """
        refuse_explain(kwargs, self._database)
        operation = AggregateRaw(self._target, pipeline, kwargs, comment=comment)
        return self._client._family.raw_batch_command_cursor(self, operation, session)

    @takes_those_of_method(AgnosticChangeStream)
    def watch(self, *args: Any, **kwargs: Any) -> AgnosticChangeStream[DocumentType]:
        """Watch the collection: a change stream, at once, which is opened when it is first used, or awaited.

        `pipeline` holds more stages for the changes to pass; `full_document` is ``"updateLookup"``, ``"whenAvailable"``
        or ``"required"`` for the whole document after an update, `full_document_before_change` for the one before it.
        `show_expanded_events` is for changes of indexes and collections, too. It starts now, unless `resume_after` or
        `start_after` hold a resume token, or `start_at_operation_time` a :class:`~bson.timestamp.Timestamp`. The server
        waits `max_await_time_ms` milliseconds, by default a second, for a change before it says that there is none, and
        sends `batch_size` of them at a time.
        """
        return self._client._family.change_stream(self, *args, **kwargs)

    def _watched(self) -> Target:
        return self._target

    def create_index(
        self, keys: Hint, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[str]:
        """Create an index on `keys`: a field, or a list of pairs of fields and directions. Its name is the result.

        Keywords are those of :class:`~pymongo.operations.IndexModel`, and maxTimeMS in milliseconds. Raises
        :class:`~pymongo.errors.OperationFailure` if there is another index of that name or on those keys.
        """
        return self._start(self._create_index(keys, session, comment, kwargs))

    async def _create_index(self, keys: Any, session: Any, comment: Any, options: dict[str, Any]) -> str:
        command_options = {}
        if "maxTimeMS" in options:
            command_options["maxTimeMS"] = options.pop("maxTimeMS")
        index = IndexModel(keys, **options)
        names = await self._execute(CreateIndexes(self._target, [index], command_options, comment), session)
        return names[0]

    def create_indexes(
        self,
        indexes: Sequence[IndexModel],
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[list[str]]:
        """Create several `indexes`, a list of :class:`~pymongo.operations.IndexModel`; the list of their names is the
        result.

        Keywords are the command's options: maxTimeMS in milliseconds, commitQuorum. Raises
        :class:`~pymongo.errors.OperationFailure` if there is another index of such a name or on such keys.
        """
        return self._run(CreateIndexes(self._target, indexes, kwargs, comment), session)

    def drop_index(
        self, index_or_name: Hint, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[None]:
        """Drop an index, `index_or_name`: by its name or by the list of its keys.

        Raises :class:`~pymongo.errors.OperationFailure` if there is no such index.
        """
        return self._run(DropIndexes(self._target, index_or_name, kwargs, comment), session)

    def drop_indexes(
        self, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[None]:
        """Drop every index but the one on ``_id``. Keywords are the command's options: maxTimeMS in milliseconds."""
        return self._run(DropIndexes(self._target, "*", kwargs, comment), session)

    def list_indexes(
        self, session: AgnosticClientSession | None = None, comment: Any = None
    ) -> AgnosticLatentCommandCursor[MutableMapping[str, Any]]:
        """A cursor over the indexes, each a :class:`~bson.son.SON` document; of none if there is no such collection."""
        return self._client._family.latent_command_cursor(
            self, ListIndexes(self._target.on_primary(), comment), session
        )

    def index_information(
        self, session: AgnosticClientSession | None = None, comment: Any = None
    ) -> asyncio.Future[dict[str, Any]]:
        """The indexes by name: for each its options, and its ``key`` as a list of pairs."""
        return self._start(self._index_information(session, comment))

    async def _index_information(self, session: Any, comment: Any) -> dict[str, Any]:
        indexes = [index async for index in self.list_indexes(session, comment)]
        with reading(f"the indexes of {self.full_name}"):
            return index_information(indexes)

    def create_search_index(
        self,
        model: Mapping[str, Any] | SearchIndexModel,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[str]:
        """Create a search index: `model` is a :class:`~pymongo.operations.SearchIndexModel`, or its arguments as a
        document. Its name is the result. Needs Atlas, as all of search does; else
        :class:`~pymongo.errors.OperationFailure` is raised.
        """
        return self._start(self._create_search_index(model, session, comment, kwargs))

    async def _create_search_index(self, model: Any, session: Any, comment: Any, options: dict[str, Any]) -> str:
        if not isinstance(model, SearchIndexModel):
            model = SearchIndexModel(**model)
        names = await self._execute(CreateSearchIndexes(self._target, [model], options, comment), session)
        return names[0]

    def create_search_indexes(
        self,
        models: Sequence[SearchIndexModel],
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[list[str]]:
        """Create several search indexes, `models` that are :class:`~pymongo.operations.SearchIndexModel`; the list of
        their names is the result.
        """
        return self._run(CreateSearchIndexes(self._target, models, kwargs, comment), session)

    def drop_search_index(
        self, name: str, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[None]:
        """Drop a search index, by its `name`."""
        return self._run(ChangeSearchIndex(self._target, name, kwargs, comment), session)

    def update_search_index(
        self,
        name: str,
        definition: Document,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[None]:
        """Give the search index `name` another `definition`, a document."""
        return self._run(ChangeSearchIndex(self._target, name, kwargs, comment, definition), session)

    def list_search_indexes(
        self, name: str | None = None, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> AgnosticLatentCommandCursor[MutableMapping[str, Any]]:
        """A cursor over the search indexes, or over the one called `name`; keywords are those of :meth:`aggregate`."""
        target = Target(self._database.name, self._name)
        pipeline = [{"$listSearchIndexes": {} if name is None else {"name": name}}]
        return self._client._family.latent_command_cursor(
            self, Aggregate(target, pipeline, kwargs, comment=comment), session
        )

    def options(
        self, session: AgnosticClientSession | None = None, comment: Any = None
    ) -> asyncio.Future[MutableMapping[str, Any]]:
        """The options that the collection was created with; none if there is no such collection."""
        return self._start(self._options(session, comment))

    async def _options(self, session: Any, comment: Any) -> MutableMapping[str, Any]:
        listing = self._database.list_collections(session, {"name": self._name}, comment)
        async with listing:
            async for collection in listing:
                with reading(f"the options of {self.full_name}"):
                    options: MutableMapping[str, Any] = collection.get("options", {})
                    options.pop("create", None)
                    return options
        return {}

    def rename(
        self, new_name: str, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[dict[str, Any]]:
        """Rename the collection to `new_name` within its database, over an existing one with ``dropTarget=True``.

        The server's reply is the result. Raises :class:`~pymongo.errors.OperationFailure` if there is no such
        collection, or one of the new name; :class:`~pymongo.errors.InvalidName` for what cannot be a name.
        """
        return self._run(Rename(self._target, new_name, kwargs, comment), session)

    def drop(
        self,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        encrypted_fields: Document | None = None,
    ) -> asyncio.Future[None]:
        """Drop the collection; one that is not there is no error. `encrypted_fields` are those of
        :meth:`AgnosticDatabase.drop_collection`.
        """
        return self._start(self._drop(session, comment, encrypted_fields))

    async def _drop(self, session: Any, comment: Any, encrypted_fields: Document | None) -> None:
        database = self._database.with_options(write_concern=self._write_concern)
        await drop_state_collections(database, self._name, encrypted_fields, session, comment)
        await self._execute(Drop(self._target, comment), session)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AgnosticCollection):
            return bool(self._database == other._database) and self._name == other._name
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self._database, self._name))

    def _shown(self) -> str:
        return f"{type(self).__name__}({self._database!r}, {self._name!r})"

    def __bool__(self) -> NoReturn:
        raise no_truth_value(self, "collection")
