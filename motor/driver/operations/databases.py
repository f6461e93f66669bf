"""listDatabases and dropDatabase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson.codec_options import DEFAULT_CODEC_OPTIONS, CodecOptions

from motor.driver.operations.operation import AdminOperation, Command, ReadOperation, Target, add_write_concern
from motor.driver.operations.reply import Batch, Reply
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class ListDatabases(ReadOperation[Batch]):
    """List the databases: the result is a batch, as if the server had opened a cursor."""

    target: Target
    options: Mapping[str, Any]
    comment: Any = None

    name = "listDatabases"
    is_causal = False

    @property
    def reply_codec(self) -> CodecOptions[Any]:
        """The server's own documents: plain."""
        return DEFAULT_CODEC_OPTIONS

    def command(self, facts: ServerFacts) -> Command:
        """``{listDatabases: 1}``."""
        command: Command = {"listDatabases": 1, **self.options}
        if self.comment is not None:
            command["comment"] = self.comment
        return command

    def result(self, reply: Reply) -> Batch:
        """All of it in one batch."""
        return Batch(0, reply.document["databases"], "admin.$cmd")


@dataclass(slots=True, repr=False)
class DropDatabase(AdminOperation[None]):
    """Drop a whole database."""

    target: Target
    comment: Any = None

    name = "dropDatabase"

    def command(self, facts: ServerFacts) -> Command:
        """``{dropDatabase: 1}``."""
        command: Command = {"dropDatabase": 1}
        if self.comment is not None:
            command["comment"] = self.comment
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: Reply) -> None:
        """It says no more than ok."""
