"""A file that is being written."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from bson.int64 import Int64
from bson.objectid import ObjectId
from gridfs import DEFAULT_CHUNK_SIZE
from gridfs.errors import FileExists
from pymongo.errors import ConfigurationError, ConnectionFailure, InvalidOperation, PyMongoError

from motor._pymongo import grid_in_document
from motor.api.collection import AgnosticCollection
from motor.api.gridfs.collections import disallow_transaction
from motor.api.gridfs.grid_file import GridFile
from motor.api.gridfs.indexes import BucketIndexes
from motor.api.gridfs.transfer import check_source, copy_from, transfer_size
from motor.driver.deadline_lock import DeadlineLock
from motor.driver.gridfs.chunk_writer import ChunkWriter
from motor.driver.operations.delete import Delete
from motor.driver.operations.insert import InsertOne
from motor.driver.operations.update import Update

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.session import AgnosticClientSession

_FIELDS = {"name": "filename", "content_type": "contentType", "chunk_size": "chunkSize", "upload_date": "uploadDate"}
"""The fields of a file's document whose attributes have other names."""

_READ_ONLY = ("_id", "chunkSize", "length", "uploadDate", "md5", "closed")


class AgnosticGridIn(GridFile):
    """A file to be written, in the bucket of the collection `root_collection`. It is there once it has been closed.

    Keywords are fields of its document: ``_id``, ``filename``, ``contentType`` or ``content_type``, ``chunkSize`` or
    ``chunk_size`` in bytes, ``metadata``, and whatever else the application wants. With ``encoding`` strings can be
    written. Until the file is closed, fields can be set by assigning to attributes, too. Its commands are part of
    `session`, if there is one.

    ``async with`` closes the file at its end, and aborts it after an error. A write that fails or is cancelled aborts
    it, too: its chunks are deleted, and :meth:`close` raises that error.

    `delegate` is a :class:`gridfs.GridIn` of PyMongo's, whose fields this one takes.

    Raises :class:`~pymongo.errors.ConfigurationError` for a write concern that is not acknowledged.

    .. versionchanged:: 4.0 What was written of a file that failed is deleted.
    """

    _made = False

    def __init__(
        self,
        root_collection: AgnosticCollection[Any],
        delegate: Any = None,
        session: AgnosticClientSession | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(root_collection, session)
        if not root_collection.write_concern.acknowledged:
            raise ConfigurationError("root_collection must use acknowledged write_concern")
        if delegate is not None:
            kwargs = {**grid_in_document(delegate), **kwargs}
        for name in ("content_type", "chunk_size"):
            if name in kwargs:
                kwargs[_FIELDS[name]] = kwargs.pop(name)
        kwargs.setdefault("_id", ObjectId())
        chunk_size = kwargs.setdefault("chunkSize", DEFAULT_CHUNK_SIZE)
        _check_chunk_size(chunk_size)
        self._document: dict[str, Any] = kwargs
        self._document_sent = False
        self._indexes = BucketIndexes(self._collections)
        self._writer = ChunkWriter(
            self._client._deployment,
            self._collections.chunks_target,
            kwargs["_id"],
            chunk_size,
        )
        self._writing = DeadlineLock()
        self._closed = False
        self._failure: Exception | None = None
        self._made = True

    @property
    def closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._closed

    @property
    def _id(self) -> Any:
        """The file's id."""
        return self._document["_id"]

    @property
    def filename(self) -> str | None:
        """The file's name."""
        return self._document.get("filename")

    @filename.setter
    def filename(self, value: str | None) -> None:
        self._assign("filename", value)

    @property
    def name(self) -> str | None:
        """The file's name, as :attr:`filename`."""
        return self.filename

    @name.setter
    def name(self, value: str | None) -> None:
        self._assign("filename", value)

    @property
    def content_type(self) -> str | None:
        """The file's media type, if it was given one on its own; it belongs into ``metadata`` today."""
        return self._document.get("contentType")

    @content_type.setter
    def content_type(self, value: str | None) -> None:
        self._assign("contentType", value)

    @property
    def chunk_size(self) -> int:
        """The size of its chunks in bytes."""
        size: int = self._document["chunkSize"]
        return size

    @property
    def length(self) -> int:
        """The file's length in bytes. Raises AttributeError before the file is closed."""
        length: int = self._field_of_closed("length", 0)
        return length

    @property
    def upload_date(self) -> datetime.datetime:
        """When it was uploaded. Raises AttributeError before the file is closed."""
        date: datetime.datetime = self._field_of_closed("uploadDate", None)
        return date

    @property
    def md5(self) -> str | None:
        """An MD5 sum that the application has set; Motor makes none.

        .. versionadded:: 4.0
        """
        md5: str | None = self._field_of_closed("md5", None)
        return md5

    def _field_of_closed(self, field: str, default: Any) -> Any:
        if not self._closed:
            raise AttributeError
        return self._document.get(field, default)

    def _assign(self, field: str, value: Any) -> None:
        if self._closed:
            raise InvalidOperation(
                f"{type(self).__name__} does not support __setattr__ after being closed(). Set the attribute before "
                "closing the file or use set() instead"
            )
        self._document[field] = value

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):
            # Python asks here, too, when a property has raised AttributeError.
            raise AttributeError(f"can only get {name!r} on a closed file")
        document = self.__dict__.get("_document", {})
        if name in document:
            return document[name]
        raise AttributeError(f"GridIn object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if not self._made or name in self.__dict__ or hasattr(type(self), name):
            object.__setattr__(self, name, value)
        elif self._closed:
            raise AttributeError(
                f"{type(self).__name__} does not support __setattr__ after being closed(). Set the attribute before "
                "closing the file or use set() instead"
            )
        elif name == "chunkSize":
            self._change_chunk_size(value)
        else:
            self._document[name] = value

    def _change_chunk_size(self, size: Any) -> None:
        _check_chunk_size(size)
        if self._writer.length:
            raise AttributeError(
                "can't set attribute 'chunkSize': something has been written in chunks of another size"
            )
        self._document["chunkSize"] = self._writer.chunk_size = size

    def set(self, name: str, value: Any) -> asyncio.Future[None]:
        """Set a field of the file's document, by the `name` of its attribute, to `value`; on the server, if the file is
        closed.

        Raises AttributeError for what cannot be changed: ``_id``, ``chunk_size``, ``length``, ``upload_date``.
        """
        return self._start(self._set(name, value))

    async def _set(self, name: str, value: Any) -> None:
        field = _FIELDS.get(name, name)
        if field in _READ_ONLY:
            raise AttributeError(f"can't set attribute {name!r}")
        self._document[field] = value
        if self._closed:
            selected = {"_id": {"$eq": self._id}}
            update = Update(self._collections.files._target, selected, {"$set": {field: value}})
            await self._execute(update, self._session)

    def write(self, data: Any) -> asyncio.Future[None]:
        """Write `data`: bytes; strings, if the file has an ``encoding``; or all that there is in a source.

        A source is something with a ``read()``: a file, which is read in a thread, or an asynchronous one, such as
        another :class:`AgnosticGridOut` or an :class:`asyncio.StreamReader`; or an asynchronous iterable of bytes.

        It ends when the last bytes are on their way: :meth:`close` waits for the server. Several writes that are
        started at once keep their order.

        Raises TypeError for what cannot be written, ValueError if the file is closed,
        :class:`~gridfs.errors.FileExists` if there is a file with its id already.
        """
        return self._start(self._write(data))

    def writelines(self, sequence: Iterable[Any]) -> asyncio.Future[None]:
        """Write what is in `sequence` one after the other, nothing in between."""
        return self._start(self._write_lines(sequence))

    async def _write_lines(self, sequence: Iterable[Any]) -> None:
        for line in sequence:
            await self._write(line)

    async def _write(self, data: Any) -> None:
        async with self._writing:
            if self._closed:
                self._raise_failure()
                raise ValueError("cannot write to a closed file")
            if isinstance(data, str):
                if "encoding" not in self._document:
                    raise TypeError("must specify an encoding for file in order to write str")
                data = data.encode(self._document["encoding"])
            check_source(data)
            try:
                await self._prepare()
                await copy_from(data, self._writer.write, transfer_size(self.chunk_size))
            except BaseException as error:
                await self._fail(error)
                raise

    def close(self) -> asyncio.Future[None]:
        """Wait until the server has acknowledged all chunks, and only then insert the file's document.

        Raises :class:`~gridfs.errors.FileExists` if there is a file with its id already. To close a file that is closed
        does nothing; if its upload has failed, it raises that error again.
        """
        return self._start(self._close())

    async def _close(self) -> None:
        async with self._writing:
            if self._closed:
                self._raise_failure()
                return
            try:
                await self._prepare()
                await self._writer.finish(self._inserting_document)
            except BaseException as error:
                await self._fail(error)
                raise
            self._closed = True

    def abort(self) -> asyncio.Future[None]:
        """Delete what has been written, and close the file. A file that is closed already is deleted."""
        return self._start(self._abort())

    async def _abort(self) -> None:
        async with self._writing:
            self._closed = True
            await self._discard(self._session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            await self._in_time(self._close())
            return
        async with self._writing:
            if not self._closed:
                await self._fail(error)
                # It is the application's own, which knows of it.
                self._failure = None

    async def _prepare(self) -> None:
        disallow_transaction(self._session)
        await self._indexes.ensure(self._session)
        self._writer.session = self._session_for(self._session)

    def _inserting_document(self) -> InsertOne:
        self._document["length"] = Int64(self._writer.length)
        self._document["uploadDate"] = datetime.datetime.now(tz=datetime.timezone.utc)
        self._document_sent = True
        return InsertOne(self._collections.files._target, self._document)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _fail(self, error: BaseException) -> None:
        """Close the file because of `error`, and delete what was written of it.

        Nobody waits for that who has been cancelled, nor who has found no server.
        """
        self._closed = True
        if isinstance(error, FileExists):
            # The document that is there is the other file's.
            self._document_sent = False
        at_once = isinstance(error, Exception) and not isinstance(error, ConnectionFailure)
        self._failure = error if isinstance(error, Exception) else _cancelled(self._id)
        owner = self._client._deployment.owner
        if owner is not None and owner.open:
            cleaning_up = owner.start(self._clean_up(), "motor clean-up")
            if at_once:
                await asyncio.wait([cleaning_up])

    async def _clean_up(self) -> None:
        # What may be left are chunks that no file knows of: they can wait for the next abort().
        with contextlib.suppress(PyMongoError):
            # The application's session is the application's: it may be in use again, or have ended.
            await self._in_time(self._discard(None))

    async def _discard(self, session: Any) -> None:
        """Delete what was written, and nothing of another file with the same id."""
        await self._writer.settle()
        if self._document_sent:
            # Whether it has arrived may not be known. By its date it is this one, and no other that has the same id.
            mine = {"_id": {"$eq": self._id}, "uploadDate": self._document["uploadDate"]}
            await self._execute(Delete(self._collections.files._target, mine), session)
        await self._writer.discard(self._engine_session(session))

    def read(self, size: int = -1) -> NoReturn:
        """Raises :class:`io.UnsupportedOperation`, whatever `size` is."""
        raise io.UnsupportedOperation("read")

    def readable(self) -> bool:
        """``False``."""
        return False

    def seekable(self) -> bool:
        """``False``."""
        return False

    def writeable(self) -> bool:
        """``True``."""
        return True


def _check_chunk_size(size: Any) -> None:
    if not isinstance(size, int):
        raise TypeError(f"chunk_size must be an integer, not {type(size)}")
    if size < 1:
        raise ValueError(f"chunk_size must be positive, but is {size}")


def _cancelled(file_id: Any) -> InvalidOperation:
    return InvalidOperation(f"the upload of the file {file_id!r} was cancelled, and has been aborted: upload it anew")
