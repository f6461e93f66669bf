"""The codes and labels of a server's errors, by MongoDB's own names; and what is said more than once."""

ILLEGAL_OPERATION = 20
NAMESPACE_NOT_FOUND = 26
MAX_TIME_MS_EXPIRED = 50
WRITE_CONCERN_TIMEOUT = 64
REAUTHENTICATION_REQUIRED = 391
NOT_WRITABLE_PRIMARY = 10107

RESUMABLE_CODES = frozenset({6, 7, 63, 89, 91, 133, 150, 189, 234, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436})
"""After which a change stream may be resumed on a server that does not label its errors. Source: the MongoDB
specification "Change Streams".
"""

NO_WRITES_PERFORMED = "NoWritesPerformed"
RESUMABLE_CHANGE_STREAM = "ResumableChangeStreamError"
RETRYABLE = "RetryableError"
RETRYABLE_WRITE = "RetryableWriteError"
SYSTEM_OVERLOADED = "SystemOverloadedError"
TRANSIENT_TRANSACTION = "TransientTransactionError"
UNKNOWN_COMMIT_RESULT = "UnknownTransactionCommitResult"

CLIENT_CLOSED = "Cannot use MongoClient after close"
