"""What does not pass: each case by its name, or a pattern of names, under the reason.

A case of EXPECTED_FAILURES is run, and fails the tests when it passes. One of NOT_RUN would only wait in vain. An entry
that fits no case fails the tests, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from pymongo import MIN_SUPPORTED_WIRE_VERSION

EXPECTED_FAILURES: dict[str, tuple[str, ...]] = {
    "PyMongo has count_documents() and estimated_document_count() in place of count()": (
        "crud/unified/count*: Deprecated count *",
        "csot/*: * - count on collection",
        "retryable_reads/unified/count*: Count *",
        "transactions/unified/count: count",
    ),
    "PyMongo has aggregate() in place of map_reduce()": (
        "read_write_concern/operation/default-write-concern-3.4: MapReduce omits default write concern",
        "read_write_concern/write-concern-errors/mapReduce: *",
        "retryable_reads/unified/mapReduce: *",
    ),
    "PyMongo has list_indexes() in place of listIndexNames": (
        "client-backpressure/*: collection.listIndexNames *",
        "csot/*: * - listIndexNames on collection",
        "retryable_reads/unified/listIndexNames*",
    ),
    "PyMongo has no timeoutMode of a cursor": (
        "csot/cursors: * errors if timeoutMode is set and timeoutMS is not",
        "csot/non-tailable-cursors: * if timeoutMode is cursor_lifetime",
        "csot/non-tailable-cursors: * if timeoutMode is iteration*",
        "csot/runCursorCommand: * if timeoutMode is cursorLifetime*",
        "csot/runCursorCommand: * if timeoutMode is iteration*",
        "csot/runCursorCommand: errors if timeoutMode is set without timeoutMS",
        "csot/runCursorCommand: Tailable cursor iteration timeoutMS is refreshed for getMore - failure",
        "csot/tailable-*: error if timeoutMode is cursor_lifetime",
    ),
    "PyMongo does not spend timeoutMS on the life of a cursor": (
        "csot/close-cursors: timeoutMS is refreshed for close",
        "csot/runCursorCommand: Tailable cursor awaitData iteration timeoutMS is refreshed for getMore - failure",
        "csot/tailable-awaitData: error on aggregate if maxAwaitTimeMS is *",
        "csot/tailable-non-awaitData: timeoutMS is refreshed for getMore - *",
    ),
    "PyMongo does not spend timeoutMS on change streams": (
        "csot/global-timeoutMS: timeoutMS can be configured on a MongoClient - createChangeStream on *",
        "csot/retryability-timeoutMS: timeoutMS applies to whole operation, not * - createChangeStream on *",
    ),
    "PyMongo's to_list() is not for tailable cursors": ("csot/tailable-*: timeoutMS applied to find",),
    "PyMongo does not spend timeoutMS on with_transaction()": (
        "csot/convenient-transactions: timeoutMS is not refreshed for each operation in the callback",
        "csot/convenient-transactions: withTransaction raises a client-side error if timeoutMS is overridden *",
        "csot/sessions-inherit-timeoutMS: timeoutMS applied to withTransaction",
    ),
    "PyMongo has no defaultTimeoutMS of a session": ("csot/sessions-override-timeoutMS: *",),
    "PyMongo lists databases and collections as documents, not as objects": (
        "retryable_reads/unified/listCollectionObjects*",
        "retryable_reads/unified/listDatabaseObjects*",
    ),
    "PyMongo's list_indexes() takes no batchSize": (
        "load_balancer/cursors: listIndexes pins the cursor to a connection",
    ),
    "PyMongo supports no MongoDB 4.2 since 4.18": (
        ("discovery_and_monitoring/errors/post-42-*",) if MIN_SUPPORTED_WIRE_VERSION > 8 else ()
    ),
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
        "retryable_writes/unified/*: *One is committed on first attempt",
        "retryable_writes/unified/findOneAnd*: * is committed on first attempt",
        "retryable_writes/unified/*: * is never committed",
        "retryable_writes/unified/bulkWrite: BulkWrite with unordered execution",
        "retryable_writes/unified/bulkWrite: First command is retried",
        "retryable_writes/unified/insertMany: InsertMany *",
        "unified-test-format/valid-pass/poc-retryable-writes: FindOneAndUpdate is never committed",
    ),
    "SecantusDB answers the retry of a write without the write concern error of a fail point": (
        "retryable_writes/unified/insertOne-errorLabels: InsertOne fails after multiple retryable writeConcernErrors",
        "unified-test-format/valid-pass/poc-retryable-writes: InsertOne fails after multiple * writeConcernErrors",
    ),
    "SecantusDB does a bulkWrite once more when it is retried": (
        "retryable_writes/unified/client-bulkWrite-serverErrors: * succeeds after retryable writeConcernError",
    ),
    "SecantusDB's bulkWrite takes no readConcern": (
        "causal_consistency/causal-consistency-clientBulkWrite: clientBulkWrite includes afterClusterTime in *",
    ),
    "SecantusDB keeps a transaction when its connection closes, which a mongos does not": (
        "load_balancer/transactions: pinned connection is released after a transient network commit error",
    ),
    "Each mongos here is the same server in disguise: a fail point is on for all of them": (
        "transactions/unified/mongos-recovery-token: commitTransaction retry fails on new mongos",
        "transactions/unified/pin-mongos: unpin after transient error within a transaction and commit",
    ),
    "PyMongo tells of a partial result also when the first write of an ordered bulk write has failed": (
        "crud/unified/client-bulkWrite-partialResults: * is unset when first operation fails during an ordered *",
    ),
    "SecantusDB has no command shardCollection": (
        "change_streams/unified/change-streams-showExpandedEvents: *, shardCollection events are reported",
    ),
    "SecantusDB has no command checkMetadataConsistency": (
        "run_command/unified/runCursorCommand: successfully executes checkMetadataConsistency cursor creating command",
    ),
    "SecantusDB tells a snapshot's time, and reads what is newer all the same": (
        "sessions/snapshot-sessions: Aggregate operation with snapshot",
        "sessions/snapshot-sessions: Distinct operation with snapshot",
        "sessions/snapshot-sessions: Find operation with snapshot",
        "sessions/snapshot-sessions: Mixed operation with snapshot",
        "sessions/snapshot-sessions: Write commands with snapshot session do not affect snapshot reads",
    ),
    "SecantusDB takes no schema with encrypted fields": (
        "client-side-encryption/spec/unified/aggregate: *",
        "client-side-encryption/spec/unified/awsTemporary: *",
        "client-side-encryption/spec/unified/azureKMS: *",
        "client-side-encryption/spec/unified/badQueries: *",
        "client-side-encryption/spec/unified/basic: *",
        "client-side-encryption/spec/unified/bulk: *",
        "client-side-encryption/spec/unified/bypassAutoEncryption: *",
        "client-side-encryption/spec/unified/count: *",
        "client-side-encryption/spec/unified/delete: *",
        "client-side-encryption/spec/unified/distinct: *",
        "client-side-encryption/spec/unified/explain: *",
        "client-side-encryption/spec/unified/find: *",
        "client-side-encryption/spec/unified/findOneAndDelete: *",
        "client-side-encryption/spec/unified/findOneAndReplace: *",
        "client-side-encryption/spec/unified/findOneAndUpdate: *",
        "client-side-encryption/spec/unified/gcpKMS: *",
        "client-side-encryption/spec/unified/getMore: *",
        "client-side-encryption/spec/unified/insert: *",
        "client-side-encryption/spec/unified/keyAltName: *",
        "client-side-encryption/spec/unified/kmipKMS: *",
        "client-side-encryption/spec/unified/localKMS: *",
        "client-side-encryption/spec/unified/missingKey: *",
        "client-side-encryption/spec/unified/namedKMS: *",
        "client-side-encryption/spec/unified/replaceOne: *",
        "client-side-encryption/spec/unified/timeoutMS: *",
        "client-side-encryption/spec/unified/unsupportedCommand: *",
        "client-side-encryption/spec/unified/updateMany: *",
        "client-side-encryption/spec/unified/updateOne: *",
    ),
    "SecantusDB has no Queryable Encryption": (
        "client-side-encryption/spec/unified/fle2v2-BypassQueryAnalysis: *",
        "client-side-encryption/spec/unified/fle2v2-Compact: *",
        "client-side-encryption/spec/unified/fle2v2-CreateCollection: CreateCollection from *",
        "client-side-encryption/spec/unified/fle2v2-CreateCollection: DropCollection from encryptedFields",
        "client-side-encryption/spec/unified/fle2v2-CreateCollection: DropCollection from remote *",
        "client-side-encryption/spec/unified/fle2v2-CreateCollection: default *",
        "client-side-encryption/spec/unified/fle2v2-CreateCollection: drop *",
        "client-side-encryption/spec/unified/fle2v2-CreateCollection: encryptedFields *",
        "client-side-encryption/spec/unified/fle2v2-CreateCollection: state *",
        "client-side-encryption/spec/unified/fle2v2-Delete: *",
        "client-side-encryption/spec/unified/fle2v2-EncryptedFields-vs-*",
        "unified-test-format/valid-pass/poc-queryable-encryption: *",
        "client-side-encryption/spec/unified/fle2v2-FindOneAndUpdate: *",
        "client-side-encryption/spec/unified/fle2v2-InsertFind-*",
        "client-side-encryption/spec/unified/fle2v2-MissingKey: *",
        "client-side-encryption/spec/unified/fle2v2-NoEncryption: *",
        "client-side-encryption/spec/unified/fle2v2-Update: *",
        "client-side-encryption/spec/unified/fle2v2-validatorAndPartialFieldExpression: *",
    ),
    "The data keys are encrypted by services that are not there": (
        "client-side-encryption/spec/unified/localSchema: A local schema should *",
        "client-side-encryption/spec/unified/namedKMS-rewrapManyDataKey: rewrap to aws:name1",
        "client-side-encryption/spec/unified/namedKMS-rewrapManyDataKey: rewrap to azure:name1",
        "client-side-encryption/spec/unified/namedKMS-rewrapManyDataKey: rewrap to gcp:name1",
        "client-side-encryption/spec/unified/namedKMS-rewrapManyDataKey: rewrap to local:name1",
        "client-side-encryption/spec/unified/rewrapManyDataKey: rewrap with *",
        "client-side-encryption/spec/unified/types: type=binData",
        "client-side-encryption/spec/unified/types: type=date",
        "client-side-encryption/spec/unified/types: type=int",
        "client-side-encryption/spec/unified/types: type=javascript",
        "client-side-encryption/spec/unified/types: type=objectId",
        "client-side-encryption/spec/unified/types: type=regex",
        "client-side-encryption/spec/unified/types: type=symbol",
        "client-side-encryption/spec/unified/types: type=timestamp",
    ),
    "A master key that does not exist is as good as any other for the services here": (
        "client-side-encryption/spec/unified/rewrapManyDataKey-decrypt_failure: *",
        "client-side-encryption/spec/unified/rewrapManyDataKey-encrypt_failure: * AWS KMS provider",
        "client-side-encryption/spec/unified/rewrapManyDataKey-encrypt_failure: * GCP KMS provider",
    ),
    "The tests' mongocryptd does not know all that the real one does": (
        "client-side-encryption/spec/unified/badSchema: *",
        "client-side-encryption/spec/unified/localSchema: *",
        "client-side-encryption/spec/unified/types: type=javascriptWithScope",
        "client-side-encryption/spec/unified/types: type=null",
        "client-side-encryption/spec/unified/types: type=undefined",
        "client-side-encryption/spec/unified/validatorAndPartialFieldExpression: * on an encrypted field is an error",
    ),
}

NOT_RUN: dict[str, tuple[str, ...]] = {
    "PyMongo does not spend timeoutMS on change streams": (
        "csot/change-streams: change stream can be iterated again if previous iteration times out",
        "csot/change-streams: error if maxAwaitTimeMS is *",
        "csot/change-streams: timeoutMS applies to full resume attempt in a next call",
        "csot/change-streams: timeoutMS is refreshed for getMore - failure",
        "csot/tailable-awaitData: error on watch if maxAwaitTimeMS is *",
    ),
    "PyMongo does not spend timeoutMS on the life of a cursor": (
        "csot/tailable-awaitData: apply remaining timeoutMS if less than maxAwaitTimeMS",
    ),
    "PyMongo does not spend timeoutMS on with_transaction()": (
        "csot/convenient-transactions: withTransaction surfaces a timeout after exhausting transient * retries, *",
    ),
    "SecantusDB has no Queryable Encryption": ("client-side-encryption/spec/unified/fle2v2-Rangev2-*",),
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
