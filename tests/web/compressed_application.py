"""Serves text that is stored compressed, as Motor 3's guide shows it: its client is made before any loop runs, and used
in one after the other.

python compressed_application.py URI DATABASE
"""

import asyncio
import gzip
import io
import socket
import sys

import aiohttp.web

from motor.aiohttp import AIOHTTPGridFS
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket

client = AsyncIOMotorClient(sys.argv[1])
database = client[sys.argv[2]]


async def store_text():
    bucket = AsyncIOMotorGridFSBucket(database)
    compressed = io.BytesIO(gzip.compress(b"Such stuff as dreams are made on\n" * 1000))
    await bucket.upload_from_stream(
        filename="my_file", source=compressed, metadata={"contentType": "text", "compressed": True}
    )


def say_that_it_is_compressed(response, gridout):
    if gridout.metadata.get("compressed"):
        response.headers["Content-Encoding"] = "gzip"


asyncio.run(store_text())

handler = AIOHTTPGridFS(database, set_extra_headers=say_that_it_is_compressed)
application = aiohttp.web.Application()
resource = application.router.add_resource("/fs/{filename}")
resource.add_route("GET", handler)
resource.add_route("HEAD", handler)

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
aiohttp.web.run_app(application, sock=listener, print=None)
