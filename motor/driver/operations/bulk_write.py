"""bulkWrite: writes to any number of collections in one command. Source: the MongoDB specification "Bulk Write"."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo.errors import DocumentTooLarge, InvalidOperation, WriteConcernError

from motor._pymongo import COMMAND_OVERHEAD, RETRYABLE_ERROR_CODES, encode_document, write_concern_error_of
from motor.driver.operations.operation import (
    Command,
    CursorPlan,
    Document,
    Operation,
    Target,
    add_write_concern,
    document_too_large,
)
from motor.driver.operations.reply import Batch, Reply, read_batch
from motor.driver.server_facts import ServerFacts
from motor.driver.wire.op_msg import DocumentSequence

WIRE_VERSION = 25
"""MongoDB 8.0, the first that has the command."""

_MESSAGE_OVERHEAD = 1000
"""Bytes of a message that the specification sets aside for what is not counted."""

_TURN = 256 * 1024
"""How many bytes are encoded, about, before the event loop gets a turn."""


class ClientWrites:
    """The writes of a client's bulk write, in their order, and which of them are sent: `taken` is how many."""

    def __init__(self) -> None:
        self.writes: list[dict[str, Any]] = []
        self.kinds: list[str] = []
        self.namespaces: list[str] = []
        self.taken = 0

    def add(self, kind: str, namespace: str, write: dict[str, Any]) -> None:
        """Add a write of `kind` (insert, update, replace or delete), as the command has it."""
        self.kinds.append(kind)
        self.namespaces.append(namespace)
        self.writes.append(write)

    def __len__(self) -> int:
        return len(self.writes)


@dataclass(slots=True, repr=False)
class BulkWrite(Operation[Batch]):
    """As many of the writes as go into one message; the result is the first batch of what each one did.

    It takes them from `source` when it is encoded; `writes` are they. `repeats` says that it would be sent again.
    """

    target: Target
    source: ClientWrites
    options: Mapping[str, Any]
    bulk_id: int
    retries_writes: bool = False
    writes: Sequence[Document] = ()
    reply: dict[str, Any] = field(default_factory=dict)
    _namespaces: dict[str, int] = field(default_factory=dict)
    _sequences: Sequence[DocumentSequence] | None = None

    name = "bulkWrite"
    opens_cursor = True
    returns_batch = True
    is_causal = True
    has_sequences = True

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.target.write_concern.acknowledged

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice: not if one of the writes is to several documents."""
        return self.acknowledged and not any(write.get("multi") for write in self.writes)

    @property
    def documents_codec(self) -> CodecOptions[Any]:
        """What became of the writes is the server's to say: plain."""
        return self.target.reply_codec

    @property
    def operation_id(self) -> int:
        """The whole bulk write's."""
        return self.bulk_id

    async def encode_ahead(self, facts: ServerFacts) -> None:
        """Encode as many writes as the server takes in one message, with a turn for the event loop in between.

        Raises InvalidOperation for a server without the command, DocumentTooLarge if not even one write fits; an
        unacknowledged one raises it for any that is too large for the server, which could not say so.
        """
        if self._sequences is not None:
            return
        check_supported(facts.max_wire_version)
        codec, source, places = self.target.codec_options, self.source, self._namespaces
        room = facts.max_message_size - _MESSAGE_OVERHEAD
        room -= len(encode_document({"bulkWrite": 1, **self.options}, False, codec))
        encoded: list[bytes] = []
        namespaces: list[bytes] = []
        since_turn = 0
        document = b""
        first = source.taken
        for index in range(first, min(first + facts.max_write_batch_size, len(source))):
            write, namespace = source.writes[index], source.namespaces[index]
            write[next(iter(write))] = places.get(namespace, len(places))
            document = encode_document(write, False, codec)
            added = b"" if namespace in places else bson.encode({"ns": namespace})
            if not self.acknowledged:
                self._check_size(index, len(document), facts.max_bson_size)
            room -= len(document) + len(added)
            if room < 0:
                break
            if added:
                places[namespace] = len(places)
                namespaces.append(added)
            encoded.append(document)
            since_turn += len(document)
            if since_turn >= _TURN:
                since_turn = 0
                await asyncio.sleep(0)
        if not encoded:
            raise _too_large(source.kinds[first], len(document), facts.max_bson_size + COMMAND_OVERHEAD)
        self.writes = source.writes[first : first + len(encoded)]
        source.taken += len(encoded)
        self._sequences = [DocumentSequence("ops", encoded), DocumentSequence("nsInfo", namespaces)]

    def command(self, facts: ServerFacts) -> Command:
        """``{bulkWrite: 1}`` without the writes: they follow as document sequences."""
        command: Command = {"bulkWrite": 1, **self.options}
        add_write_concern(command, self.target.write_concern)
        return command

    def sequences(self, facts: ServerFacts, room: int) -> Sequence[DocumentSequence]:
        """The writes, and the namespaces that they refer to."""
        assert self._sequences is not None
        return self._sequences

    def described(self, command: Command) -> Command:
        """The command as monitoring shows it: with its writes."""
        return {**command, "ops": self.writes, "nsInfo": [{"ns": namespace} for namespace in self._namespaces]}

    def cursor_plan(self) -> CursorPlan:
        """With the bulk write's comment."""
        return CursorPlan(comment=self.options.get("comment"))

    def result(self, reply: Reply) -> Batch:
        """The first batch. Raises a write concern error that sending it again may mend."""
        self.reply = reply.document
        error = write_concern_error_of(self.reply)
        repeats = self.retries_writes and self.retryable
        if repeats and error and error.get("code") in RETRYABLE_ERROR_CODES:
            raise WriteConcernError(error["errmsg"], error["code"], error)
        return read_batch(reply) if "cursor" in self.reply else Batch(0, [])

    def _check_size(self, index: int, size: int, limit: int) -> None:
        """A server that does not reply would not say that a document is too large."""
        write, kind = self.source.writes[index], self.source.kinds[index]
        if kind in ("insert", "replace"):
            content = write["document" if kind == "insert" else "updateMods"]
            content_size = len(encode_document(content, False, self.target.codec_options))
            if content_size > limit:
                raise _too_large(kind, content_size, limit)
        if size > limit + COMMAND_OVERHEAD:
            raise _too_large(kind, size, limit + COMMAND_OVERHEAD)


def _too_large(kind: str, size: int, limit: int) -> DocumentTooLarge:
    if kind == "insert":
        return document_too_large(size, limit)
    return DocumentTooLarge(f"{kind!r} command document too large")


def check_supported(wire_version: int) -> None:
    """Raises InvalidOperation for a server that does not have the command."""
    if wire_version < WIRE_VERSION:
        raise InvalidOperation("MongoClient.bulk_write requires MongoDB server version 8.0+.")
