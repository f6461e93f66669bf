"""A file server as it was written for Motor 3, which runs on that Motor and on this one:

python motor_3_application.py {tornado,aiohttp} URI DATABASE

It prints its port.
"""

import asyncio
import sys

import aiohttp.web
import tornado.httpserver
import tornado.netutil
import tornado.web

import motor.motor_asyncio
import motor.motor_tornado
import motor.web
from motor.aiohttp import AIOHTTPGridFS

HOST = "127.0.0.1"


class ById(motor.web.GridFSHandler):
    def get_gridfs_file(self, bucket, filename, request):
        return bucket.open_download_stream(file_id=filename)

    def get_cache_time(self, path, modified, mime_type):
        return 10

    def set_extra_headers(self, path, gridout):
        self.set_header("X-Length", gridout.length)


def by_id(bucket, filename, request):
    return bucket.open_download_stream(file_id=filename)


def cache_time(path, modified, mime_type):
    return 10


def extra_headers(response, gridout):
    response.headers["X-Length"] = str(gridout.length)


async def serve_with_tornado(uri, name):
    client = motor.motor_tornado.MotorClient(uri)
    arguments = {"database": client[name]}
    application = tornado.web.Application(
        [(r"/name/(.*)", motor.web.GridFSHandler, arguments), (r"/id/(.*)", ById, arguments)]
    )
    sockets = tornado.netutil.bind_sockets(0, HOST)
    server = tornado.httpserver.HTTPServer(application)
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def serve_with_aiohttp(uri, name):
    client = motor.motor_asyncio.AsyncIOMotorClient(uri)
    application = aiohttp.web.Application()
    for pattern, handler in (
        ("/name/{filename}", AIOHTTPGridFS(client[name])),
        (
            "/id/{filename}",
            AIOHTTPGridFS(
                client[name], get_gridfs_file=by_id, get_cache_time=cache_time, set_extra_headers=extra_headers
            ),
        ),
    ):
        resource = application.router.add_resource(pattern)
        resource.add_route("GET", handler)
        resource.add_route("HEAD", handler)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, HOST, 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    serve = {"tornado": serve_with_tornado, "aiohttp": serve_with_aiohttp}[sys.argv[1]]
    asyncio.run(serve(*sys.argv[2:]))
