"""Where Motor sends something other than PyMongo, on purpose. Each would be a bug report there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LEFT_OUT = (
    # With an UpdateMany or a DeleteMany anywhere in a bulk write PyMongo makes no batch of it retryable; the
    # specification has only those not retried that hold one.
    (
        re.compile(
            r"bulk: ((un)?ordered(, error in a later run|, positional)?|comment( .*)?|let empty|bypass False"
            r"|w=(1|majority)|split by count(, unordered)?)$|failures: .*\bbulk\b"
        ),
        "txnNumber",
    ),
    (re.compile(r"client_bulk: split by count"), "txnNumber"),
    # PyMongo drops the session of a "not primary" error, which is no network error: the server has answered.
    (re.compile(r"failures: (not primary|recovering)$"), "lsid"),
    # PyMongo makes a causally consistent write of a command that the application wrote itself, if it knows its name.
    (re.compile(r"own_sessions: commands, causal$"), "readConcern"),
    # PyMongo looks into the chunks, too, before it writes a file, and each time. The specification has it look at the
    # files only, once a bucket.
    (re.compile(r"gridfs: (upload|write)"), "commands"),
    # PyMongo takes batches of 16 MB of chunks, and forgets them when the application seeks another position. Motor asks
    # for less, first for what is to be read, and keeps what it has.
    (re.compile(r"gridfs: "), "batchSize"),
    (re.compile(r"gridfs: (read .|readchunk|readline|seek)"), "commands"),
    # PyMongo asks for an empty first batch, because it cannot have that raw; Motor saves the round trip.
    (re.compile(r"aggregate: raw batches"), "commands"),
    # What is sent is compared without a type registry.
    (re.compile(r"type_registry: "), "commands"),
)
"""What isn't compared, and in which cases: a field of the commands, or all of them."""

WARNED_OF_BY_MOTOR = "The server ends a session after 30 idle minutes"
"""PyMongo means to warn, too, but only looks at sessions that it has not made yet."""


def left_out(case: str) -> list[str]:
    """The fields of commands that differ in this case."""
    return [field for pattern, field in LEFT_OUT if pattern.match(case)]


def as_motor_sends_it(name: str, command: Mapping[str, Any]) -> Mapping[str, Any]:
    """The command without what one driver sends and the other doesn't."""
    if name == "dropDatabase" and command.get("comment", "") is None:
        # PyMongo sends a null where no comment was given.
        return _without(command, "comment")
    if name in ("getMore", "killCursors"):
        # The cursor reads its snapshot already.
        return _without(command, "readConcern")
    if name == "bulkWrite" and command.get("writeConcern") == {"w": 0}:
        # PyMongo forgets the cluster time.
        return _without(command, "$clusterTime")
    if name in ("insert", "update", "delete") and _is_unordered_and_unacknowledged(command):
        # PyMongo forgets the caller's comment and let, and the cluster time.
        return _without(command, "comment", "let", "$clusterTime")
    return command


def _is_unordered_and_unacknowledged(command: Mapping[str, Any]) -> bool:
    return command.get("writeConcern") == {"w": 0} and not command.get("ordered", True)


def _without(command: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in command.items() if key not in keys}
