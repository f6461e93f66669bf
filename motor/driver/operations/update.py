"""update, of one document or many, with operators, a pipeline or a replacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.errors import ConfigurationError
from pymongo.results import UpdateResult

from motor._pymongo import (
    CollationIn,
    Pipeline,
    check_write_command_response,
    validate_boolean,
    validate_collation_or_none,
    validate_is_mapping,
    validate_list_or_none,
    validate_ok_for_replace,
    validate_ok_for_update,
)
from motor.driver.operations.operation import (
    Command,
    Document,
    Operation,
    Target,
    add_write_concern,
    hint_document,
    require_acknowledged,
)
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts

_SORT_WIRE_VERSION = 25
"""MongoDB 8.0, the first that sorts in an update."""


def check_unacknowledged_sort(facts: ServerFacts) -> None:
    """Raises ConfigurationError for a server that would ignore the sort order, and not say so."""
    if facts.max_wire_version < _SORT_WIRE_VERSION:
        raise ConfigurationError("Must be connected to MongoDB 8.0+ to use sort on unacknowledged update commands.")


@dataclass(slots=True, repr=False)
class Update(Operation[UpdateResult]):
    """Update or replace what a filter matches: the first document (in sort order), or all if `multi`."""

    target: Target
    filter: Document
    update: Document | Pipeline
    replacement: bool = False
    multi: bool = False
    upsert: bool = False
    bypass_document_validation: bool | None = None
    collation: CollationIn | None = None
    array_filters: Sequence[Mapping[str, Any]] | None = None
    hint: Any = None
    let: Document | None = None
    sort: Document | None = None
    comment: Any = None

    name = "update"
    is_causal = True

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice."""
        return self.acknowledged and not self.multi

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.target.write_concern.acknowledged

    def prepare(self) -> None:
        """Check the arguments."""
        validate_is_mapping("filter", self.filter)
        if self.replacement:
            validate_ok_for_replace(self.update)  # type: ignore[arg-type]  # it is the check
        else:
            validate_ok_for_update(self.update)
            validate_list_or_none("array_filters", self.array_filters)
        validate_boolean("upsert", self.upsert)
        self.collation = validate_collation_or_none(self.collation)
        require_acknowledged("Collation", self.collation, self.acknowledged)
        require_acknowledged("arrayFilters", self.array_filters, self.acknowledged)
        self.hint = hint_document(self.hint)
        if self.sort is not None:
            validate_is_mapping("sort", self.sort)
        if self.let is not None:
            validate_is_mapping("let", self.let)

    def command(self, facts: ServerFacts) -> Command:
        """``{update: <collection>, updates: [{q, u, multi, upsert, ...}]}``."""
        statement: dict[str, Any] = {
            "q": self.filter,
            "u": self.update,
            "multi": self.multi,
            "upsert": self.upsert,
        }
        if self.collation is not None:
            statement["collation"] = self.collation
        if self.array_filters is not None:
            statement["arrayFilters"] = self.array_filters
        if self.hint is not None:
            statement["hint"] = self.hint
        if self.sort is not None:
            if not self.acknowledged:
                check_unacknowledged_sort(facts)
            statement["sort"] = self.sort
        command: Command = {"update": self.target.collection, "ordered": True, "updates": [statement]}
        if self.let is not None:
            command["let"] = self.let
        if self.comment is not None:
            command["comment"] = self.comment
        if self.bypass_document_validation is not None:
            command["bypassDocumentValidation"] = self.bypass_document_validation
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: Reply) -> UpdateResult:
        """Raises a write error, or returns the counts and the id of what was upserted."""
        if not self.acknowledged:
            return UpdateResult(None, False)
        document = reply.document
        check_write_command_response(document)
        upserted = document.get("upserted")
        # A copy: the reply itself may have been shown to a listener.
        document = {**document, "updatedExisting": bool(document.get("n")) and upserted is None}
        if upserted is not None:
            document["upserted"] = upserted[0]["_id"]
        return UpdateResult(document, True)
