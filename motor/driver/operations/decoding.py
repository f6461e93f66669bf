"""Decoding a reply, for the operation that it is the reply to.

The server's own fields are decoded plainly, whatever types the application has decoders for. The application's
documents are decoded as it wants them, and those of a large batch only as they are read.
"""

from __future__ import annotations

from typing import Any

import bson

from motor._pymongo import array_to_documents, decode_all_selective
from motor.driver.garbage import CollectorPaused
from motor.driver.operations.operation import Operation
from motor.driver.operations.reply import Documents, Reply
from motor.driver.wire.batch import LARGE_REPLY, SMALL_REPLY, EncodedBatch, split_batch


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
