"""GridFS files over HTTP with Tornado."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import aclosing, suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any

from bson.errors import InvalidId
from gridfs.errors import NoFile
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import GZipContentEncoding, HTTPError, RequestHandler

from motor import file_response
from motor.motor_tornado import MotorDatabase, MotorGridFSBucket, MotorGridOut

__all__ = ["GridFSHandler"]


class GridFSHandler(RequestHandler):
    """Serves the files of a GridFS bucket, as :class:`tornado.web.StaticFileHandler` does those of a folder.

    .. code-block:: python

        database = MotorClient().media
        application = Application([(r"/files/(.*)", GridFSHandler, {"database": database})])

    It answers GET and HEAD, says when the client has the file already (``If-None-Match``, ``If-Modified-Since``), and
    sends a range of it (``Range``, ``If-Range``), so that a browser can seek in a video. A request for several ranges
    gets the whole file. What the file's type is comes from its ``contentType``, from that in its metadata, or from its
    name; what nobody knows is ``application/octet-stream``, which a browser saves and doesn't run.

    For how long a client may use a file before it asks again is for :meth:`get_cache_time` to say.
    ``Cache-Control: public`` is for :meth:`set_extra_headers` to say; without either it is ``private``, as it always is
    when the request has an ``Authorization`` header. Every answer has ``X-Content-Type-Options: nosniff``.

    However slowly the client reads, little more than a megabyte of the file is in memory, or one of its chunks if they
    are larger than that. Who doesn't take 256 KB in :attr:`write_timeout` seconds is cut off; when the client is gone,
    nothing more is read.

    Where it is mapped to, it is given two arguments: `database`, a :class:`~motor.motor_tornado.MotorDatabase`, and
    `root_collection`, the bucket's name.

    .. versionchanged:: 4.0
       It sends ranges, heeds ``If-Match``, ``If-Unmodified-Since`` and lists in ``If-None-Match``, and takes a file of
       unknown type for ``application/octet-stream``, no longer for HTML. ``Cache-Control`` is ``private`` by default,
       no longer ``public``.
    """

    write_timeout: float = file_response.WRITE_TIMEOUT
    """How many seconds a client has for each 256 KB, or less at the end. Set it in a subclass.

    .. versionadded:: 4.0
    """

    def set_default_headers(self) -> None:
        """What goes with every answer, also with an error."""
        for name, value in file_response.ALWAYS.items():
            self.set_header(name, value)

    def initialize(self, database: MotorDatabase[Any], root_collection: str = "fs") -> None:
        """Tornado calls it with the arguments that the handler was mapped with: `database` and `root_collection`."""
        self.database = database
        self.root_collection = root_collection

    def get_gridfs_file(
        self, bucket: MotorGridFSBucket, filename: str, request: HTTPServerRequest
    ) -> Awaitable[MotorGridOut]:
        """Choose a file of `bucket`: by default, the newest called `filename`. Override it to choose otherwise, as by
        ``_id``::

            class FilesById(GridFSHandler):
                def get_gridfs_file(self, bucket, filename, request):
                    return bucket.open_download_stream(ObjectId(filename))

        It may be a coroutine. :exc:`~gridfs.errors.NoFile`, or :exc:`~bson.errors.InvalidId`, is answered with 404.
        Awaited, what it returns is the file. `filename` is what the group in the URL's pattern matched, `request` is
        Tornado's.
        """
        return bucket.open_download_stream_by_name(filename)

    def get_cache_time(self, path: str, modified: datetime, mime_type: str) -> int:
        """For how long the client may use the file without asking again, in seconds. Override it; 0 says nothing of it.

        `path` is what the group in the URL's pattern matched, `modified` when the file was uploaded, to the second, and
        `mime_type` its type, such as ``"image/png"``.
        """
        return 0

    def set_extra_headers(self, path: str, gridout: MotorGridOut) -> None:
        """Override it to set more of the response's headers, or others, with :meth:`set_header`.

        An ``Etag`` or a ``Last-Modified`` that it sets is the one that the request is compared with. `path` is what the
        group in the URL's pattern matched, `gridout` the file.
        """

    async def get(self, path: str, include_body: bool = True) -> None:
        """Send the file, or a part of it, or that the client has it already; without `include_body` the headers only.

        `path` is what the group in the URL's pattern matched. Raises :exc:`tornado.web.HTTPError`: 404 when there is no
        such file.
        """
        bucket = MotorGridFSBucket(self.database, self.root_collection)
        try:
            grid_out = await self.get_gridfs_file(bucket, path, self.request)
        except (NoFile, InvalidId):
            raise HTTPError(404) from None
        self._describe(path, grid_out)
        answer = self._evaluate(grid_out, include_body)
        self.set_status(int(answer.status))
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.is_error:
            for name in file_response.NOT_OF_AN_ERROR:
                self.clear_header(name)
            return
        if answer.status is HTTPStatus.NOT_MODIFIED:
            return
        self.set_header("Content-Length", len(answer.part))
        if include_body:
            await self._send(grid_out, answer.part)
        self.finish()

    def head(self, path: str) -> Awaitable[None]:
        """Send what :meth:`get` would for `path`, without the file."""
        return self.get(path, include_body=False)

    def _describe(self, path: str, grid_out: MotorGridOut) -> None:
        modified = grid_out.upload_date.replace(microsecond=0)
        mime_type = file_response.content_type(grid_out, path)
        self.set_header("Last-Modified", file_response.http_date(modified))
        self.set_header("Etag", file_response.etag(grid_out))
        self.set_header("Content-Type", mime_type)
        caching = file_response.caching(self.get_cache_time(path, modified, mime_type))
        for name, value in (caching | file_response.ALWAYS).items():
            self.set_header(name, value)
        self.set_extra_headers(path, grid_out)
        if "Authorization" in self.request.headers:
            said = file_response.caching_of_authorized(self._headers.get("Cache-Control"))
            self.set_header("Cache-Control", said)

    def _evaluate(self, grid_out: MotorGridOut, include_body: bool) -> file_response.Answer:
        asked = self.request.headers
        conditions = {name: asked[name] for name in file_response.CONDITIONS if name in asked}
        if not include_body:
            conditions.pop("Range", None)
        etag, last_modified = (self._headers.get(name) for name in ("Etag", "Last-Modified"))
        return file_response.evaluate(conditions, etag, last_modified, int(grid_out.length), not self._may_compress())

    def _may_compress(self) -> bool:
        """Whether Tornado may compress what is sent: a part of that is no part of the file."""
        compresses = any(issubclass(each, GZipContentEncoding) for each in self.application.transforms)
        return compresses and "gzip" in self.request.headers.get("Accept-Encoding", "")

    async def _send(self, grid_out: MotorGridOut, part: range) -> None:
        with suppress(StreamClosedError):  # the client is gone
            async with aclosing(file_response.read(grid_out, part)) as chunks:
                async for chunk in chunks:
                    self.write(chunk)
                    with file_response.time_limit(self.write_timeout, self._cut_off):
                        await self.flush()

    def _cut_off(self) -> None:
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection) and connection.stream is not None:
            # The stream's end wakes who waits for it to be written to; the connection's would forget them.
            connection.stream.close()
