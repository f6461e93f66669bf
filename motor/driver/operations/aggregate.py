"""aggregate: a pipeline over a collection or a database."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, cast

from pymongo.errors import ConfigurationError
from pymongo.read_preferences import ReadPreference

from motor._pymongo import (
    AggregateWritePreference,
    CollationIn,
    Pipeline,
    ReadPreferenceMode,
    validate_collation_or_none,
    validate_is_mapping,
    validate_list,
    validate_non_negative_integer_or_none,
)
from motor.driver.operations.operation import (
    Command,
    CursorPlan,
    Document,
    ReadOperation,
    RetryOptions,
    Selector,
    Target,
    add_read_concern,
    add_write_concern,
)
from motor.driver.operations.reply import Batch, Reply, read_batch
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class Aggregate(ReadOperation[Batch]):
    """Run a pipeline: the result is its first batch.

    `options` are the command's own: allowDiskUse, maxTimeMS, hint and so on. The pipeline runs over the whole database
    if the target names no collection.
    """

    target: Target
    pipeline: Pipeline
    options: MutableMapping[str, Any]
    let: Document | None = None
    comment: Any = None
    batch_size: int | None = None
    max_await_time_ms: int | None = None
    collation: Mapping[str, Any] | CollationIn | None = None
    _preference: ReadPreferenceMode | None = None

    name = "aggregate"
    opens_cursor = True
    returns_batch = True
    raises_write_concern_error = True
    always_retryable = False

    @property
    def writes(self) -> bool:
        """Whether the pipeline ends with ``$out`` or ``$merge``."""
        return bool(self.pipeline) and ("$out" in self.pipeline[-1] or "$merge" in self.pipeline[-1])

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice."""
        return not self.writes

    @property
    def retry_options(self) -> RetryOptions:
        """The options without which it is never sent twice."""
        return RetryOptions.READS | RetryOptions.WRITES if self.writes else RetryOptions.READS

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return not self.writes or "writeConcern" in self.options or self.target.write_concern.acknowledged

    @property
    def read_preference(self) -> ReadPreferenceMode:
        """The target's; on servers before 5.0 a pipeline that writes goes to the primary whatever it says."""
        if self._preference is None:
            preference = self.target.read_preference
            if self.writes and preference != ReadPreference.PRIMARY:
                preference = cast("ReadPreferenceMode", AggregateWritePreference(preference))
            self._preference = preference
        return self._preference

    @property
    def selector(self) -> Selector:
        """Chooses among the servers."""
        return self.read_preference

    def prepare(self) -> None:
        """Check the arguments, and take those out of the options that are not the command's."""
        options = self.options
        for name in ("aggregate", "pipeline"):
            if name in options:
                raise ConfigurationError(f"The {name} option cannot be specified as a keyword argument.")
        validate_list("pipeline", self.pipeline)
        if self.let is not None:
            validate_is_mapping("let", self.let)
        validate_is_mapping("cursor", options.get("cursor", {}))
        self.batch_size = validate_non_negative_integer_or_none("batchSize", options.pop("batchSize", self.batch_size))
        self.collation = validate_collation_or_none(options.pop("collation", self.collation))
        self.max_await_time_ms = options.pop("maxAwaitTimeMS", self.max_await_time_ms)

    def command(self, facts: ServerFacts) -> Command:
        """``{aggregate: <collection or 1>, pipeline: [...], cursor: {...}}``."""
        command: Command = {"aggregate": self.target.collection or 1, "pipeline": self.pipeline}
        command.update(self.options)
        if self.let is not None:
            command["let"] = self.let
        if self.comment is not None:
            command["comment"] = self.comment
        cursor = dict(command.get("cursor", {}))
        if self.batch_size is not None and not self.writes:
            cursor["batchSize"] = self.batch_size
        command["cursor"] = cursor
        if "readConcern" not in command:
            add_read_concern(command, self.target.read_concern)
        if self.writes and "writeConcern" not in command:
            add_write_concern(command, self.target.write_concern)
        if self.collation is not None:
            command["collation"] = self.collation
        return command

    def cursor_plan(self) -> CursorPlan:
        """As the command says; a batch of one would close the cursor on servers of old, so two is the least."""
        batch_size = 2 if self.batch_size == 1 else self.batch_size or 0
        return CursorPlan(0, batch_size, self.max_await_time_ms, self.comment or self.options.get("comment"))

    def result(self, reply: Reply) -> Batch:
        """The first batch; nothing for an unacknowledged write."""
        if "cursor" not in reply.document:
            return Batch(0, [], self.target.namespace)
        return read_batch(reply)


class AggregateRaw(Aggregate):
    """Run a pipeline whose batches stay BSON."""

    __slots__ = ()

    raw = True
