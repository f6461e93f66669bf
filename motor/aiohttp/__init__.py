"""GridFS files over HTTP with aiohttp."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from datetime import datetime
from http import HTTPStatus
from typing import Any, NoReturn

import aiohttp.web
from bson.errors import InvalidId
from gridfs.errors import NoFile

from motor import file_response
from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket, AsyncIOMotorGridOut

__all__ = ["AIOHTTPGridFS", "get_cache_time", "get_gridfs_file", "set_extra_headers"]


def get_gridfs_file(
    bucket: AsyncIOMotorGridFSBucket, filename: str, request: aiohttp.web.Request
) -> Awaitable[AsyncIOMotorGridOut]:
    """Choose a file of `bucket`: the newest called `filename`.

    Give :class:`AIOHTTPGridFS` another function to choose otherwise, as by ``_id``::

        def file_by_id(bucket, filename, request):
            return bucket.open_download_stream(ObjectId(filename))

        handler = AIOHTTPGridFS(database, get_gridfs_file=file_by_id)

    It may be a coroutine function. :exc:`~gridfs.errors.NoFile`, or :exc:`~bson.errors.InvalidId`, is answered with
    404. Awaited, what it returns is the file. `filename` is what ``{filename}`` in the URL's pattern matched, `request`
    is aiohttp's.
    """
    return bucket.open_download_stream_by_name(filename)


def get_cache_time(filename: str, modified: datetime, mime_type: str) -> int:
    """For how long the client may use the file without asking again, in seconds: 0, which says nothing of it.

    Give :class:`AIOHTTPGridFS` another function to say it, for some files or for all::

        def an_hour_for_images(filename, modified, mime_type):
            return 3600 if mime_type.startswith("image/") else 0

        handler = AIOHTTPGridFS(database, get_cache_time=an_hour_for_images)

    `filename` is the URL's path, `modified` when the file was uploaded, and `mime_type` its type, such as
    ``"image/png"``.

    .. versionchanged:: 4.0
       `mime_type` is the type that is sent, also when it is not stored with the file. It was ``None`` then.
    """
    return 0


def set_extra_headers(response: aiohttp.web.StreamResponse, gridout: AsyncIOMotorGridOut) -> None:
    """Change the response before anything of it is sent. This one doesn't.

    Give :class:`AIOHTTPGridFS` another function to set more headers, or others::

        def compressed(response, gridout):
            response.headers["Content-Encoding"] = "gzip"

        handler = AIOHTTPGridFS(database, set_extra_headers=compressed)

    An ``ETag`` or a ``Last-Modified`` that it sets is the one that the request is compared with. `response` is
    aiohttp's, `gridout` the file.
    """


class AIOHTTPGridFS:
    """A request handler that serves the files of a GridFS bucket.

    .. code-block:: python

        application = aiohttp.web.Application()
        handler = AIOHTTPGridFS(AsyncIOMotorClient().media)
        application.router.add_get("/files/{filename}", handler)

    The pattern has to have a part named ``filename``; :meth:`~aiohttp.web.UrlDispatcher.add_get` adds a route for HEAD,
    too.

    It answers GET and HEAD, says when the client has the file already (``If-None-Match``, ``If-Modified-Since``), and
    sends a range of it (``Range``, ``If-Range``), so that a browser can seek in a video. A request for several ranges
    gets the whole file. What the file's type is comes from its ``contentType``, from that in its metadata, or from its
    name; what nobody knows is ``application/octet-stream``, which a browser saves and doesn't run.

    For how long a client may use a file before it asks again is for `get_cache_time` to say. ``Cache-Control: public``
    is for `set_extra_headers` to say; without either it is ``private``, as it always is when the request has an
    ``Authorization`` header. Every answer has ``X-Content-Type-Options: nosniff``.

    However slowly the client reads, little more than a megabyte of the file is in memory, or one of its chunks if they
    are larger than that. Who doesn't take 256 KB in :attr:`write_timeout` seconds is cut off; when the client is gone,
    nothing more is read.

    It is made of a `database`, an :class:`~motor.motor_asyncio.AsyncIOMotorDatabase`; for one of another class it
    raises TypeError. `root_collection` is the bucket's name. The others are functions: :func:`get_gridfs_file` chooses
    the file, :func:`get_cache_time` says for how long it may be used without asking, and :func:`set_extra_headers` sets
    more headers.

    .. versionchanged:: 4.0
       It sends ranges, and heeds ``If-Match``, ``If-Unmodified-Since`` and lists in ``If-None-Match``.
       ``Cache-Control`` is ``private`` by default, no longer ``public``.
    """

    write_timeout: float = file_response.WRITE_TIMEOUT
    """How many seconds a client has for each 256 KB, or less at the end. Set it on the handler.

    .. versionadded:: 4.0
    """

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Any],
        root_collection: str = "fs",
        get_gridfs_file: Callable[..., Awaitable[AsyncIOMotorGridOut]] = get_gridfs_file,
        get_cache_time: Callable[[str, datetime, str], float] = get_cache_time,
        set_extra_headers: Callable[[aiohttp.web.StreamResponse, AsyncIOMotorGridOut], object] = set_extra_headers,
    ) -> None:
        if not isinstance(database, AsyncIOMotorDatabase):
            raise TypeError(f"First argument to AIOHTTPGridFS must be AsyncIOMotorDatabase, not {database!r}")
        self._bucket = AsyncIOMotorGridFSBucket(database, root_collection)
        self._get_gridfs_file = get_gridfs_file
        self._get_cache_time = get_cache_time
        self._set_extra_headers = set_extra_headers
        _mark_as_coroutine_function(self)

    async def __call__(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        """The answer to `request`: the file, or a part of it, or that the client has it already.

        Raises :exc:`aiohttp.web.HTTPException`: 404 when there is no such file, 405 for another method than GET and
        HEAD, 500 when the URL's pattern has no ``{filename}``.
        """
        if "filename" not in request.match_info:
            _refuse_route(request)
        if request.method not in ("GET", "HEAD"):
            raise aiohttp.web.HTTPMethodNotAllowed(request.method, {"GET", "HEAD"}, headers=file_response.ALWAYS)
        grid_out = await self._open(request)
        response = self._described(request, grid_out)
        answer = _evaluate(request, response, grid_out)
        response.set_status(answer.status)
        response.headers.update(answer.headers)
        if answer.is_error:
            for name in file_response.NOT_OF_AN_ERROR:
                response.headers.pop(name, None)
        if answer.status is not HTTPStatus.NOT_MODIFIED:
            response.content_length = len(answer.part)
        if request.method == "GET":
            await self._send(request, response, grid_out, answer.part)
        return response

    async def _open(self, request: aiohttp.web.Request) -> AsyncIOMotorGridOut:
        filename = request.match_info["filename"]
        try:
            return await self._get_gridfs_file(self._bucket, filename, request)
        except (NoFile, InvalidId, UnicodeEncodeError) as error:
            # Without its C extension aiohttp passes on a path that is not UTF-8, and cannot send it back.
            path = request.path.encode(errors="replace").decode()
            raise aiohttp.web.HTTPNotFound(text=path, headers=file_response.ALWAYS) from error

    def _described(self, request: aiohttp.web.Request, grid_out: AsyncIOMotorGridOut) -> aiohttp.web.StreamResponse:
        path = request.path
        mime_type = file_response.content_type(grid_out, path)
        response = aiohttp.web.StreamResponse()
        response.content_type = mime_type
        response.headers["Last-Modified"] = file_response.http_date(grid_out.upload_date)
        response.headers["Etag"] = file_response.etag(grid_out)
        response.headers.update(file_response.caching(self._get_cache_time(path, grid_out.upload_date, mime_type)))
        response.headers.update(file_response.ALWAYS)
        self._set_extra_headers(response, grid_out)
        if "Authorization" in request.headers:
            said = file_response.caching_of_authorized(response.headers.get("Cache-Control"))
            response.headers["Cache-Control"] = said
        return response

    async def _send(
        self,
        request: aiohttp.web.Request,
        response: aiohttp.web.StreamResponse,
        grid_out: AsyncIOMotorGridOut,
        part: range,
    ) -> None:
        left = len(part)
        async with aclosing(file_response.read(grid_out, part)) as chunks:
            async for chunk in chunks:
                left -= len(chunk)
                try:
                    with self._time_limit(request):
                        # Not before there is something to send: what goes wrong until then can still be answered.
                        await response.prepare(request)
                        await (response.write(chunk) if left else response.write_eof(chunk))
                except OSError:
                    return  # the client is gone; aiohttp raises whatever its connection ended with

    def _time_limit(self, request: aiohttp.web.Request) -> AbstractContextManager[None]:
        transport = request.transport
        return file_response.time_limit(self.write_timeout, transport.abort) if transport else nullcontext()


def _evaluate(
    request: aiohttp.web.Request, response: aiohttp.web.StreamResponse, grid_out: AsyncIOMotorGridOut
) -> file_response.Answer:
    asked = request.headers
    conditions = {name: ", ".join(asked.getall(name)) for name in file_response.CONDITIONS if name in asked}
    if request.method == "HEAD":
        conditions.pop("Range", None)
    etag, last_modified = (response.headers.get(name) for name in ("Etag", "Last-Modified"))
    # A part of what is compressed on its way is no part of the file.
    return file_response.evaluate(conditions, etag, last_modified, int(grid_out.length), not response.compression)


def _refuse_route(request: aiohttp.web.Request) -> NoReturn:
    resource = request.match_info.route.resource
    route = request.path if resource is None else resource.canonical
    raise aiohttp.web.HTTPInternalServerError(
        text=f'Bad AIOHTTPGridFS route "{route}", requires a {{filename}} variable', headers=file_response.ALWAYS
    )


if sys.version_info >= (3, 12):

    def _mark_as_coroutine_function(handler: AIOHTTPGridFS) -> None:
        """aiohttp warns of a handler that is an object, unless it is marked."""
        inspect.markcoroutinefunction(handler)

else:

    def _mark_as_coroutine_function(handler: AIOHTTPGridFS) -> None:
        """aiohttp warns of a handler that is an object, unless it is marked."""
        handler._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]  # private
