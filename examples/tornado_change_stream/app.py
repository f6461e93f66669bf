"""A web page that shows what changes in a MongoDB collection, as it happens.

Run it, and open the address that it prints. ``--help`` lists its options.
"""

import argparse
import asyncio
import logging
import signal
import sys
import uuid
from contextlib import AsyncExitStack, suppress

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.errors import PyMongoError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

import motor.embedded
from motor.motor_tornado import MotorClient

from feed import Document
from handlers import MAX_MESSAGE_BYTES, MAX_PAGES, application, send_away

ADDRESS = "127.0.0.1"
"""This machine only: whoever can open the page can insert documents."""

ANY_DOCUMENT: CodecOptions[Document] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
"""Reads what other drivers may have written: dates that Python hasn't got, text that isn't UTF-8."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Show what changes in a MongoDB collection on a web page.")
    parser.add_argument("--uri", help="the database to watch, a replica set (default: an embedded server is started)")
    parser.add_argument("--db", default="test", help="the name of the database (default: %(default)s)")
    parser.add_argument("--collection", default="things", help="the collection to watch (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8888, help="the web server's port (default: %(default)s)")
    return parser.parse_args()


async def serve(chosen: argparse.Namespace) -> None:
    """Run the web server until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    with suppress(NotImplementedError):  # as on Windows, where asyncio.run() ends on Ctrl-C all the same
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)

    async with AsyncExitStack() as stack:
        uri, source = chosen.uri, f"{chosen.db}.{chosen.collection}"
        if uri is None:
            uri = (await stack.enter_async_context(motor.embedded.Server())).uri
            source += f" {uuid.uuid4()}"  # with no data the next time
            print(f"The database is {uri}", flush=True)  # no other, whose address may hold a password
        # So long may it be gone before the page says so.
        client: MotorClient[Document] = MotorClient(uri, serverSelectionTimeoutMS=2000, maxPoolSize=MAX_PAGES + 10)
        stack.callback(client.close)
        collection = client[chosen.db].get_collection(chosen.collection, codec_options=ANY_DOCUMENT)

        app = application(collection, source)
        sockets = bind_sockets(chosen.port, ADDRESS)
        server = HTTPServer(app, max_body_size=MAX_MESSAGE_BYTES)
        server.add_sockets(sockets)
        print(f"Open http://{ADDRESS}:{sockets[0].getsockname()[1]} (Ctrl-C to stop)", flush=True)
        await stopped.wait()

        server.stop()
        await send_away(app.settings["pages"])
        await server.close_all_connections()


def main() -> int:
    logging.basicConfig(format="%(levelname)s %(message)s")
    try:
        asyncio.run(serve(options()))
    except KeyboardInterrupt:
        pass
    except (ImportError, OSError, PyMongoError, RuntimeError, ValueError) as error:
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
