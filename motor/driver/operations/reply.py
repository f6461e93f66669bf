"""A reply, taken apart: the server's own document, and the application's documents in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from motor.driver.wire.batch import EncodedBatch

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
