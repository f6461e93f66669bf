"""A reply, taken apart: the server's own document, and the application's documents in it.

The server's is decoded plainly, whatever types the application has decoders for. The application's are decoded as it
wants them, and those of a large batch only as they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bson

from motor._pymongo import array_to_documents, decode_all_selective
from motor.driver.garbage import CollectorPaused
from motor.driver.wire.batch import LARGE_REPLY, SMALL_REPLY, EncodedBatch, split_batch

if TYPE_CHECKING:
    from motor.driver.operations.operation import Operation

Documents = list[Any] | EncodedBatch
"""A batch: decoded, or not yet. A raw one is a single piece of BSON, or nothing."""


class Reply:
    """What a server has replied. `batch` lies beside the document; it is ``None`` if it is in there, decoded."""

    __slots__ = ("batch", "document")

    def __init__(self, document: dict[str, Any], batch: Documents | None = None) -> None:
        self.document = document
        self.batch = batch

    def with_batch(self, documents: list[Any]) -> dict[str, Any]:
        """The document with `documents` in the place of the batch that lies beside it."""
        cursor = dict(self.document["cursor"])
        cursor[_batch_field(cursor)] = documents
        return {**self.document, "cursor": cursor}


@dataclass(slots=True)
class Batch:
    """What a reply says of a cursor: its id, which is 0 at the end, and its next documents."""

    cursor_id: int
    documents: Documents
    namespace: str = ""
    post_batch_resume_token: Mapping[str, Any] | None = None


def read_batch(reply: Reply) -> Batch:
    """The batch of a cursor's reply. Raises KeyError or TypeError if there is none that can be read."""
    cursor = reply.document["cursor"]
    documents = reply.batch
    if documents is None:
        documents = cursor[_batch_field(cursor)]
    cursor_id, namespace = cursor["id"], cursor.get("ns", "")
    if not (isinstance(cursor_id, int) and isinstance(documents, (list, EncodedBatch))):
        raise TypeError(f"no cursor: {cursor}")
    if not isinstance(namespace, str):
        raise TypeError(f"no namespace: {namespace!r}")
    return Batch(cursor_id, documents, namespace, cursor.get("postBatchResumeToken"))


def _batch_field(cursor: Mapping[str, Any]) -> str:
    return "firstBatch" if "firstBatch" in cursor else "nextBatch"


def decode(operation: Operation[Any], document: bytes | memoryview) -> Reply:
    """The reply to `operation`. Raises what the BSON decoder raises, and ProtocolError for what is no reply."""
    if operation.raw:
        reply = _split(document)
        return Reply(bson.decode(document)) if reply is None else Reply(reply.document, _in_one_piece(reply.batch))
    if operation.returns_batch:
        return _decode_with_batch(operation, document)
    fields = operation.user_fields
    if fields is None:
        return Reply(bson.decode(document, operation.reply_codec))
    if operation.target.decodes_plainly:
        return Reply(bson.decode(document, operation.documents_codec))
    return Reply(decode_all_selective(document, operation.documents_codec, fields)[0])


def _decode_with_batch(operation: Operation[Any], document: bytes | memoryview) -> Reply:
    size = len(document)
    if size <= LARGE_REPLY and operation.target.decodes_plainly:
        try:
            if size <= SMALL_REPLY:
                return Reply(bson.decode(document, operation.documents_codec))
            with CollectorPaused():
                return Reply(bson.decode(document, operation.documents_codec))
        except Exception:
            # It may be one document of the batch: the cursor sees which, and has the others.
            reply = _split(document)
            if reply is None:
                raise
            return reply
    return _split(document) or Reply(bson.decode(document, operation.reply_codec))


def _split(document: bytes | memoryview) -> Reply | None:
    """A cursor's reply whose batch is left to the cursor to decode; ``None`` if it has no batch."""
    split = split_batch(memoryview(document))
    return None if split is None else Reply(bson.decode(split[0]), split[1])


def _in_one_piece(batch: Documents | None) -> list[Any]:
    return [array_to_documents(batch.array)] if isinstance(batch, EncodedBatch) and batch else []
