"""What a document of the files collection says of a file's chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridfs.errors import CorruptGridFile


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file: its id, and how its bytes are cut into chunks. Sizes are in bytes."""

    id: Any
    length: int
    chunk_size: int

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> StoredFile:
        """From its document. Raises :class:`~gridfs.errors.CorruptGridFile` for sizes that no file can have."""
        length, chunk_size = document.get("length", 0), document.get("chunkSize")
        try:
            file = cls(document["_id"], int(length), int(chunk_size or 0))
        except (TypeError, ValueError):
            file = cls(document["_id"], -1, 0)
        if file.length < 0 or (file.length and file.chunk_size <= 0):
            raise CorruptGridFile(f"file {file.id!r} has the length {length!r} and the chunk size {chunk_size!r}")
        return file

    @property
    def chunk_count(self) -> int:
        """How many chunks it has."""
        return -(-self.length // self.chunk_size) if self.length else 0

    def chunk_length(self, number: int) -> int:
        """How many bytes chunk `number` holds: all but the last are full."""
        return min(self.chunk_size, self.length - number * self.chunk_size)
