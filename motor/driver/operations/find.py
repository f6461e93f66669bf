"""find: the query that opens a cursor, or fetches one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bson.codec_options import CodecOptions
from pymongo.errors import InvalidOperation

from motor._pymongo import QUERY_OPTIONS
from motor.driver.operations.operation import (
    CURSOR_FIELDS,
    Command,
    Document,
    ReadOperation,
    Target,
    add_read_concern,
    read_cursor,
)
from motor.driver.server_facts import ServerFacts

EXHAUST = QUERY_OPTIONS["exhaust"]

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

    def set_option(self, name: str, value: Any, given: object) -> None:
        """Set an option of the command, or take it away if it is not `given`."""
        if given:
            self.options[name] = value
        else:
            self.options.pop(name, None)

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
class Find(ReadOperation[dict[str, Any]]):
    """Open a cursor: the result is the reply's ``cursor`` document."""

    target: Target
    query: Query

    name = "find"
    reply_fields: ClassVar[Mapping[str, Any] | None] = CURSOR_FIELDS

    @property
    def reply_codec(self) -> CodecOptions[Any]:
        """The user's: the batch holds the user's documents."""
        return self.target.codec_options

    def prepare(self) -> None:
        """Refuse bounds of an index without the index."""
        options = self.query.options
        if options and ("min" in options or "max" in options) and "hint" not in options:
            raise InvalidOperation(
                "Passing a 'hint' is required when using the min/max query option to ensure the query utilizes "
                "the correct index"
            )

    def command(self, facts: ServerFacts) -> Command:
        """The find command."""
        old_mongos = facts.is_mongos and facts.max_wire_version < _MONGOS_EXHAUST_VERSION
        if old_mongos and self.query.flags & EXHAUST:
            raise InvalidOperation("Exhaust cursors require MongoDB 7.1+ when connected to mongos.")
        return self.query.command(self.target)

    def result(self, reply: dict[str, Any]) -> dict[str, Any]:
        """The ``cursor`` document."""
        return read_cursor(reply)


class FindRaw(Find):
    """Open a cursor whose batches stay BSON."""

    __slots__ = ()

    raw = True


class FindOne(Find):
    """Fetch the first document that matches, or ``None``."""

    __slots__ = ()

    reply_fields = {"cursor": {"firstBatch": 1}}  # noqa: RUF012  # never changed; no cursor is opened

    def result(self, reply: dict[str, Any]) -> Any:
        """The document."""
        batch = reply["cursor"]["firstBatch"]
        return batch[0] if batch else None


class Explain(Find):
    """How the server would run the query."""

    __slots__ = ()

    name = "explain"
    reply_fields = None
    # It takes no read concern.
    is_causal = False

    def command(self, facts: ServerFacts) -> Command:
        """``{explain: {find: ...}}``."""
        return {"explain": self.query.command(self.target)}

    def result(self, reply: dict[str, Any]) -> dict[str, Any]:
        """The whole reply."""
        return reply
