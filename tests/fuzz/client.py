"""A whole client before a server that lies, and before the same one when it has come to reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bson.errors import BSONError
from pymongo.errors import DocumentTooLarge, PyMongoError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.fuzz.server import FuzzServer, Interference
from tests.fuzz.virtual import Finding, VirtualLoop, running
from tests.support.inside import check_books, servers_of, task_of

LONGEST = 120.0
"""Seconds of the virtual clock that an operation may take: all the timeouts below, and the retries, take less."""

REST = 10.0
"""Seconds of the virtual clock in which monitors do several rounds."""

MOMENT = 0.1

OPTIONS: dict[str, Any] = {
    "serverSelectionTimeoutMS": 2000,
    "connectTimeoutMS": 500,
    "socketTimeoutMS": 1000,
    "heartbeatFrequencyMS": 3000,
    "directConnection": True,
    "retryReads": False,
    "retryWrites": False,
}

Operation = Callable[[AsyncIOMotorClient], Awaitable[Any]]


def survive(
    interfere: Interference,
    operation: Operation,
    *,
    rests: bool = False,
    recovers: bool = True,
    piece: int = 1 << 20,
    **options: Any,
) -> Exception | None:
    """Run `operation` against a server that interferes, then a find against an honest one; the error of the first.

    Raises a Finding for what must not happen: an exception that an application does not expect, an operation that does
    not end, a monitor that has died, a pool whose books are wrong, a find that still fails though the server is honest
    again (unless not `recovers`: a client may have been told to forget that server), and what the loop complains of.
    `rests` lets the monitors do some rounds while the server lies, and some when it does no more.
    """
    server = FuzzServer(interfere)
    server.piece = piece
    with running(server.accept) as loop:
        return loop.run_until_complete(_survive(server, operation, rests, recovers, {**OPTIONS, **options}, loop))


async def _survive(
    server: FuzzServer, operation: Operation, rests: bool, recovers: bool, options: dict[str, Any], loop: VirtualLoop
) -> Exception | None:
    client: AsyncIOMotorClient = AsyncIOMotorClient("127.0.0.1", 27017, **options)
    try:
        error = await _ended(operation(client), "the operation")
        if error is not None and not isinstance(error, (PyMongoError, BSONError)):
            raise Finding(f"an application does not expect {error!r}") from error
        if rests:
            await asyncio.sleep(REST)
        server.come_to_reason()
        # What it had sent before is on its way; and what it was taken for stands until it is asked again.
        await asyncio.sleep(REST if rests else MOMENT)
        _check(client)
        again = await _ended(client.db.c.find_one({"_id": 1}), "the find afterwards")
        # A server may have said that it takes next to nothing, which holds for the connections that were opened then.
        may_fail = DocumentTooLarge if recovers else (PyMongoError, BSONError)
        if again is not None and not isinstance(again, may_fail):
            raise Finding(f"the server is honest again, and yet: {again!r}") from again
        _check(client)
    finally:
        client.close()
    for _ in range(20):
        await asyncio.sleep(0)
    if server.peers:
        raise Finding(f"{len(server.peers)} connections are open after the client is closed")
    return error


async def _ended(awaitable: Awaitable[Any], what: str) -> Exception | None:
    task = asyncio.ensure_future(awaitable)
    await asyncio.wait([task], timeout=LONGEST)
    if not task.done():
        raise Finding(f"a hang: {what} has not ended in {LONGEST:.0f} seconds")
    if task.cancelled():
        raise Finding(f"{what} was cancelled, and by nobody")
    error = task.exception()
    if error is not None and not isinstance(error, Exception):
        raise Finding(f"{what} raised {error!r}") from error
    return error


def _check(client: AsyncIOMotorClient) -> None:
    for server in servers_of(client):
        check_books(server.pool)
        if server.monitor is not None and task_of(server.monitor).done():
            raise Finding("the monitor has died")
