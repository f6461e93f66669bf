"""The statements of a write, encoded in pieces and taken in batches.

To encode documents one by one costs twice as much as to encode them as one array, so pieces of a list are encoded at
once.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bson.codec_options import CodecOptions

from motor._pymongo import array_to_documents, encode_document
from motor.driver.garbage import CollectorPaused
from motor.driver.object_ids import id_first

_PIECE = 128 * 1024
"""How many bytes are encoded, about, before the event loop gets a turn: two milliseconds of work."""

_FIRST_STEP = 16

_INT32 = struct.Struct("<i")


class Piece:
    """Encoded documents, one after the other."""

    __slots__ = ("count", "documents")

    def __init__(self, documents: memoryview, count: int) -> None:
        self.documents = documents
        self.count = count

    def sizes(self) -> Iterator[int]:
        """The documents' sizes."""
        position = 0
        while position < len(self.documents):
            size: int = _INT32.unpack_from(self.documents, position)[0]
            yield size
            position += size

    def split(self, count: int, size: int) -> tuple[Piece, Piece]:
        """The first `count` documents, `size` bytes in all, and the others."""
        return Piece(self.documents[:size], count), Piece(self.documents[size:], self.count - count)


class StatementEncoder:
    """Encodes `statements` ahead of each batch, no more than the batch can hold. `taken` is how many are used up.

    `inserts` says that they are documents to insert, whose ids go first.
    """

    def __init__(
        self, statements: Sequence[Mapping[str, Any]], codec_options: CodecOptions[Any], inserts: bool
    ) -> None:
        self.taken = 0
        self._statements = statements
        self._inserts = inserts
        self._codec_options = codec_options
        self._encoded = 0
        self._pieces: deque[Piece] = deque()
        self._step = _FIRST_STEP

    async def fill(self, max_count: int, max_size: int) -> None:
        """Encode until a batch of `max_count` documents or `max_size` bytes is full, with a turn for the event loop in
        between. Raises what the BSON encoder raises for a document that cannot be encoded.
        """
        count = sum(piece.count for piece in self._pieces)
        size = sum(len(piece.documents) for piece in self._pieces)
        since_turn = 0
        while self._encoded < len(self._statements) and count < max_count and size < max_size:
            with CollectorPaused():
                piece = self._encode(self._statements[self._encoded : self._encoded + self._step])
            self._encoded += piece.count
            self._pieces.append(piece)
            encoded = len(piece.documents)
            count += piece.count
            size += encoded
            self._step = max(1, min(8 * self._step, _PIECE * piece.count // encoded))
            since_turn += encoded
            if since_turn >= _PIECE:
                since_turn = 0
                await asyncio.sleep(0)

    def first_size(self) -> int:
        """The size of the next document."""
        return next(self._pieces[0].sizes())

    def sizes(self, max_count: int) -> Iterator[int]:
        """The sizes of those documents that :meth:`fill` has encoded, `max_count` of them at most."""
        for piece in self._pieces:
            for size in piece.sizes():
                if not max_count:
                    return
                max_count -= 1
                yield size

    def take(self, max_count: int, room: int) -> list[memoryview]:
        """As many of the encoded documents as `max_count` and `room` bytes allow, in runs of concatenated documents."""
        batch: list[memoryview] = []
        while self._pieces and max_count:
            piece = self._pieces.popleft()
            if piece.count > max_count or len(piece.documents) > room:
                piece, rest = self._cut(piece, max_count, room)
                self._pieces.appendleft(rest)
                max_count = piece.count
            if piece.count:
                batch.append(piece.documents)
            self.taken += piece.count
            max_count -= piece.count
            room -= len(piece.documents)
        return batch

    def _cut(self, piece: Piece, max_count: int, room: int) -> tuple[Piece, Piece]:
        count = total = 0
        for size in piece.sizes():
            if count == max_count or total + size > room:
                break
            count += 1
            total += size
        return piece.split(count, total)

    def _encode(self, statements: Sequence[Mapping[str, Any]]) -> Piece:
        codec_options = self._codec_options
        ordered = [id_first(statement) for statement in statements] if self._inserts else statements
        try:
            array = encode_document({"": ordered}, False, codec_options)
        except Exception:
            # Encode them one by one, for an error that speaks of the document and not of our array.
            documents = b"".join(encode_document(statement, False, codec_options) for statement in statements)
            return Piece(memoryview(documents), len(statements))
        # The array's bytes: behind the document's size, the element's type and its empty name, before the last NUL.
        return Piece(memoryview(array_to_documents(memoryview(array)[6:-1])), len(statements))
