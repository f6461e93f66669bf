"""Starts the service. ``--help`` lists its options; MONGODB_URI and MONGODB_DATABASE say the same."""

import argparse
import os
from contextlib import ExitStack

import uvicorn

import motor.embedded

from bookshelf.app import create_app


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep books, over HTTP.")
    parser.add_argument("--uri", help="the database (default: MONGODB_URI, or an embedded server is started)")
    parser.add_argument("--db", help="the name of the database (default: MONGODB_DATABASE, or bookshelf)")
    parser.add_argument("--port", type=int, default=8891, help="the web server's port (default: %(default)s)")
    options = parser.parse_args()
    with ExitStack() as stack:
        uri = options.uri or os.environ.get("MONGODB_URI")
        if not uri:
            uri = stack.enter_context(motor.embedded.Server()).uri
            print(f"The database is {uri}", flush=True)  # no other, whose address may hold a password
        uvicorn.run(create_app(uri, options.db), port=options.port)


if __name__ == "__main__":
    main()
