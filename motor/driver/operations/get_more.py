"""getMore: the next batch of a cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from motor.driver.operations.operation import Command, Operation, RetryOptions, Target
from motor.driver.operations.reply import Batch, Reply, read_batch
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class GetMore(Operation[Batch]):
    """Continue the cursor with id `cursor_id` on the server that holds it."""

    target: Target
    cursor_id: int
    batch_size: int = 0
    max_await_time_ms: int | None = None
    comment: Any = None
    raw: bool = False
    exhaust: bool = False

    name = "getMore"
    is_read = True
    continues = True
    has_time_limit = False
    returns_batch = True

    @property
    def retry_options(self) -> RetryOptions:
        """The options without which it is never sent twice."""
        return RetryOptions.READS

    def command(self, facts: ServerFacts) -> Command:
        """``{getMore: <id>, collection: <name>}``."""
        command: Command = {"getMore": self.cursor_id, "collection": self.target.collection}
        if self.batch_size:
            command["batchSize"] = self.batch_size
        if self.max_await_time_ms is not None:
            command["maxTimeMS"] = self.max_await_time_ms
        if self.comment is not None:
            command["comment"] = self.comment
        return command

    def result(self, reply: Reply) -> Batch:
        """The next batch."""
        return read_batch(reply)
