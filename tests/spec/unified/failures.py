"""Whether an exception is the one that a test expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson.errors import BSONError
from gridfs.errors import CorruptGridFile, NoFile
from pymongo.errors import (
    BulkWriteError,
    ClientBulkWriteException,
    ConfigurationError,
    ConnectionFailure,
    EncryptionError,
    InvalidOperation,
    NotPrimaryError,
    PyMongoError,
)
from pymongo.results import BulkWriteResult

from .errors import UnsupportedError
from .matching import Matcher
from .results import as_document

EXPECTABLE = (PyMongoError, BSONError, ValueError, TypeError, OverflowError)
"""Everything that the driver raises on purpose."""

_FIELDS = {
    *(
        "isError",
        "isClientError",
        "isTimeoutError",
        "errorContains",
        "errorCode",
        "errorCodeName",
        "errorLabelsContain",
    ),
    *("errorLabelsOmit", "errorResponse", "expectResult", "writeErrors", "writeConcernErrors"),
}


def check_error(expected: Mapping[str, Any], error: Exception, matcher: Matcher) -> None:
    """Compare with ``expectError``; raises `error` itself if it comes from a wrong call."""
    if expected.keys() - _FIELDS:
        raise UnsupportedError(f"expectError with {expected.keys() - _FIELDS}")
    if isinstance(error, TypeError) and "argument" in str(error):
        raise error
    cause: Any = error.error if isinstance(error, ClientBulkWriteException) and error.error is not None else error
    if isinstance(cause, EncryptionError):
        cause = cause.cause
    details = getattr(cause, "details", None) or {}
    if "isClientError" in expected:
        assert _is_client_error(cause) is expected["isClientError"], repr(error)
    if "isTimeoutError" in expected:
        assert getattr(error, "timeout", False) is expected["isTimeoutError"], repr(error)
    if "errorContains" in expected:
        text = f"{error} {details}"
        assert expected["errorContains"].lower() in text.lower(), text
    if "errorCode" in expected:
        assert details.get("code") == expected["errorCode"], repr(error)
    if "errorCodeName" in expected:
        assert details.get("codeName") == expected["errorCodeName"], repr(error)
    for label in expected.get("errorLabelsContain", ()):
        assert isinstance(cause, PyMongoError), repr(error)
        assert cause.has_error_label(label), f"{error!r} has no label {label}"
    for label in expected.get("errorLabelsOmit", ()):
        assert not (isinstance(cause, PyMongoError) and cause.has_error_label(label)), (
            f"{error!r} has the label {label}"
        )
    if "errorResponse" in expected:
        matcher.match(expected["errorResponse"], details)
    _check_bulk_write(expected, error, matcher)


def _is_client_error(error: Exception) -> bool:
    if isinstance(error, ConnectionFailure):
        return not isinstance(error, NotPrimaryError)
    # PyMongo has no class of its own for what the driver itself refuses.
    allowed = (CorruptGridFile, NoFile, InvalidOperation, ConfigurationError)
    return isinstance(error, allowed) or not isinstance(error, PyMongoError)


def _check_bulk_write(expected: Mapping[str, Any], error: Exception, matcher: Matcher) -> None:
    if "expectResult" in expected:
        result: Any
        if isinstance(error, BulkWriteError):
            result = BulkWriteResult(dict(error.details), True)
        else:
            assert isinstance(error, ClientBulkWriteException), repr(error)
            result = error.partial_result
        matcher.match(expected["expectResult"], as_document(result))
    if "writeErrors" in expected:
        assert isinstance(error, ClientBulkWriteException), repr(error)
        details: Any = error.details
        write_errors = {str(one["idx"]): {"code": one["code"]} for one in details["writeErrors"]}
        matcher.match(expected["writeErrors"], write_errors)
    if "writeConcernErrors" in expected:
        assert isinstance(error, ClientBulkWriteException), repr(error)
        details = error.details
        concern_errors = [{"code": one["code"], "message": one["errmsg"]} for one in details["writeConcernErrors"]]
        matcher.match(expected["writeConcernErrors"], concern_errors)
