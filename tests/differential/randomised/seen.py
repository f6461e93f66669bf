"""What one side did with a seed: what it sent, what it was answered, and what came of each step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import ClientBulkWriteException, ConfigurationError

from tests.differential.harness import HANGING, got, settle
from tests.differential.normal import Mark, Normal

BACKGROUND = ("killCursors", "endSessions")
"""Sent when the driver finds the time; what a cursor leaves behind is compared by the cases of `cursor.py`."""

NO_REPLY = Mark("<no reply>")


class Judge(Normal):
    """Looks past the wording of errors: `bad_*` and `failures` compare it, and a connection's has its port in it."""

    def error(self, error: BaseException) -> dict[str, Any]:
        """An exception: its class, code, details and labels."""
        shown = super().error(error)
        del shown["message"]
        if isinstance(error, ClientBulkWriteException):
            shown["error"] = self._cause(error.error)
        return shown

    def _pair(self, key: Any, value: Any, wire: bool) -> Any:
        return self._cause(value) if key == "error" else super()._pair(key, value, wire)

    def _cause(self, error: Any) -> Any:
        """What ended a client's bulk write: PyMongo has a dictionary in place of a getMore's exception."""
        if isinstance(error, Mapping):
            return Mark(error["errtype"]), error["code"]
        return None if error is None else (Mark(type(error).__name__), getattr(error, "code", None))


@dataclass
class Exchange:
    """A command, and its reply if the server's is of interest."""

    command: Any
    reply: Any = NO_REPLY


class Seen:
    """One side's. The two of a seed are equal, or there is a difference."""

    def __init__(self, database: str, left_out: Collection[str]) -> None:
        self.database = database
        self.steps: list[Any] = []
        self.exchanges: list[Exchange] = []
        self.kills = False
        """Whether a cursor was killed, which the server's later replies may come of."""
        self._judge = Judge(database, left_out)

    def sent(self, command: Mapping[str, Any]) -> Exchange:
        """The server was sent a command."""
        exchange = Exchange(self._judge.command(next(iter(command)), command))
        self.exchanges.append(exchange)
        return exchange

    def answered(self, exchange: Exchange, reply: Mapping[str, Any]) -> None:
        """The server has answered."""
        exchange.reply = self._judge.result(reply)

    def note(self, what: str, value: Any) -> None:
        """Something that must be the same on both sides."""
        self.steps.append((what, self._judge.result(value)))

    def failed(self, what: str, error: Exception) -> None:
        """A step raised an exception, the same on both sides; but none that says that nothing can be done."""
        if isinstance(error, ConfigurationError):
            raise error
        self.steps.append((what, self._judge.error(error)))

    async def step(self, what: str, call: Callable[[], Any]) -> Any:
        """Make a call, and note what comes of it. Raises what it raises."""
        try:
            value = await asyncio.wait_for(settle(call()), HANGING)
        except Exception as error:
            self.failed(what, error)
            raise
        self.note(what, value)
        return value

    async def begin(self, what: str, call: Callable[[], Any]) -> Any:
        """Make what steps are taken with, and is not compared itself; ``None`` if that fails."""
        try:
            return await asyncio.wait_for(got(call()), HANGING)
        except Exception as error:
            self.failed(what, error)
            return None

    async def attempt(self, what: str, call: Callable[[], Any]) -> bool:
        """The same for a call that may fail; whether it did not."""
        try:
            await self.step(what, call)
        except Exception:
            return False
        return True
