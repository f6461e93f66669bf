"""Change streams: a cursor over what changes, opened anew where it was when it breaks.

Source: the MongoDB specification "Change Streams".
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.errors import ConnectionFailure, CursorNotFound, InvalidOperation, NetworkTimeout, OperationFailure

from motor._pymongo import CollationIn, Pipeline, has_decoders, wire_version_of
from motor.driver import timeouts
from motor.driver.background import retrieve
from motor.driver.codes import RESUMABLE_CHANGE_STREAM, RESUMABLE_CODES
from motor.driver.cursors import ServerCursor, told_again
from motor.driver.deadline_lock import DeadlineLock
from motor.driver.execution.deployment import Deployment
from motor.driver.operations.change_stream import OpenChangeStream
from motor.driver.operations.operation import Target
from motor.driver.sessions.session import Session

_LABELLING_WIRE_VERSION = 9
"""MongoDB 4.4, the first that labels the errors after which a stream may be resumed."""


@dataclass(slots=True)
class Watch:
    """What is watched, and how. `stage` are the options of ``$changeStream`` that do not say where to start."""

    target: Target
    pipeline: Pipeline
    stage: Mapping[str, Any]
    max_await_time_ms: int | None = None
    batch_size: int | None = None
    collation: CollationIn | None = None
    comment: Any = None


class ChangeStream:
    """Changes, one after the other. `closed` says that no more will come."""

    def __init__(
        self,
        deployment: Deployment,
        watch: Watch,
        session: Session | None,
        resume_after: Mapping[str, Any] | None,
        start_after: Mapping[str, Any] | None,
        start_at_operation_time: Timestamp | None,
    ) -> None:
        self.closed = False
        self.resume_token = copy.deepcopy(start_after or resume_after)
        self._deployment = deployment
        self._watch = watch
        self._session = session
        self._starts_after = start_after is not None
        self._resumes = resume_after is not None
        self._start_time = start_at_operation_time
        self._codec = watch.target.codec_options
        # A type of the user's could make something else of a resume token.
        self._decodes_late = has_decoders(self._codec)
        self._cursor: ServerCursor | None = None
        self._reading = DeadlineLock()
        self._patient = False
        self._opened = self._reopening = False
        self._failure: Exception | None = None
        self._working: asyncio.Task[object] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._awaited: asyncio.Task[object] | None = None

    async def open(self) -> None:
        """Open the server's cursor, if there is none yet. What has failed for good fails again."""
        async with self._reading:
            self._refuse_if_failed()
            if not (self.closed or (self._cursor is not None and self._cursor.alive)):
                await self._work(self._open)

    async def next(self) -> Any:
        """The next change, as soon as there is one; ``None`` after the end. What has failed for good fails again."""
        while not self.closed or self._failure is not None:
            change = await self._read(patient=True)
            if change is not None:
                return change
        return None

    async def try_next(self) -> Any:
        """The next change; ``None`` if there is none within the time that the server waits for one, or after the end.

        Who gives up waiting misses nothing: the next call goes on waiting for the same.
        """
        return await self._read(patient=False)

    async def _read(self, patient: bool) -> Any:
        async with self._reading:
            self._refuse_if_failed()
            if self.closed:
                return None
            if self._cursor is None or not self._cursor.documents:
                self._patient = patient
                try:
                    await self._work(self._fill)
                except Exception as error:
                    if not (self._reopening or _is_resumable(error) or getattr(error, "timeout", False)):
                        self._failure = told_again(error)
                        await self.close()
                    raise
                finally:
                    self._patient = False
            return None if self._cursor is None else await self._take(self._cursor)

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise told_again(self._failure)

    async def close(self) -> None:
        """End it: who waits for a change is told at once that there are no more. The server's cursor is killed."""
        self.closed = True
        killing = self._cursor.shut() if self._cursor is not None else None
        working, self._working = self._working, None
        if working is not None:
            working.cancel()
        if killing is not None:
            await killing

    async def _work(self, step: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run `step` in a task of its own, which goes on when the caller gives up, and is taken over by the next."""
        while True:
            taken_over = self._working is not None
            if self._working is None:
                self._working = asyncio.get_running_loop().create_task(step(), name="motor change stream")
                self._working.add_done_callback(self._wake)
            working = self._working
            await self._until_done(working)
            self._working = None
            if working.cancelled():
                return
            # A timeout of who gave up is none of the caller's.
            if not (taken_over and getattr(working.exception(), "timeout", False)):
                working.result()
                return

    async def _until_done(self, working: asyncio.Task[object]) -> None:
        """Wait for a task without ending it. It takes a future only: there may be a thousand quiet streams."""
        if working.done():
            return
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        self._awaited = working
        left = timeouts.remaining()
        timer = None if left is None else loop.call_later(left, self._wake)
        try:
            await waiter
        finally:
            self._waiter = self._awaited = None
            if timer is not None:
                timer.cancel()
        if not working.done():
            raise NetworkTimeout("timed out while waiting for a change")

    def _wake(self, done: asyncio.Task[object] | None = None) -> None:
        if done is not None:
            retrieve(done)
            if done is not self._awaited:
                # It was seen to be done already, and who waits now waits for another.
                return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _fill(self) -> None:
        """Ask for more; open the cursor first, if there is none, and anew after an error that allows it.

        Whoever waits with patience has it asked again and again, by this one task: a thousand quiet streams should
        leave nothing to be cleared away.
        """
        cursor = self._cursor
        if cursor is None or not cursor.alive:
            # If the server has closed it, it is known where it was: whatever happens here, the next may try again.
            self._reopening = self._opened
            cursor = await self._open()
            self._reopening = False
        while True:
            try:
                await cursor.refresh(self._goes_on_waiting)
            except Exception as error:
                if self.closed or not _is_resumable(error):
                    raise
                cursor = await self._open()
            if cursor.documents or not (self._patient and cursor.alive):
                return

    def _goes_on_waiting(self) -> bool:
        """After an empty batch."""
        if self._patient and self._cursor is not None:
            self._pass_on(self._cursor)
        return self._patient

    async def _open(self) -> ServerCursor:
        watch = self._watch
        target = watch.target
        if self._decodes_late:
            target = replace(target, codec_options=self._codec.with_options(document_class=RawBSONDocument))
        stage = {**watch.stage, **self._start()}
        operation = OpenChangeStream(
            target,
            watch.pipeline,
            {},
            comment=watch.comment,
            batch_size=watch.batch_size,
            max_await_time_ms=watch.max_await_time_ms,
            collation=watch.collation,
            stage=stage,
        )
        cursor = self._cursor = ServerCursor(self._deployment, operation)
        # It is read by one task alone, which goes on when others give up.
        cursor.outlives_readers = False
        cursor.use_session(self._session)
        if not await cursor.refresh():
            self._note_start(cursor, operation)
        self._opened = True
        return cursor

    def _start(self) -> dict[str, Any]:
        if self.resume_token is not None:
            return {"startAfter" if self._starts_after else "resumeAfter": self.resume_token}
        return {} if self._start_time is None else {"startAtOperationTime": self._start_time}

    def _note_start(self, cursor: ServerCursor, operation: OpenChangeStream) -> None:
        """Where to start again, before there was a change."""
        if cursor.post_batch_resume_token is not None:
            self.resume_token = cursor.post_batch_resume_token
        elif self._start_time is None and not self._resumes and not self._starts_after:
            self._start_time = operation.operation_time
            if self._start_time is None:
                raise OperationFailure("Expected field 'operationTime' missing from command response")

    async def _take(self, cursor: ServerCursor) -> Any:
        change: MutableMapping[str, Any] | None = cursor.documents.popleft() if cursor.documents else None
        if not cursor.alive:
            self.closed = True
        if change is None:
            self._pass_on(cursor)
            return None
        try:
            self.resume_token = change["_id"]
        except (KeyError, TypeError):
            missing = InvalidOperation("Cannot provide resume functionality when the resume token is missing.")
            self._failure = told_again(missing)
            await self.close()
            raise missing from None
        if cursor.batch_used_up and cursor.post_batch_resume_token is not None:
            self.resume_token = cursor.post_batch_resume_token
        self._starts_after = False
        self._resumes = True
        self._start_time = None
        return _decode(change, self._codec) if self._decodes_late else change

    def _pass_on(self, cursor: ServerCursor) -> None:
        """Nothing has changed up to where the server is now."""
        if cursor.post_batch_resume_token is not None:
            self.resume_token = cursor.post_batch_resume_token
            self._start_time = None


def _decode(change: Any, codec_options: CodecOptions[Any]) -> Any:
    return bson.decode(change.raw, codec_options)


def _is_resumable(error: Exception) -> bool:
    if isinstance(error, (ConnectionFailure, CursorNotFound)):
        return True
    if not isinstance(error, OperationFailure):
        return False
    if error.has_error_label(RESUMABLE_CHANGE_STREAM):
        return True
    return wire_version_of(error) < _LABELLING_WIRE_VERSION and error.code in RESUMABLE_CODES
