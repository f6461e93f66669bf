"""A stored file: what is known of it, and a stream of its bytes."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NoReturn

from gridfs.errors import NoFile

from motor._pymongo import grid_out_source
from motor.api.collection import AgnosticCollection
from motor.api.gridfs.collections import disallow_transaction
from motor.api.gridfs.file_document import FileDocument
from motor.api.gridfs.transfer import transfer_size
from motor.driver.deadline_lock import DeadlineLock
from motor.driver.gridfs.chunk_reader import ChunkReader
from motor.driver.gridfs.stored_file import StoredFile

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.session import AgnosticClientSession

_EINVAL = 22

_PIECE_SIZE = 256 * 1024
"""How many bytes are given at a time to one who may be slow: a chunk of the size that drivers choose is a bit less."""


class Position(int):
    """A position in a file, in bytes. It is there at once, and may be awaited all the same."""

    def __await__(self) -> Generator[Any, None, int]:
        return int(self)
        yield


class AgnosticGridOut(FileDocument):
    """A file to be read: its attributes, and its bytes from a position on, which :meth:`seek` moves.

    What :meth:`~AgnosticGridFSBucket.open_download_stream` and :meth:`~AgnosticGridFSBucket.find` return is open. One
    that is made by hand, from the collection `root_collection` of a bucket and a file's id or its document, has to be
    opened with :meth:`open` before its attributes can be read; reading opens it, too.

    Its commands are part of `session`, if there is one. `delegate` is a :class:`gridfs.GridOut` of PyMongo's: this is
    the same file then.

    ``async for`` goes through a file chunk by chunk, where PyMongo goes line by line. The fields of the file's document
    that have no property of their own are attributes by their names.
    """

    closed: bool
    """Whether :meth:`close` has been called. A file that is read once more is open again, but for this."""

    def __init__(
        self,
        root_collection: AgnosticCollection[Any],
        file_id: Any = None,
        file_document: Any = None,
        delegate: Any = None,
        session: AgnosticClientSession | None = None,
    ) -> None:
        super().__init__(root_collection, session)
        if delegate is not None:
            file_id, file_document = grid_out_source(delegate)
        self._file_id = file_id
        self._document = file_document or None
        self._stored: StoredFile | None = None
        self._position = 0
        self._chunk: bytes | memoryview = b""
        self._chunk_number = -1
        self._reader: ChunkReader | None = None
        self._reading = DeadlineLock()
        self.closed = False

    def open(self) -> asyncio.Future[Self]:
        """Fetch the file's document; the file itself is the result.

        Raises :class:`~gridfs.errors.NoFile` if there is none.
        """
        return self._start(self._open())

    async def _open(self) -> Self:
        if self._document is None:
            disallow_transaction(self._session)
            files = self._collections.files
            self._document = await files._find_one({"_id": {"$eq": self._file_id}}, (), {"session": self._session})
            if self._document is None:
                raise NoFile(f"no file in gridfs collection {files!r} with _id {self._file_id!r}")
        return self

    def read(self, size: int = -1) -> asyncio.Future[bytes]:
        """The next `size` bytes, fewer if there are fewer; all that are left if `size` is negative.

        A read that fails or is cancelled leaves the position where it was. Of several reads that are started at once
        each gets the bytes behind those of the one before.

        Raises :class:`~gridfs.errors.CorruptGridFile` if a chunk is missing, or is not as long as it should be, or if
        there are more than there should be.
        """
        return self._start(self._read(size))

    def readline(self, size: int = -1) -> asyncio.Future[bytes]:
        r"""The bytes up to the next ``b"\n"``, with it, or up to the end of the file; no more than `size` bytes if that
        is not negative.
        """
        return self._start(self._read(size, line=True))

    def readchunk(self) -> asyncio.Future[bytes]:
        """The rest of the chunk at the position; ``b""`` at the end of the file."""
        return self._start(self._read_chunk())

    def readlines(self, size: int = -1) -> asyncio.Future[list[bytes]]:
        """The lines that are left; not many more than `size` bytes of them if that is positive.

        .. versionadded:: 4.0
        """
        return self._start(self._read_lines(size))

    def to_list(self) -> asyncio.Future[list[bytes]]:
        """The chunks that are left, the first one from the position on.

        .. versionadded:: 4.0
        """
        return self._start(self._to_list())

    async def _read_lines(self, size: int) -> list[bytes]:
        lines: list[bytes] = []
        total = 0
        while line := await self._read(-1, line=True):
            lines.append(line)
            total += len(line)
            if 0 < size < total:
                break
        return lines

    async def _to_list(self) -> list[bytes]:
        chunks: list[bytes] = []
        while chunk := await self._read_chunk():
            chunks.append(chunk)
        return chunks

    async def _read(self, size: int, line: bool = False, more: bool = False) -> bytes:
        """`more` says that the rest of the file will be read, too."""
        async with self._reading:
            file = await self._stored_file()
            start = position = self._position
            stop = file.length if size < 0 else min(start + size, file.length)
            parts: list[bytes | memoryview] = []
            while position < stop:
                offset = await self._go_to(file, position, 1 if line else (file.length if more else stop) - position)
                end = min(offset + stop - position, len(self._chunk))
                if line:
                    # Lines are short, and a chunk that is searched for them is copied once and not for each of them.
                    chunk = self._chunk = bytes(self._chunk)
                    newline = chunk.find(b"\n", offset, end)
                    if newline >= 0:
                        end = newline + 1
                        stop = position + end - offset
                parts.append(self._chunk[offset:end])
                position += end - offset
            self._moved(start, position)
            return b"".join(parts)

    async def _read_on(self) -> bytes:
        """The next chunks, for one who will read the whole file."""
        file = await self._stored_file()
        return await self._read(transfer_size(file.chunk_size) if file.length else 0, more=True)

    async def _read_chunk(self) -> bytes:
        async with self._reading:
            file = await self._stored_file()
            start = self._position
            if start >= file.length:
                return b""
            offset = await self._go_to(file, start, file.length - start)
            data = bytes(self._chunk[offset:])
            self._moved(start, start + len(data))
            return data

    def _moved(self, start: int, position: int) -> None:
        # Meanwhile the application may have sought another position: then that one counts.
        if self._position == start:
            self._position = position

    async def _stored_file(self) -> StoredFile:
        if self._stored is None:
            await self._open()
            assert self._document is not None
            self._stored = StoredFile.of(self._document)
        return self._stored

    async def _go_to(self, file: StoredFile, position: int, size: int) -> int:
        """Have the chunk that `position` is in, of which `size` bytes will be read from there on; where in the chunk
        that is.
        """
        number, offset = divmod(position, file.chunk_size)
        if number != self._chunk_number:
            disallow_transaction(self._session)
            reader = self._reader
            if reader is None or not reader.number <= number <= reader.number + reader.buffered:
                self._leave()
                wanted = -(-(offset + size) // file.chunk_size)
                target = self._collections.chunks_target
                reader = self._reader = ChunkReader(self._client._deployment, target, file, number, wanted)
            session = self._session_for(self._session)
            try:
                while reader.number <= number:
                    following = reader.number
                    self._chunk = await reader.next(session)
                    self._chunk_number = following
            except BaseException:
                self._leave()
                raise
        return offset

    def _leave(self) -> None:
        """Forget the chunk, and read no further from where the reader is."""
        reader, self._reader = self._reader, None
        self._chunk, self._chunk_number = b"", -1
        if reader is not None:
            reader.abandon()

    def seek(self, pos: int, whence: int = os.SEEK_SET) -> Position:
        """Go to the position `pos`: from the start of the file; if `whence` is :data:`os.SEEK_CUR` from here, if it is
        :data:`os.SEEK_END` from the end. The new position is the result; it may be awaited or not.

        Raises :class:`~pymongo.errors.InvalidOperation` if the file has to be opened first to know its end, and
        OSError for a position before its start.
        """
        if whence == os.SEEK_SET:
            position = pos
        elif whence == os.SEEK_CUR:
            position = self._position + pos
        elif whence == os.SEEK_END:
            position = int(self.length) + pos
        else:
            raise OSError(_EINVAL, "Invalid value for `whence`")
        if position < 0:
            raise OSError(_EINVAL, "Invalid value for `pos` - must be positive")
        self._position = position
        return Position(position)

    def tell(self) -> int:
        """The position, in bytes from the start of the file."""
        return self._position

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._in_time(self._read_chunk())
        if chunk:
            return chunk
        raise StopAsyncIteration

    async def stream_to_handler(self, request_handler: Any) -> None:
        """Write the rest of the file to `request_handler`, a :class:`tornado.web.RequestHandler`, chunk by chunk, no
        faster than the client takes them. Set all headers before.

        However slow the client is, no more than about a megabyte of the file is in memory, or one of its chunks if they
        are larger.

        Raises :class:`tornado.iostream.StreamClosedError` if the client goes away; then nothing more is read.
        """
        self._leave()
        position = self._position
        length = (await self._in_time(self._stored_file())).length
        async with aclosing(self._pieces(range(position, length))) as pieces:
            async for piece in pieces:
                request_handler.write(piece)
                self._moved(position, position + len(piece))
                position += len(piece)
                flushed = request_handler.flush()
                if flushed is not None:
                    await flushed

    async def _pieces(self, part: range) -> AsyncGenerator[bytes, None]:
        """The bytes of `part`, a piece at a time, for one who may be slow: nobody else's reading is touched by it."""
        file = await self._in_time(self._stored_file())
        if not part:
            return
        disallow_transaction(self._session)
        session = self._session_for(self._session)
        numbers = range(part.start // file.chunk_size, -(-part.stop // file.chunk_size))
        deployment, target = self._client._deployment, self._collections.chunks_target
        reader = ChunkReader(deployment, target, file, numbers.start, len(numbers), frugal=True)
        try:
            for number in numbers:
                chunk = await self._in_time(reader.next(session))
                start = number * file.chunk_size
                left = range(max(part.start - start, 0), min(part.stop - start, len(chunk)))
                while left:
                    piece = bytes(chunk[left.start : left.stop][:_PIECE_SIZE])
                    left = left[len(piece) :]
                    if not left:
                        # It would keep all of the batch in memory that it came with.
                        chunk = b""
                    yield piece
        finally:
            reader.abandon()

    def close(self) -> asyncio.Future[None]:
        """Read no more, once the reads under way have ended, and close the cursor on the server. Awaiting it is
        optional.
        """
        return self._start(self._close())

    async def _close(self) -> None:
        async with self._reading:
            self.closed = True
            reader, self._reader = self._reader, None
            self._chunk, self._chunk_number = b"", -1
            if reader is not None:
                await reader.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._close()

    def readable(self) -> bool:
        """``True``."""
        return True

    def seekable(self) -> bool:
        """``True``."""
        return True

    def writable(self) -> bool:
        """``False``.

        .. versionadded:: 4.0
        """
        return False

    def isatty(self) -> bool:
        """``False``.

        .. versionadded:: 4.0
        """
        return False

    def flush(self) -> None:
        """Does nothing, as there is nothing to be written.

        .. versionadded:: 4.0
        """

    def write(self, value: Any) -> NoReturn:
        """Raises :class:`io.UnsupportedOperation`, whatever `value` is."""
        raise io.UnsupportedOperation("write")

    def writelines(self, lines: Any) -> NoReturn:
        """Raises :class:`io.UnsupportedOperation`, whatever `lines` are.

        .. versionadded:: 4.0
        """
        raise io.UnsupportedOperation("writelines")

    def fileno(self) -> NoReturn:
        """Raises :class:`io.UnsupportedOperation`.

        .. versionadded:: 4.0
        """
        raise io.UnsupportedOperation("fileno")

    def truncate(self, size: int | None = None) -> NoReturn:
        """Raises :class:`io.UnsupportedOperation`, whatever `size` is.

        .. versionadded:: 4.0
        """
        raise io.UnsupportedOperation("truncate")
