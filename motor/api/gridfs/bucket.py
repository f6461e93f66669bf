"""A bucket: files by their ids and names."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gridfs import DEFAULT_CHUNK_SIZE
from gridfs.errors import NoFile
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import ConfigurationError
from pymongo.write_concern import WriteConcern

from motor._pymongo import ReadPreferenceMode, validate_string
from motor.api.base import AgnosticBase
from motor.api.database import AgnosticDatabase
from motor.api.gridfs.collections import BucketCollections, disallow_transaction
from motor.api.gridfs.grid_in import AgnosticGridIn
from motor.api.gridfs.grid_out import AgnosticGridOut
from motor.api.gridfs.grid_out_cursor import AgnosticGridOutCursor
from motor.api.gridfs.indexes import BucketIndexes
from motor.api.gridfs.transfer import writer_to
from motor.api.signatures import takes_those_of_method
from motor.driver.operations.delete import Delete
from motor.driver.operations.update import Update

if TYPE_CHECKING:
    from motor.api.session import AgnosticClientSession


class AgnosticGridFSBucket(AgnosticBase):
    """A bucket of files in `database`.

    Its files are in the collections ``<bucket_name>.files`` and ``<bucket_name>.chunks``. A chunk holds
    `chunk_size_bytes` bytes if a file does not say otherwise. `write_concern` and `read_preference` are the database's
    if they are not given. `collection` is an old name of `bucket_name`.

    A file has an id, `file_id`, and a `filename`, which others may have, too; `metadata` is what the application stores
    along with it. With a `session` all of a method's commands belong to that; one in a transaction is refused with
    :class:`~pymongo.errors.InvalidOperation`. The client's timeoutMS is the time of each method as a whole, and of each
    call on a file that it has opened.

    Raises :class:`~pymongo.errors.ConfigurationError` for a write concern that is not acknowledged.
    """

    def __init__(
        self,
        database: AgnosticDatabase[Any],
        bucket_name: str = "fs",
        chunk_size_bytes: int = DEFAULT_CHUNK_SIZE,
        write_concern: WriteConcern | None = None,
        read_preference: ReadPreferenceMode | None = None,
        collection: str | None = None,
    ) -> None:
        if collection is not None:
            warnings.warn(
                'the "collection" parameter is deprecated, use "bucket_name" instead', DeprecationWarning, stacklevel=2
            )
            bucket_name = collection
        if not isinstance(database, AgnosticDatabase):
            raise TypeError(f"First argument to {type(self).__name__} must be a database of Motor's, not {database!r}")
        root = database.get_collection(bucket_name, write_concern=write_concern, read_preference=read_preference)
        if not root.write_concern.acknowledged:
            raise ConfigurationError("write concern must be acknowledged")
        self.collection = root
        self._client = database.client
        self._timeout = root._timeout
        self._collections = BucketCollections(root)
        self._indexes = BucketIndexes(self._collections)
        self._chunk_size_bytes = chunk_size_bytes

    @property
    def io_loop(self) -> Any:
        """The client's event loop."""
        return self.get_io_loop()

    def open_download_stream(self, file_id: Any, session: AgnosticClientSession | None = None) -> asyncio.Future[Any]:
        """The file with the id `file_id`, open for reading.

        Raises :class:`~gridfs.errors.NoFile` if there is none.
        """
        return self._start(self._open_download_stream(file_id, session))

    async def _open_download_stream(self, file_id: Any, session: Any) -> AgnosticGridOut:
        return await self._client._family.grid_out(self.collection, file_id, session=session)._open()

    def open_download_stream_by_name(
        self, filename: str, revision: int = -1, session: AgnosticClientSession | None = None
    ) -> asyncio.Future[Any]:
        """The file called `filename`, open for reading: of several with that name the one with the number `revision`.

        Revision 0 is the first that was uploaded, 1 the next one; -1 is the newest, -2 the one before.

        Raises :class:`~gridfs.errors.NoFile` if there is no such revision.
        """
        return self._start(self._open_download_stream_by_name(filename, revision, session))

    async def _open_download_stream_by_name(self, filename: str, revision: int, session: Any) -> AgnosticGridOut:
        validate_string("filename", filename)
        disallow_transaction(session)
        skip, direction = (revision, ASCENDING) if revision >= 0 else (-revision - 1, DESCENDING)
        options = {"skip": skip, "sort": [("uploadDate", direction)], "session": session}
        document = await self._collections.files._find_one({"filename": filename}, (), options)
        if document is None:
            raise NoFile(f"no version {revision} for filename {filename!r}")
        return self._client._family.grid_out(self.collection, file_document=document, session=session)

    def download_to_stream(
        self, file_id: Any, destination: Any, session: AgnosticClientSession | None = None
    ) -> asyncio.Future[None]:
        """Write the file with the id `file_id` to `destination`, which has a ``write()``.

        That of an ordinary file is called in a thread; one that is asynchronous, that of an
        :class:`asyncio.StreamWriter` or of another file that is being uploaded is awaited. `destination` is not closed.

        Raises :class:`~gridfs.errors.NoFile` if there is no such file.
        """
        return self._start(self._download_to_stream(file_id, destination, session))

    async def _download_to_stream(self, file_id: Any, destination: Any, session: Any) -> None:
        await _copy(await self._open_download_stream(file_id, session), destination)

    def download_to_stream_by_name(
        self, filename: str, destination: Any, revision: int = -1, session: AgnosticClientSession | None = None
    ) -> asyncio.Future[None]:
        """Write the file called `filename` to `destination`, as :meth:`download_to_stream` does; `revision` is that of
        :meth:`open_download_stream_by_name`.
        """
        return self._start(self._download_to_stream_by_name(filename, destination, revision, session))

    async def _download_to_stream_by_name(self, filename: str, destination: Any, revision: int, session: Any) -> None:
        await _copy(await self._open_download_stream_by_name(filename, revision, session), destination)

    def open_upload_stream(
        self,
        filename: str,
        chunk_size_bytes: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        session: AgnosticClientSession | None = None,
    ) -> AgnosticGridIn:
        """A new file, to be written. It is there once it has been closed.

        Raises TypeError for a `filename` that is no string.
        """
        return self._open_upload_stream({}, filename, chunk_size_bytes, metadata, session)

    def open_upload_stream_with_id(
        self,
        file_id: Any,
        filename: str,
        chunk_size_bytes: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        session: AgnosticClientSession | None = None,
    ) -> AgnosticGridIn:
        """A new file with the id `file_id`, to be written. It is there once it has been closed."""
        return self._open_upload_stream({"_id": file_id}, filename, chunk_size_bytes, metadata, session)

    def _open_upload_stream(
        self,
        fields: dict[str, Any],
        filename: str,
        chunk_size_bytes: int | None,
        metadata: Mapping[str, Any] | None,
        session: Any,
    ) -> AgnosticGridIn:
        validate_string("filename", filename)
        fields["filename"] = filename
        fields["chunk_size"] = self._chunk_size_bytes if chunk_size_bytes is None else chunk_size_bytes
        if metadata is not None:
            fields["metadata"] = metadata
        grid_in = self._client._family.grid_in(self.collection, session=session, **fields)
        grid_in._indexes = self._indexes
        return grid_in

    def upload_from_stream(
        self,
        filename: str,
        source: Any,
        chunk_size_bytes: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        session: AgnosticClientSession | None = None,
    ) -> asyncio.Future[Any]:
        """Store all of `source` as a file; its id, an :class:`~bson.objectid.ObjectId`, is the result.

        `source` is what :meth:`AgnosticGridIn.write` takes. If anything fails, nothing stays behind.
        """
        return self._start(self._upload_from_stream({}, filename, source, chunk_size_bytes, metadata, session))

    def upload_from_stream_with_id(
        self,
        file_id: Any,
        filename: str,
        source: Any,
        chunk_size_bytes: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        session: AgnosticClientSession | None = None,
    ) -> asyncio.Future[None]:
        """Store all of `source` as a file with the id `file_id`.

        Raises :class:`~gridfs.errors.FileExists` if there is one with that id already, which stays as it is.
        """
        return self._start(
            self._upload_from_stream_with_id(file_id, filename, source, chunk_size_bytes, metadata, session)
        )

    async def _upload_from_stream_with_id(self, file_id: Any, *arguments: Any) -> None:
        await self._upload_from_stream({"_id": file_id}, *arguments)

    async def _upload_from_stream(
        self,
        fields: dict[str, Any],
        filename: str,
        source: Any,
        chunk_size_bytes: int | None,
        metadata: Mapping[str, Any] | None,
        session: Any,
    ) -> Any:
        grid_in = self._open_upload_stream(fields, filename, chunk_size_bytes, metadata, session)
        await grid_in._write(source)
        await grid_in._close()
        return grid_in._id

    def delete(self, file_id: Any, session: AgnosticClientSession | None = None) -> asyncio.Future[None]:
        """Delete the file with the id `file_id`.

        Raises :class:`~gridfs.errors.NoFile` if there is none; chunks without a file are deleted all the same.
        """
        return self._start(self._delete(file_id, session))

    async def _delete(self, file_id: Any, session: Any) -> None:
        disallow_transaction(session)
        files, chunks = self._collections.files._target, self._collections.chunks._target
        result = await self._execute(Delete(files, {"_id": {"$eq": file_id}}), session)
        await self._execute(Delete(chunks, {"files_id": {"$eq": file_id}}, multi=True), session)
        if not result.deleted_count:
            raise NoFile(f"no file could be deleted because none matched {file_id}")

    def delete_by_name(self, filename: str, session: AgnosticClientSession | None = None) -> asyncio.Future[None]:
        """Delete all files called `filename`.

        Raises :class:`~gridfs.errors.NoFile` if there are none.

        .. versionadded:: 4.0
        """
        return self._start(self._delete_by_name(filename, session))

    async def _delete_by_name(self, filename: str, session: Any) -> None:
        disallow_transaction(session)
        found = self._collections.files.find({"filename": filename}, {"_id": 1}, session=session)
        ids = [file["_id"] async for file in found]
        files, chunks = self._collections.files._target, self._collections.chunks._target
        result = await self._execute(Delete(files, {"_id": {"$in": ids}}, multi=True), session)
        await self._execute(Delete(chunks, {"files_id": {"$in": ids}}, multi=True), session)
        if not result.deleted_count:
            raise NoFile(f"no file could be deleted because none matched filename {filename!r}")

    def rename(
        self, file_id: Any, new_filename: str, session: AgnosticClientSession | None = None
    ) -> asyncio.Future[None]:
        """Give the file with the id `file_id` the name `new_filename`.

        Raises :class:`~gridfs.errors.NoFile` if there is none.
        """
        return self._start(self._rename(file_id, new_filename, session))

    async def _rename(self, file_id: Any, new_filename: str, session: Any) -> None:
        disallow_transaction(session)
        update = {"$set": {"filename": new_filename}}
        operation = Update(self._collections.files._target, {"_id": {"$eq": file_id}}, update)
        result = await self._execute(operation, session)
        if not result.matched_count:
            raise NoFile(f"no files could be renamed {new_filename!r} because none matched file_id {file_id}")

    def rename_by_name(
        self, filename: str, new_filename: str, session: AgnosticClientSession | None = None
    ) -> asyncio.Future[None]:
        """Give all files called `filename` the name `new_filename`.

        Raises :class:`~gridfs.errors.NoFile` if there are none.

        .. versionadded:: 4.0
        """
        return self._start(self._rename_by_name(filename, new_filename, session))

    async def _rename_by_name(self, filename: str, new_filename: str, session: Any) -> None:
        disallow_transaction(session)
        update = {"$set": {"filename": new_filename}}
        operation = Update(self._collections.files._target, {"filename": filename}, update, multi=True)
        result = await self._execute(operation, session)
        if not result.matched_count:
            raise NoFile(f"no files could be renamed {new_filename!r} because none matched filename {filename!r}")

    @takes_those_of_method(AgnosticGridOutCursor)
    def find(self, *args: Any, **kwargs: Any) -> AgnosticGridOutCursor:
        """Query the files: a cursor over those whose documents match, each an :class:`AgnosticGridOut` to be read.

        Takes the arguments of :class:`AgnosticGridOutCursor`, of which the first is the filter.
        """
        return self._client._family.grid_out_cursor(self.collection, *args, **kwargs)


async def _copy(grid_out: AgnosticGridOut, destination: Any) -> None:
    """All of a file that nobody else reads. Its cursor is closed at the end, and also if something fails."""
    write = writer_to(destination)
    async with grid_out:
        while data := await grid_out._read_on():
            await write(data)
