"""A session: operations in an order that holds across servers, in a snapshot, or in a transaction."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from bson.timestamp import Timestamp
from pymongo.errors import InvalidOperation, NetworkTimeout, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import ReadPreferenceMode, SessionOptions, TransactionOptions, copy_error_labels
from motor.api.base import BOUND_SESSION, AgnosticBase
from motor.driver import timeouts
from motor.driver.codes import MAX_TIME_MS_EXPIRED, TRANSIENT_TRANSACTION, UNKNOWN_COMMIT_RESULT
from motor.driver.sessions.session import Session
from motor.driver.transactions import abort, abort_soon, commit

if TYPE_CHECKING:
    from typing_extensions import Self

    from motor.api.client import AgnosticClient

T = TypeVar("T")
SessionType = TypeVar("SessionType", bound="AgnosticClientSession")

TIME_LIMIT = 120.0
"""Seconds in which :meth:`AgnosticClientSession.with_transaction` begins anew after an error."""

_FIRST_BACKOFF = 0.005
_LONGEST_BACKOFF = 0.5


class AgnosticClientSession(AgnosticBase):
    """A session, which :meth:`AgnosticClient.start_session` makes. It is for one task at a time.

    To end it is part of using it: by ``async with``, by ``with``, or by :meth:`end_session`. It may be awaited, and
    then is itself, so that code written for Motor and for PyMongo can use it.
    """

    def __init__(self, client: AgnosticClient[Any], options: SessionOptions) -> None:
        self._client = client
        self._timeout = client._timeout
        self._options = options
        self._engine = Session(options)

    @property
    def client(self) -> AgnosticClient[Any]:
        """The client that made it, and the only one that it can be used with."""
        return self._client

    @property
    def options(self) -> SessionOptions:
        """What it was started with: a :class:`~pymongo.client_session.SessionOptions`."""
        return self._options

    @property
    def session_id(self) -> Mapping[str, Any]:
        """The server's id for it. Raises :class:`~pymongo.errors.InvalidOperation` when it has ended."""
        return self._engine.materialize(self._client._deployment.sessions).lsid

    @property
    def cluster_time(self) -> Mapping[str, Any] | None:
        """The cluster time that came with the latest reply in it, a document; ``None`` before the first."""
        return self._engine.cluster_time

    @property
    def operation_time(self) -> Timestamp | None:
        """The time of the latest operation in it; ``None`` before the first."""
        return self._engine.operation_time

    def advance_cluster_time(self, cluster_time: Mapping[str, Any]) -> None:
        """Pass on `cluster_time`, another session's, from here on, unless a later one is known already.

        Raises TypeError or ValueError for what is no cluster time.
        """
        if not isinstance(cluster_time, Mapping):
            raise TypeError(f"cluster_time must be a subclass of collections.Mapping, not {type(cluster_time)}")
        if not isinstance(cluster_time.get("clusterTime"), Timestamp):
            raise TypeError("Invalid cluster_time")
        self._engine.advance_cluster_time(cluster_time)

    def advance_operation_time(self, operation_time: Timestamp) -> None:
        """Read nothing older than the operation of another session that has `operation_time`.

        Raises TypeError for what is no :class:`~bson.timestamp.Timestamp`.
        """
        if not isinstance(operation_time, Timestamp):
            raise TypeError(
                f"operation_time must be an instance of bson.timestamp.Timestamp, not {type(operation_time)}"
            )
        self._engine.advance_operation_time(operation_time)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._engine.ended

    @property
    def in_transaction(self) -> bool:
        """Whether what is done in it belongs to a transaction."""
        return self._engine.in_transaction

    def end_session(self) -> asyncio.Future[None]:
        """End it, and abort its transaction if there is one. Ending it again does nothing."""
        if not self._engine.in_transaction:
            self._end_now()
        return self._start(self._end())

    def _end_now(self) -> None:
        if self._engine.transaction.unsettled:
            abort_soon(self._client._deployment, self._engine)
        self._engine.end()

    async def _end(self) -> None:
        try:
            if self._engine.in_transaction:
                await abort(self._client._deployment, self._engine)
        finally:
            self._end_now()

    def start_transaction(
        self,
        read_concern: ReadConcern | None = None,
        write_concern: WriteConcern | None = None,
        read_preference: ReadPreferenceMode | None = None,
        max_commit_time_ms: int | None = None,
    ) -> TransactionContext:
        """Start a transaction. `read_concern`, `write_concern`, `read_preference` and `max_commit_time_ms`, the
        milliseconds that the server may take to commit, are by default those of the session and then those of the
        client.

        The result is for ``async with``: it commits the transaction, or aborts it if an exception leaves the block.
        Raises :class:`~pymongo.errors.InvalidOperation` if one is in progress already.
        """
        self._engine.check_usable()
        if self._options.snapshot:
            raise InvalidOperation("Transactions are not supported in snapshot sessions")
        if self._engine.in_transaction:
            raise InvalidOperation("Transaction already in progress")
        defaults = self._options.default_transaction_options or TransactionOptions()
        client = self._client
        if max_commit_time_ms is None:
            max_commit_time_ms = defaults.max_commit_time_ms
        options = TransactionOptions(
            read_concern or defaults.read_concern or client.read_concern,
            write_concern or defaults.write_concern or client.write_concern,
            read_preference or defaults.read_preference or client.read_preference,
            max_commit_time_ms,
        )
        self._engine.transaction.start(options)
        return TransactionContext(self)

    def commit_transaction(self) -> asyncio.Future[None]:
        """Commit the transaction. After an error that leaves the result unknown it may be called again.

        Raises :class:`~pymongo.errors.InvalidOperation` if there is none or it was aborted.
        """
        return self._start(commit(self._client._deployment, self._engine))

    def abort_transaction(self) -> asyncio.Future[None]:
        """Abort the transaction.

        Raises :class:`~pymongo.errors.InvalidOperation` if there is none or it has ended already.
        """
        return self._start(abort(self._client._deployment, self._engine))

    def bind(self, end_session: bool = True) -> BoundSession[Self]:
        """Make this the session of every operation that is given none, in an ``async with`` block and in the tasks that
        are started in it.

        The block gives the session, and at its end, unless `end_session` is false, ends it. An operation of another
        client raises :class:`~pymongo.errors.InvalidOperation` there.

        .. versionadded:: 4.0
        """
        return BoundSession(self, end_session)

    async def with_transaction(
        self,
        coro: Callable[[Self], Awaitable[T]] | None = None,
        read_concern: ReadConcern | None = None,
        write_concern: WriteConcern | None = None,
        read_preference: ReadPreferenceMode | None = None,
        max_commit_time_ms: int | None = None,
        *,
        callback: Callable[[Self], Awaitable[T]] | None = None,
    ) -> T:
        """Run ``await coro(session)`` in a transaction, commit it and return its result. The transaction has the
        options of :meth:`start_transaction`: `read_concern`, `write_concern`, `read_preference` and
        `max_commit_time_ms` in milliseconds.

        After an error that another attempt may mend, all of it is run again, for two minutes or up to the deadline of
        :func:`pymongo.timeout`: `coro` must not mind that. It must not swallow PyMongo's exceptions, which tell whether
        that is so. `callback` is PyMongo's name for it. Raises TypeError for neither or both of them. Source: the
        MongoDB specification "Convenient API for Transactions".

        .. versionchanged:: 4.0 `callback`.
        """
        run = coro or callback
        if run is None or (coro and callback):
            raise TypeError("with_transaction takes one coroutine function, as coro or as callback")
        started = time.monotonic()
        attempts = 0
        failure: PyMongoError | None = None
        while True:
            if failure is not None:
                delay = random.random() * min(_FIRST_BACKOFF * 1.5 ** (attempts - 1), _LONGEST_BACKOFF)
                _check_time(started, delay, failure)
                await asyncio.sleep(delay)
            attempts += 1
            self.start_transaction(read_concern, write_concern, read_preference, max_commit_time_ms)
            try:
                result = await run(self)
            except BaseException as error:
                if self.in_transaction:
                    await self.abort_transaction()
                if not isinstance(error, PyMongoError) or not error.has_error_label(TRANSIENT_TRANSACTION):
                    raise
                _check_time(started, 0, error)
                failure = error
                continue
            if not self.in_transaction:
                return result
            failure = await self._commit_or_fail(started)
            if failure is None:
                return result

    async def _commit_or_fail(self, started: float) -> PyMongoError | None:
        """Commit, as often as it takes to know the result. The error after which all of it has to be run again."""
        while True:
            try:
                await self.commit_transaction()
            except PyMongoError as error:  # noqa: PERF203  # each turn is an attempt
                unknown = error.has_error_label(UNKNOWN_COMMIT_RESULT) and not _took_too_long(error)
                if not unknown and not error.has_error_label(TRANSIENT_TRANSACTION):
                    raise
                _check_time(started, 0, error)
                if not unknown:
                    return error
            else:
                return None

    def __await__(self) -> Generator[None, None, Self]:
        return self
        yield  # a generator, which waits for nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.end_session()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.end_session()

    def __copy__(self) -> NoReturn:
        raise TypeError(f"A {type(self).__name__} cannot be copied, create a new session instead")

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__copy__()


