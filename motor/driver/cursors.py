"""Cursors: a query's results, a batch at a time, from the server that holds them."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextvars import copy_context
from dataclasses import replace
from enum import Enum
from typing import Any

from pymongo.errors import (
    ConnectionFailure,
    InvalidOperation,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
)

from motor._pymongo import CURSOR_CLOSED_ERRORS, Address
from motor.driver import timeouts
from motor.driver.background import retrieve, start_task
from motor.driver.cmap.pin import Pin
from motor.driver.cmap.pin_holder import PinHolder
from motor.driver.deadline_lock import DeadlineLock
from motor.driver.execution.deployment import Deployment
from motor.driver.execution.execution import Execution
from motor.driver.operations.get_more import GetMore
from motor.driver.operations.operation import CursorPlan, Operation
from motor.driver.operations.reply import Batch
from motor.driver.sessions.session import Session
from motor.driver.wire.batch import EncodedBatch


def _once() -> bool:
    return False


class CursorState(Enum):
    """How far the life of a cursor has come."""

    NEW = "new"
    """The query is not answered: it has not been sent, or whoever sent it has given up, and the next sends it again."""
    OPEN = "open"
    EXHAUSTED = "exhausted"
    """The server has no more documents."""
    FAILED = "failed"
    """There may be more documents, but they cannot be had."""
    CLOSED = "closed"
    """The application wants no more."""


class ServerCursor:
    """A cursor on a server, and those of its documents that have come and were not read yet.

    `id` is ``None`` before the cursor is opened, and 0 when the server has no more. All of a cursor's commands go to
    one server and share one session: the application's, or one that is the cursor's from the query to the end of
    :attr:`CursorState.OPEN`, and so is the connection where there is one for it alone.
    """

    def __init__(self, deployment: Deployment, opening: Operation[Batch]) -> None:
        self.documents: deque[Any] = deque()
        self.id: int | None = None
        self.address: Address | None = None
        self.retrieved = 0
        self.state = CursorState.NEW
        self.outlives_readers = True
        self.batch_size: int | None = None
        self.reads_ahead = False
        self.post_batch_resume_token: Mapping[str, Any] | None = None
        self._deployment = deployment
        self._opening = opening
        self._plan: CursorPlan | None = None
        self._target = replace(opening.target, codec_options=opening.documents_codec)
        self._undecoded: EncodedBatch | None = None
        self._fetching = DeadlineLock()
        self._session: Session | None = None
        self._pin: Pin | None = None
        self._ahead: asyncio.Task[Batch] | None = None
        self._failure: PyMongoError | None = None

    def use_session(self, session: Session | None) -> None:
        """Run in the application's session, or in one of the cursor's own."""
        self._session = session

    @property
    def plan(self) -> CursorPlan:
        """How it is read, as the operation that opens it says: for good once that has been sent."""
        return self._plan or self._opening.cursor_plan()

    @property
    def closed(self) -> bool:
        """Whether nothing more is fetched, for whichever reason."""
        return self.state not in (CursorState.NEW, CursorState.OPEN)

    @property
    def alive(self) -> bool:
        """Whether there may be more documents."""
        return bool(self.documents or self._undecoded or not self.closed)

    @property
    def at_end(self) -> bool:
        """Whether everything has been read. Of a cursor that has failed this is never said: :meth:`refresh` raises."""
        return not self.alive and self.state is not CursorState.FAILED

    @property
    def batch_used_up(self) -> bool:
        """Whether every document of the last batch has been read."""
        return not self.documents and self._undecoded is None

    @property
    def opened(self) -> bool:
        """Whether the query has been sent."""
        return self._plan is not None

    async def refresh(self, again: Callable[[], bool] = _once) -> int:
        """See to it that there are documents to read, unless there are no more: their number is the result.

        It is 0, too, if the server has none for now. `again` is asked then whether to ask the server once more. Of
        several tasks that read one cursor only one fetches, and the others wait for it. Who is cancelled here takes
        nothing away from who reads on. Once it has failed it fails again.
        """
        # No `async with`, no frame more than it takes, and the last batch let go: of a thousand quiet streams the
        # garbage collector has to look at whatever each of them holds while it waits.
        await self._fetching.acquire()
        try:
            while not self.documents:
                if self._undecoded:
                    await asyncio.sleep(0)
                    self._decode_piece()
                    if self._undecoded is None and self.plan.limit and not self.closed:
                        await self._go_on()
                elif self._failure is not None:
                    raise told_again(self._failure)
                elif self.closed:
                    break
                else:
                    opening = self.id is None
                    try:
                        batch = await self._next_batch()
                    except BaseException as error:
                        if not await self._is_end(error):
                            raise
                    else:
                        await self._take(batch, opening)
                        del batch
                if not (self.documents or again()):
                    break
            return len(self.documents)
        finally:
            self._fetching.release()

    async def close(self) -> None:
        """Fetch no more, and tell the server so. What has come may still be read."""
        killing = self.shut()
        if killing is not None:
            await killing

    def abandon(self) -> None:
        """Close without waiting: the server is told in the background."""
        self._run_soon(self.shut(in_background=True))

    def __del__(self) -> None:
        if getattr(self, "state", CursorState.NEW) is CursorState.OPEN:
            self.abandon()

    def shut(self, in_background: bool = False) -> Coroutine[Any, Any, None] | None:
        """Close at once; the result tells the server, if it has to know."""
        if self.closed:
            return None
        self.state = CursorState.CLOSED
        if not self._fetching.locked():
            return self._let_go(kill=True, in_background=in_background)
        # A command is under way: it keeps the session, and does the rest when it has ended.
        return self._kill(None) if self.id else None

    def _let_go(self, kill: bool, in_background: bool = False) -> Coroutine[Any, Any, None] | None:
        """Give back the session. The result is what tells the server, if it has to know that its cursor is not
        wanted; in the background it has to do without the application's session, which is in other use by then.
        """
        session, self._session = self._session, None
        pin, self._pin = self._pin, None
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
        if pin is not None and pin.connection is not None and not pin.connection.at_rest:
            # Nothing can be sent while a reply is to come, or one after the other. The cursor ends with the connection.
            pin.connection.close()
        if pin is not None and pin.connection is not None and pin.connection.closed:
            kill = False
        if kill and self.id:
            ours = session is not None and session.implicit
            return self._kill(session if ours or not in_background else None, pin)
        if session is not None and session.implicit:
            session.end()
        if pin is not None:
            pin.release()
        return None

    def _kill(self, session: Session | None, pin: Pin | None = None) -> Coroutine[Any, Any, None] | None:
        if self.id is None or self.address is None:
            return None
        if session is not None and session.ended:
            session = None
        return self._deployment.kill_cursor(self.address, self._target, self.id, session, pin)

    def _run_soon(self, killing: Coroutine[Any, Any, None] | None) -> None:
        if killing is not None:
            self._deployment.run_soon(killing)

    def _next_batch(self) -> Coroutine[Any, Any, Batch]:
        if self.id is None:
            return self._open()
        if self._ahead is None and self.outlives_readers and self._has_own_session:
            self._ahead = start_task(self._get_more(), "motor getMore", copy_context())
            self._ahead.add_done_callback(retrieve)
        if self._ahead is not None:
            return self._batch_ahead(self._ahead)
        return self._get_more()

    @property
    def _has_own_session(self) -> bool:
        return self._session is not None and self._session.implicit

    async def _is_end(self, error: BaseException) -> bool:
        """Draw the conclusions from an error in a batch's place: is it no more than the cursor's expected end?"""
        if isinstance(error, NetworkTimeout) or (isinstance(error, PyMongoError) and timeouts.over()):
            # Whose time is over must not wait for the server to be told.
            self._fail(error)
        elif isinstance(error, OperationFailure):
            gone = error.code in CURSOR_CLOSED_ERRORS
            # Closed meanwhile by another task, whose killCursors was faster.
            if gone and (self.plan.tailable or self.closed):
                await self._end(CursorState.EXHAUSTED, kill=False)
                return True
            await self._end(CursorState.FAILED, kill=not gone, failure=error)
        elif isinstance(error, asyncio.CancelledError):
            self._reader_cancelled()
        elif isinstance(error, Exception):
            await self._end(CursorState.FAILED, kill=not isinstance(error, ConnectionFailure), failure=error)
        return False

    def _reader_cancelled(self) -> None:
        """Who waited for the server has given up. A batch that is on its way is for whoever reads on."""
        if self.closed:
            self._run_soon(self._let_go(kill=False))
        elif self.id is None:
            self._let_go_of_opening()
        elif self._ahead is None:
            self._fail(
                InvalidOperation("cannot read on: a getMore of this cursor, in an explicit session, was cancelled")
            )

    def _let_go_of_opening(self) -> None:
        """The query can be sent again. What the server has opened meanwhile is killed by whoever gets its reply."""
        session, pin = self._session, self._pin
        self._plan = self._pin = None
        if session is not None and session.implicit:
            self._session = None
            session.end()
        if pin is not None:
            pin.release()

    def _fail(self, error: Exception) -> None:
        """End without waiting for the server to be told."""
        self._become(CursorState.FAILED, error)
        self._run_soon(self._let_go(kill=True, in_background=True))

    async def _end(self, state: CursorState, kill: bool, failure: Exception | None = None) -> None:
        self._become(state, failure)
        killing = self._let_go(kill)
        if killing is not None:
            await killing

    def _become(self, state: CursorState, failure: Exception | None = None) -> None:
        if self.state is not CursorState.CLOSED:
            self.state = state
            # Not the one that is raised now: that is labelled by its operation, and its traceback has this cursor.
            self._failure = None if failure is None else told_again(failure)

    async def _open(self) -> Batch:
        operation = self._opening
        session = self._session = self._session or Session()
        execution = Execution(operation, session)
        plan = self._plan = operation.cursor_plan()
        if plan.exhaust or (self._deployment.load_balanced and not session.in_transaction):
            execution.pin = self._pin = Pin(PinHolder.CURSOR)
        batch = await self._deployment.run(execution)
        assert execution.server is not None
        self.address = execution.server.description.address
        if batch.namespace:
            database, _, collection = batch.namespace.partition(".")
            self._target = replace(self._target, database=database, collection=collection)
        return batch

    async def _batch_ahead(self, ahead: asyncio.Task[Batch]) -> Batch:
        """The batch that is on its way already."""
        if not await timeouts.done_in_time(ahead, timeouts.remaining()):
            raise NetworkTimeout("timed out while waiting for a cursor's next batch")
        self._ahead = None
        batch = ahead.result()
        if timeouts.over():
            # Who finds it there each time has to end in time, too.
            raise timeouts.exceeded("operation exceeded its time limit while it read a cursor")
        return batch

    def _may_read_ahead(self) -> bool:
        """Whether the next batch is asked for while the application works through this one: one batch at most.

        Never where it could change what the application sees.
        """
        if not self.reads_ahead or self.plan.tailable or self._pin is not None or timeouts.over():
            return False
        return self._has_own_session

    def _get_more(self) -> Coroutine[Any, Any, Batch]:
        """The next batch, once awaited."""
        assert self.id is not None
        plan = self.plan
        operation = GetMore(
            self._target,
            self.id,
            self._next_batch_size(plan),
            plan.max_await_time_ms,
            plan.comment,
            self._opening.raw,
            plan.exhaust,
        )
        return self._deployment.run(Execution(operation, self._session, self.address, self._pin))

    def _next_batch_size(self, plan: CursorPlan) -> int:
        batch_size = plan.batch_size if self.batch_size is None else self.batch_size
        if not plan.limit:
            return batch_size
        missing = abs(plan.limit) - self.retrieved
        return min(missing, batch_size) if batch_size else missing

    async def _take(self, batch: Batch, opening: bool) -> None:
        self.id = batch.cursor_id
        if self.state is CursorState.NEW:
            self.state = CursorState.OPEN
        self.post_batch_resume_token = batch.post_batch_resume_token
        documents = batch.documents
        if isinstance(documents, EncodedBatch):
            self._undecoded = documents
        else:
            self.documents.extend(documents)
            self.retrieved += len(documents)
        if self.id == 0 or self.closed:
            # Closed meanwhile by another task, which could kill the cursor only if it knew its id.
            await self._end(CursorState.EXHAUSTED, kill=opening or not self.closed)
        if self._undecoded is not None:
            # It may raise: what has become of the cursor is settled by then.
            self._decode_piece()
        if not self.closed and (self._undecoded is None or not self.plan.limit):
            await self._go_on()

    async def _go_on(self) -> None:
        """Think of the batch after this one, whose documents have been counted if there is a limit."""
        if self._has_all:
            await self._end(CursorState.EXHAUSTED, kill=True)
        elif self._may_read_ahead():
            self._ahead = start_task(self._get_more(), "motor read-ahead")
            self._ahead.add_done_callback(retrieve)
            # A turn for it to be sent in: the application may work through its batch without giving the loop one.
            await asyncio.sleep(0)

    def _decode_piece(self) -> None:
        batch = self._undecoded
        assert batch is not None
        left = batch.left
        try:
            piece = batch.decode_piece(self._target.codec_options)
        except Exception as error:
            self._undecodable(batch, error, left)
            raise
        self.documents.extend(piece)
        self.retrieved += len(piece)
        if not batch:
            self._undecoded = None

    def _undecodable(self, batch: EncodedBatch, error: Exception, left: int) -> None:
        """A document is missing from those that are read, which `error` says; without it the cursor goes on."""
        if batch.left == left:
            self._undecoded = None
            self._fail(error)
            return
        self.retrieved += 1
        if not batch:
            self._undecoded = None
            if self._has_all:
                self._become(CursorState.EXHAUSTED)
                self._run_soon(self._let_go(kill=True, in_background=True))

    @property
    def _has_all(self) -> bool:
        """Whether as many documents have come as are wanted."""
        return self.plan.limit != 0 and self.retrieved >= abs(self.plan.limit)


def told_again(failure: Exception) -> PyMongoError:
    """An exception for another operation that says the same as `failure`."""
    if not isinstance(failure, PyMongoError):
        error = InvalidOperation(f"cannot read on: this cursor has failed ({type(failure).__name__}: {failure})")
        error.__cause__ = failure
        return error
    again = copy.copy(failure)
    again.__cause__ = failure.__cause__
    again._error_labels = set(failure._error_labels)
    return again
