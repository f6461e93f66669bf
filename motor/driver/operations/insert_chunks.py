"""insert, of chunks of a GridFS file: their bytes go from where the application has them into the message."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson.objectid import ObjectId

from motor._pymongo import check_write_command_response, encode_document
from motor.driver.operations.operation import Command, Operation, Target, add_write_concern, document_too_large
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts
from motor.driver.wire.op_msg import DocumentSequence

_INT32 = struct.Struct("<i")

# Between the file's id and the data: the chunk's number, and the start of the data, a binary value of subtype 0.
_NUMBER_AND_DATA = struct.Struct("<3si6siB")


@dataclass(slots=True, repr=False)
class InsertChunks(Operation[None]):
    """Insert chunks of the file `file_id`, from number `first` on; `ids` are their own ids."""

    target: Target
    file_id: Any
    first: int
    ids: Sequence[ObjectId]
    chunks: Sequence[bytes | bytearray | memoryview]

    name = "insert"
    is_causal = True
    has_sequences = True

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice."""
        return True

    def command(self, facts: ServerFacts) -> Command:
        """``{insert: <collection>}``; the documents follow as a document sequence."""
        command: Command = {"insert": self.target.collection, "ordered": True}
        add_write_concern(command, self.target.write_concern)
        return command

    def sequences(self, facts: ServerFacts, room: int) -> Sequence[DocumentSequence]:
        """All chunks. Raises :class:`~pymongo.errors.DocumentTooLarge` for chunks that the server does not take."""
        # The element with the file's id is the same in each: a document of its own, without its size and its last NUL.
        file_id = encode_document({"files_id": self.file_id}, False, self.target.codec_options)[4:-1]
        overhead = 4 + 5 + 12 + len(file_id) + _NUMBER_AND_DATA.size + 1
        pieces: list[bytes | memoryview] = []
        number = self.first
        for chunk_id, data in zip(self.ids, self.chunks, strict=True):
            size = overhead + len(data)
            if size > facts.max_bson_size:
                raise document_too_large(size, facts.max_bson_size)
            head = (_INT32.pack(size), b"\7_id\0", chunk_id.binary, file_id)
            fields = _NUMBER_AND_DATA.pack(b"\x10n\0", number, b"\5data\0", len(data), 0)
            pieces += (b"".join(head) + fields, memoryview(data), b"\0")
            number += 1
        return (DocumentSequence("documents", pieces),)

    def described(self, command: Command) -> Command:
        """The command as monitoring shows it: with its documents, their fields in the order that PyMongo shows."""
        documents = [
            {"files_id": self.file_id, "n": self.first + index, "data": bytes(data), "_id": chunk_id}
            for index, (chunk_id, data) in enumerate(zip(self.ids, self.chunks, strict=True))
        ]
        return {**command, "documents": documents}

    def result(self, reply: Reply) -> None:
        """Raises a write error or a write concern error."""
        check_write_command_response(reply.document)