class BoundSession(Generic[SessionType]):
    """The ``async with`` block in which a session is that of every operation that is given none."""

    def __init__(self, session: SessionType, end_session: bool) -> None:
        self._session = session
        self._end_session = end_session
        self._tokens: list[Token[Any]] = []

    async def __aenter__(self) -> SessionType:
        self._tokens.append(BOUND_SESSION.set(self._session))
        return self._session

    async def __aexit__(self, *exc_info: object) -> None:
        BOUND_SESSION.reset(self._tokens.pop())
        if self._end_session:
            await self._session.end_session()


class TransactionContext:
    """The ``async with`` block of a transaction. It may be awaited, and then is itself."""

    def __init__(self, session: AgnosticClientSession) -> None:
        self._session = session

    def __await__(self) -> Generator[None, None, Self]:
        return self
        yield  # a generator, which waits for nothing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, exc_type: object, exc_value: BaseException | None, traceback: object) -> None:
        if not self._session.in_transaction:
            return
        if exc_value is None:
            await self._session.commit_transaction()
        else:
            await self._session.abort_transaction()


def _took_too_long(error: PyMongoError) -> bool:
    return isinstance(error, OperationFailure) and error.code == MAX_TIME_MS_EXPIRED


def _check_time(started: float, delay: float, error: PyMongoError) -> None:
    """Raises a timeout error, with the labels of `error`, if there is no time left for another attempt."""
    left = timeouts.remaining()
    if delay < (TIME_LIMIT - (time.monotonic() - started) if left is None else left):
        return
    late: PyMongoError = NetworkTimeout(str(error)) if left is None else timeouts.exceeded(str(error))
    copy_error_labels(error, late)
    raise late from error
