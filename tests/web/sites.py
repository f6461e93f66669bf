"""A web server that serves a bucket: Tornado's or aiohttp's, with the same hooks, on a socket of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import aiohttp.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from motor.aiohttp import AIOHTTPGridFS
from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient
from motor.web import GridFSHandler
from tests.support.events import Commands
from tests.support.waiting import until

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Hooks:
    """What an application overrides, in the same words for both frameworks.

    `headers` is given a function that sets a header, and the file.
    """

    file: Callable[..., Any] | None = None
    cache_time: Callable[..., float] | None = None
    headers: Callable[[Callable[[str, str], object], Any], object] | None = None
    write_timeout: float | None = None


@dataclass
class Site:
    """A running server. `commands` is what its client has sent to the database, `asked` are the requests' methods and
    ranges, `running` is how many have not been answered yet.
    """

    framework: str
    database: Any
    port: int
    commands: Commands
    asked: list[tuple[str, str]] = field(default_factory=list)
    running: int = 0

    def url(self, name: str = "") -> str:
        """Where the file of that name is, which is quoted already."""
        return f"http://{HOST}:{self.port}/files/{name}"

    async def raw(self, request: bytes) -> bytes:
        """All that the server answers to these bytes before it closes the connection."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer


@asynccontextmanager
async def serving(
    framework: str, uri: str, database: str, hooks: Hooks = Hooks(), bucket: str = "fs", **client_options: Any
) -> AsyncIterator[Site]:
    """A server of that framework, for the bucket called `bucket` of that database."""
    commands = Commands()
    kind = MotorClient if framework == "tornado" else AsyncIOMotorClient
    client: Any = kind(uri, event_listeners=[commands], **client_options)
    # The bucket's name is mostly left to the default.
    arguments = {"database": client[database], **({} if bucket == "fs" else {"root_collection": bucket})}
    make = _tornado_application if framework == "tornado" else _aiohttp_application
    site = Site(framework, client[database], 0, commands)
    try:
        async with listening(make(site, arguments, hooks)) as site.port:
            yield site
        # One whose client is gone is told so when it has something to send.
        await until(lambda: not site.running)
    finally:
        await client.close()


@asynccontextmanager
async def listening(application: Application | aiohttp.web.Application) -> AsyncIterator[int]:
    """The port on which the application listens meanwhile."""
    sockets = bind_sockets(0, HOST)
    port: int = sockets[0].getsockname()[1]
    if isinstance(application, Application):
        server = HTTPServer(application)
        server.add_sockets(sockets)
        try:
            yield port
        finally:
            server.stop()
            await server.close_all_connections()
    else:
        runner = aiohttp.web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        await aiohttp.web.SockSite(runner, sockets[0]).start()
        try:
            yield port
        finally:
            await runner.cleanup()


def _tornado_application(site: Site, arguments: dict[str, Any], hooks: Hooks) -> Application:
    class Handler(GridFSHandler):
        async def get(self, path: str, include_body: bool = True) -> None:
            site.asked.append((self.request.method or "", self.request.headers.get("Range", "")))
            site.running += 1
            try:
                await super().get(path, include_body)
            finally:
                site.running -= 1

    if file := hooks.file:
        _override(Handler, "get_gridfs_file", lambda self, *arguments: file(*arguments))
    if cache_time := hooks.cache_time:
        _override(Handler, "get_cache_time", lambda self, *arguments: cache_time(*arguments))
    if headers := hooks.headers:
        _override(Handler, "set_extra_headers", lambda self, path, gridout: headers(self.set_header, gridout))
    if hooks.write_timeout is not None:
        Handler.write_timeout = hooks.write_timeout
    return Application([(r"/files/(.*)", Handler, arguments)])


def _override(handler: type[GridFSHandler], name: str, method: Callable[..., Any]) -> None:
    setattr(handler, name, method)


def _aiohttp_application(site: Site, arguments: dict[str, Any], hooks: Hooks) -> aiohttp.web.Application:
    @aiohttp.web.middleware
    async def note(request: aiohttp.web.Request, handler: Any) -> aiohttp.web.StreamResponse:
        site.asked.append((request.method, request.headers.get("Range", "")))
        site.running += 1
        try:
            response: aiohttp.web.StreamResponse = await handler(request)
        finally:
            site.running -= 1
        return response

    if hooks.file:
        arguments["get_gridfs_file"] = hooks.file
    if hooks.cache_time:
        arguments["get_cache_time"] = hooks.cache_time
    if headers := hooks.headers:
        arguments["set_extra_headers"] = lambda response, gridout: headers(response.headers.__setitem__, gridout)
    application = aiohttp.web.Application(middlewares=[note])
    resource = application.router.add_resource("/files/{filename:(?s:.*)}")
    handler = AIOHTTPGridFS(**arguments)
    if hooks.write_timeout is not None:
        handler.write_timeout = hooks.write_timeout
    for method in ("GET", "HEAD"):
        resource.add_route(method, handler)
    return application
