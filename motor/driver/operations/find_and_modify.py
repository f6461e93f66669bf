"""findAndModify: change one document, and get it as it was or as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.write_concern import WriteConcern

from motor._pymongo import (
    CollationIn,
    check_write_command_response,
    fields_list_to_dict,
    index_document,
    validate_boolean,
    validate_collation_or_none,
    validate_is_mapping,
    validate_list_or_none,
    validate_ok_for_replace,
    validate_ok_for_update,
)
from motor.driver.operations.operation import (
    Command,
    Document,
    Operation,
    Target,
    add_write_concern,
    hint_document,
    require_acknowledged,
    write_concern_of,
)
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class FindAndModify(Operation[Any]):
    """Update, replace or remove one document; the result is that document, or ``None``.

    With `remove` the document goes; else `update` is applied, as a replacement if `replacement` says so.
    """

    target: Target
    filter: Document
    options: MutableMapping[str, Any]
    update: Any = None
    replacement: bool = False
    remove: bool = False
    projection: Mapping[str, Any] | Iterable[str] | None = None
    sort: Any = None
    upsert: bool | None = None
    return_document: bool = False
    array_filters: Sequence[Document] | None = None
    hint: Any = None
    let: Document | None = None
    comment: Any = None
    collation: CollationIn | None = None

    name = "findAndModify"
    user_fields = {"value": 1}  # noqa: RUF012  # never changed
    raises_write_concern_error = True
    is_causal = True

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice."""
        return self.acknowledged

    @property
    def write_concern(self) -> WriteConcern:
        """The command's own, if the caller gave it one."""
        return write_concern_of(self.options, self.target.write_concern)

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.write_concern.acknowledged

    def prepare(self) -> None:
        """Check the arguments."""
        if not self.remove and self.replacement:
            validate_ok_for_replace(self.update)
        elif not self.remove:
            validate_ok_for_update(self.update)
            validate_list_or_none("array_filters", self.array_filters)
        validate_is_mapping("filter", self.filter)
        if not isinstance(self.return_document, bool):
            raise TypeError(
                "return_document must be ReturnDocument.BEFORE or ReturnDocument.AFTER, "
                f"not {type(self.return_document)}"
            )
        self.collation = validate_collation_or_none(self.options.pop("collation", self.collation))
        self.hint = hint_document(self.hint)
        if self.let is not None:
            validate_is_mapping("let", self.let)
        if self.projection is not None:
            self.projection = fields_list_to_dict(self.projection, "projection")
        if self.sort is not None:
            self.sort = index_document(self.sort)
        if self.upsert is not None:
            validate_boolean("upsert", self.upsert)
        require_acknowledged("arrayFilters", self.array_filters, self.acknowledged)
        require_acknowledged("Collation", self.collation, self.acknowledged)

    def command(self, facts: ServerFacts) -> Command:
        """``{findAndModify: <collection>, query: <filter>, new: <whether the new document>, ...}``."""
        command: Command = {
            "findAndModify": self.target.collection,
            "query": self.filter,
            "new": self.return_document,
        }
        if self.let is not None:
            command["let"] = self.let
        if self.remove:
            command["remove"] = True
        else:
            command["update"] = self.update
        if self.comment is not None:
            command["comment"] = self.comment
        command.update(self.options)
        if self.projection is not None:
            command["fields"] = self.projection
        if self.sort is not None:
            command["sort"] = self.sort
        if self.upsert is not None:
            command["upsert"] = self.upsert
        if self.array_filters is not None:
            command["arrayFilters"] = self.array_filters
        if self.hint is not None:
            command["hint"] = self.hint
        if "writeConcern" not in self.options:
            add_write_concern(command, self.target.write_concern)
        if self.collation is not None:
            command["collation"] = self.collation
        return command

    def result(self, reply: Reply) -> Any:
        """The document, or ``None``."""
        check_write_command_response(reply.document)
        return reply.document.get("value")
