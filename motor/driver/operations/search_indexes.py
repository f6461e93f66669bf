"""createSearchIndexes, dropSearchIndex and updateSearchIndex: the indexes of Atlas Search.

No read or write concern goes with them. Source: the MongoDB specification "Index Management".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.operations import SearchIndexModel

from motor.driver.codes import NAMESPACE_NOT_FOUND
from motor.driver.operations.operation import Command, Document, Operation, Target
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class CreateSearchIndexes(Operation[list[str]]):
    """Create indexes; their names are the result."""

    target: Target
    indexes: Sequence[SearchIndexModel]
    options: Mapping[str, Any]
    comment: Any = None

    name = "createSearchIndexes"

    def prepare(self) -> None:
        """Check the arguments."""
        for index in self.indexes:
            if not isinstance(index, SearchIndexModel):
                raise TypeError(f"{index!r} is not an instance of pymongo.operations.SearchIndexModel")

    def command(self, facts: ServerFacts) -> Command:
        """``{createSearchIndexes: <collection>, indexes: [...]}``."""
        indexes = [index.document for index in self.indexes]
        command: Command = {"createSearchIndexes": self.target.collection, "indexes": indexes, **self.options}
        if self.comment is not None:
            command["comment"] = self.comment
        return command

    def result(self, reply: Reply) -> list[str]:
        """The names."""
        return [index["name"] for index in reply.document["indexesCreated"]]


@dataclass(slots=True, repr=False)
class ChangeSearchIndex(Operation[None]):
    """Drop the index called `index`, or give it another `definition`. One that is not there is no error."""

    target: Target
    index: str
    options: Mapping[str, Any]
    comment: Any = None
    definition: Document | None = None
    name: str = field(init=False, default="")

    allowable_errors = ("ns not found", NAMESPACE_NOT_FOUND)

    def prepare(self) -> None:
        """Which of the two commands it is."""
        self.name = "dropSearchIndex" if self.definition is None else "updateSearchIndex"

    def command(self, facts: ServerFacts) -> Command:
        """``{dropSearchIndex: <collection>, name: <index>}``."""
        command: Command = {self.name: self.target.collection, "name": self.index}
        if self.definition is not None:
            command["definition"] = self.definition
        command.update(self.options)
        if self.comment is not None:
            command["comment"] = self.comment
        return command

    def result(self, reply: Reply) -> None:
        """It says no more than ok."""
