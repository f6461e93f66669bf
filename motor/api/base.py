"""What clients, databases and collections have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from bson.codec_options import CodecOptions
from pymongo.errors import InvalidOperation
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import ReadPreferenceMode
from motor.driver.operations.operation import Operation, Target
from motor.driver.sessions.session import Session
from motor.frameworks.framework import start, start_within

if TYPE_CHECKING:
    import typing_extensions

    from motor.api.client import AgnosticClient

    DocumentType = typing_extensions.TypeVar("DocumentType", bound=Mapping[str, Any], default=Any)
else:
    # Only type checkers need the default, and Python has it since 3.13 only.
    DocumentType = TypeVar("DocumentType", bound=Mapping[str, Any])

OtherType = TypeVar("OtherType", bound=Mapping[str, Any])
"""What documents are when a method is given codec options of its own."""

T = TypeVar("T")

BOUND_SESSION: ContextVar[Any] = ContextVar("motor bound session", default=None)
"""The session that operations without one belong to: see :meth:`AgnosticClientSession.bind`."""


class AgnosticBase:
    """Something that belongs to a client."""

    _client: AgnosticClient[Any]
    _timeout: float | None

    def get_io_loop(self) -> Any:
        """The client's event loop: an asyncio loop, or Tornado's IOLoop."""
        return self._client.get_io_loop()

    def _engine_session(self, session: Any) -> Session | None:
        """The engine's side of the session that a method was given.

        Raises ValueError for what is no session, InvalidOperation for one that has ended or is another client's.
        """
        if session is None:
            return None
        kind = self._client._family.session
        if not isinstance(session, kind):
            raise ValueError(f"'session' argument must be an {kind.__name__} or None, not {type(session)}")
        if session.client is not self._client:
            raise InvalidOperation(f"Can only use session with the {type(session.client).__name__} that started it")
        session._engine.check_usable()
        return session._engine

    def _session_for(self, session: Any) -> Session | None:
        """The engine's side of the session that a method was given, or else of the one that is bound.

        Raises InvalidOperation, too, if that is another client's.
        """
        if session is None and (session := BOUND_SESSION.get()) is not None and session.client is not self._client:
            raise InvalidOperation(
                "Only the client that created the bound session can perform operations within its context block"
            )
        return self._engine_session(session)

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Motor's contract: what does I/O starts at once and returns a Future, and to await it is optional."""
        if self._timeout is None:
            return start(coroutine, self._client._asyncio_loop)
        return start_within(self._timeout, coroutine, self._client._asyncio_loop)

    def _run(self, operation: Operation[T], session: Any = None) -> asyncio.Future[T]:
        return self._start(self._run_operation(operation, session))

    async def _run_operation(self, operation: Operation[T], session: Any) -> T:
        return await self._execute(operation, session)

    def _execute(self, operation: Operation[T], session: Any = None) -> Coroutine[Any, Any, T]:
        """Check `operation`, and run it once awaited."""
        engine_session = None if session is None and BOUND_SESSION.get() is None else self._session_for(session)
        return self._client._deployment.execute(operation, engine_session)


class AgnosticBaseProperties(AgnosticBase, Generic[DocumentType]):
    """Something with options of its own for encoding, reading and writing."""

    def __init__(
        self,
        codec_options: CodecOptions[Any],
        read_preference: ReadPreferenceMode,
        write_concern: WriteConcern,
        read_concern: ReadConcern,
        timeout: float | None,
    ) -> None:
        if not isinstance(codec_options, CodecOptions):
            raise TypeError("codec_options must be an instance of bson.codec_options.CodecOptions")
        if not isinstance(read_preference, ReadPreferenceMode):
            raise TypeError(
                f"{read_preference!r} is not valid for read_preference. See pymongo.read_preferences for valid options."
            )
        if not isinstance(write_concern, WriteConcern):
            raise TypeError(
                f"write_concern must be an instance of pymongo.write_concern.WriteConcern, not {type(write_concern)}"
            )
        if not isinstance(read_concern, ReadConcern):
            raise TypeError(
                f"read_concern must be an instance of pymongo.read_concern.ReadConcern, not {type(read_concern)}"
            )
        self._codec_options = codec_options
        self._read_preference = read_preference
        self._write_concern = write_concern
        self._read_concern = read_concern
        self._timeout = timeout

    def __repr__(self) -> str:
        try:
            return self._shown()
        except AttributeError:
            # Tracebacks with local variables show what a constructor has failed to make, too.
            return f"<{type(self).__name__}, not made>"

    def _shown(self) -> str:
        raise NotImplementedError

    def _target_for(self, database: str, collection: str) -> Target:
        """What an operation on that collection is told of it and of the options here."""
        return Target(
            database, collection, self._codec_options, self._read_preference, self._write_concern, self._read_concern
        )

    def _watched(self) -> Target:
        """What a change stream watches."""
        raise NotImplementedError

    @property
    def _timeout_ms(self) -> float | None:
        return None if self._timeout is None else self._timeout * 1000

    @property
    def codec_options(self) -> CodecOptions[DocumentType]:
        """The :class:`~bson.codec_options.CodecOptions` that documents are encoded and decoded with."""
        return self._codec_options

    @property
    def read_preference(self) -> ReadPreferenceMode:
        """Which members of a replica set are read from: one of :class:`~pymongo.read_preferences.ReadPreference`."""
        return self._read_preference

    @property
    def write_concern(self) -> WriteConcern:
        """What a write waits for: a :class:`~pymongo.write_concern.WriteConcern`."""
        return self._write_concern

    @property
    def read_concern(self) -> ReadConcern:
        """How settled the data that is read must be: a :class:`~pymongo.read_concern.ReadConcern`."""
        return self._read_concern

    __iter__ = None

    def __next__(self) -> NoReturn:
        """Raises TypeError, as it is no iterator. The database or the collection of this name is ``["next"]``.

        .. versionadded:: 4.0
        """
        raise TypeError(f"{type(self).__name__!r} object is not iterable")

    next = __next__


def timeout_seconds(timeout_ms: float) -> float:
    """`timeout_ms` in seconds. Raises TypeError or ValueError for what is no number of milliseconds."""
    if isinstance(timeout_ms, bool) or not isinstance(timeout_ms, (int, float)):
        raise TypeError(f"timeout_ms must be a number or None, not {type(timeout_ms)}")
    if timeout_ms < 0:
        raise ValueError(f"timeout_ms must not be negative, but is {timeout_ms}")
    return timeout_ms / 1000


def missing_attribute(owner: Any, name: str, what: str, path: str) -> AttributeError:
    """The error for an attribute that starts with an underscore, which is never a database or a collection."""
    return AttributeError(f"{type(owner).__name__} has no attribute {name!r}. To access the {what}, use {path}.")


def no_truth_value(owner: Any, what: str) -> NotImplementedError:
    """The error for whoever asks whether a database or a collection is true, where ``None`` may be meant."""
    return NotImplementedError(
        f"{type(owner).__name__} objects do not implement truth value testing or bool(). "
        f"Please compare with None instead: {what} is not None"
    )
