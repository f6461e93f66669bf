"""Bulk writes: many statements, sent in as few commands as the server allows, their results merged into one.

Source: the MongoDB specification "Bulk API". insert_many is a bulk write of inserts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import BulkWriteError, ConfigurationError, InvalidOperation, OperationFailure, WriteConcernError
from pymongo.write_concern import WriteConcern

from motor._pymongo import (
    Pipeline,
    copy_error_labels,
    validate_is_document_type,
    validate_ok_for_replace,
    validate_ok_for_update,
    write_concern_error_of,
)
from motor.driver.cmap.errors import reading
from motor.driver.execution.deployment import Deployment
from motor.driver.execution.execution import Execution
from motor.driver.execution.retries import check_retryable_writes
from motor.driver.garbage import CollectorPaused
from motor.driver.object_ids import ensure_id, is_raw
from motor.driver.operations.operation import Document, Target, refuse_unacknowledged
from motor.driver.operations.write_batch import WriteBatch
from motor.driver.sessions.session import Session
from motor.driver.statements import StatementEncoder
from motor.driver.wire.header import next_request_id

_TURN = 2000
"""How many documents get their ids before the event loop gets a turn: about two milliseconds of work."""

_UNORDERED_SEQUENCE = ("insert", "update", "delete")


@dataclass(slots=True)
class Run:
    """Statements of one kind, which may go out together; `positions` are their places in the application's list.

    `multi` are the places, in `statements`, of those that may write to several documents.
    """

    kind: str
    statements: list[Document] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    multi: list[int] = field(default_factory=list)


class Bulk:
    """A list of writes. PyMongo's request objects add themselves to it through the ``add_`` methods."""

    def __init__(
        self,
        target: Target,
        ordered: bool,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        let: Document | None = None,
    ) -> None:
        if let is not None:
            validate_is_document_type("let", let)
        self._target = target
        self._ordered = ordered
        self._bypass_document_validation = bypass_document_validation
        self._comment = comment
        self._let = let
        self._runs: list[Run] = []
        self._count = 0
        self._uses: set[str] = set()
        self._bulk_id = next_request_id()

    def add_insert(self, document: Document) -> None:
        """Insert `document`, which gets an ``_id`` if it has none."""
        ensure_id(document)
        self._append("insert", document, multi=False)

    async def add_inserts(self, documents: Sequence[Document]) -> list[Any]:
        """Insert `documents`; each gets an ``_id`` if it has none. The ids are the result, without those of BSON.

        There are turns for the event loop in between.
        """
        run = self._run_for("insert")
        ids: list[Any] = []
        for start in range(0, len(documents), _TURN):
            if start:
                await asyncio.sleep(0)
            piece = documents[start : start + _TURN]
            with CollectorPaused():
                for document in piece:
                    ensure_id(document)
            ids.extend(document["_id"] for document in piece if not is_raw(document))
            run.statements.extend(piece)
            run.positions.extend(range(self._count, self._count + len(piece)))
            self._count += len(piece)
        return ids

    def add_update(
        self,
        selector: Document,
        update: Document | Pipeline,
        multi: bool,
        upsert: bool | None,
        collation: Document | None = None,
        array_filters: list[Document] | None = None,
        hint: str | Document | None = None,
        sort: Document | None = None,
    ) -> None:
        """Update what `selector` matches."""
        validate_ok_for_update(update)
        statement: dict[str, Any] = {"q": selector, "u": update, "multi": multi}
        options = {"upsert": upsert, "collation": collation, "arrayFilters": array_filters, "hint": hint, "sort": sort}
        self._add("update", statement, multi, options)

    def add_replace(
        self,
        selector: Document,
        replacement: Document,
        upsert: bool | None,
        collation: Document | None = None,
        hint: str | Document | None = None,
        sort: Document | None = None,
    ) -> None:
        """Replace the first document that `selector` matches."""
        validate_ok_for_replace(replacement)
        statement: dict[str, Any] = {"q": selector, "u": replacement}
        self._add("update", statement, False, {"upsert": upsert, "collation": collation, "hint": hint, "sort": sort})

    def add_delete(
        self,
        selector: Document,
        limit: int,
        collation: Document | None = None,
        hint: str | Document | None = None,
    ) -> None:
        """Delete what `selector` matches: one document if `limit` is 1, all if it is 0."""
        self._add("delete", {"q": selector, "limit": limit}, limit == 0, {"collation": collation, "hint": hint})

    def _add(self, kind: str, statement: dict[str, Any], multi: bool, options: Mapping[str, Any]) -> None:
        for name, value in options.items():
            if value is not None:
                statement[name] = value
                self._uses.add(name)
        self._append(kind, statement, multi)

    def _append(self, kind: str, statement: Document, multi: bool) -> None:
        run = self._run_for(kind)
        if multi:
            run.multi.append(len(run.statements))
        run.statements.append(statement)
        run.positions.append(self._count)
        self._count += 1

    def _run_for(self, kind: str) -> Run:
        """Where a statement of `kind` goes: in order, or with its like."""
        candidates = self._runs[-1:] if self._ordered else self._runs
        for run in candidates:
            if run.kind == kind:
                return run
        run = Run(kind)
        self._runs.append(run)
        if not self._ordered:
            self._runs.sort(key=lambda run: _UNORDERED_SEQUENCE.index(run.kind))
        return run

    async def execute(self, deployment: Deployment, session: Session | None) -> dict[str, Any] | None:
        """Run all of it. The merged result; ``None`` for unacknowledged writes.

        Raises :class:`~pymongo.errors.BulkWriteError`, which says what was done and what was not.
        """
        self._prepare(session)
        session = session or Session()
        try:
            if not self._target.write_concern.acknowledged:
                await self._execute_unacknowledged(deployment, session)
                return None
            result = _empty_result()
            concern = self._target.write_concern
            await self._execute_runs(deployment, session, result, concern, concern)
        finally:
            if session.implicit:
                session.end()
        if result["writeErrors"] or result["writeConcernErrors"]:
            raise _bulk_write_error(result)
        return result

    def _prepare(self, session: Session | None) -> None:
        """Refuse a bulk write of nothing, and what `session` cannot be used for."""
        if not self._count:
            raise InvalidOperation("No operations to execute")
        if session is not None:
            if session.in_transaction:
                self._target = self._target.in_transaction(session.transaction.options)
            if not self._target.write_concern.acknowledged:
                refuse_unacknowledged(self._target.write_concern)

    async def _execute_unacknowledged(self, deployment: Deployment, session: Session) -> None:
        """Without a reply. An ordered bulk still has to stop at an error, so that all but its last write wait for
        theirs.
        """
        write_concern = self._target.write_concern
        refuse_without_reply(self._uses, self._bypass_document_validation is True)
        if not self._ordered:
            await self._execute_runs(deployment, session, _empty_result(), write_concern, write_concern)
            return
        with contextlib.suppress(OperationFailure):
            await self._execute_runs(deployment, session, _empty_result(), WriteConcern(), write_concern)

    async def _execute_runs(
        self,
        deployment: Deployment,
        session: Session,
        result: dict[str, Any],
        write_concern: WriteConcern,
        last: WriteConcern,
    ) -> None:
        for run in self._runs:
            final = last if run is self._runs[-1] else write_concern
            await self._execute_run(deployment, session, run, result, write_concern, final)
            if self._ordered and result["writeErrors"]:
                return

    async def _execute_run(
        self,
        deployment: Deployment,
        session: Session,
        run: Run,
        result: dict[str, Any],
        write_concern: WriteConcern,
        last: WriteConcern,
    ) -> None:
        options = self._options(run.kind)
        encoder = StatementEncoder(run.statements, self._target.codec_options, run.kind == "insert")
        offset = 0
        while offset < len(run.statements):
            concern = last if len(run.statements) - offset == 1 or write_concern is last else write_concern
            batch = WriteBatch(
                self._target,
                run.kind,
                run.statements,
                encoder,
                self._ordered,
                concern,
                options,
                self._target.write_concern.acknowledged,
                self._bulk_id,
                run.multi,
                "sort" in self._uses,
            )
            execution = Execution(batch, session)
            try:
                reply = await deployment.run(execution)
            except WriteConcernError as error:
                _merge(result, run, offset, batch.reply)
                failure = _bulk_write_error(result)
                copy_error_labels(error, failure)
                raise failure from error
            if concern.acknowledged:
                assert execution.server is not None
                with reading(execution.server.description.address):
                    _merge(result, run, offset, reply)
                if self._ordered and "writeErrors" in reply:
                    return
            offset = encoder.taken

    def _options(self, kind: str) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self._comment:
            options["comment"] = self._comment
        if self._bypass_document_validation is not None:
            options["bypassDocumentValidation"] = self._bypass_document_validation
        if self._let is not None and kind != "insert":
            options["let"] = self._let
        return options


