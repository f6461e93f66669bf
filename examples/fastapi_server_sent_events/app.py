"""What changes in a MongoDB collection, as server-sent events.

Each event has the change stream's resume token for its id. A browser that has lost the connection comes back by itself
and names the last id it has seen, so that it misses nothing and sees nothing twice.
"""

import argparse
import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from bson import json_util
from bson.errors import BSONError
from fastapi import Body, Depends, FastAPI, Header, HTTPException
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from pymongo.errors import OperationFailure, PyMongoError, WriteError
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.types import Scope

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient

log = logging.getLogger("uvicorn.error")

TOO_OLD = {260, 280, 286}
"""InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost."""

MAX_PAGES = 200
"""Each has a change stream, which takes a connection to the database."""

MAX_BODY_BYTES = 64 * 1024

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

parser = argparse.ArgumentParser(description="Show what changes in a MongoDB collection, as server-sent events.")
parser.add_argument("--uri", help="the database to watch, a replica set (default: an embedded server is started)")
parser.add_argument("--db", default="test", help="the name of the database (default: %(default)s)")
parser.add_argument("--collection", default="things", help="the collection to watch (default: %(default)s)")
parser.add_argument("--port", type=int, default=8889, help="the web server's port (default: %(default)s)")
options = parser.parse_args()
things_name = f"{options.db}.{options.collection}"
# Where its ids mean something. An embedded server has no data the next time.
source = things_name if options.uri else f"{things_name} {uuid.uuid4()}"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        uri = options.uri
        if not uri:
            uri = (await stack.enter_async_context(motor.embedded.Server())).uri
            print(f"The database is {uri}", flush=True)  # no other, whose address may hold a password
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            uri, serverSelectionTimeoutMS=2000, maxPoolSize=MAX_PAGES + 10
        )
        stack.callback(client.close)
        app.state.pages = 0
        app.state.things = client[options.db][options.collection]
        yield


app = FastAPI(lifespan=lifespan)
server = uvicorn.Server(uvicorn.Config(app, port=options.port, timeout_graceful_shutdown=5))
app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES)
# Under no other name: a page from elsewhere could have its own name lead here.
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])


async def place() -> AsyncIterator[None]:
    """For one more page, if there is one left, until it is gone."""
    if app.state.pages >= MAX_PAGES:
        raise HTTPException(503, "There are too many pages open.")
    app.state.pages += 1
    try:
        yield
    finally:
        app.state.pages -= 1


@app.get("/changes", response_class=EventSourceResponse, dependencies=[Depends(place)])
async def changes(last_event_id: Annotated[str | None, Header()] = None) -> AsyncIterator[ServerSentEvent]:
    token = token_in(last_event_id)
    if last_event_id and token is None:
        yield ServerSentEvent(event="lost", raw_data="Some changes are missing here.")
    while not server.should_exit:
        try:
            # Unlike resume_after, start_after goes on after the collection was dropped, too.
            async with app.state.things.watch(start_after=token, full_document="updateLookup") as stream:
                token = stream.resume_token
                yield ServerSentEvent(event="watching", raw_data=things_name, id=id_of(token), retry=1000)
                while stream.alive and not server.should_exit:
                    # None when nothing has changed for a second.
                    change = await stream.try_next()
                    if change is not None:
                        token = change["_id"]
                        # A large document takes a while: the other pages go on meanwhile.
                        text = await asyncio.to_thread(json_util.dumps, change, indent=2, ensure_ascii=False)
                        yield ServerSentEvent(event="change", raw_data=text, id=id_of(token))
                    elif token != stream.resume_token:
                        token = stream.resume_token
                        yield ServerSentEvent(id=id_of(token))  # the browser notes the id, the page sees no event
        except PyMongoError as error:
            log.warning("%s", error)
            if isinstance(error, OperationFailure) and error.code in TOO_OLD:
                token = None
                yield ServerSentEvent(event="lost", raw_data="Some changes are missing here.")
            yield ServerSentEvent(event="unavailable", raw_data=f"Waiting for the database: {type(error).__name__}")
            await asyncio.sleep(1)


def id_of(token: Mapping[str, Any] | None) -> str | None:
    return None if token is None else json_util.dumps({"source": source, "token": token})


def token_in(event_id: str | None) -> Mapping[str, Any] | None:
    try:
        found = json_util.loads(event_id or "null")
        return dict(found["token"]) if found["source"] == source else None
    except (BSONError, KeyError, RecursionError, TypeError, ValueError):
        return None


@app.post("/things", status_code=201)
async def insert(document: Annotated[dict[str, Any], Body()]) -> str:
    try:
        return str((await app.state.things.insert_one(document)).inserted_id)
    except (BSONError, OverflowError, WriteError) as error:
        raise HTTPException(422, f"It cannot be stored: {type(error).__name__}") from error


class Page(StaticFiles):
    """The page's files."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


app.mount("/", Page(directory=Path(__file__).with_name("page"), html=True))

if __name__ == "__main__":
    server.run()
