"""Any command, as the application wrote it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.codec_options import CodecOptions
from pymongo.errors import InvalidOperation

from motor._pymongo import SENSITIVE_COMMANDS, ReadPreferenceMode
from motor.driver.operations.operation import CURSOR_FIELDS, Command, Operation, RetryOptions, Target, read_cursor
from motor.driver.sdam.selection import Selector
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
    allowed: Sequence[int | str] | None = None
    comment: Any = None

    is_read = True

    @property
    def retry_options(self) -> RetryOptions:
        """Nobody knows whether it reads or writes."""
        return RetryOptions.READS | RetryOptions.WRITES

    @property
    def name(self) -> str:  # type: ignore[override]  # known only here
        """The command's name."""
        return self.spec if isinstance(self.spec, str) else next(iter(self.spec))

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
    def allowable_errors(self) -> Sequence[int | str]:  # type: ignore[override]  # the caller's
        """The errors that are a result."""
        return self.allowed or ()

    @property
    def checked(self) -> bool:
        """Whether a reply that says not ok is an error: as the caller wants it."""
        return self.check

    @property
    def reply_codec(self) -> CodecOptions[Any]:
        """The reply is the user's."""
        return self.target.codec_options

    def command(self, facts: ServerFacts) -> Command:
        """The command, with the keyword arguments."""
        command: Command = {self.spec: self.value} if isinstance(self.spec, str) else dict(self.spec)
        command.update(self.options)
        if self.comment is not None:
            command["comment"] = self.comment
        return command

    def result(self, reply: Any) -> Any:
        """The reply."""
        return reply


class CursorCommand(RunCommand):
    """A command whose reply holds a cursor: the result is the reply's ``cursor`` document."""

    __slots__ = ()

    reply_fields = CURSOR_FIELDS

    def result(self, reply: Any) -> dict[str, Any]:
        """The ``cursor`` document. Raises InvalidOperation if there is none."""
        if not reply.get("cursor"):
            raise InvalidOperation("Command does not return a cursor.")
        return read_cursor(reply)
