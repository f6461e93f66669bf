"""The collections of a bucket: the application's root collection, and the files and chunks below it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pymongo.errors import InvalidOperation

from motor.api.base import BOUND_SESSION
from motor.api.collection import AgnosticCollection
from motor.driver.operations.operation import Target


class BucketCollections:
    """What GridFS works on. The application's own types have no part in it: the documents are GridFS's."""

    def __init__(self, root: AgnosticCollection[Any]) -> None:
        plain = root.with_options(codec_options=root.codec_options.with_options(type_registry=None))
        self.root = root
        self.files: AgnosticCollection[Any] = plain["files"]
        self.chunks: AgnosticCollection[Any] = plain["chunks"]

    @property
    def chunks_target(self) -> Target:
        """For operations on the chunks, whose documents are ours."""
        target = self.chunks._target
        return replace(target, codec_options=target.reply_codec)


def disallow_transaction(session: Any) -> None:
    """Raises :class:`~pymongo.errors.InvalidOperation` in a transaction, which GridFS does not support."""
    session = BOUND_SESSION.get() if session is None else session
    if session is not None and session.in_transaction:
        raise InvalidOperation("GridFS does not support multi-document transactions")
