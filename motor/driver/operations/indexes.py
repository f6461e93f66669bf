"""createIndexes, dropIndexes and listIndexes."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.codec_options import CodecOptions
from bson.son import SON
from pymongo.operations import IndexModel

from motor._pymongo import index_name, validate_list
from motor.driver.codes import NAMESPACE_NOT_FOUND
from motor.driver.operations.operation import (
    AdminOperation,
    Command,
    CursorPlan,
    ReadOperation,
    Target,
    add_write_concern,
)
from motor.driver.operations.reply import Batch, Reply, read_batch
from motor.driver.server_facts import ServerFacts

_INDEX_CODEC: CodecOptions[Any] = CodecOptions(SON)


@dataclass(slots=True, repr=False)
class CreateIndexes(AdminOperation[list[str]]):
    """Create indexes; their names are the result."""

    target: Target
    indexes: Sequence[IndexModel]
    options: Mapping[str, Any]
    comment: Any = None

    name = "createIndexes"

    def prepare(self) -> None:
        """Check the arguments."""
        validate_list("indexes", self.indexes)
        for index in self.indexes:
            if not isinstance(index, IndexModel):
                raise TypeError(f"{index!r} is not an instance of pymongo.operations.IndexModel")

    def command(self, facts: ServerFacts) -> Command:
        """``{createIndexes: <collection>, indexes: [...]}``."""
        command: Command = {
            "createIndexes": self.target.collection,
            "indexes": [index.document for index in self.indexes],
            **self.options,
        }
        if self.comment is not None:
            command["comment"] = self.comment
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: Reply) -> list[str]:
        """The names."""
        return [index.document["name"] for index in self.indexes]


@dataclass(slots=True, repr=False)
class DropIndexes(AdminOperation[None]):
    """Drop one index, by its name or its keys, or all with ``"*"``."""

    target: Target
    index: Any
    options: Mapping[str, Any]
    comment: Any = None

    name = "dropIndexes"
    allowable_errors = ("ns not found", NAMESPACE_NOT_FOUND)

    def prepare(self) -> None:
        """Turn the keys into a name."""
        if isinstance(self.index, list):
            self.index = index_name(self.index)
        if not isinstance(self.index, str):
            raise TypeError(f"index_or_name must be an instance of str or list, not {type(self.index)}")

    def command(self, facts: ServerFacts) -> Command:
        """``{dropIndexes: <collection>, index: <name>}``."""
        command: Command = {"dropIndexes": self.target.collection, "index": self.index, **self.options}
        if self.comment is not None:
            command["comment"] = self.comment
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: Reply) -> None:
        """It says no more than ok."""


@dataclass(slots=True, repr=False)
class ListIndexes(ReadOperation[Batch]):
    """List the indexes: the result is the first batch."""

    target: Target
    comment: Any = None

    name = "listIndexes"
    is_causal = False
    opens_cursor = True
    returns_batch = True
    allowable_errors = (NAMESPACE_NOT_FOUND,)

    @property
    def documents_codec(self) -> CodecOptions[Any]:
        """Indexes come as SON: the order of their keys means something."""
        return _INDEX_CODEC

    def command(self, facts: ServerFacts) -> Command:
        """``{listIndexes: <collection>, cursor: {}}``."""
        command: Command = {"listIndexes": self.target.collection, "cursor": {}}
        if self.comment is not None:
            command["comment"] = self.comment
        return command

    def cursor_plan(self) -> CursorPlan:
        """With the command's comment."""
        return CursorPlan(comment=self.comment)

    def result(self, reply: Reply) -> Batch:
        """The first batch; nothing for a collection that is not there."""
        if "cursor" not in reply.document:
            return Batch(0, [], self.target.namespace)
        return read_batch(reply)


def index_information(indexes: Sequence[MutableMapping[str, Any]]) -> dict[str, Any]:
    """The indexes by name: for each its options, and its keys as a list of pairs."""
    information = {}
    for index in indexes:
        description = dict(index)
        description["key"] = list(index["key"].items())
        information[description.pop("name")] = description
    return information
