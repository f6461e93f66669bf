"""What clients, databases and collections have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from bson.codec_options import CodecOptions
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import ReadPreferenceMode
from motor.driver.operations.operation import Operation
from motor.frameworks.framework import start

if TYPE_CHECKING:
    import typing_extensions

    from motor.api.client import AgnosticClient

    DocumentType = typing_extensions.TypeVar("DocumentType", bound=Mapping[str, Any], default=Any)
else:
    # Only type checkers need the default, and Python has it since 3.13 only.
    DocumentType = TypeVar("DocumentType", bound=Mapping[str, Any])

T = TypeVar("T")


class AgnosticBase:
    """Something that belongs to a client."""

    _client: AgnosticClient[Any]

    def get_io_loop(self) -> Any:
        """The client's event loop: an asyncio loop, or Tornado's IOLoop."""
        return self._client.get_io_loop()

    def _check_session(self, session: Any) -> None:
        """Raises ValueError for what is no session."""
        if session is not None:
            name = f"{self._client._family.framework.CLASS_PREFIX}MotorClientSession"
            raise ValueError(f"'session' argument must be an {name} or None, not {type(session)}")

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Motor's contract: what does I/O starts at once and returns a Future, and to await it is optional."""
        return start(coroutine, self._client._asyncio_loop)

    def _run(self, operation: Operation[T], session: Any = None) -> asyncio.Future[T]:
        return start(self._run_operation(operation, session), self._client._asyncio_loop)

    async def _run_operation(self, operation: Operation[T], session: Any) -> T:
        return await self._execute(operation, session)

    def _execute(self, operation: Operation[T], session: Any = None) -> Coroutine[Any, Any, T]:
        """Check `operation`, and run it once awaited."""
        self._check_session(session)
        operation.prepare()
        executor = self._client._deployment.executor()
        return self._resolve_and_execute(operation) if executor is None else executor.execute(operation)

    async def _resolve_and_execute(self, operation: Operation[T]) -> T:
        executor = await self._client._deployment.resolve()
        return await executor.execute(operation)


class AgnosticBaseProperties(AgnosticBase):
    """Something with options of its own for encoding, reading and writing."""

    def __init__(
        self,
        codec_options: CodecOptions[Any],
        read_preference: ReadPreferenceMode,
        write_concern: WriteConcern,
        read_concern: ReadConcern,
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

    @property
    def codec_options(self) -> CodecOptions[Any]:
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


def missing_attribute(owner: Any, name: str, what: str, path: str) -> AttributeError:
    """The error for an attribute that starts with an underscore, which is never a database or a collection."""
    return AttributeError(f"{type(owner).__name__} has no attribute {name!r}. To access the {what}, use {path}.")
