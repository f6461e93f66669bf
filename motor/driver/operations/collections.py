"""create, drop, renameCollection, listCollections: the collections of a database."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from bson.codec_options import DEFAULT_CODEC_OPTIONS, CodecOptions
from pymongo.errors import InvalidName

from motor._pymongo import (
    CollationIn,
    validate_collation_or_none,
    validate_is_mapping,
)
from motor.driver.codes import NAMESPACE_NOT_FOUND
from motor.driver.operations.operation import (
    AdminOperation,
    Command,
    CursorPlan,
    ReadOperation,
    Target,
    add_write_concern,
    write_concern_of,
)
from motor.driver.operations.reply import Batch, Reply, read_batch
from motor.driver.server_facts import ServerFacts


def check_database_name(name: str) -> None:
    """Raises InvalidName for what cannot be the name of a database."""
    if not isinstance(name, str):
        raise TypeError(f"name must be an instance of str, not {type(name)}")
    if not name:
        raise InvalidName("database name cannot be the empty string")
    for character in (" ", ".", "$", "/", "\\", "\x00", '"'):
        if character in name and name != "$external":
            raise InvalidName(f"database names cannot contain the character {character!r}")


def check_collection_name(name: str) -> None:
    """Raises InvalidName for what cannot be the name of a collection."""
    if not isinstance(name, str):
        raise TypeError(f"name must be an instance of str, not {type(name)}")
    if not name or ".." in name:
        raise InvalidName("collection names cannot be empty")
    if "$" in name and not name.startswith(("oplog.$main", "$cmd")):
        raise InvalidName(f"collection names must not contain '$': {name!r}")
    if name[0] == "." or name[-1] == ".":
        raise InvalidName(f"collection names must not start or end with '.': {name!r}")
    if "\x00" in name:
        raise InvalidName("collection names must not contain the null character")


@dataclass(slots=True, repr=False)
class Create(AdminOperation[None]):
    """Create a collection or a view."""

    target: Target
    options: MutableMapping[str, Any]
    collation: CollationIn | None = None

    name = "create"

    def prepare(self) -> None:
        """Check the options."""
        self.collation = validate_collation_or_none(self.options.pop("collation", None))
        if self.options.get("clusteredIndex"):
            validate_is_mapping("clusteredIndex", self.options["clusteredIndex"])
        if "size" in self.options:
            self.options["size"] = float(self.options["size"])

    def command(self, facts: ServerFacts) -> Command:
        """``{create: <collection>, ...}``."""
        command: Command = {"create": self.target.collection, **self.options}
        if self.collation is not None:
            command["collation"] = self.collation
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: Reply) -> None:
        """It says no more than ok."""


@dataclass(slots=True, repr=False)
class Drop(AdminOperation[dict[str, Any]]):
    """Drop a collection; one that is not there is no error. The result is the reply."""

    target: Target
    comment: Any = None

    name = "drop"
    allowable_errors = ("ns not found", NAMESPACE_NOT_FOUND)

    def command(self, facts: ServerFacts) -> Command:
        """``{drop: <collection>}``."""
        command: Command = {"drop": self.target.collection}
        if self.comment is not None:
            command["comment"] = self.comment
        add_write_concern(command, self.target.write_concern)
        return command

    def result(self, reply: Reply) -> dict[str, Any]:
        """The reply."""
        return reply.document


@dataclass(slots=True, repr=False)
class Rename(AdminOperation[dict[str, Any]]):
    """Rename a collection within its database. The result is the reply."""

    target: Target
    new_name: str
    options: MutableMapping[str, Any]
    comment: Any = None

    name = "renameCollection"
    is_causal = False

    @property
    def database(self) -> str:
        """The command goes to admin, with full names."""
        return "admin"

    def prepare(self) -> None:
        """Check the new name."""
        name = self.new_name
        if not isinstance(name, str):
            raise TypeError(f"new_name must be an instance of str, not {type(name)}")
        if not name or ".." in name:
            raise InvalidName("collection names cannot be empty")
        if name[0] == "." or name[-1] == ".":
            raise InvalidName("collection names must not start or end with '.'")
        if "$" in name and not name.startswith("oplog.$main"):
            raise InvalidName("collection names must not contain '$'")

    def command(self, facts: ServerFacts) -> Command:
        """``{renameCollection: <namespace>, to: <namespace>}``."""
        command: Command = {
            "renameCollection": self.target.namespace,
            "to": f"{self.target.database}.{self.new_name}",
            **self.options,
        }
        if self.comment is not None:
            command["comment"] = self.comment
        add_write_concern(command, write_concern_of(command, self.target.write_concern))
        return command

    def result(self, reply: Reply) -> dict[str, Any]:
        """The reply."""
        return reply.document


@dataclass(slots=True, repr=False)
class ListCollections(ReadOperation[Batch]):
    """List the collections: the result is the first batch."""

    target: Target
    options: Mapping[str, Any]

    name = "listCollections"
    is_causal = False
    opens_cursor = True
    returns_batch = True

    @property
    def documents_codec(self) -> CodecOptions[Any]:
        """The server's own documents: plain."""
        return DEFAULT_CODEC_OPTIONS

    def command(self, facts: ServerFacts) -> Command:
        """``{listCollections: 1, cursor: {}}``."""
        return {"listCollections": 1, "cursor": {}, **self.options}

    def cursor_plan(self) -> CursorPlan:
        """With the command's comment."""
        return CursorPlan(comment=self.options.get("comment"))

    def result(self, reply: Reply) -> Batch:
        """The first batch."""
        return read_batch(reply)
