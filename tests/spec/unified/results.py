"""From a method's result to the document that the format has for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.encryption import RewrapManyDataKeyResult  # type: ignore[attr-defined]  # it is there by a star
from pymongo.results import (
    BulkWriteResult,
    ClientBulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)


def as_document(result: Any) -> Any:
    """The result as a test expects it."""
    if getattr(result, "acknowledged", True) is False:
        return {"acknowledged": False}
    if isinstance(result, InsertOneResult):
        return {"insertedId": result.inserted_id}
    if isinstance(result, InsertManyResult):
        return {"insertedIds": _by_index(dict(enumerate(result.inserted_ids)))}
    if isinstance(result, DeleteResult):
        return {"deletedCount": result.deleted_count}
    if isinstance(result, UpdateResult):
        return {**_update(result), "upsertedCount": 0 if result.upserted_id is None else 1}
    if isinstance(result, BulkWriteResult):
        return {**_counts(result), "upsertedIds": _by_index(result.upserted_ids or {})}
    if isinstance(result, RewrapManyDataKeyResult):
        bulk_write = result.bulk_write_result
        return {} if bulk_write is None else {"bulkWriteResult": as_document(bulk_write)}
    if isinstance(result, ClientBulkWriteResult):
        return {**_counts(result), **(_each(result) if result.has_verbose_results else {})}
    return result


def _counts(result: BulkWriteResult | ClientBulkWriteResult) -> dict[str, int]:
    return {
        "insertedCount": result.inserted_count,
        "matchedCount": result.matched_count,
        "modifiedCount": result.modified_count,
        "deletedCount": result.deleted_count,
        "upsertedCount": result.upserted_count,
    }


def _each(result: ClientBulkWriteResult) -> dict[str, Any]:
    return {
        "insertResults": {str(index): as_document(one) for index, one in result.insert_results.items()},
        "updateResults": {str(index): _update(one) for index, one in result.update_results.items()},
        "deleteResults": {str(index): as_document(one) for index, one in result.delete_results.items()},
    }


def _update(result: UpdateResult) -> dict[str, Any]:
    document: dict[str, Any] = {"matchedCount": result.matched_count, "modifiedCount": result.modified_count}
    return document if result.upserted_id is None else {**document, "upsertedId": result.upserted_id}


def _by_index(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(index): value for index, value in values.items()}
