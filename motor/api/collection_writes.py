"""The methods of a collection that write documents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bson.raw_bson import RawBSONDocument
from pymongo.operations import (
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from motor._pymongo import CollationIn, Pipeline, add_to_bulk, validate_list
from motor.api.base import AgnosticBaseProperties, DocumentType
from motor.api.query import Hint, Projection, Sort
from motor.driver.bulk.bulk import Bulk
from motor.driver.operations import insert
from motor.driver.operations.delete import Delete
from motor.driver.operations.find_and_modify import FindAndModify
from motor.driver.operations.operation import Document, Target
from motor.driver.operations.update import Update

if TYPE_CHECKING:
    from motor.api.session import AgnosticClientSession

WriteRequest = InsertOne[DocumentType] | DeleteOne | DeleteMany | ReplaceOne[DocumentType] | UpdateOne | UpdateMany
"""What :meth:`AgnosticCollection.bulk_write` takes a list of."""


class CollectionWrites(AgnosticBaseProperties[DocumentType]):
    """What writes to a collection. Its parameters are described with :class:`AgnosticCollection`."""

    _target: Target

    def insert_one(
        self,
        document: DocumentType | RawBSONDocument,
        bypass_document_validation: bool | None = None,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
    ) -> asyncio.Future[InsertOneResult]:
        """Insert one `document`, which gets an ``_id`` if it has none.

        The result is an :class:`~pymongo.results.InsertOneResult` with the ``inserted_id``. Raises
        :class:`~pymongo.errors.DuplicateKeyError` if a unique index holds its keys already.
        """
        return self._run(insert.InsertOne(self._target, document, bypass_document_validation, comment), session)

    def insert_many(
        self,
        documents: Iterable[DocumentType | RawBSONDocument],
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
    ) -> asyncio.Future[InsertManyResult]:
        """Insert `documents`, in as few messages as the server's limits allow; each gets an ``_id`` if it has none.

        `ordered`, the first error ends it; else the rest is still inserted. The result is an
        :class:`~pymongo.results.InsertManyResult` with the ``inserted_ids``. Raises
        :class:`~pymongo.errors.BulkWriteError`, which says what was inserted and what was not.
        """
        return self._start(self._insert_many(documents, ordered, bypass_document_validation, session, comment))

    async def _insert_many(
        self,
        documents: Iterable[DocumentType | RawBSONDocument],
        ordered: bool,
        bypass_document_validation: bool | None,
        session: Any,
        comment: Any,
    ) -> InsertManyResult:
        if not isinstance(documents, Iterable) or isinstance(documents, Mapping) or not documents:
            raise TypeError("documents must be a non-empty list")
        documents = list(documents)
        bulk = Bulk(self._target, ordered, bypass_document_validation, comment)
        ids = await bulk.add_inserts(documents)
        result = await self._execute_bulk(bulk, session)
        return InsertManyResult(ids, result is not None)

    def bulk_write(
        self,
        requests: Sequence[WriteRequest[DocumentType]],
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        let: Document | None = None,
    ) -> asyncio.Future[BulkWriteResult]:
        """Run a list of writes, `requests`: PyMongo's InsertOne, UpdateOne, UpdateMany, ReplaceOne, DeleteOne and
        DeleteMany.

        `ordered`, they run one after the other and the first error ends it; else they are grouped by kind and all are
        tried. The result is a :class:`~pymongo.results.BulkWriteResult`, which counts what was done. Raises
        :class:`~pymongo.errors.BulkWriteError`, which says what was done and what was not.
        """
        return self._start(self._bulk_write(requests, ordered, bypass_document_validation, session, comment, let))

    async def _bulk_write(
        self,
        requests: Sequence[WriteRequest[DocumentType]],
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
        return await bulk.execute(self._client._deployment, self._session_for(session))

    def update_one(
        self,
        filter: Document,
        update: Document | Pipeline,
        upsert: bool = False,
        bypass_document_validation: bool | None = None,
        collation: CollationIn | None = None,
        array_filters: Sequence[Document] | None = None,
        hint: Hint | None = None,
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        sort: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[UpdateResult]:
        """Update the first document that matches, with operators or a pipeline in `update`.

        The result is an :class:`~pymongo.results.UpdateResult`, which counts what was matched and modified. Raises
        :class:`~pymongo.errors.DuplicateKeyError` and other :class:`~pymongo.errors.WriteError`.
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
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[UpdateResult]:
        """Update every document that matches, with operators or a pipeline in `update`.

        The result is an :class:`~pymongo.results.UpdateResult`, which counts what was matched and modified. Raises
        :class:`~pymongo.errors.WriteError`, and then some may have been updated.
        """
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
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        sort: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[UpdateResult]:
        """Replace the first document that matches with `replacement`, a document without operators; its ``_id`` stays.

        The result is an :class:`~pymongo.results.UpdateResult`. Raises :class:`~pymongo.errors.WriteError`.
        """
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
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[DeleteResult]:
        """Delete the first document that matches.

        The result is a :class:`~pymongo.results.DeleteResult`, which counts what was deleted.
        """
        return self._run(Delete(self._target, filter, False, collation, hint, let, comment), session)

    def delete_many(
        self,
        filter: Document,
        collation: CollationIn | None = None,
        hint: Hint | None = None,
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        comment: Any = None,
    ) -> asyncio.Future[DeleteResult]:
        """Delete every document that matches.

        The result is a :class:`~pymongo.results.DeleteResult`, which counts what was deleted.
        """
        return self._run(Delete(self._target, filter, True, collation, hint, let, comment), session)

    def find_one_and_update(
        self,
        filter: Document,
        update: Document | Pipeline,
        projection: Projection | None = None,
        sort: Sort | None = None,
        upsert: bool = False,
        return_document: bool = False,
        array_filters: Sequence[Document] | None = None,
        hint: Hint | None = None,
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[DocumentType | None]:
        """Update one document, with operators or a pipeline in `update`, and return it: as it was, or as it is now with
        ``return_document=ReturnDocument.AFTER``. The result is ``None`` if none matches, and with `upsert` as it was.

        Keywords are the command's options: maxTimeMS in milliseconds, collation, ...
        """
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
        sort: Sort | None = None,
        upsert: bool = False,
        return_document: bool = False,
        hint: Hint | None = None,
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[DocumentType | None]:
        """Replace one document with `replacement`, and return it: as it was, or as it is now with
        ``return_document=ReturnDocument.AFTER``. The result is ``None`` if none matches, and with `upsert` as it was.

        Keywords are the command's options: maxTimeMS in milliseconds, collation, ...
        """
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
        sort: Sort | None = None,
        hint: Hint | None = None,
        session: AgnosticClientSession | None = None,
        let: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[DocumentType | None]:
        """Delete one document, and return it: ``None`` if none matches.

        Keywords are the command's options: maxTimeMS in milliseconds, collation, ...
        """
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
