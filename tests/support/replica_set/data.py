"""What the members of a scripted deployment hold: documents with their history, and every statement ever applied.

The data are one for all members. A member that lags sees them as they were that long ago. Writes are remembered by
session and transaction number, so that a retried one is answered without being applied again, and each application is
written down, so that a test can say how often it happened.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.timestamp import Timestamp

from tests.support.replica_set.errors import DUPLICATE_KEY, FAILED_TO_PARSE, TRANSACTION_TOO_OLD, CommandError

Document = dict[str, Any]
STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes"}


@dataclass(frozen=True)
class Applied:
    """A statement that was applied: an insert's document, or one of the updates or deletes of a command."""

    command: str
    namespace: str
    statement: Document
    member: str
    lsid: Document | None
    txn_number: int | None
    time: Timestamp

    @property
    def id(self) -> Any:
        """The ``_id`` that it names, if it names one."""
        return (self.statement if self.command == "insert" else self.statement["q"]).get("_id")


@dataclass
class _Outcome:
    n: int = 0
    modified: int = 0
    upserted: Any = None


@dataclass
class _Session:
    """The latest retryable write of a session, what came of each of its statements, and its committed transactions."""

    txn_number: int = -1
    outcomes: dict[int, _Outcome] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)


class Data:
    """Collections by namespace; a document has an entry for each time that it was changed, ``None`` when deleted."""

    def __init__(self) -> None:
        self.applied: list[Applied] = []
        self._collections: dict[str, dict[bytes, list[tuple[Timestamp, Document | None]]]] = {}
        self._sessions: dict[bytes, _Session] = {}
        self._times = [Timestamp(int(time.time()), 1)]
        # The data that are there in the beginning have been there for ever, for a member with any lag.
        self._moments = [float("-inf")]

    @property
    def time(self) -> Timestamp:
        """The time of the last write."""
        return self._times[-1]

    def time_at(self, moment: float) -> Timestamp:
        """The time of the last write that was there at a `moment` of the monotonic clock."""
        return self._times[bisect.bisect_right(self._moments, moment) - 1]

    def times_applied(self, command: str, document_id: Any) -> int:
        """How often a `command`'s statement for the document with that ``_id`` was applied."""
        return sum(applied.command == command and applied.id == document_id for applied in self.applied)

    def documents(self, namespace: str, as_of: Timestamp | None = None) -> list[Document]:
        """All documents of a collection, in the order in which they first came."""
        return list(self.find(namespace, {}, as_of or self.time))

    def find(self, namespace: str, condition: Document, as_of: Timestamp) -> Iterator[Document]:
        """The documents that meet `condition`, as they were."""
        for versions in self._matching(namespace, condition):
            document = next((document for when, document in reversed(versions) if when <= as_of), None)
            if document is not None:
                yield document

    def drop(self, chosen: Callable[[str], bool]) -> None:
        """Forget the `chosen` namespaces."""
        for namespace in [namespace for namespace in self._collections if chosen(namespace)]:
            del self._collections[namespace]

    def write(self, command: Document, namespace: str, member: str) -> Document:
        """Apply the statements of an insert, update or delete command, or remember what came of them."""
        name = next(iter(command))
        lsid, txn_number = command.get("lsid"), command.get("txnNumber")
        outcomes = self._remembered(lsid, txn_number)
        reply: Document = {"n": 0}
        if name == "update":
            reply["nModified"] = 0
        for index, statement in enumerate(command[STATEMENTS[name]]):
            if index in outcomes:
                outcome = outcomes[index]
                reply.setdefault("retriedStmtIds", []).append(index)
            else:
                try:
                    outcome = self._apply(name, namespace, statement)
                except CommandError as error:
                    failed = {"index": index, "code": error.code, "errmsg": error.message}
                    reply.setdefault("writeErrors", []).append(failed)
                    if command.get("ordered", True):
                        break
                    continue
                outcomes[index] = outcome
                self.applied.append(Applied(name, namespace, statement, member, lsid, txn_number, self.time))
            reply["n"] += outcome.n
            if name == "update":
                reply["nModified"] += outcome.modified
            if outcome.upserted is not None:
                reply.setdefault("upserted", []).append({"index": index, "_id": outcome.upserted})
        return reply

    def start_transaction(self, session_id: bytes, txn_number: int) -> None:
        """Raises CommandError if the session has a newer one, or has used that number already."""
        session = self._sessions.setdefault(session_id, _Session())
        if txn_number <= session.txn_number:
            raise CommandError(TRANSACTION_TOO_OLD)
        session.txn_number, session.outcomes = txn_number, {}

    def commit_transaction(self, session_id: bytes, txn_number: int) -> None:
        """Remember that it was."""
        self._sessions[session_id].committed.add(txn_number)

    def is_committed(self, session_id: bytes, txn_number: int) -> bool:
        """Whether the transaction was committed, on whichever member."""
        return session_id in self._sessions and txn_number in self._sessions[session_id].committed

    def _remembered(self, lsid: Document | None, txn_number: int | None) -> dict[int, _Outcome]:
        if txn_number is None:
            return {}
        assert lsid is not None, "a txnNumber without an lsid"
        session = self._sessions.setdefault(bytes(lsid["id"]), _Session())
        if txn_number < session.txn_number:
            raise CommandError(TRANSACTION_TOO_OLD)
        if txn_number > session.txn_number:
            session.txn_number, session.outcomes = txn_number, {}
        return session.outcomes

    def _apply(self, name: str, namespace: str, statement: Document) -> _Outcome:
        if name == "insert":
            if next(self.find(namespace, {"_id": statement["_id"]}, self.time), None) is not None:
                found = f"{namespace} index: _id_ dup key: {{ _id: {statement['_id']!r} }}"
                raise CommandError(DUPLICATE_KEY, f"E11000 duplicate key error collection: {found}")
            self._store(namespace, statement["_id"], statement)
            return _Outcome(1)
        found_documents = list(self.find(namespace, statement["q"], self.time))
        if name == "delete":
            deleted = found_documents[: statement["limit"] or None]
            for document in deleted:
                self._store(namespace, document["_id"], None)
            return _Outcome(len(deleted))
        return self._update(namespace, statement, found_documents)

    def _update(self, namespace: str, statement: Document, found: Sequence[Document]) -> _Outcome:
        if not found and statement.get("upsert"):
            document_id = statement["q"].get("_id", bson.ObjectId())
            self._store(namespace, document_id, _changed({"_id": document_id}, statement["u"]))
            return _Outcome(1, 0, document_id)
        outcome = _Outcome()
        for document in found if statement.get("multi") else found[:1]:
            changed = _changed(document, statement["u"])
            outcome.n += 1
            if changed != document:
                outcome.modified += 1
                self._store(namespace, document["_id"], changed)
        return outcome

    def _matching(self, namespace: str, condition: Document) -> list[list[tuple[Timestamp, Document | None]]]:
        collection = self._collections.get(namespace, {})
        if not condition:
            return list(collection.values())
        value = condition.get("_id")
        if list(condition) != ["_id"] or (isinstance(value, Mapping) and any(name[:1] == "$" for name in value)):
            raise CommandError(FAILED_TO_PARSE, f"the script finds by _id or everything, not by {condition!r}")
        return [collection[key]] if (key := _key(value)) in collection else []

    def _store(self, namespace: str, document_id: Any, document: Document | None) -> None:
        latest, now = self.time, int(time.time())
        self._times.append(Timestamp(now, 1) if now > latest.time else Timestamp(latest.time, latest.inc + 1))
        self._moments.append(time.monotonic())
        versions = self._collections.setdefault(namespace, {}).setdefault(_key(document_id), [])
        versions.append((self.time, document))


def _key(document_id: Any) -> bytes:
    return bson.encode({"": document_id})


def _changed(document: Document, update: Any) -> Document:
    if not isinstance(update, dict) or any("." in name for values in update.values() for name in _names(values)):
        raise CommandError(FAILED_TO_PARSE, f"the script cannot update with {update!r}")
    if not any(name.startswith("$") for name in update):
        return {"_id": document["_id"], **update}
    changed = dict(document)
    for operator, values in update.items():
        for name, value in values.items():
            if operator == "$set":
                changed[name] = value
            elif operator == "$inc":
                changed[name] = changed.get(name, 0) + value
            else:
                raise CommandError(FAILED_TO_PARSE, f"the script knows $set and $inc, not {operator}")
    return changed


def _names(values: Any) -> Sequence[str]:
    return list(values) if isinstance(values, dict) else ()
