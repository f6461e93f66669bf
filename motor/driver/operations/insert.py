"""insert, of one document."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.results import InsertOneResult

from motor._pymongo import check_write_command_response, validate_is_document_type
from motor.driver.cmap.connection import Connection
from motor.driver.operations.operation import Command, Document, Operation, Target, add_write_concern


def ensure_id(document: MutableMapping[str, Any] | RawBSONDocument) -> None:
    """Give `document` an ``_id`` if it has none. Raises TypeError if it is no document at all."""
    validate_is_document_type("document", document)
    if not isinstance(document, RawBSONDocument) and "_id" not in document:
        document["_id"] = ObjectId()


def id_first(document: Document) -> Document:
    """`document` with its ``_id`` in front, where the server wants it."""
    if isinstance(document, RawBSONDocument) or next(iter(document)) == "_id":
        return document
    return {"_id": document["_id"], **document}


@dataclass(slots=True)
class InsertOne(Operation[InsertOneResult]):
    """Insert one document; its ``_id`` is the result."""

    target: Target
    document: MutableMapping[str, Any] | RawBSONDocument
    bypass_document_validation: bool | None = None
    comment: Any = None

    name = "insert"

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.target.write_concern.acknowledged

    def prepare(self) -> None:
        """Check the document, and give it an id."""
        ensure_id(self.document)

    def command(self, connection: Connection) -> Command:
        """``{insert: <collection>, documents: [<document>]}``."""
        command: Command = {"insert": self.target.collection, "ordered": True, "documents": [id_first(self.document)]}
        if self.comment is not None:
            command["comment"] = self.comment
        if self.bypass_document_validation is not None:
            command["bypassDocumentValidation"] = self.bypass_document_validation
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: dict[str, Any]) -> InsertOneResult:
        """Raises a write error, or returns the id."""
        check_write_command_response(reply)
        inserted_id = None if isinstance(self.document, RawBSONDocument) else self.document["_id"]
        return InsertOneResult(inserted_id, self.acknowledged)
