"""find: the query that opens a cursor, or fetches one document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import InvalidOperation

from motor._pymongo import QUERY_OPTIONS
from motor.driver.operations.operation import (
    Command,
    CursorPlan,
    Document,
    ReadOperation,
    Result,
    Target,
    add_read_concern,
)
from motor.driver.operations.reply import Batch, Reply, read_batch
from motor.driver.server_facts import ServerFacts

EXHAUST = QUERY_OPTIONS["exhaust"]

_TAILABLE = QUERY_OPTIONS["tailable_cursor"]

_MONGOS_EXHAUST_VERSION = 22
"""MongoDB 7.1, whose mongos is the first to stream a cursor's batches."""

_FLAG_OPTIONS = {
    "tailable": QUERY_OPTIONS["tailable_cursor"],
    "oplogReplay": QUERY_OPTIONS["oplog_replay"],
    "noCursorTimeout": QUERY_OPTIONS["no_timeout"],
    "awaitData": QUERY_OPTIONS["await_data"],
    "allowPartialResults": QUERY_OPTIONS["partial"],
}

# The operators that a filter may be wrapped with, as in the days of OP_QUERY, and what they are called in a find
# command.
_MODIFIERS = {
    "$query": "filter",
    "$orderby": "sort",
    "$hint": "hint",
    "$comment": "comment",
    "$maxScan": "maxScan",
    "$maxTimeMS": "maxTimeMS",
    "$max": "max",
    "$min": "min",
    "$returnKey": "returnKey",
    "$showRecordId": "showRecordId",
    "$showDiskLoc": "showRecordId",
    "$snapshot": "snapshot",
}


@dataclass(slots=True)
class Query:
    """What is asked for. `options` are the find command's own fields, by the names that the command has for them."""

    filter: Document
    skip: int = 0
    limit: int = 0
    batch_size: int = 0
    flags: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    max_await_time_ms: int | None = None

    def set_option(self, name: str, value: Any, given: object) -> None:
        """Set an option of the command, or take it away if it is not `given`."""
        if given:
            self.options[name] = value
        else:
            self.options.pop(name, None)

    def check(self) -> None:
        """Raises InvalidOperation for an exhaust cursor with a limit: the server would not know when to stop."""
        if self.flags & EXHAUST and self.limit:
            raise InvalidOperation("Can't use limit and exhaust together.")

    def command(self, target: Target) -> Command:
        """``{find: <collection>, filter: ..., ...}``: only what was asked for."""
        command: Command = {"find": target.collection, "filter": self.filter}
        if "$query" in self.filter:
            command = self._unwrapped(target)
        if self.options:
            command.update(self.options)
        if self.skip:
            command["skip"] = self.skip
        if self.limit:
            command["limit"] = abs(self.limit)
            if self.limit < 0:
                command["singleBatch"] = True
        if self.batch_size:
            # One more than the limit, so that the server closes the cursor with its first batch.
            command["batchSize"] = self.batch_size + 1 if self.batch_size == self.limit else self.batch_size
        add_read_concern(command, target.read_concern)
        if self.flags:
            command.update((name, True) for name, flag in _FLAG_OPTIONS.items() if self.flags & flag)
        return command

    def _unwrapped(self, target: Target) -> Command:
        command: Command = {"find": target.collection}
        command.update((_MODIFIERS.get(name, name), value) for name, value in self.filter.items())
        command.pop("$explain", None)
        command.pop("$readPreference", None)
        return command


@dataclass(slots=True, repr=False)
class QueryOperation(ReadOperation[Result]):
    """A command that is about a query."""

    target: Target
    query: Query

    name = "find"

    def prepare(self) -> None:
        """Refuse bounds of an index without the index."""
        options = self.query.options
        if ("min" in options or "max" in options) and "hint" not in options:
            raise InvalidOperation(
                "Passing a 'hint' is required when using the min/max query option to ensure the query utilizes "
                "the correct index"
            )

    def command(self, facts: ServerFacts) -> Command:
        """The find command."""
        return self.query.command(self.target)


class Find(QueryOperation[Batch]):
    """Open a cursor: the result is its first batch."""

    __slots__ = ()

    opens_cursor = True
    returns_batch = True

    def command(self, facts: ServerFacts) -> Command:
        """The find command. Raises InvalidOperation for an exhaust cursor on a mongos that has none."""
        old_mongos = facts.is_mongos and facts.max_wire_version < _MONGOS_EXHAUST_VERSION
        if old_mongos and self.query.flags & EXHAUST:
            raise InvalidOperation("Exhaust cursors require MongoDB 7.1+ when connected to mongos.")
        return self.query.command(self.target)

    def cursor_plan(self) -> CursorPlan:
        """As the query says."""
        query = self.query
        return CursorPlan(
            query.limit,
            query.batch_size,
            query.max_await_time_ms,
            query.options.get("comment"),
            tailable=bool(query.flags & _TAILABLE),
            exhaust=bool(query.flags & EXHAUST),
        )

    def result(self, reply: Reply) -> Batch:
        """The first batch."""
        return read_batch(reply)


class FindRaw(Find):
    """Open a cursor whose batches stay BSON."""

    __slots__ = ()

    raw = True


class FindOne(QueryOperation[Any]):
    """Fetch the first document that matches, or ``None``."""

    __slots__ = ()

    user_fields = {"cursor": {"firstBatch": 1}}  # noqa: RUF012  # never changed

    def prepare(self) -> None:
        """Ask for one document, and for no cursor."""
        query = self.query
        query.limit = -1
        if query.flags:
            query.check()
        if query.options:
            QueryOperation.prepare(self)

    def result(self, reply: Reply) -> Any:
        """The document."""
        documents = reply.document["cursor"]["firstBatch"]
        return documents[0] if documents else None


class Explain(QueryOperation[Result]):
    """An explain of the query."""

    __slots__ = ()

    name = "explain"
    # It takes no read concern.
    is_causal = False

    def command(self, facts: ServerFacts) -> Command:
        """``{explain: {find: ...}}``."""
        return {"explain": self.query.command(self.target)}


class ExplainQuery(Explain[dict[str, Any]]):
    """How the server would run the query."""

    __slots__ = ()

    def result(self, reply: Reply) -> dict[str, Any]:
        """The whole reply."""
        return reply.document


class ExplainAsFind(Explain[Batch]):
    """The same for a filter with ``$explain``, as in the days of OP_QUERY: it is the only document of a cursor."""

    __slots__ = ()

    def result(self, reply: Reply) -> Batch:
        """A batch of one."""
        return Batch(0, [reply.document], self.target.namespace)
