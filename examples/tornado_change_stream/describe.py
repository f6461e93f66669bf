"""What is said to people and by them: a change, an error, a document typed by hand. Documents are Extended JSON."""

from typing import Any

from bson import json_util
from bson.errors import BSONError
from pymongo.errors import ConnectionFailure, OperationFailure

MAX_CHARACTERS = 20_000
"""How much of a document is shown: one may be 16 MB, and a page holds hundreds."""


def described(change: dict[str, Any]) -> dict[str, Any]:
    """What a page shows of `change`. All of it is text.

    A browser would round a long integer and move the keys of a document that are numbers: it isn't given JSON to parse.
    """
    update = change.get("updateDescription") or {}
    document = change.get("fullDocument")
    at = change.get("clusterTime")
    return {
        "operation": change["operationType"],
        "key": _text(change["documentKey"]) if "documentKey" in change else "",
        "time": at.as_datetime().isoformat() if at is not None else "",
        "updated": _cut(", ".join(update.get("updatedFields") or ())),
        "removed": _cut(", ".join(update.get("removedFields") or ())),
        "document": "" if document is None else _text(document, indent=2),
    }


def _text(document: Any, indent: int | None = None) -> str:
    options = json_util.RELAXED_JSON_OPTIONS
    try:
        return _cut(json_util.dumps(document, json_options=options, indent=indent, ensure_ascii=False))
    except RecursionError:
        return "(nested too deeply to be shown)"


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}\n… and {len(text) - MAX_CHARACTERS:,} more characters"


def parsed(text: str) -> dict[str, Any]:
    """The document that someone has typed.

    :raises ValueError: when it isn't one; the message is for whoever typed it.
    """
    try:
        document = json_util.loads(text)
    except RecursionError:
        raise ValueError("The document is nested too deeply.") from None
    except (BSONError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"This is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError('A document is a JSON object, such as {"title": "Emma"}.')
    return document


def explained(error: Exception) -> str:
    """What went wrong, without what only the log needs: names of servers, the server's whole answer."""
    if isinstance(error, ConnectionFailure):
        return "The database cannot be reached."
    if isinstance(error, OperationFailure) and error.details:
        return str(error.details.get("errmsg", error))
    return str(error)
