"""What does not pass: each case by its name, or a pattern of names, under the reason.

A case of EXPECTED_FAILURES is run, and fails the tests when it passes. One of NOT_RUN would only wait in vain. An entry
that fits no case fails the tests, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

EXPECTED_FAILURES: dict[str, tuple[str, ...]] = {
    "Sessions": (
        "load_balancer/wait-queue-timeouts: wait queue timeout errors include cursor statistics",
        "command_logging/command: *",
        "run_command/unified/runCommand: *",
        "run_command/unified/runCursorCommand: *",
        "unified-test-format/valid-pass/poc-sessions: *",
    ),
    "Sessions: a client that is closed ends them": (
        "connection_logging/connection-logging: Create a client, run a command, and close the client",
    ),
    "Sessions: transactions": (
        "load_balancer/transactions: *",
        "load_balancer/wait-queue-timeouts: wait queue timeout errors include transaction statistics",
        "unified-test-format/valid-pass/poc-transactions-mongos-pin-auto: *",
        "unified-test-format/valid-pass/poc-transactions: *",
        "unified-test-format/valid-pass/poc-transactions-convenient-api: *",
        "versioned-api/transaction-handling: *",
    ),
    "Sessions: retryable reads and writes": (
        "command_monitoring/writeConcernError: A retryable write with write concern errors publishes success event",
        "discovery_and_monitoring/unified/cancel-server-check: Cancel server check",
        "discovery_and_monitoring/unified/pool-cleared-error: PoolClearedError does not mark server unknown",
        "unified-test-format/valid-pass/poc-retryable-reads: * on second attempt",
        "unified-test-format/valid-pass/poc-retryable-reads: Aggregate succeeds after InterruptedAtShutdown",
        "unified-test-format/valid-pass/poc-retryable-writes: InsertMany succeeds after PrimarySteppedDown",
    ),
    "Change streams": (
        "load_balancer/cursors: change streams pin to a connection",
        "unified-test-format/valid-pass/poc-change-streams: *",
    ),
    "The whole API: client bulk_write": (
        "command_monitoring/unacknowledged-client-bulkWrite: *",
        "crud/unified/client-bulkWrite-*",
        "crud/unified/create-null-ids: inserting _id with type null via clientBulkWrite",
        "read_write_concern/write-concern-errors/client-bulkWrite: *",
        "server_selection_logging/operation-id: * client bulkWrite operation: log messages have operationIds",
        "versioned-api/crud-api-version-1: client bulkWrite appends declared API version",
    ),
    "The whole API: search indexes": ("index_management/*",),
    "The whole API: GridFS": (
        "read_write_concern/write-concern-errors/gridfs: *",
        "unified-test-format/valid-pass/poc-gridfs: *",
    ),
    "PyMongo has count_documents() and estimated_document_count() in place of count()": (
        "crud/unified/count*: Deprecated count *",
    ),
    "PyMongo has aggregate() in place of map_reduce()": (
        "read_write_concern/operation/default-write-concern-3.4: MapReduce omits default write concern",
        "read_write_concern/write-concern-errors/mapReduce: *",
    ),
    "PyMongo's list_indexes() takes no batchSize": (
        "load_balancer/cursors: listIndexes pins the cursor to a connection",
    ),
    "PyMongo 4.20 supports no server older than MongoDB 4.2": ("discovery_and_monitoring/errors/post-42-*",),
    "PyMongo warns of a negative w or wtimeoutMS in a URI, and leaves it out": (
        "read_write_concern/connection-string/write-concern: w as an invalid number",
        "read_write_concern/connection-string/write-concern: wtimeoutMS as an invalid number",
    ),
    "PyMongo has no option tlsDisableCertificateRevocationCheck": (
        "uri_options/tls-options: *tlsDisableCertificateRevocationCheck*",
    ),
    "PyMongo has no option serverSelectionTryOnce: it isn't single-threaded": (
        "uri_options/single-threaded-options: Valid options specific to single-threaded drivers are parsed correctly",
    ),
    "PyMongo's client wants a password where there is a user name": (
        "connection_string/test/valid-auth: Username without password",
        "connection_string/test/valid-auth: Username with empty password",
        "connection_string/test/valid-auth: Escaped username and database without password",
    ),
    "PyMongo's client wants MONGODB-OIDC to be complete": (
        "connection_string/test/valid-warnings: Comma in a key value pair causes a warning",
    ),
    "PyMongo reads a + in a URI as a blank": (
        "connection_string/test/valid-auth: Subdelimiters in user/pass don't need escaping (PLAIN)",
    ),
    "PyMongo takes what follows the first dot for a collection": (
        "connection_string/test/valid-db-with-dotted-name: Multiple Unix domain sockets * (* path)",
    ),
    "SecantusDB has no JavaScript for $where": ("discovery_and_monitoring/unified/interruptInUse-pool-clear: *",),
    "SecantusDB takes the fail point onPrimaryTransactionalWrite, and does nothing": (
        "unified-test-format/valid-pass/poc-retryable-writes: FindOneAndUpdate is never committed",
    ),
}

NOT_RUN: dict[str, tuple[str, ...]] = {
    "SecantusDB never steps down": ("discovery_and_monitoring/unified/rediscover-quickly-after-step-down: *",),
}


@dataclass(frozen=True)
class SpecException:
    """Why a case does not pass, and whether it is run all the same."""

    reason: str
    is_run: bool


def exception_for(name: str) -> SpecException | None:
    """What the lists say of a case."""
    for listed, is_run in ((NOT_RUN, False), (EXPECTED_FAILURES, True)):
        for reason, patterns in listed.items():
            if any(fits(pattern, name) for pattern in patterns):
                return SpecException(reason, is_run)
    return None


def fits(pattern: str, name: str) -> bool:
    """Whether an entry is about a case. A name is its own pattern, whatever is in it."""
    return pattern == name or fnmatchcase(name, pattern)
