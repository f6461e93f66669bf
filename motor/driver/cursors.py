"""Cursors: a query's results, a batch at a time, from the server that holds them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from pymongo.errors import AutoReconnect, ConnectionFailure, OperationFailure, PyMongoError

from motor._pymongo import CURSOR_CLOSED_ERRORS, Address
from motor.driver.cmap.errors import format_address
from motor.driver.deployment import Deployment
from motor.driver.executor import Executor
from motor.driver.operations.get_more import GetMore
from motor.driver.operations.kill_cursors import KillCursors
from motor.driver.operations.operation import Operation, Target
from motor.driver.sdam.server import Server
from motor.driver.sessions.server_session import ServerSession
from motor.driver.wire.batch import EncodedBatch


class ServerCursor:
    """A cursor on a server, and those of its documents that have come and were not read yet.

    `id` is ``None`` before the cursor is opened, and 0 when the server has no more. All of a cursor's commands go to
    one server and share one session, which is given back when the cursor is exhausted or closed.
    """

    def __init__(self, deployment: Deployment, opening: Operation[dict[str, Any]]) -> None:
        self.documents: deque[Any] = deque()
        self.id: int | None = None
        self.address: Address | None = None
        self.retrieved = 0
        self.closed = False
        self.batch_size = 0
        self.max_await_time_ms: int | None = None
        self.comment: Any = None
        self.tailable = False
        self._deployment = deployment
        self._opening = opening
        self._limit = 0
        self._target = replace(opening.target, codec_options=opening.reply_codec)
        self._undecoded: EncodedBatch | None = None
        self._executor: Executor | None = None
        self._session: ServerSession | None = None

    def configure(self, limit: int, batch_size: int, max_await_time_ms: int | None, comment: Any) -> None:
        """What the getMore commands are to say; `limit` is the find's, which the server does not keep for us."""
        self._limit = limit
        self.batch_size = batch_size
        self.max_await_time_ms = max_await_time_ms
        self.comment = comment

    @property
    def alive(self) -> bool:
        """Whether there may be more documents."""
        return bool(self.documents or self._undecoded or not self.closed)

    @property
    def opened(self) -> bool:
        """Whether the query has been sent."""
        return self._executor is not None

    async def refresh(self) -> int:
        """See to it that there are documents to read, unless there are no more: their number is the result."""
        if self.documents:
            return len(self.documents)
        if self._undecoded:
            await asyncio.sleep(0)
            self._decode_piece()
        elif not self.closed:
            await self._fetch()
        return len(self.documents)

    async def close(self, kill: bool = True) -> None:
        """Fetch no more, and tell the server so if it is to `kill` its cursor. What has come may still be read."""
        killing = self._detach(kill)
        if killing is not None:
            await killing

    def abandon(self) -> None:
        """Close without waiting: the server is told in the background."""
        killing = self._detach(kill=True)
        if killing is not None and self._executor is not None:
            self._executor.run_soon(killing)

    def _detach(self, kill: bool) -> Coroutine[Any, Any, None] | None:
        """Let go of the session, and of the server's cursor: the result is what tells the server, if it has to know."""
        if self.closed:
            return None
        self.closed = True
        executor, session, self._session = self._executor, self._session, None
        if executor is None:
            return None
        if self.id and kill:
            return _kill(executor, self._server(executor), self._target, self.id, session)
        if session is not None:
            executor.topology.sessions.release(session)
        return None

    def __del__(self) -> None:
        if not getattr(self, "closed", True):
            self.abandon()

    async def _fetch(self) -> None:
        try:
            cursor = await (self._open() if self.id is None else self._get_more())
        except OperationFailure as error:
            gone = error.code in CURSOR_CLOSED_ERRORS
            await self.close(kill=not gone)
            if not (gone and self.tailable):
                raise
        except ConnectionFailure:
            await self.close(kill=False)
            raise
        except asyncio.CancelledError:
            self.abandon()
            raise
        except Exception:
            await self.close()
            raise
        else:
            self._take(cursor)
            if self.id == 0 or (self._limit and self._undecoded is None and self.retrieved >= abs(self._limit)):
                await self.close()

    async def _open(self) -> dict[str, Any]:
        executor = self._executor = self._deployment.executor()
        operation = self._opening
        operation.prepare()
        selector = operation.selector
        server = executor.topology.select_now(selector) or await executor.topology.select(selector, operation.name)
        self._session = executor.topology.sessions.acquire()
        cursor = await executor.execute(operation, self._session, server)
        self.address = server.description.address
        namespace = cursor.get("ns")
        if namespace:
            database, _, collection = namespace.partition(".")
            self._target = replace(self._target, database=database, collection=collection)
        return cursor

    async def _get_more(self) -> dict[str, Any]:
        executor = self._deployment.executor()
        assert self.id is not None
        server = self._server(executor)
        if server is None:
            assert self.address is not None
            raise AutoReconnect(f"server {format_address(self.address)} no longer available")
        operation = GetMore(self._target, self.id, self._next_batch_size(), self.max_await_time_ms, self.comment)
        return await executor.execute(operation, self._session, server)

    def _next_batch_size(self) -> int:
        if not self._limit:
            return self.batch_size
        missing = abs(self._limit) - self.retrieved
        return min(missing, self.batch_size) if self.batch_size else missing

    def _take(self, cursor: dict[str, Any]) -> None:
        self.id = cursor["id"]
        batch = cursor["firstBatch"] if "firstBatch" in cursor else cursor["nextBatch"]
        if isinstance(batch, EncodedBatch):
            self._undecoded = batch
            self._decode_piece()
        else:
            self.documents.extend(batch)
            self.retrieved += len(batch)

    def _decode_piece(self) -> None:
        assert self._undecoded is not None
        piece = self._undecoded.decode_piece(self._target.codec_options)
        self.documents.extend(piece)
        self.retrieved += len(piece)
        if not self._undecoded:
            self._undecoded = None

    def _server(self, executor: Executor) -> Server | None:
        return executor.topology.server_at(self.address) if self.address is not None else None


async def _kill(
    executor: Executor, server: Server | None, target: Target, cursor_id: int, session: ServerSession | None
) -> None:
    """Kill a cursor, and give its session back. That the server may be gone is no error: so is the cursor then."""
    try:
        if server is not None:
            await executor.execute(KillCursors(target, [cursor_id]), session, server)
    except PyMongoError:
        pass
    finally:
        if session is not None:
            executor.topology.sessions.release(session)
