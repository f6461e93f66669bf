"""insert, update and delete of many statements in one command: a batch of a bulk write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pymongo.errors import DocumentTooLarge, WriteConcernError
from pymongo.write_concern import WriteConcern

from motor._pymongo import RETRYABLE_ERROR_CODES, write_concern_error_of
from motor.driver.operations.operation import (
    STATEMENTS_FIELD,
    Command,
    Document,
    Operation,
    Target,
    add_write_concern,
    document_too_large,
)
from motor.driver.operations.reply import Reply
from motor.driver.operations.update import check_unacknowledged_sort
from motor.driver.server_facts import ServerFacts
from motor.driver.statements import StatementEncoder
from motor.driver.wire.op_msg import DocumentSequence

_MAX_SIZE_TO_ENCRYPT = 2 * 1024 * 1024
"""Source: the MongoDB specification "Client Side Encryption"."""


@dataclass(slots=True, repr=False)
class WriteBatch(Operation[dict[str, Any]]):
    """As many statements as the server takes in one message; the result is the reply.

    `statements` are all that the application gave for this kind of write; `encoder` knows how many of them are sent.
    `multi` are the places of those that may write to several documents; `sorts` says whether any of the whole bulk
    write does.
    """

    target: Target
    name: str
    statements: Sequence[Document]
    encoder: StatementEncoder
    ordered: bool
    write_concern: WriteConcern
    options: dict[str, Any]
    part_of_acknowledged: bool
    bulk_id: int
    multi: Sequence[int] = ()
    sorts: bool = False
    reply: dict[str, Any] = field(default_factory=dict)
    _first: int = 0
    _repeatable: bool = True
    _sequence: DocumentSequence | None = None

    is_causal = True
    has_sequences = True

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.write_concern.acknowledged

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice: not if it may hold a statement that writes to several documents."""
        return self.acknowledged and self.part_of_acknowledged and self._repeatable

    @property
    def operation_id(self) -> int:
        """The bulk write's."""
        return self.bulk_id

    @property
    def has_session(self) -> bool:
        """Not in a bulk write that is unacknowledged as a whole, also if this part of it has to wait for its reply."""
        return self.part_of_acknowledged

    async def encode_ahead(self, facts: ServerFacts) -> None:
        """Encode as many statements as the server takes. Raises what the BSON encoder raises."""
        if self._sequence is None:
            first = self.encoder.taken
            self._repeatable = not any(first <= place < first + facts.max_write_batch_size for place in self.multi)
            await self.encoder.fill(facts.max_write_batch_size, facts.max_message_size)

    def command(self, facts: ServerFacts) -> Command:
        """The command without its statements: they follow as a document sequence.

        Raises ConfigurationError for what the server could not say that it does not know.
        """
        if self.sorts and not self.part_of_acknowledged:
            check_unacknowledged_sort(facts)
        command: Command = {self.name: self.target.collection, "ordered": self.ordered, **self.options}
        add_write_concern(command, self.write_concern)
        return command

    def sequences(self, facts: ServerFacts, room: int) -> Sequence[DocumentSequence]:
        """Those of the statements that fit into `room` bytes of a message and into the server's batch size.

        Sent again, the batch is the same: the server tells by their places which statements it has seen. Raises
        :class:`~pymongo.errors.DocumentTooLarge` if not even the first fits; an unacknowledged write raises it for any
        that is too large for the server, which could not say so.
        """
        return self._taken(facts, facts.max_write_batch_size, room)

    def sequences_to_encrypt(self, facts: ServerFacts) -> Sequence[DocumentSequence]:
        """Those of the statements that are encrypted together, which makes them longer: no more than 2 MiB of them.

        A statement that is larger goes alone.
        """
        if self._sequence is None and self.encoder.first_size() > _MAX_SIZE_TO_ENCRYPT:
            return self._taken(facts, 1, facts.max_message_size)
        overhead = 6 + len(STATEMENTS_FIELD[self.name])
        return self._taken(facts, facts.max_write_batch_size, _MAX_SIZE_TO_ENCRYPT + overhead)

    def _taken(self, facts: ServerFacts, max_count: int, room: int) -> Sequence[DocumentSequence]:
        if self._sequence is not None:
            return (self._sequence,)
        name = STATEMENTS_FIELD[self.name]
        if not self.acknowledged:
            for size in self.encoder.sizes(facts.max_write_batch_size):
                if size > facts.max_bson_size:
                    self._refuse(size, facts.max_bson_size)
        self._first = self.encoder.taken
        documents = self.encoder.take(max_count, room - 6 - len(name))
        if not documents:
            self._refuse(self.encoder.first_size(), facts.max_bson_size)
        self._sequence = DocumentSequence(name, documents)
        return (self._sequence,)

    def described(self, command: Command) -> Command:
        """The command as monitoring shows it: with its statements."""
        sent = self.statements[self._first : self.encoder.taken]
        return {**command, STATEMENTS_FIELD[self.name]: sent}

    def result(self, reply: Reply) -> dict[str, Any]:
        """The reply. Raises a write concern error that sending it again may mend; the reply is kept then."""
        document = self.reply = reply.document
        error = write_concern_error_of(document)
        if error and error.get("code") in RETRYABLE_ERROR_CODES:
            raise WriteConcernError(error["errmsg"], error["code"], error)
        return document

    def _refuse(self, size: int, limit: int) -> NoReturn:
        if self.name == "insert":
            raise document_too_large(size, limit)
        raise DocumentTooLarge(f"{self.name} command document too large")
