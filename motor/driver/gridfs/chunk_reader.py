"""Reading a file: its chunks in order, the next few on their way while the application has the last ones."""

from __future__ import annotations

import struct
from typing import Any, NoReturn

import bson
from bson.errors import InvalidBSON
from gridfs.errors import CorruptGridFile
from pymongo.errors import CursorNotFound, ProtocolError

from motor.driver.cursors import ServerCursor
from motor.driver.execution.deployment import Deployment
from motor.driver.gridfs.stored_file import StoredFile
from motor.driver.operations.find import Find, Query
from motor.driver.operations.operation import Target
from motor.driver.sessions.session import Session

_BATCH_SIZE = 4 * 1024 * 1024
"""How many bytes of a file are asked for at a time, about. While one batch is read another one is on its way."""

_FRUGAL_BATCH_SIZE = 768 * 1024
"""The same for a frugal reader: three chunks of the size that drivers choose."""

_MAX_BATCH_COUNT = 1000
"""How many chunks are asked for at a time, however small they are."""

_CUT_SIZE = 256 * 1024
"""How many bytes of a batch are cut into chunks before these are counted."""

_INT32 = struct.Struct("<i")

_DATA_FIELD = b"\5data\0"


class ChunkCursor(ServerCursor):
    """A cursor over chunks. Those of a large batch stay where the network has put them, as BSON."""

    def _decode_piece(self) -> None:
        assert self._undecoded is not None
        batch, self._undecoded = self._undecoded, None
        while batch:
            # Little by little: a small compressed reply may hold millions.
            self.documents.extend(batch.cut(_CUT_SIZE))
            if self.batch_size is not None and len(self.documents) > self.batch_size:
                raise ProtocolError(f"the server sent more than the {self.batch_size} chunks that it was asked for")
        self.retrieved += len(self.documents)

    async def ask_ahead(self) -> None:
        """Ask for the next batch now, if there may be one."""
        self.reads_ahead = True
        await self._go_on()
        self.reads_ahead = False


class ChunkReader:
    """The chunks of `file` from number `first` on, of which `wanted` will be read for certain.

    `number` is that of the next one. A `frugal` reader is for one who may take long with each chunk, and lets go of it:
    there is one small batch at a time, as the next is asked for when the last chunk of this one is given away.
    """

    def __init__(
        self,
        deployment: Deployment,
        target: Target,
        file: StoredFile,
        first: int,
        wanted: int,
        frugal: bool = False,
    ) -> None:
        self.number = first
        self._deployment = deployment
        self._target = target
        self._file = file
        self._frugal = frugal
        self._wanted = range(first, first + wanted)
        batch_size = _FRUGAL_BATCH_SIZE if frugal else _BATCH_SIZE
        self._batch_size = max(1, min(batch_size // file.chunk_size, _MAX_BATCH_COUNT))
        # One more than are wanted: if they are the last ones the server closes the cursor at once.
        self._first_batch_size = min(self._batch_size, wanted + 1)
        self._cursor: ChunkCursor | None = None

    @property
    def buffered(self) -> int:
        """How many chunks have come, and were not read yet."""
        return 0 if self._cursor is None else len(self._cursor.documents)

    async def next(self, session: Session | None) -> bytes | memoryview:
        """The bytes of the next chunk.

        Raises :class:`~gridfs.errors.CorruptGridFile` if it is missing or is not as long as it should be, or if it is
        the last one, and more follow it.
        """
        data = await self._next(session)
        if data is None:
            self._refuse(f"no chunk #{self.number}")
        self.number += 1
        if self.number == self._file.chunk_count:
            await self._check_end(session)
        elif self._frugal and self.number in self._wanted and self._cursor is not None and not self.buffered:
            await self._cursor.ask_ahead()
        return data

    def abandon(self) -> None:
        """Read no more; the server is told in the background."""
        if self._cursor is not None:
            self._cursor.abandon()

    async def close(self) -> None:
        """Read no more, and tell the server so."""
        if self._cursor is not None:
            await self._cursor.close()

    async def _check_end(self, session: Session | None) -> None:
        """Empty chunks behind the last one do no harm: the specification has them ignored."""
        while await self._next(session) is not None:
            self.number += 1

    async def _next(self, session: Session | None) -> bytes | memoryview | None:
        document = await self._document(session)
        if document is None:
            return None
        expected = max(0, self._file.chunk_length(self.number))
        data = _data_of(document, self.number, expected) if isinstance(document, memoryview) else None
        return data if data is not None else self._checked(document, expected)

    def _checked(self, document: Any, expected: int) -> bytes:
        """The bytes of a chunk that came decoded, or is not just as expected."""
        chunk = bson.decode(document, self._target.reply_codec) if isinstance(document, memoryview) else document
        number, data = chunk.get("n"), chunk.get("data")
        if number != self.number:
            self._refuse(f"Missing chunk: expected chunk #{self.number} but found chunk with n={number!r}")
        if not isinstance(data, bytes):
            self._refuse(f"chunk #{number} holds no data, but {type(data)}")
        if self.number >= self._file.chunk_count and data:
            self._refuse(
                f"Extra chunk found: expected {self._file.chunk_count} chunks but found chunk with n={number!r}"
            )
        if len(data) != expected:
            self._refuse(
                f"truncated chunk #{number}: expected chunk length to be {expected} but found chunk with length "
                f"{len(data)}"
            )
        return data

    def _refuse(self, what: str) -> NoReturn:
        self.abandon()
        raise CorruptGridFile(what)

    async def _document(self, session: Session | None) -> Any:
        """The next document; ``None`` if there is no other one."""
        try:
            return await self._read(session)
        except CursorNotFound:
            # The server forgets a cursor after ten idle minutes. The application may have been that long at it.
            self._cursor = None
            return await self._read(session)

    async def _read(self, session: Session | None) -> Any:
        cursor = self._cursor
        if cursor is None:
            cursor = self._cursor = self._open(session)
        while not (cursor.documents or cursor.at_end):
            if cursor.opened and not self._frugal:
                # Who comes for a second batch is likely to want all of them.
                cursor.reads_ahead = True
            await cursor.refresh()
        return cursor.documents.popleft() if cursor.documents else None

    def _open(self, session: Session | None) -> ChunkCursor:
        selected: dict[str, Any] = {"files_id": {"$eq": self._file.id}}
        if self.number:
            selected["n"] = {"$gte": self.number}
        query = Query(selected, batch_size=self._first_batch_size, options={"sort": {"n": 1}})
        cursor = ChunkCursor(self._deployment, Find(self._target, query))
        cursor.batch_size = self._batch_size
        cursor.use_session(session)
        cursor.reads_ahead = not self._frugal and self._first_batch_size == self._batch_size
        return cursor


def _data_of(document: memoryview, number: int, length: int) -> memoryview | None:
    """The bytes of a chunk as drivers write it, its data last; ``None`` if it is another one or another kind.

    What stands before the data has to be BSON of its own: then the data cannot be anything else.
    """
    end = len(document) - 1
    start = end - length
    header = start - len(_DATA_FIELD) - 5
    if header < 5 or bytes(document[header:start]) != _DATA_FIELD + _INT32.pack(length) + b"\0":
        return None
    head = b"".join((_INT32.pack(header + 1), document[4:header], b"\0"))
    try:
        found = bson.decode(head).get("n")
    except InvalidBSON:
        return None
    return document[start:end] if found == number else None
