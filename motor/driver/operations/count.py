"""Counting: exactly, with an aggregation, or from the collection's metadata, with count."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import ConfigurationError

from motor._pymongo import validate_collation_or_none
from motor.driver.codes import NAMESPACE_NOT_FOUND
from motor.driver.operations.operation import (
    Command,
    Document,
    ReadOperation,
    Target,
    add_read_concern,
    hint_document,
)
from motor.driver.operations.reply import Reply, read_batch
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class CountDocuments(ReadOperation[int]):
    """Count the documents that match a filter."""

    target: Target
    filter: Document
    options: MutableMapping[str, Any]
    comment: Any = None

    name = "aggregate"
    allowable_errors = (NAMESPACE_NOT_FOUND,)
    raises_write_concern_error = True

    def prepare(self) -> None:
        """Check the options."""
        options = self.options
        if "hint" in options:
            options["hint"] = hint_document(options["hint"])
        if "collation" in options:
            options["collation"] = validate_collation_or_none(options["collation"])
            if options["collation"] is None:
                del options["collation"]

    def command(self, facts: ServerFacts) -> Command:
        """An aggregate that counts, after skip and limit."""
        options = dict(self.options)
        pipeline: list[Document] = [{"$match": self.filter}]
        if "skip" in options:
            pipeline.append({"$skip": options.pop("skip")})
        if "limit" in options:
            pipeline.append({"$limit": options.pop("limit")})
        pipeline.append({"$group": {"_id": 1, "n": {"$sum": 1}}})
        command: Command = {"aggregate": self.target.collection, "pipeline": pipeline, "cursor": {}, **options}
        if self.comment is not None:
            command["comment"] = self.comment
        add_read_concern(command, self.target.read_concern)
        return command

    def result(self, reply: Reply) -> int:
        """The count; zero for a collection that is not there."""
        batch: Any = read_batch(reply).documents if "cursor" in reply.document else None
        return batch[0]["n"] if batch else 0


@dataclass(slots=True, repr=False)
class EstimatedDocumentCount(ReadOperation[int]):
    """How many documents the collection's metadata says there are."""

    target: Target
    options: MutableMapping[str, Any]
    comment: Any = None

    name = "count"
    raises_write_concern_error = True

    def prepare(self) -> None:
        """Refuse what the command cannot do."""
        if "session" in self.options:
            raise ConfigurationError("estimated_document_count does not support sessions")

    def command(self, facts: ServerFacts) -> Command:
        """``{count: <collection>}``."""
        command: Command = {"count": self.target.collection, **self.options}
        if self.comment is not None:
            command["comment"] = self.comment
        add_read_concern(command, self.target.read_concern)
        return command

    def result(self, reply: Reply) -> int:
        """The estimate."""
        return int(reply.document["n"])
