"""distinct: the different values of one field."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import ConfigurationError

from motor._pymongo import CollationIn, validate_collation_or_none
from motor.driver.operations.operation import (
    Command,
    Document,
    ReadOperation,
    Target,
    add_read_concern,
    hint_document,
)
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class Distinct(ReadOperation[list[Any]]):
    """The distinct values of `key` among the documents that match."""

    target: Target
    key: str
    filter: Document | None
    options: MutableMapping[str, Any]
    comment: Any = None
    hint: Any = None
    collation: CollationIn | None = None

    name = "distinct"
    user_fields = {"values": 1}  # noqa: RUF012  # never changed
    raises_write_concern_error = True

    def prepare(self) -> None:
        """Check the arguments."""
        if not isinstance(self.key, str):
            raise TypeError(f"key must be an instance of str, not {type(self.key)}")
        if self.filter is not None:
            if "query" in self.options:
                raise ConfigurationError("can't pass both filter and query")
            self.options["query"] = self.filter
        self.collation = validate_collation_or_none(self.options.pop("collation", self.collation))
        self.hint = hint_document(self.hint)

    def command(self, facts: ServerFacts) -> Command:
        """``{distinct: <collection>, key: <key>, query: <filter>}``."""
        command: Command = {"distinct": self.target.collection, "key": self.key, **self.options}
        if self.comment is not None:
            command["comment"] = self.comment
        if self.hint is not None:
            command["hint"] = self.hint
        add_read_concern(command, self.target.read_concern)
        if self.collation is not None:
            command["collation"] = self.collation
        return command

    def result(self, reply: Reply) -> list[Any]:
        """The values."""
        values: list[Any] = reply.document["values"]
        return values
