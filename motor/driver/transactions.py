"""Ending a transaction: the transitions that are allowed, and what the errors mean.

Source: the MongoDB specification "Transactions".
"""

from __future__ import annotations

import asyncio

from pymongo.errors import ConnectionFailure, InvalidOperation, OperationFailure, PyMongoError, WTimeoutError

from motor._pymongo import RETRYABLE_ERROR_CODES, add_error_label, remove_error_label
from motor.driver import timeouts
from motor.driver.codes import MAX_TIME_MS_EXPIRED, TRANSIENT_TRANSACTION, UNKNOWN_COMMIT_RESULT, WRITE_CONCERN_TIMEOUT
from motor.driver.execution.deployment import Deployment
from motor.driver.operations.end_transaction import AbortTransaction, CommitTransaction, EndTransaction
from motor.driver.operations.operation import Target
from motor.driver.sessions.session import Session
from motor.driver.sessions.transaction import TransactionState

_UNKNOWN_RESULT_CODES = RETRYABLE_ERROR_CODES | {WRITE_CONCERN_TIMEOUT, MAX_TIME_MS_EXPIRED}


async def commit(deployment: Deployment, session: Session) -> None:
    """Commit the session's transaction; once more if it is committed already.

    Raises InvalidOperation if there is none or it was aborted. An error labelled UnknownTransactionCommitResult leaves
    it open whether it is committed: committing again finds out.
    """
    session.check_usable()
    transaction = session.transaction
    if transaction.state is TransactionState.NONE:
        raise InvalidOperation("No transaction started")
    if transaction.state is TransactionState.ABORTED:
        raise InvalidOperation("Cannot call commitTransaction after calling abortTransaction")
    if transaction.state in (TransactionState.STARTING, TransactionState.COMMITTED_EMPTY):
        transaction.state = TransactionState.COMMITTED_EMPTY
        return
    transaction.state = TransactionState.IN_PROGRESS
    try:
        await _end(deployment, session, CommitTransaction(Target("admin"), transaction))
    except PyMongoError as error:
        if isinstance(error, ConnectionFailure):
            remove_error_label(error, TRANSIENT_TRANSACTION)
        if _leaves_result_unknown(error):
            add_error_label(error, UNKNOWN_COMMIT_RESULT)
        transaction.settled(transaction.attempts > 0)
        raise
    except asyncio.CancelledError:
        transaction.settled(False)
        raise
    else:
        transaction.settled(True)
    finally:
        transaction.state = TransactionState.COMMITTED


async def abort(deployment: Deployment, session: Session) -> None:
    """Abort the session's transaction. If the server cannot be told, it aborts it by itself: no error.

    Raises InvalidOperation if there is none or it has ended already.
    """
    session.check_usable()
    transaction = session.transaction
    if transaction.state is TransactionState.NONE:
        raise InvalidOperation("No transaction started")
    if transaction.state is TransactionState.ABORTED:
        raise InvalidOperation("Cannot call abortTransaction twice")
    if transaction.state in (TransactionState.COMMITTED, TransactionState.COMMITTED_EMPTY):
        raise InvalidOperation("Cannot call abortTransaction after calling commitTransaction")
    try:
        if transaction.state is TransactionState.IN_PROGRESS and transaction.overtakes and not timeouts.configured():
            # It is waited for in the background: whoever has cancelled the command has no time for it, either.
            abort_soon(deployment, session)
        elif transaction.state is TransactionState.IN_PROGRESS:
            with timeouts.renewed():
                await _end(deployment, session, AbortTransaction(Target("admin"), transaction))
    except (OperationFailure, ConnectionFailure):
        if not transaction.attempts:
            abort_soon(deployment, session)
    except asyncio.CancelledError:
        abort_soon(deployment, session)
        raise
    finally:
        session.transaction.state = TransactionState.ABORTED
        session.transaction.unpin()


def abort_soon(deployment: Deployment, session: Session) -> None:
    """Abort in the background a transaction whose end was given up, or never sent: left open, it would keep its
    locks.
    """
    if session.server_session is not None:
        deployment.run_soon(_abort_for(deployment, session.hand_over()))


async def _abort_for(deployment: Deployment, session: Session) -> None:
    session.transaction.state = TransactionState.IN_PROGRESS
    try:
        await _end(deployment, session, AbortTransaction(Target("admin"), session.transaction))
    except PyMongoError:
        # It was committed after all, or the server will end it.
        pass
    finally:
        session.end()


async def _end(deployment: Deployment, session: Session, operation: EndTransaction) -> None:
    abandoned, session.transaction.abandoned = session.transaction.abandoned, None
    if abandoned is not None:
        # Else the end might overtake a command of its own transaction, which would then begin it anew.
        await asyncio.wait([abandoned], timeout=timeouts.remaining())
    await deployment.execute(operation, session)


def _leaves_result_unknown(error: PyMongoError) -> bool:
    if isinstance(error, (ConnectionFailure, WTimeoutError)):
        return True
    return isinstance(error, OperationFailure) and error.code in _UNKNOWN_RESULT_CODES
