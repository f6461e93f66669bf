"""One operation under way: what all attempts at it have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

from bson.int64 import Int64
from pymongo.errors import PyMongoError

from motor._pymongo import Address
from motor.driver import timeouts
from motor.driver.cmap.pin import Pin
from motor.driver.operations.operation import Operation
from motor.driver.sdam.server import Server
from motor.driver.sessions.server_session import ServerSession
from motor.driver.sessions.session import Session

Result = TypeVar("Result")


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
    then. `fixed_server` is for one that only that server can do, `pin` for one that shares its connection with others.
    `server` is the one that the next attempt is made on, if it has been chosen already, or the last one was;
    `transaction_number` is what the server knows a retryable write by, unless it is `numbered` no more because its
    server cannot do that. `wire_version` is that of the connection that the last error came over; on the connections
    that are `reauthenticated` the client had to prove again who it is.
    """

    # What is set seldom: an operation under way is made for each command, and this keeps that cheap.
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
        fixed_server: Server | None = None,
        pin: Pin | None = None,
    ) -> None:
        self.operation = operation
        self.session = session
        self.fixed_server = fixed_server
        self.pin = pin
        self.server = fixed_server

    @property
    def in_transaction(self) -> bool:
        """Whether it is part of a transaction."""
        return self.session is not None and self.session.in_transaction
