"""Makes the service, with a client that lives as long as it does."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pymongo.errors import ConnectionFailure, ExecutionTimeout
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from motor.motor_asyncio import AsyncIOMotorClient

from .routes import router
from .store import Books, Conflict, NotFound

MAX_BODY_BYTES = 16 * 1024
"""How much may be sent: a book is far less. Without a limit a single request could fill the memory."""


def create_app(uri: str | None = None, database: str | None = None) -> FastAPI:
    """The service on that database: by default what the environment names as MONGODB_URI and MONGODB_DATABASE.

    It answers under the host names that are listed in BOOKSHELF_HOSTS, by default those of this machine only.
    """
    uri = uri or os.environ["MONGODB_URI"]
    database = database or os.environ.get("MONGODB_DATABASE", "bookshelf")
    hosts = os.environ.get("BOOKSHELF_HOSTS", "127.0.0.1,localhost").split(",")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # No request waits longer than this for the database.
        async with AsyncIOMotorClient[dict[str, Any]](uri, timeoutMS=5000, appname="bookshelf") as client:
            app.state.books = Books(client[database])
            await app.state.books.prepare()
            yield

    app = FastAPI(title="Bookshelf", lifespan=lifespan)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES)
    # Under no other name: a page from elsewhere could have its own name lead here, and would then be let in.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.include_router(router)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(Conflict, _conflict)
    app.add_exception_handler(ConnectionFailure, _unavailable)
    app.add_exception_handler(ExecutionTimeout, _unavailable)
    return app


async def _not_found(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "There is no such book."}, 404)


async def _conflict(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 409)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": f"The database: {type(error).__name__}"}, 503)
