"""One operation under way: what all attempts at it have in common."""

from __future__ import annotations

from typing import Generic

from bson.int64 import Int64
from pymongo.errors import PyMongoError

from motor._pymongo import Address
from motor.driver import timeouts
from motor.driver.cmap.pin import Pin
from motor.driver.operations.operation import Operation, Result, refuse_unacknowledged
from motor.driver.sdam.server import Server
from motor.driver.sessions.server_session import ServerSession
from motor.driver.sessions.session import Session
from motor.driver.sessions.transaction import TransactionState


class Retry:
    """What has happened to an operation that is tried again.

    `attempts` counts the failures, `error` is what the caller gets if nothing better comes, `deprioritized` are the
    servers to be avoided.
    """

    __slots__ = ("attempts", "deprioritized", "error", "limit", "overloaded")

    def __init__(self) -> None:
        self.attempts = 0
        self.limit = 1 if timeouts.configured() is None else float("inf")
        self.error: PyMongoError | None = None
        self.overloaded = False
        self.deprioritized: set[Address] = set()


class Execution(Generic[Result]):
    """An operation, the session it runs in, and where.

    `session` is ``None`` for an operation that shares its session with no other: it has a `server_session` of its own
    then. `address` is that of the only server that can do it, if there is one, and `pin` is for an operation that
    shares its connection with others. `server` is the one that the last attempt was made on; `transaction_number` is
    what the server knows a retryable write by, unless it is `numbered` no more because its server cannot do that.
    `wire_version` is that of the connection that the last error came over; on the connections that are
    `reauthenticated` the client had to prove again who it is.
    """

    # What is set seldom: an operation under way is made for each command, and this keeps that cheap.
    server: Server | None = None
    server_session: ServerSession | None = None
    transaction_number: Int64 | None = None
    retry: Retry | None = None
    numbered = True
    wire_version = 0
    reauthenticated: frozenset[int] = frozenset()

    def __init__(
        self,
        operation: Operation[Result],
        session: Session | None = None,
        address: Address | None = None,
        pin: Pin | None = None,
    ) -> None:
        """Check the operation, and make it a part of its session, before a server is chosen for it.

        Raises what is wrong with its arguments, ConfigurationError for an unacknowledged write in a session of the
        application's, InvalidOperation for a read preference that its transaction cannot have.
        """
        self.operation = operation
        self.session = session
        self.address = address
        self.pin = pin
        # What only carries on leaves the session as the command that it carries on has found it.
        if session is not None and not operation.continues:
            if session.in_transaction:
                operation.join(session.transaction.options)
            elif session.transaction.state is not TransactionState.NONE:
                session.transaction.reset()
            if not session.implicit and not operation.acknowledged:
                refuse_unacknowledged(operation.target.write_concern)
        operation.prepare()
        if session is not None and not operation.continues:
            session.check_preference(operation.read_preference)

    @property
    def in_transaction(self) -> bool:
        """Whether it is part of a transaction."""
        return self.session is not None and self.session.in_transaction
