"""commitTransaction and abortTransaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pymongo.write_concern import WriteConcern

from motor._pymongo import TransactionOptions
from motor.driver import timeouts
from motor.driver.operations.operation import Command, Operation, RetryOptions, Target, add_write_concern
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts

_RETRIED_COMMIT_TIMEOUT_MS = 10_000


class EndedTransaction(Protocol):
    """What has to be known of the transaction that ends."""

    options: TransactionOptions

    @property
    def recovery_token(self) -> Mapping[str, Any] | None:
        """The way back to it, if a mongos has told one."""
        ...

    def end_sent(self) -> int:
        """The command is sent: how often that makes."""
        raise NotImplementedError


@dataclass(slots=True, repr=False)
class EndTransaction(Operation[None]):
    """End a transaction; whatever the client's options say it may be sent twice."""

    target: Target
    transaction: EndedTransaction

    raises_write_concern_error = True

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice."""
        return True

    @property
    def retry_options(self) -> RetryOptions:
        """None is needed."""
        return RetryOptions.NONE

    def command(self, facts: ServerFacts) -> Command:
        """``{<name>: 1}``, with the way back to the transaction if mongos has told one."""
        attempt = self.transaction.end_sent()
        command: Command = {self.name: 1}
        if self.transaction.recovery_token:
            command["recoveryToken"] = self.transaction.recovery_token
        add_write_concern(command, self._write_concern(attempt))
        return command

    def _write_concern(self, attempt: int) -> WriteConcern:
        return self.transaction.options.write_concern or WriteConcern()

    def result(self, reply: Reply) -> None:
        """It says no more than ok."""


class CommitTransaction(EndTransaction):
    """Commit it; from the second time on by a majority, so that what was committed is not lost."""

    __slots__ = ()

    name = "commitTransaction"

    def command(self, facts: ServerFacts) -> Command:
        """``{commitTransaction: 1}``."""
        command = EndTransaction.command(self, facts)
        limit = self.transaction.options.max_commit_time_ms
        if limit and timeouts.configured() is None:
            command["maxTimeMS"] = limit
        return command

    def _write_concern(self, attempt: int) -> WriteConcern:
        write_concern = EndTransaction._write_concern(self, attempt)
        if attempt == 1:
            return write_concern
        document = write_concern.document
        document.setdefault("wtimeout", _RETRIED_COMMIT_TIMEOUT_MS)
        return WriteConcern(**{**document, "w": "majority"})


class AbortTransaction(EndTransaction):
    """Abort it."""

    __slots__ = ()

    name = "abortTransaction"
