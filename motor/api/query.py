"""From the arguments of ``find`` to a query: the checks, and the shapes that the server takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pymongo.cursor import CursorType
from pymongo.errors import ConfigurationError

from motor._pymongo import (
    QUERY_OPTIONS,
    CollationIn,
    fields_list_to_dict,
    index_document,
    validate_boolean,
    validate_collation_or_none,
    validate_is_document_type,
    validate_is_mapping,
)
from motor.driver.operations.find import Query
from motor.driver.operations.operation import Document, hint_document

if TYPE_CHECKING:
    from motor.api.session import AgnosticClientSession

Sort = Sequence[str | tuple[str, int | str | Mapping[str, Any]]] | Mapping[str, Any]
"""Keys, each with its direction or kind: a list of pairs, or a document."""

Hint = str | Sort
"""An index, by its name or by its keys."""

Projection = Mapping[str, Any] | Iterable[str]
"""Which fields to return."""

_CURSOR_TYPES = (CursorType.NON_TAILABLE, CursorType.TAILABLE, CursorType.TAILABLE_AWAIT, CursorType.EXHAUST)


def build_query(
    filter: Document | None = None,
    projection: Projection | None = None,
    skip: int = 0,
    limit: int = 0,
    no_cursor_timeout: bool = False,
    cursor_type: int = CursorType.NON_TAILABLE,
    sort: Sort | None = None,
    allow_partial_results: bool = False,
    oplog_replay: bool = False,
    batch_size: int = 0,
    collation: CollationIn | None = None,
    hint: Hint | None = None,
    max_scan: int | None = None,
    max_time_ms: int | None = None,
    max: Sort | None = None,
    min: Sort | None = None,
    return_key: bool | None = None,
    show_record_id: bool | None = None,
    snapshot: bool | None = None,
    comment: Any = None,
    session: AgnosticClientSession | None = None,
    allow_disk_use: bool | None = None,
    let: Document | None = None,
) -> tuple[Query, AgnosticClientSession | None]:
    """What the arguments of :meth:`~motor.core.AgnosticCollection.find` ask for, and the session that it belongs to.

    Raises TypeError or ValueError for what cannot be right.
    """
    filter = filter or {}
    validate_is_mapping("filter", filter)
    check_integer("skip", skip, "an instance of int")
    check_integer("limit", limit, "an instance of int")
    validate_boolean("no_cursor_timeout", no_cursor_timeout)
    if cursor_type not in _CURSOR_TYPES:
        raise ValueError("not a valid value for cursor_type")
    validate_boolean("allow_partial_results", allow_partial_results)
    validate_boolean("oplog_replay", oplog_replay)
    check_batch_size(batch_size)
    if allow_disk_use is not None:
        validate_boolean("allow_disk_use", allow_disk_use)
    if let is not None:
        validate_is_document_type("let", let)
    flags = cursor_type
    if no_cursor_timeout:
        flags |= QUERY_OPTIONS["no_timeout"]
    if allow_partial_results:
        flags |= QUERY_OPTIONS["partial"]
    if oplog_replay:
        flags |= QUERY_OPTIONS["oplog_replay"]
    query = Query(filter, skip, limit, batch_size, flags)
    set_option = query.set_option
    if projection is not None:
        projection = fields_list_to_dict(projection, "projection")
    set_option("projection", projection, projection)
    set_option("sort", sort and index_document(sort), sort)
    set_option("hint", hint_document(hint), hint)
    set_option("let", let, let)
    set_option("comment", comment, comment)
    set_option("maxScan", max_scan, max_scan)
    set_option("maxTimeMS", max_time_ms, max_time_ms is not None)
    set_option("max", max, max)
    set_option("min", min, min)
    set_option("returnKey", return_key, return_key is not None)
    set_option("showRecordId", show_record_id, show_record_id is not None)
    set_option("snapshot", snapshot, snapshot is not None)
    set_option("collation", validate_collation_or_none(collation), collation is not None)
    set_option("allowDiskUse", allow_disk_use, allow_disk_use is not None)
    return query, session


def refuse_explain(options: Mapping[str, Any], database: object) -> None:
    """Raises ConfigurationError for an option that aggregations have had once; `database` names what does it today."""
    if "explain" in options:
        instead = f"{type(database).__name__}.command"
        raise ConfigurationError(f"The explain option is not supported. Use {instead} instead.")


def check_integer(name: str, value: Any, what: str = "an integer") -> None:
    """Raises TypeError for what is no integer."""
    if not isinstance(value, int):
        raise TypeError(f"{name} must be {what}, not {type(value)}")


def check_batch_size(batch_size: Any) -> None:
    """Raises TypeError or ValueError for what is no batch size."""
    check_integer("batch_size", batch_size)
    if batch_size < 0:
        raise ValueError("batch_size must be >= 0")
