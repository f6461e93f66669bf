"""delete, of one document or many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.results import DeleteResult

from motor._pymongo import (
    CollationIn,
    check_write_command_response,
    validate_collation_or_none,
    validate_is_document_type,
    validate_is_mapping,
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


@dataclass(slots=True, repr=False)
class Delete(Operation[DeleteResult]):
    """Delete what a filter matches: one document, or all if `multi`."""

    target: Target
    filter: Document
    multi: bool = False
    collation: CollationIn | None = None
    hint: Any = None
    let: Document | None = None
    comment: Any = None

    name = "delete"
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
        self.collation = validate_collation_or_none(self.collation)
        require_acknowledged("Collation", self.collation, self.acknowledged)
        self.hint = hint_document(self.hint)
        if self.let is not None:
            validate_is_document_type("let", self.let)

    def command(self, facts: ServerFacts) -> Command:
        """``{delete: <collection>, deletes: [{q, limit, ...}]}``."""
        statement: dict[str, Any] = {"q": self.filter, "limit": 0 if self.multi else 1}
        if self.collation is not None:
            statement["collation"] = self.collation
        if self.hint is not None:
            statement["hint"] = self.hint
        command: Command = {"delete": self.target.collection, "ordered": True, "deletes": [statement]}
        if self.let is not None:
            command["let"] = self.let
        if self.comment is not None:
            command["comment"] = self.comment
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: Reply) -> DeleteResult:
        """Raises a write error, or returns the count."""
        check_write_command_response(reply.document)
        return DeleteResult(reply.document, self.acknowledged)
