"""A client's bulk write: writes to any number of collections, in as few commands as the server allows.

Source: the MongoDB specification "Bulk Write".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import (
    ClientBulkWriteException,
    InvalidOperation,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)
from pymongo.results import DeleteResult, InsertOneResult, UpdateResult

from motor._pymongo import (
    Pipeline,
    copy_error_labels,
    validate_is_document_type,
    validate_ok_for_replace,
    validate_ok_for_update,
    write_concern_error_of,
)
from motor.driver.bulk.bulk import refuse_without_reply
from motor.driver.cursors import ServerCursor
from motor.driver.execution.deployment import Deployment
from motor.driver.execution.retries import check_retryable_writes
from motor.driver.object_ids import ensure_id
from motor.driver.operations.bulk_write import BulkWrite, ClientWrites
from motor.driver.operations.operation import Document, Target, refuse_unacknowledged
from motor.driver.sessions.session import Session
from motor.driver.wire.header import next_request_id

_COUNTS = ("nInserted", "nUpserted", "nMatched", "nModified", "nDeleted")


class ClientBulk:
    """A list of writes. PyMongo's request objects add themselves to it through the ``add_`` methods."""

    def __init__(
        self,
        target: Target,
        ordered: bool,
        verbose: bool,
        bypass_document_validation: bool | None,
        comment: Any,
        let: Document | None,
    ) -> None:
        if let is not None:
            validate_is_document_type("let", let)
        self._target = target
        self._ordered = ordered
        self._verbose = verbose
        self._options: dict[str, Any] = {"errorsOnly": not verbose, "ordered": ordered}
        if bypass_document_validation is not None:
            self._options["bypassDocumentValidation"] = bypass_document_validation
        if comment:
            self._options["comment"] = comment
        if let:
            self._options["let"] = let
        self._writes = ClientWrites()
        self._uses: set[str] = set()
        self._bulk_id = next_request_id()

    def add_insert(self, namespace: str, document: Document) -> None:
        """Insert `document`, which gets an ``_id`` if it has none."""
        ensure_id(document)
        self._add("insert", namespace, {"insert": -1, "document": document}, {})

    def add_update(
        self,
        namespace: str,
        selector: Document,
        update: Document | Pipeline,
        multi: bool,
        upsert: bool | None = None,
        collation: Document | None = None,
        array_filters: list[Document] | None = None,
        hint: str | Document | None = None,
        sort: Document | None = None,
    ) -> None:
        """Update what `selector` matches."""
        validate_ok_for_update(update)
        write = {"update": -1, "filter": selector, "updateMods": update, "multi": multi}
        options = {"upsert": upsert, "arrayFilters": array_filters, "hint": hint, "collation": collation, "sort": sort}
        self._add("update", namespace, write, options)

    def add_replace(
        self,
        namespace: str,
        selector: Document,
        replacement: Document,
        upsert: bool | None = None,
        collation: Document | None = None,
        hint: str | Document | None = None,
        sort: Document | None = None,
    ) -> None:
        """Replace the first document that `selector` matches."""
        validate_ok_for_replace(replacement)
        write = {"update": -1, "filter": selector, "updateMods": replacement, "multi": False}
        options = {"upsert": upsert, "hint": hint, "collation": collation, "sort": sort}
        self._add("replace", namespace, write, options)

    def add_delete(
        self,
        namespace: str,
        selector: Document,
        multi: bool,
        collation: Document | None = None,
        hint: str | Document | None = None,
    ) -> None:
        """Delete the first document that `selector` matches, or all if `multi`."""
        write = {"delete": -1, "filter": selector, "multi": multi}
        self._add("delete", namespace, write, {"hint": hint, "collation": collation})

    def _add(self, kind: str, namespace: str, write: dict[str, Any], options: Mapping[str, Any]) -> None:
        for name, value in options.items():
            if value is not None:
                write[name] = value
                self._uses.add(name)
        self._writes.add(kind, namespace, write)

    def _prepare(self, session: Session | None) -> None:
        """Refuse a bulk write of nothing, and what an unacknowledged one cannot have."""
        if not self._writes:
            raise InvalidOperation("No operations to execute")
        if session is not None and session.in_transaction:
            self._target = self._target.in_transaction(session.transaction.options)
        if not self._target.write_concern.acknowledged:
            if session is not None:
                refuse_unacknowledged(self._target.write_concern)
            refuse_without_reply(self._uses, "bypassDocumentValidation" in self._options)

    async def execute(self, deployment: Deployment, session: Session | None) -> dict[str, Any] | None:
        """Run all of it. The merged result; ``None`` for unacknowledged writes.

        Raises :class:`~pymongo.errors.ClientBulkWriteException`, which says what was done and what was not.
        """
        self._prepare(session)
        retries_writes = bool(deployment.settings.options.retry_writes)
        result = _empty_result()
        while self._writes.taken < len(self._writes):
            batch = BulkWrite(self._target, self._writes, self._options, self._bulk_id, retries_writes)
            if not batch.acknowledged:
                await deployment.execute(batch)
                continue
            await self._execute_batch(deployment, batch, session, result)
            if result["error"] is not None or (self._ordered and result["writeErrors"]):
                break
        if not self._target.write_concern.acknowledged:
            return None
        if result["error"] is not None or result["writeErrors"] or result["writeConcernErrors"]:
            raise self._failure(result) from result["error"]
        return result

    async def _execute_batch(
        self, deployment: Deployment, batch: BulkWrite, session: Session | None, result: dict[str, Any]
    ) -> None:
        """Send one command, and read what became of its writes from the cursor that it opens."""
        first = self._writes.taken
        cursor = ServerCursor(deployment, batch)
        cursor.use_session(session)
        try:
            while cursor.alive:
                await cursor.refresh()
                while cursor.documents:
                    self._note(cursor.documents.popleft(), first, result)
                    if self._ordered and result["writeErrors"]:
                        await cursor.close()
                        cursor.documents.clear()
        except WriteConcernError as error:
            _merge(result, batch)
            failure = self._failure(result)
            copy_error_labels(error, failure)
            raise failure from error
        except Exception as error:
            sent = isinstance(error, PyMongoError) and not isinstance(
                error, (ServerSelectionTimeoutError, InvalidOperation)
            )
            if not (sent or first):
                raise
            result["error"] = error
        _merge(result, batch)

    def _note(self, outcome: Mapping[str, Any], first: int, result: dict[str, Any]) -> None:
        """Take in what became of one write of a batch, whose `first` has that place in the whole."""
        index = outcome["idx"] + first
        write, kind = self._writes.writes[index], self._writes.kinds[index]
        if not outcome["ok"]:
            result["writeErrors"].append({**outcome, "idx": index, "op": write})
        elif self._verbose and kind == "insert":
            result["insertResults"][index] = InsertOneResult(write["document"].get("_id"), True)
        elif self._verbose and kind == "delete":
            result["deleteResults"][index] = DeleteResult(outcome, True)
        elif self._verbose:
            result["updateResults"][index] = UpdateResult(outcome, True, in_client_bulk=True)

    def _failure(self, result: dict[str, Any]) -> ClientBulkWriteException:
        result["writeErrors"].sort(key=lambda error: error["idx"])
        if result["writeErrors"]:
            first = result["writeErrors"][0]
            check_retryable_writes(first.get("code"), first.get("errmsg"), result)
        return ClientBulkWriteException(result, self._verbose)


def _empty_result() -> dict[str, Any]:
    return {
        "anySuccessful": False,
        "error": None,
        "writeErrors": [],
        "writeConcernErrors": [],
        **dict.fromkeys(_COUNTS, 0),
        "insertResults": {},
        "updateResults": {},
        "deleteResults": {},
    }


def _merge(result: dict[str, Any], batch: BulkWrite) -> None:
    """Add one command's reply to the result of the whole."""
    reply = batch.reply
    for name in _COUNTS:
        result[name] += reply.get(name, 0)
    if reply and reply.get("nErrors", 0) < len(batch.writes):
        result["anySuccessful"] = True
    write_concern_error = write_concern_error_of(reply)
    if write_concern_error:
        result["writeConcernErrors"].append(write_concern_error)