def refuse_without_reply(uses: Collection[str], bypasses_validation: bool) -> None:
    """Raises for what an unacknowledged bulk write cannot have: the server could not say that it does not know it."""
    if "collation" in uses:
        raise ConfigurationError("Collation is unsupported for unacknowledged writes.")
    if "arrayFilters" in uses:
        raise ConfigurationError("arrayFilters is unsupported for unacknowledged writes.")
    if bypasses_validation:
        raise OperationFailure("Cannot set bypass_document_validation with unacknowledged write concern")


def _empty_result() -> dict[str, Any]:
    return {
        "writeErrors": [],
        "writeConcernErrors": [],
        "nInserted": 0,
        "nUpserted": 0,
        "nMatched": 0,
        "nModified": 0,
        "nRemoved": 0,
        "upserted": [],
    }


def _merge(result: dict[str, Any], run: Run, offset: int, reply: Mapping[str, Any]) -> None:
    """Add one command's reply to the result of the whole."""
    affected = reply.get("n", 0)
    if run.kind == "insert":
        result["nInserted"] += affected
    elif run.kind == "delete":
        result["nRemoved"] += affected
    else:
        upserted = reply.get("upserted") or []
        for document in upserted:
            document["index"] = run.positions[document["index"] + offset]
        result["upserted"].extend(upserted)
        result["nUpserted"] += len(upserted)
        result["nMatched"] += affected - len(upserted)
        result["nModified"] += reply["nModified"]
    for error in reply.get("writeErrors") or []:
        index = error["index"] + offset
        result["writeErrors"].append({**error, "index": run.positions[index], "op": run.statements[index]})
    write_concern_error = write_concern_error_of(reply)
    if write_concern_error:
        result["writeConcernErrors"].append(write_concern_error)


def _bulk_write_error(result: dict[str, Any]) -> BulkWriteError:
    result["writeErrors"].sort(key=lambda error: error["index"])
    if result["writeErrors"]:
        first = result["writeErrors"][0]
        check_retryable_writes(first.get("code"), first.get("errmsg"), result)
    return BulkWriteError(result)
