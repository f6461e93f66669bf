"""Whether an operation that failed is tried again.

Sources: the MongoDB specifications "Retryable Reads", "Retryable Writes" and "Client Backpressure".
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from pymongo.client_options import ClientOptions
from pymongo.errors import (
    ConnectionFailure,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from motor._pymongo import RETRYABLE_ERROR_CODES, add_error_label, copy_error_labels, overload_policy
from motor.driver import timeouts
from motor.driver.codes import ILLEGAL_OPERATION, NO_WRITES_PERFORMED, RETRYABLE, RETRYABLE_WRITE, SYSTEM_OVERLOADED
from motor.driver.execution.execution import Execution, Retry
from motor.driver.operations.operation import RetryOptions
from motor.driver.sdam.errors import error_code

_LABELLING_WIRE_VERSION = 9
"""MongoDB 4.4, the first that labels the errors after which a write may be sent again."""

_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 10.0


class RetryPolicy:
    """A client's options for retries, applied."""

    def __init__(self, options: ClientOptions) -> None:
        self.enabled = RetryOptions.NONE
        if options.retry_reads:
            self.enabled |= RetryOptions.READS
        if options.retry_writes:
            self.enabled |= RetryOptions.WRITES
        self.retries_writes = bool(options.retry_writes)
        self._overload_retries, self._retargets = overload_policy(options)

    async def after(self, execution: Execution[Any], error: PyMongoError, sharded: bool) -> None:
        """Return when the operation is to be tried again; raise what its caller gets if it is not."""
        retry = execution.retry
        if isinstance(error, ServerSelectionTimeoutError) and retry is not None and retry.error is not None:
            raise _late(retry, retry.error) if timeouts.over() else retry.error
        operation = execution.operation
        may_repeat = self._may_repeat(execution)
        repeats_write = may_repeat and not operation.is_read
        if repeats_write:
            _label(execution, error)
        # Such an error says less than the one before it.
        says_less = repeats_write and error.has_error_label(NO_WRITES_PERFORMED)
        final = retry.error if says_less and retry is not None and retry.error is not None else error
        overloaded = error.has_error_label(SYSTEM_OVERLOADED)
        refused = overloaded and error.has_error_label(RETRYABLE)
        if operation.retry_options & ~self.enabled or isinstance(error, ServerSelectionTimeoutError):
            raise error
        if not refused and not (may_repeat and _is_retryable(execution, error)):
            raise final
        retry = execution.retry = retry or Retry()
        retry.attempts += 1
        retry.overloaded = overloaded
        if overloaded:
            retry.limit = self._overload_retries
        retry.error = final
        self._prepare(execution, retry, sharded)
        if overloaded:
            await self._back_off(retry, error, final)
        if timeouts.over():
            raise _late(retry, retry.error)

    def _may_repeat(self, execution: Execution[Any]) -> bool:
        needed = execution.operation.retry_options
        if not needed:
            return True
        if needed & ~self.enabled or not execution.operation.retryable:
            return False
        return execution.numbered and not execution.in_transaction

    def _prepare(self, execution: Execution[Any], retry: Retry, sharded: bool) -> None:
        """Another server next time, where there is one."""
        if execution.server is not None and (sharded or (retry.overloaded and self._retargets)):
            retry.deprioritized.add(execution.server.description.address)
        session = execution.session
        if session is not None:
            if retry.overloaded and session.in_transaction:
                session.transaction.restart()
            elif not execution.operation.is_read:
                session.transaction.unpin()
        if execution.address is None and execution.pin is not None:
            execution.pin.release()

    async def _back_off(self, retry: Retry, error: PyMongoError, final: PyMongoError) -> None:
        """Wait a random time, twice as long at most as before. Raises `final` if there is no time or try left."""
        longest = min(_base_backoff(error) * 2**retry.attempts, _LONGEST_BACKOFF)
        delay = random.random() * longest
        left = timeouts.remaining()
        if retry.attempts > self._overload_retries or (left is not None and delay > left):
            raise final
        await asyncio.sleep(delay)


def _is_retryable(execution: Execution[Any], error: PyMongoError) -> bool:
    retry = execution.retry
    if retry is not None and retry.attempts >= retry.limit:
        return False
    if not execution.operation.is_read:
        return error.has_error_label(RETRYABLE_WRITE)
    if isinstance(error, OperationFailure):
        return error.code in RETRYABLE_ERROR_CODES
    return isinstance(error, ConnectionFailure) and not isinstance(error, WaitQueueTimeoutError)


def _late(retry: Retry, error: PyMongoError) -> PyMongoError:
    """What the caller gets when the operation's time is over after an error that allows another attempt."""
    if error.timeout:
        return error
    late = timeouts.exceeded(
        f"operation exceeded its time limit after {retry.attempts} attempts, of which the last failed: {error}"
    )
    copy_error_labels(error, late)
    return late


def _label(execution: Execution[Any], error: PyMongoError) -> None:
    """Label the errors of a write after which it may be sent again, where the server has not done it.

    Raises OperationFailure for a server that does not know retryable writes.
    """
    code = error_code(error)
    if isinstance(error, OperationFailure):
        check_retryable_writes(code, error, error.details)
    if isinstance(error, NotPrimaryError) or not isinstance(error, ConnectionFailure):
        if execution.wire_version < _LABELLING_WIRE_VERSION and code in RETRYABLE_ERROR_CODES:
            add_error_label(error, RETRYABLE_WRITE)
    elif not isinstance(error, WaitQueueTimeoutError):
        add_error_label(error, RETRYABLE_WRITE)


def check_retryable_writes(code: Any, message: Any, details: Any) -> None:
    """Raises OperationFailure, with `details`, if a server's error says that it does not know retryable writes."""
    if code == ILLEGAL_OPERATION and str(message).startswith("Transaction numbers"):
        raise OperationFailure(
            "This MongoDB deployment does not support retryable writes. "
            "Please add retryWrites=false to your connection string.",
            code,
            details,
        )


def _base_backoff(error: PyMongoError) -> float:
    """Seconds: the server's own suggestion, if it has one."""
    details = getattr(error, "details", None) or {}
    suggested = details.get("baseBackoffMS") if isinstance(error, OperationFailure) else None
    return suggested / 1000 if isinstance(suggested, (int, float)) and suggested > 0 else _FIRST_BACKOFF
