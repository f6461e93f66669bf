"""A file server on GridFS: it takes files, lists them, and sends them whole or in part, so that a browser can seek."""

import argparse
import functools
import mimetypes
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from aiohttp import web
from gridfs.errors import NoFile
from pymongo.errors import PyMongoError

import motor.embedded
from motor.aiohttp import AIOHTTPGridFS
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket

ADDRESS = "127.0.0.1"
"""This machine only: whoever can open the page can store and delete files."""

PAGE = Path(__file__).with_name("page")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def application(database: AsyncIOMotorDatabase[dict[str, Any]], max_size: int) -> web.Application:
    """The web server's, for the files in the bucket "fs" of that database, of `max_size` bytes at most."""
    bucket = AsyncIOMotorGridFSBucket(database)
    files = AIOHTTPGridFS(database, set_extra_headers=isolate)

    async def page(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / (request.match_info["file"] or "index.html"), headers=HEADERS)

    async def newest(request: web.Request) -> web.Response:
        listed: dict[str, dict[str, Any]] = {}
        async for file in bucket.find().sort("uploadDate", -1).limit(100):
            name = file.filename or ""
            kind = (file.metadata or {}).get("contentType") or mimetypes.guess_type(name)[0] or ""
            listed.setdefault(name, {"name": name, "length": file.length, "type": kind})
        return web.json_response(list(listed.values()))

    async def store(request: web.Request) -> web.Response:
        # From the network into the database as it comes: a file of any size takes a few chunks of memory. Of one that
        # is refused on the way nothing stays.
        kind = request.headers.get("Content-Type")
        metadata = {"contentType": kind} if kind else None
        await bucket.upload_from_stream(request.match_info["filename"], body(request, max_size), metadata=metadata)
        return web.Response(status=201)

    async def delete(request: web.Request) -> web.Response:
        await bucket.delete_by_name(request.match_info["filename"])
        return web.Response(status=204)

    made = web.Application(middlewares=[guard])
    made.add_routes(
        [
            web.get("/{file:|page\\.js}", page),
            web.get("/files", newest),
            # "get" is HEAD, too.
            web.get("/files/{filename:.+}", files),
            web.put("/files/{filename:.+}", store),
            web.delete("/files/{filename:.+}", delete),
        ]
    )
    return made


async def body(request: web.Request, max_size: int) -> AsyncIterator[bytes]:
    """What is sent, piece by piece. More than `max_size` bytes are refused, at once if they are announced."""
    received = 0
    async for data in request.content.iter_any():
        received += len(data)
        size = max(received, request.content_length or 0)
        if size > max_size:
            raise web.HTTPRequestEntityTooLarge(max_size, size)
        yield data


def isolate(response: web.StreamResponse, grid_out: Any) -> None:
    """A file may be a web page that somebody has stored: as a stranger, not as a part of this site."""
    response.headers["Content-Security-Policy"] = "sandbox"


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Serve under no other name, as a page from elsewhere could have its own name lead here; say what failed."""
    if request.url.host not in (ADDRESS, "localhost"):
        raise web.HTTPMisdirectedRequest
    try:
        return await handler(request)
    except NoFile:
        raise web.HTTPNotFound from None
    except ConnectionResetError:
        raise web.HTTPBadRequest from None  # gone in the middle of a file, which is not stored: nobody hears this
    except PyMongoError as error:
        raise web.HTTPServiceUnavailable(text=f"The database: {type(error).__name__}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the files of a GridFS bucket.")
    parser.add_argument("--uri", help="the database (default: an embedded server is started)")
    parser.add_argument("--db", default="test", help="the name of the database (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8890, help="the web server's port (default: %(default)s)")
    parser.add_argument(
        "--max-size", type=int, default=1000, help="how many megabytes a file may have (default: %(default)s)"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        uri = options.uri
        if not uri:
            uri = stack.enter_context(motor.embedded.Server()).uri
            print(f"The database is {uri}", flush=True)  # no other, whose address may hold a password
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=2000)
        stack.callback(client.close)
        listener = stack.enter_context(socket.create_server((ADDRESS, options.port)))
        made = application(client[options.db], options.max_size * 1_000_000)
        web.run_app(made, sock=listener, print=functools.partial(print, flush=True))


if __name__ == "__main__":
    main()
