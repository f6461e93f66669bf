"""Any command, as the application wrote it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson.codec_options import CodecOptions
from pymongo.errors import InvalidOperation

from motor._pymongo import SENSITIVE_COMMANDS, ReadPreferenceMode
from motor.driver.operations.operation import Command, CursorPlan, Operation, RetryOptions, Selector, Target
from motor.driver.operations.reply import Batch, Reply, read_batch
from motor.driver.server_facts import ServerFacts

_CONFIDENTIAL = {*SENSITIVE_COMMANDS, "hello", "ismaster"}
"""The commands that are about credentials; a greeting may hold the first step of an authentication."""


@dataclass(slots=True, repr=False)
class RunCommand(Operation[Any]):
    """Run `spec`, to which the database's own concerns are not applied; the result is the whole reply."""

    target: Target
    spec: str | MutableMapping[str, Any]
    value: Any
    options: MutableMapping[str, Any]
    preference: ReadPreferenceMode | None = None
    check: bool = True
    allowable_errors: Sequence[int | str] = ()
    comment: Any = None
    name: str = field(init=False, default="")

    is_read = True

    def prepare(self) -> None:
        """The command's name is its first field's."""
        self.name = self.spec if isinstance(self.spec, str) else next(iter(self.spec))

    @property
    def retry_options(self) -> RetryOptions:
        """Nobody knows whether it reads or writes."""
        return RetryOptions.READS | RetryOptions.WRITES

    @property
    def is_confidential(self) -> bool:
        """Whether it is about credentials: nobody but the server is shown what it holds."""
        name = next(iter(self.spec), "") if isinstance(self.spec, Mapping) else self.spec
        return isinstance(name, str) and name.lower() in _CONFIDENTIAL

    @property
    def selector(self) -> Selector:
        """Chooses among the servers."""
        return self.read_preference

    @property
    def read_preference(self) -> ReadPreferenceMode:
        """What the server is told in ``$readPreference``."""
        return self.preference or self.target.read_preference

    @property
    def checked(self) -> bool:
        """Whether a reply that says not ok is an error: as the caller wants it."""
        return self.check

    @property
    def reply_codec(self) -> CodecOptions[Any]:
        """The reply is the application's; its own types it finds in no server's reply."""
        codec_options = self.target.codec_options
        return codec_options if self.target.decodes_plainly else codec_options.with_options(type_registry=None)

    def command(self, facts: ServerFacts) -> Command:
        """The command, with the keyword arguments."""
        command: Command = {self.spec: self.value} if isinstance(self.spec, str) else dict(self.spec)
        command.update(self.options)
        if self.comment is not None:
            command["comment"] = self.comment
        return command

    def result(self, reply: Reply) -> Any:
        """The reply."""
        return reply.document


@dataclass(slots=True, repr=False)
class CursorCommand(RunCommand):
    """A command whose reply holds a cursor: the result is its first batch. `get_more_comment` goes with the others."""

    max_await_time_ms: int | None = None
    get_more_comment: Any = None

    opens_cursor = True
    returns_batch = True

    def cursor_plan(self) -> CursorPlan:
        """As the caller wants it."""
        comment = self.get_more_comment or self.options.get("comment")
        return CursorPlan(max_await_time_ms=self.max_await_time_ms, comment=comment)

    def result(self, reply: Reply) -> Batch:
        """The first batch. Raises InvalidOperation if there is no cursor."""
        if not reply.document.get("cursor"):
            raise InvalidOperation("Command does not return a cursor.")
        return read_batch(reply)
