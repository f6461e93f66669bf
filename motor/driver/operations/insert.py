"""insert, of one document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.results import InsertOneResult

from motor._pymongo import check_write_command_response
from motor.driver.object_ids import ensure_id, id_first, is_raw
from motor.driver.operations.operation import Command, Document, Operation, Target, add_write_concern
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class InsertOne(Operation[InsertOneResult]):
    """Insert one document; its ``_id`` is the result."""

    target: Target
    document: Document
    bypass_document_validation: bool | None = None
    comment: Any = None

    name = "insert"
    is_causal = True

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice."""
        return self.acknowledged

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.target.write_concern.acknowledged

    def prepare(self) -> None:
        """Check the document, and give it an id."""
        ensure_id(self.document)

    def command(self, facts: ServerFacts) -> Command:
        """``{insert: <collection>, documents: [<document>]}``."""
        command: Command = {"insert": self.target.collection, "ordered": True, "documents": [id_first(self.document)]}
        if self.comment is not None:
            command["comment"] = self.comment
        if self.bypass_document_validation is not None:
            command["bypassDocumentValidation"] = self.bypass_document_validation
        add_write_concern(command, self.target.write_concern)
        return command

    def described(self, command: Command) -> Command:
        """The command with the document as the application gave it."""
        return {**command, "documents": [self.document]}

    def result(self, reply: Reply) -> InsertOneResult:
        """Raises a write error, or returns the id."""
        check_write_command_response(reply.document)
        inserted_id = None if is_raw(self.document) else self.document["_id"]
        return InsertOneResult(inserted_id, self.acknowledged)
