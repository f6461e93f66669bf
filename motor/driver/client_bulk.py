"""A client's bulk write: writes to any number of collections, in as few commands as the server allows.

Source: the MongoDB specification "Bulk Write".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

import bson
from pymongo.errors import (
    ClientBulkWriteException,
    ConfigurationError,
    DocumentTooLarge,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)
from pymongo.results import DeleteResult, InsertOneResult, UpdateResult

from motor._pymongo import (
    COMMAND_OVERHEAD,
    Pipeline,
    copy_error_labels,
    encode_document,
    validate_is_document_type,
    validate_ok_for_replace,
    validate_ok_for_update,
    writable_server_selector,
    write_concern_error_of,
)
from motor.driver.cursors import ServerCursor
from motor.driver.deployment import Deployment
from motor.driver.operations.bulk_write import BulkWrite, check_supported
from motor.driver.operations.insert import ensure_id
from motor.driver.operations.operation import Document, Target, refuse_unacknowledged
from motor.driver.retries import check_retryable_writes
from motor.driver.sdam.server import Server
from motor.driver.sessions.session import Session
from motor.driver.wire.header import next_request_id
from motor.driver.wire.op_msg import DocumentSequence

_MESSAGE_OVERHEAD = 1000
"""Bytes of a message that the specification sets aside for what is not counted."""

_TURN = 256 * 1024
"""How many bytes are encoded, about, before the event loop gets a turn."""

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
        self._writes: list[dict[str, Any]] = []
        self._namespaces: list[str] = []
        self._kinds: list[str] = []
        self._uses: set[str] = set()
        self._sent = 0
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
        self._kinds.append(kind)
        self._namespaces.append(namespace)
        self._writes.append(write)

    def prepare(self, session: Session | None) -> None:
        """Refuse a bulk write of nothing, and what an unacknowledged one cannot have."""
        if not self._writes:
            raise InvalidOperation("No operations to execute")
        if session is not None and session.in_transaction:
            self._target = self._target.in_transaction(session.transaction.options)
        if self._target.write_concern.acknowledged:
            return
        if session is not None:
            refuse_unacknowledged(self._target.write_concern)
        if "collation" in self._uses:
            raise ConfigurationError("Collation is unsupported for unacknowledged writes.")
        if "arrayFilters" in self._uses:
            raise ConfigurationError("arrayFilters is unsupported for unacknowledged writes.")
        if "bypassDocumentValidation" in self._options:
            raise OperationFailure("Cannot set bypass_document_validation with unacknowledged write concern")

    async def execute(self, deployment: Deployment, session: Session | None) -> dict[str, Any] | None:
        """Run all of it. The merged result; ``None`` for unacknowledged writes.

        Raises :class:`~pymongo.errors.ClientBulkWriteException`, which says what was done and what was not.
        """
        executor = deployment.executor() or await deployment.resolve()
        result = _empty_result()
        while self._sent < len(self._writes):
            try:
                server = await executor.topology.select(writable_server_selector, "bulkWrite", self._bulk_id)
                check_supported(server.description.max_wire_version or 0)
                batch = await self._next_batch(server)
            except Exception as error:
                self._note_failure(error, result)
                break
            if not batch.acknowledged:
                await executor.execute(batch)
                self._sent += len(batch.writes)
                continue
            batch.repeats = executor.retries_writes and batch.retryable
            await self._execute_batch(deployment, server, batch, session, result)
            self._sent += len(batch.writes)
            if result["error"] is not None or (self._ordered and result["writeErrors"]):
                break
        if not self._target.write_concern.acknowledged:
            return None
        if result["error"] is not None or result["writeErrors"] or result["writeConcernErrors"]:
            raise self._failure(result) from result["error"]
        return result

    async def _execute_batch(
        self,
        deployment: Deployment,
        server: Server,
        batch: BulkWrite,
        session: Session | None,
        result: dict[str, Any],
    ) -> None:
        """Send one command, and read what became of its writes from the cursor that it opens."""
        cursor = ServerCursor(deployment, batch)
        cursor.use_session(session)
        if session is None or not session.in_transaction:
            cursor.start_on(server)
        cursor.comment = self._options.get("comment")
        try:
            while cursor.alive:
                await cursor.refresh()
                while cursor.documents:
                    self._note(cursor.documents.popleft(), result)
                    if self._ordered and result["writeErrors"]:
                        await cursor.close()
                        cursor.documents.clear()
        except WriteConcernError as error:
            _merge(result, batch)
            failure = self._failure(result)
            copy_error_labels(error, failure)
            raise failure from error
        except (ServerSelectionTimeoutError, InvalidOperation) as error:
            self._note_failure(error, result)
        except PyMongoError as error:
            result["error"] = error
        _merge(result, batch)

    def _note_failure(self, error: Exception, result: dict[str, Any]) -> None:
        """Nothing of a batch was sent. What was done by those before it is known, and told with the error."""
        if not self._sent or not self._target.write_concern.acknowledged:
            raise error
        result["error"] = error

    def _note(self, outcome: Mapping[str, Any], result: dict[str, Any]) -> None:
        """Take in what became of one write."""
        index = outcome["idx"] + self._sent
        write, kind = self._writes[index], self._kinds[index]
        if not outcome["ok"]:
            result["writeErrors"].append({**outcome, "idx": index, "op": write})
        elif self._verbose and kind == "insert":
            result["insertResults"][index] = InsertOneResult(write["document"].get("_id"), True)
        elif self._verbose and kind == "delete":
            result["deleteResults"][index] = DeleteResult(outcome, True)
        elif self._verbose:
            result["updateResults"][index] = UpdateResult(outcome, True, in_client_bulk=True)

    async def _next_batch(self, server: Server) -> BulkWrite:
        """Encode as many writes as the server takes in one message, with a turn for the event loop in between."""
        codec = self._target.codec_options
        limits = server.description
        shown = {"bulkWrite": 1, **self._options}
        room = limits.max_message_size - _MESSAGE_OVERHEAD - len(encode_document(shown, False, codec))
        places: dict[str, int] = {}
        encoded: list[bytes] = []
        namespaces: list[bytes] = []
        since_turn = 0
        document = b""
        last = self._sent + limits.max_write_batch_size
        for index in range(self._sent, min(last, len(self._writes))):
            write, namespace = self._writes[index], self._namespaces[index]
            write[next(iter(write))] = places.get(namespace, len(places))
            document = encode_document(write, False, codec)
            added = b"" if namespace in places else bson.encode({"ns": namespace})
            if not self._target.write_concern.acknowledged:
                self._check_size(index, len(document), limits.max_bson_size)
            room -= len(document) + len(added)
            if room < 0:
                break
            if added:
                places[namespace] = len(places)
                namespaces.append(added)
            encoded.append(document)
            since_turn += len(document)
            if since_turn >= _TURN:
                since_turn = 0
                await asyncio.sleep(0)
        if not encoded:
            _raise_too_large(self._kinds[self._sent], len(document), limits.max_bson_size + COMMAND_OVERHEAD)
        writes = self._writes[self._sent : self._sent + len(encoded)]
        return BulkWrite(
            self._target,
            writes,
            [{"ns": namespace} for namespace in places],
            [DocumentSequence("ops", encoded), DocumentSequence("nsInfo", namespaces)],
            self._options,
            self._bulk_id,
            any(write.get("multi") for write in writes),
        )

    def _check_size(self, index: int, size: int, limit: int) -> None:
        """A server that does not reply would not say that a document is too large."""
        write, kind = self._writes[index], self._kinds[index]
        if kind in ("insert", "replace"):
            content = write["document" if kind == "insert" else "updateMods"]
            content_size = len(encode_document(content, False, self._target.codec_options))
            if content_size > limit:
                _raise_too_large(kind, content_size, limit)
        if size > limit + COMMAND_OVERHEAD:
            _raise_too_large(kind, size, limit + COMMAND_OVERHEAD)

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


def _raise_too_large(kind: str, size: int, limit: int) -> NoReturn:
    if kind == "insert":
        raise DocumentTooLarge(
            f"BSON document too large ({size} bytes) - the connected server supports BSON document sizes "
            f"up to {limit} bytes."
        )
    raise DocumentTooLarge(f"{kind!r} command document too large")
