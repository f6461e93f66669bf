"""bulkWrite: writes to any number of collections in one command. Source: the MongoDB specification "Bulk Write"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import InvalidOperation, WriteConcernError

from motor._pymongo import RETRYABLE_ERROR_CODES, write_concern_error_of
from motor.driver.operations.operation import (
    CURSOR_FIELDS,
    Command,
    Document,
    Operation,
    Target,
    add_write_concern,
    read_cursor,
)
from motor.driver.server_facts import ServerFacts
from motor.driver.wire.op_msg import DocumentSequence

WIRE_VERSION = 25
"""MongoDB 8.0, the first that has the command."""


@dataclass(slots=True, repr=False)
class BulkWrite(Operation[dict[str, Any]]):
    """As many of the writes as go into one message; the result is the ``cursor`` document, over what each one did.

    `writes` and `namespaces` are the documents, encoded in the sequences; `repeats` says that it would be sent again.
    """

    target: Target
    writes: Sequence[Document]
    namespaces: Sequence[Document]
    encoded: Sequence[DocumentSequence]
    options: Mapping[str, Any]
    bulk_id: int
    multi: bool
    repeats: bool = False
    reply: dict[str, Any] = field(default_factory=dict)

    name = "bulkWrite"
    reply_fields = CURSOR_FIELDS
    is_causal = True
    is_batch = True

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.target.write_concern.acknowledged

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice: not if one of the writes is to several documents."""
        return self.acknowledged and not self.multi

    @property
    def operation_id(self) -> int:
        """The whole bulk write's."""
        return self.bulk_id

    def command(self, facts: ServerFacts) -> Command:
        """``{bulkWrite: 1}`` without the writes: they follow as document sequences."""
        check_supported(facts.max_wire_version)
        command: Command = {"bulkWrite": 1, **self.options}
        add_write_concern(command, self.target.write_concern)
        return command

    def sequences(self, facts: ServerFacts, room: int) -> Sequence[DocumentSequence]:
        """The writes, and the namespaces that they refer to."""
        return self.encoded

    def described(self, command: Command) -> Command:
        """The command as monitoring shows it: with its writes."""
        return {**command, "ops": self.writes, "nsInfo": self.namespaces}

    def result(self, reply: dict[str, Any]) -> dict[str, Any]:
        """The ``cursor`` document. Raises a write concern error that sending it again may mend."""
        self.reply = reply
        error = write_concern_error_of(reply)
        if self.repeats and error and error.get("code") in RETRYABLE_ERROR_CODES:
            raise WriteConcernError(error["errmsg"], error["code"], error)
        return read_cursor(reply) if "cursor" in reply else {"id": 0, "firstBatch": []}


def check_supported(wire_version: int) -> None:
    """Raises InvalidOperation for a server that does not have the command."""
    if wire_version < WIRE_VERSION:
        raise InvalidOperation("MongoClient.bulk_write requires MongoDB server version 8.0+.")
