"""A collection: reading and writing documents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.operations import (
    DeleteMany,
    DeleteOne,
    IndexModel,
    InsertOne,
    ReplaceOne,
    SearchIndexModel,
    UpdateMany,
    UpdateOne,
)
from pymongo.read_concern import ReadConcern
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult
from pymongo.write_concern import WriteConcern

from motor._pymongo import CollationIn, Pipeline, ReadPreferenceMode, add_to_bulk, validate_list
from motor.api.base import AgnosticBaseProperties, DocumentType, missing_attribute, timeout_seconds
from motor.api.change_stream import AgnosticChangeStream
from motor.api.command_cursor import AgnosticLatentCommandCursor, AgnosticRawBatchCommandCursor
from motor.api.cursor import AgnosticCursor, AgnosticRawBatchCursor
from motor.api.query import build_query, check_exhaust
from motor.driver.bulk import Bulk
from motor.driver.operations import insert
from motor.driver.operations.aggregate import Aggregate, AggregateRaw
from motor.driver.operations.collections import Drop, Rename, check_collection_name
from motor.driver.operations.count import CountDocuments, EstimatedDocumentCount
from motor.driver.operations.delete import Delete
from motor.driver.operations.distinct import Distinct
from motor.driver.operations.find import FindOne, Query
from motor.driver.operations.find_and_modify import FindAndModify
from motor.driver.operations.indexes import CreateIndexes, DropIndexes, ListIndexes, index_information
from motor.driver.operations.operation import Document, Operation, Target
from motor.driver.operations.search_indexes import ChangeSearchIndex, CreateSearchIndexes
from motor.driver.operations.update import Update

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.database import AgnosticDatabase

Hint = str | Sequence[Any] | Mapping[str, Any]
"""An index, by its name or by its keys."""

Projection = Mapping[str, Any] | Iterable[str]
"""Which fields to return."""

WriteRequest = InsertOne[Any] | DeleteOne | DeleteMany | ReplaceOne[Any] | UpdateOne | UpdateMany
"""What :meth:`AgnosticCollection.bulk_write` takes a list of."""


class AgnosticCollection(AgnosticBaseProperties, Generic[DocumentType]):
    """One collection of a database. Two with the same database and name are equal.

    Raises :class:`~pymongo.errors.InvalidName` for what cannot be a collection's name.
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
        self._target = Target(
            database.name,
            name,
            self._codec_options,
            self._read_preference,
            self._write_concern,
            self._read_concern,
        )

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

    def with_options(
        self,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> Self:
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

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        owner = f"a {type(self).__name__!r}" if "." in self._name else f"an {type(self._database).__name__!r}"
        method = self._name.rpartition(".")[2]
        raise TypeError(
            f"{type(self).__name__!r} object is not callable. If you meant to call the {method!r} method on {owner} "
            "object it is failing because no such method exists."
        )

    def insert_one(
        self,
        document: DocumentType | MutableMapping[str, Any] | RawBSONDocument,
        bypass_document_validation: bool | None = None,
        session: Any = None,
        comment: Any = None,
    ) -> asyncio.Future[InsertOneResult]:
        """Insert one document, which gets an ``_id`` if it has none.

        Raises :class:`~pymongo.errors.DuplicateKeyError` if a unique index holds its keys already.
        """
        return self._run(insert.InsertOne(self._target, document, bypass_document_validation, comment), session)

    def insert_many(
        self,
        documents: Iterable[DocumentType | MutableMapping[str, Any] | RawBSONDocument],
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: Any = None,
        comment: Any = None,
    ) -> asyncio.Future[InsertManyResult]:
        """Insert documents, in as few messages as the server's limits allow; each gets an ``_id`` if it has none.

        Ordered, the first error ends it; unordered, the rest is still inserted. Raises
        :class:`~pymongo.errors.BulkWriteError`, which says what was inserted and what was not.
        """
        return self._start(self._insert_many(documents, ordered, bypass_document_validation, session, comment))

    async def _insert_many(
        self,
        documents: Iterable[DocumentType | MutableMapping[str, Any] | RawBSONDocument],
        ordered: bool,
        bypass_document_validation: bool | None,
        session: Any,
        comment: Any,
    ) -> InsertManyResult:
        if not isinstance(documents, Iterable) or isinstance(documents, Mapping) or not documents:
            raise TypeError("documents must be a non-empty list")
        documents = list(documents)
        bulk = Bulk(self._target, ordered, bypass_document_validation, comment)
        bulk.add_inserts(documents)
        result = await self._execute_bulk(bulk, session)
        ids = [document["_id"] for document in documents if not insert.is_raw(document)]
        return InsertManyResult(ids, result is not None)

    def bulk_write(
        self,
        requests: Sequence[WriteRequest],
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: Any = None,
        comment: Any = None,
        let: Document | None = None,
    ) -> asyncio.Future[BulkWriteResult]:
        """Run a list of writes: PyMongo's InsertOne, UpdateOne, UpdateMany, ReplaceOne, DeleteOne and DeleteMany.

        Ordered, they run one after the other and the first error ends it; unordered, they are grouped by kind and all
        are tried. Raises :class:`~pymongo.errors.BulkWriteError`, which says what was done and what was not.
        """
        return self._start(self._bulk_write(requests, ordered, bypass_document_validation, session, comment, let))

    async def _bulk_write(
        self,
        requests: Sequence[WriteRequest],
        ordered: bool,
        bypass_document_validation: bool | None,
        session: Any,
        comment: Any,
        let: Document | None,
    ) -> BulkWriteResult:
        validate_list("requests", requests)
        bulk = Bulk(self._target, ordered, bypass_document_validation, comment, let)
        for request in requests:
            add_to_bulk(request, bulk)
        result = await self._execute_bulk(bulk, session)
        return BulkWriteResult({}, False) if result is None else BulkWriteResult(result, True)

    async def _execute_bulk(self, bulk: Bulk, session: Any) -> dict[str, Any] | None:
        engine_session = self._engine_session(session)
        bulk.prepare(engine_session)
        deployment = self._client._deployment
        return await bulk.execute(deployment.executor() or await deployment.resolve(), engine_session)

    def update_one(
        self,
        filter: Document,
        update: Document | Pipeline,
        upsert: bool = False,
        bypass_document_validation: bool | None = None,
        collation: CollationIn | None = None,
        array_filters: Sequence[Document] | None = None,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        sort: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[UpdateResult]:
        """Update the first document that matches, with operators or a pipeline.

        With `upsert` a document is inserted if none matches. `array_filters` say which elements the ``$[name]`` in the
        update stand for.
        """
        return self._run(
            Update(
                self._target,
                filter,
                update,
                upsert=upsert,
                bypass_document_validation=bypass_document_validation,
                collation=collation,
                array_filters=array_filters,
                hint=hint,
                let=let,
                sort=sort,
                comment=comment,
            ),
            session,
        )

    def update_many(
        self,
        filter: Document,
        update: Document | Pipeline,
        upsert: bool = False,
        array_filters: Sequence[Document] | None = None,
        bypass_document_validation: bool | None = None,
        collation: CollationIn | None = None,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[UpdateResult]:
        """Update every document that matches, with operators or a pipeline."""
        return self._run(
            Update(
                self._target,
                filter,
                update,
                multi=True,
                upsert=upsert,
                bypass_document_validation=bypass_document_validation,
                collation=collation,
                array_filters=array_filters,
                hint=hint,
                let=let,
                comment=comment,
            ),
            session,
        )

    def replace_one(
        self,
        filter: Document,
        replacement: Document,
        upsert: bool = False,
        bypass_document_validation: bool | None = None,
        collation: CollationIn | None = None,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        sort: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[UpdateResult]:
        """Replace the first document that matches by `replacement`, which holds no operators."""
        return self._run(
            Update(
                self._target,
                filter,
                replacement,
                replacement=True,
                upsert=upsert,
                bypass_document_validation=bypass_document_validation,
                collation=collation,
                hint=hint,
                let=let,
                sort=sort,
                comment=comment,
            ),
            session,
        )

    def delete_one(
        self,
        filter: Document,
        collation: CollationIn | None = None,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[DeleteResult]:
        """Delete the first document that matches."""
        return self._run(Delete(self._target, filter, False, collation, hint, let, comment), session)

    def delete_many(
        self,
        filter: Document,
        collation: CollationIn | None = None,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[DeleteResult]:
        """Delete every document that matches."""
        return self._run(Delete(self._target, filter, True, collation, hint, let, comment), session)

    def find(self, *args: Any, **kwargs: Any) -> AgnosticCursor[DocumentType]:
        """Query the collection: a cursor, at once, which asks the server when it is first read.

        Takes the arguments of :class:`~motor.core.AgnosticCursor`, of which the first is the filter.
        """
        return self._client._family.cursor(self, *args, **kwargs)

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
        query = build_query(filter, *args, **kwargs) if args or kwargs else Query(filter or {})
        query.limit = -1
        check_exhaust(query)
        operation: Operation[Any] = FindOne(self._target, query)
        document: DocumentType | None = await self._execute(operation, kwargs.get("session"))
        return document

    def find_one_and_update(
        self,
        filter: Document,
        update: Document | Pipeline,
        projection: Projection | None = None,
        sort: Any = None,
        upsert: bool = False,
        return_document: bool = False,
        array_filters: Sequence[Document] | None = None,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[DocumentType | None]:
        """Update one document, and return it as it was; with ``ReturnDocument.AFTER``, as it is now."""
        return self._run(
            FindAndModify(
                self._target,
                filter,
                kwargs,
                update,
                projection=projection,
                sort=sort,
                upsert=upsert,
                return_document=return_document,
                array_filters=array_filters,
                hint=hint,
                let=let,
                comment=comment,
            ),
            session,
        )

    def find_one_and_replace(
        self,
        filter: Document,
        replacement: Document,
        projection: Projection | None = None,
        sort: Any = None,
        upsert: bool = False,
        return_document: bool = False,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[DocumentType | None]:
        """Replace one document, and return it as it was; with ``ReturnDocument.AFTER``, as it is now."""
        return self._run(
            FindAndModify(
                self._target,
                filter,
                kwargs,
                replacement,
                replacement=True,
                projection=projection,
                sort=sort,
                upsert=upsert,
                return_document=return_document,
                hint=hint,
                let=let,
                comment=comment,
            ),
            session,
        )

    def find_one_and_delete(
        self,
        filter: Document,
        projection: Projection | None = None,
        sort: Any = None,
        hint: Hint | None = None,
        session: Any = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[DocumentType | None]:
        """Delete one document, and return it."""
        return self._run(
            FindAndModify(
                self._target,
                filter,
                kwargs,
                remove=True,
                projection=projection,
                sort=sort,
                hint=hint,
                let=let,
                comment=comment,
            ),
            session,
        )

    def count_documents(
        self, filter: Document, session: Any = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[int]:
        """How many documents match. Keywords: skip, limit, maxTimeMS, collation, hint."""
        return self._run(CountDocuments(self._target, filter, kwargs, comment), session)

    def estimated_document_count(self, comment: Any = None, **kwargs: Any) -> asyncio.Future[int]:
        """How many documents there are, according to the collection's metadata: quick, and not always exact."""
        return self._run(EstimatedDocumentCount(self._target, kwargs, comment))

    def distinct(
        self,
        key: str,
        filter: Document | None = None,
        session: Any = None,
        comment: Any = None,
        hint: Hint | None = None,
        **kwargs: Any,
    ) -> asyncio.Future[list[Any]]:
        """The different values of the field `key` among the documents that match."""
        return self._run(Distinct(self._target, key, filter, kwargs, comment, hint), session)

    def aggregate(
        self,
        pipeline: Pipeline,
        session: Any = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> AgnosticLatentCommandCursor[DocumentType]:
        """Run an aggregation pipeline: a cursor, at once, which asks the server when it is first read.

        A pipeline that ends with ``$out`` or ``$merge`` runs when the cursor is first read, too. Keywords are the
        command's options: allowDiskUse, batchSize, collation, hint, maxTimeMS, ...
        """
        operation = Aggregate(self._target, pipeline, kwargs, let, comment)
        return self._client._family.latent_command_cursor(self, operation, session)

    def aggregate_raw_batches(
        self,
        pipeline: Pipeline,
        session: Any = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> AgnosticRawBatchCommandCursor:
        """Run an aggregation pipeline: a cursor over batches of BSON, as of :meth:`find_raw_batches`.

        Takes the arguments of :meth:`aggregate`.
        """
        operation = AggregateRaw(self._target, pipeline, kwargs, comment=comment)
        return self._client._family.raw_batch_command_cursor(self, operation, session)

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
    ) -> AgnosticChangeStream[DocumentType]:
        """Watch the collection: a change stream, at once, which is opened when it is first used.

        `pipeline` holds more stages for the changes to pass; `full_document` is ``"updateLookup"``, ``"whenAvailable"``
        or ``"required"`` for the whole document after an update, `full_document_before_change` for the one before it.
        It starts now, unless `resume_after` or `start_after` hold a resume token, or `start_at_operation_time` a time.
        The server waits `max_await_time_ms` for a change before it says that there is none.
        """
        return self._client._family.change_stream(
            self,
            self._target,
            False,
            pipeline,
            full_document,
            resume_after,
            max_await_time_ms,
            batch_size,
            collation,
            start_at_operation_time,
            session,
            start_after,
            comment,
            full_document_before_change,
            show_expanded_events,
        )

    def create_index(self, keys: Hint, session: Any = None, comment: Any = None, **kwargs: Any) -> asyncio.Future[str]:
        """Create an index; its name is the result. Keywords are those of :class:`~pymongo.operations.IndexModel`."""
        return self._start(self._create_index(keys, session, comment, kwargs))

    async def _create_index(self, keys: Any, session: Any, comment: Any, options: dict[str, Any]) -> str:
        command_options = {}
        if "maxTimeMS" in options:
            command_options["maxTimeMS"] = options.pop("maxTimeMS")
        index = IndexModel(keys, **options)
        names = await self._execute(CreateIndexes(self._target, [index], command_options, comment), session)
        return names[0]

    def create_indexes(
        self, indexes: Sequence[IndexModel], session: Any = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[list[str]]:
        """Create several indexes; their names are the result."""
        return self._run(CreateIndexes(self._target, indexes, kwargs, comment), session)

    def drop_index(
        self, index_or_name: Hint, session: Any = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[None]:
        """Drop an index, by its name or by the list of its keys."""
        return self._run(DropIndexes(self._target, index_or_name, kwargs, comment), session)

    def drop_indexes(self, session: Any = None, comment: Any = None, **kwargs: Any) -> asyncio.Future[None]:
        """Drop every index but the one on ``_id``."""
        return self._run(DropIndexes(self._target, "*", kwargs, comment), session)

    def list_indexes(
        self, session: Any = None, comment: Any = None
    ) -> AgnosticLatentCommandCursor[MutableMapping[str, Any]]:
        """A cursor over the indexes, each a :class:`~bson.son.SON` document; of none if there is no such collection."""
        return self._client._family.latent_command_cursor(
            self, ListIndexes(self._target.on_primary(), comment), session
        )

    def index_information(self, session: Any = None, comment: Any = None) -> asyncio.Future[dict[str, Any]]:
        """The indexes by name: for each its options, and its ``key`` as a list of pairs."""
        return self._start(self._index_information(session, comment))

    async def _index_information(self, session: Any, comment: Any) -> dict[str, Any]:
        return index_information([index async for index in self.list_indexes(session, comment)])

    def create_search_index(
        self,
        model: Mapping[str, Any] | SearchIndexModel,
        session: Any = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[str]:
        """Create a search index, of a :class:`~pymongo.operations.SearchIndexModel` or its arguments as a document; its
        name is the result. Needs Atlas, as all of search does.
        """
        return self._start(self._create_search_index(model, session, comment, kwargs))

    async def _create_search_index(self, model: Any, session: Any, comment: Any, options: dict[str, Any]) -> str:
        if not isinstance(model, SearchIndexModel):
            model = SearchIndexModel(**model)
        names = await self._execute(CreateSearchIndexes(self._target, [model], options, comment), session)
        return names[0]

    def create_search_indexes(
        self, models: Sequence[SearchIndexModel], session: Any = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[list[str]]:
        """Create several search indexes; their names are the result."""
        return self._run(CreateSearchIndexes(self._target, models, kwargs, comment), session)

    def drop_search_index(
        self, name: str, session: Any = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[None]:
        """Drop a search index, by its name."""
        return self._run(ChangeSearchIndex(self._target, name, kwargs, comment), session)

    def update_search_index(
        self, name: str, definition: Document, session: Any = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[None]:
        """Give a search index another definition."""
        return self._run(ChangeSearchIndex(self._target, name, kwargs, comment, definition), session)

    def list_search_indexes(
        self, name: str | None = None, session: Any = None, comment: Any = None, **kwargs: Any
    ) -> AgnosticLatentCommandCursor[MutableMapping[str, Any]]:
        """A cursor over the search indexes, or over the one called `name`; keywords are those of :meth:`aggregate`."""
        target = Target(self._database.name, self._name)
        pipeline = [{"$listSearchIndexes": {} if name is None else {"name": name}}]
        return self._client._family.latent_command_cursor(
            self, Aggregate(target, pipeline, kwargs, comment=comment), session
        )

    def options(self, session: Any = None, comment: Any = None) -> asyncio.Future[MutableMapping[str, Any]]:
        """The options that the collection was created with; none if there is no such collection."""
        return self._start(self._options(session, comment))

    async def _options(self, session: Any, comment: Any) -> MutableMapping[str, Any]:
        listing = self._database.list_collections(session, {"name": self._name}, comment)
        async with listing:
            async for collection in listing:
                options: MutableMapping[str, Any] = collection.get("options", {})
                options.pop("create", None)
                return options
        return {}

    def rename(
        self, new_name: str, session: Any = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[dict[str, Any]]:
        """Rename the collection within its database, over an existing one with ``dropTarget=True``."""
        return self._run(Rename(self._target, new_name, kwargs, comment), session)

    def drop(
        self, session: Any = None, comment: Any = None, encrypted_fields: Document | None = None
    ) -> asyncio.Future[None]:
        """Drop the collection; one that is not there is no error."""
        return self._start(self._drop(session, comment))

    async def _drop(self, session: Any, comment: Any) -> None:
        await self._execute(Drop(self._target, comment), session)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AgnosticCollection):
            return bool(self._database == other._database) and self._name == other._name
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self._database, self._name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._database!r}, {self._name!r})"

    def __bool__(self) -> NoReturn:
        raise NotImplementedError(
            f"{type(self).__name__} objects do not implement truth value testing or bool(). "
            "Please compare with None instead: collection is not None"
        )

    __iter__ = None

    def __next__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__!r} object is not iterable")

    next = __next__
