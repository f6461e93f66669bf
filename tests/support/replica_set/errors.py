"""The errors of a MongoDB server: their codes, names and labels, and the replies that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BAD_VALUE = 2
FAILED_TO_PARSE = 9
CURSOR_NOT_FOUND = 43
MAX_TIME_EXPIRED = 50
COMMAND_NOT_FOUND = 59
SHUTDOWN_IN_PROGRESS = 91
PRIMARY_STEPPED_DOWN = 189
TRANSACTION_TOO_OLD = 225
NO_SUCH_TRANSACTION = 251
LOAD_BALANCER_SUPPORT_MISMATCH = 354
OVERLOADED = 462
NOT_WRITABLE_PRIMARY = 10107
DUPLICATE_KEY = 11000
INTERRUPTED_AT_SHUTDOWN = 11600
INTERRUPTED_BY_STATE_CHANGE = 11602
NOT_PRIMARY_NO_SECONDARY_OK = 13435
NOT_PRIMARY_OR_SECONDARY = 13436

_NAMES = {
    BAD_VALUE: ("BadValue", "bad value"),
    FAILED_TO_PARSE: ("FailedToParse", "cannot parse the command"),
    6: ("HostUnreachable", "host unreachable"),
    7: ("HostNotFound", "host not found"),
    CURSOR_NOT_FOUND: ("CursorNotFound", "cursor not found"),
    MAX_TIME_EXPIRED: ("MaxTimeMSExpired", "operation exceeded time limit"),
    COMMAND_NOT_FOUND: ("CommandNotFound", "no such command"),
    64: ("WriteConcernTimeout", "waiting for replication timed out"),
    89: ("NetworkTimeout", "network timeout"),
    SHUTDOWN_IN_PROGRESS: ("ShutdownInProgress", "The server is in quiesce mode and will shut down"),
    PRIMARY_STEPPED_DOWN: ("PrimarySteppedDown", "primary stepped down while waiting for replication"),
    TRANSACTION_TOO_OLD: ("TransactionTooOld", "a newer operation of this session has started"),
    NO_SUCH_TRANSACTION: ("NoSuchTransaction", "no such transaction"),
    262: ("ExceededTimeLimit", "exceeded time limit"),
    LOAD_BALANCER_SUPPORT_MISMATCH: ("LoadBalancerSupportMismatch", "the driver did not say loadBalanced: true"),
    OVERLOADED: ("IngressRequestRateLimitExceeded", "too many requests"),
    9001: ("SocketException", "socket exception"),
    NOT_WRITABLE_PRIMARY: ("NotWritablePrimary", "not primary"),
    INTERRUPTED_AT_SHUTDOWN: ("InterruptedAtShutdown", "interrupted at shutdown"),
    INTERRUPTED_BY_STATE_CHANGE: ("InterruptedDueToReplStateChange", "operation was interrupted"),
    NOT_PRIMARY_NO_SECONDARY_OK: ("NotPrimaryNoSecondaryOk", "not primary and secondaryOk=false"),
    NOT_PRIMARY_OR_SECONDARY: ("NotPrimaryOrSecondary", "node is not in primary or recovering state"),
}

STATE_CHANGE_CODES = frozenset(
    {
        SHUTDOWN_IN_PROGRESS,
        PRIMARY_STEPPED_DOWN,
        NOT_WRITABLE_PRIMARY,
        INTERRUPTED_AT_SHUTDOWN,
        INTERRUPTED_BY_STATE_CHANGE,
        NOT_PRIMARY_NO_SECONDARY_OK,
        NOT_PRIMARY_OR_SECONDARY,
    }
)
"""The errors whose replies say of which topologyVersion they are."""

_RETRYABLE_CODES = STATE_CHANGE_CODES | {6, 7, 89, 262, 9001}


class CommandError(Exception):
    """A command that fails. `labels` are the reply's; ``None`` leaves them to the code, as a server does."""

    def __init__(self, code: int, message: str = "", labels: Sequence[str] | None = None) -> None:
        self.code = code
        self.code_name, default = _NAMES.get(code, (f"Location{code}", f"error {code}"))
        self.message = message or default
        self.labels = labels
        super().__init__(self.message)

    def reply(self, command: dict[str, Any]) -> dict[str, Any]:
        """The reply to `command`."""
        reply = {"ok": 0.0, "errmsg": self.message, "code": self.code, "codeName": self.code_name}
        return reply | self._labels(command)

    def write_concern_error(self, command: dict[str, Any]) -> dict[str, Any]:
        """What it adds to the reply to a write that was applied, but not as widely as asked."""
        error = {"code": self.code, "codeName": self.code_name, "errmsg": self.message}
        return {"writeConcernError": error, **self._labels(command)}

    def _labels(self, command: dict[str, Any]) -> dict[str, Any]:
        labels = self.labels
        if labels is None:
            labels = ["RetryableWriteError"] if "txnNumber" in command and self.code in _RETRYABLE_CODES else []
        return {"errorLabels": list(labels)} if labels else {}
