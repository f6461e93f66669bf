"""aggregate with $changeStream: the pipeline that a change stream reads from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson.timestamp import Timestamp

from motor.driver.operations.aggregate import Aggregate
from motor.driver.operations.operation import Command
from motor.driver.operations.reply import Batch, Reply
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class OpenChangeStream(Aggregate):
    """Open a change stream; `stage` are the options of its first stage. Its time is known when it has been opened."""

    stage: Mapping[str, Any] = field(default_factory=dict)
    operation_time: Timestamp | None = None

    def command(self, facts: ServerFacts) -> Command:
        """``{aggregate: ..., pipeline: [{$changeStream: ...}, ...]}``."""
        command = Aggregate.command(self, facts)
        command["pipeline"] = [{"$changeStream": self.stage}, *self.pipeline]
        return command

    def result(self, reply: Reply) -> Batch:
        """The first batch."""
        self.operation_time = reply.document.get("operationTime")
        return Aggregate.result(self, reply)
