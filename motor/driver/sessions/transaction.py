"""What a session knows of its transaction.

Source: the MongoDB specification "Transactions".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from bson.int64 import Int64
from pymongo.server_description import ServerDescription

from motor._pymongo import Address, TransactionOptions
from motor.driver.cmap.pin import Pin
from motor.driver.cmap.pin_holder import PinHolder
from motor.driver.sessions.server_session import ServerSession


class TransactionState(Enum):
    """The states of the specification's state machine."""

    NONE = auto()
    STARTING = auto()
    IN_PROGRESS = auto()
    COMMITTED = auto()
    COMMITTED_EMPTY = auto()
    ABORTED = auto()


_ACTIVE = (TransactionState.STARTING, TransactionState.IN_PROGRESS)


class Transaction:
    """One transaction of a session, or none.

    Through mongos all of it goes to the server that it began on, behind a load balancer over the connection that it
    began on. `attempts` counts how often its end was sent. `abandoned` is done when the command has ended that nobody
    waits for any more. `unsettled` says that its commit was given up, or never sent.
    """

    __slots__ = (
        "_unnumbered",
        "abandoned",
        "attempts",
        "completed_command",
        "number",
        "options",
        "pin",
        "pinned_address",
        "recovery_token",
        "state",
        "unsettled",
    )

    def __init__(self) -> None:
        self.options = TransactionOptions()
        self.state = TransactionState.NONE
        self.pin = Pin(PinHolder.TRANSACTION)
        self._unnumbered = 0
        self.abandoned: asyncio.Future[None] | None = None
        self.reset()

    @property
    def active(self) -> bool:
        """Whether commands belong to it."""
        return self.state in _ACTIVE

    @property
    def overtakes(self) -> bool:
        """Whether what is sent now may come before a command of the transaction that nobody waits for any more."""
        return self.abandoned is not None and not self.abandoned.done()

    def start(self, options: TransactionOptions) -> None:
        """Begin anew: with the next command, so far only in name."""
        self.reset()
        self.abandoned = None
        self.options = options
        self.state = TransactionState.STARTING
        self._unnumbered += 1

    def reset(self) -> None:
        """Forget it: the session is in no transaction."""
        self.unpin()
        self.state = TransactionState.NONE
        self.recovery_token: Mapping[str, Any] | None = None
        self.attempts = 0
        self.completed_command = False
        self.unsettled = False
        self.number: Int64 | None = None

    def restart(self) -> None:
        """An overloaded server has refused a command, which does not count: after the first nothing has begun."""
        if self.attempts:
            self.attempts -= 1
        elif not self.completed_command:
            self.state = TransactionState.STARTING
            self.unpin()

    def begun_on(self, server: ServerDescription) -> None:
        """A command of it goes to `server`: it stays there, if that is a mongos or behind a load balancer."""
        if self.active and server.server_type_name in ("Mongos", "LoadBalancer"):
            self.pinned_address: Address | None = server.address

    def command_ended(self) -> None:
        """The server has done a command of it: it has begun there."""
        self.completed_command = True

    def command_abandoned(self, settled: asyncio.Future[None]) -> None:
        """Nobody waits any more for a command of it, which may be under way until `settled` is done."""
        if self.active:
            self.abandoned = settled

    def end_sent(self) -> int:
        """Its commit or abort is sent: how often that makes."""
        self.attempts += 1
        return self.attempts

    def settled(self, settled: bool) -> None:
        """Whether the server has been told how it ends; one that may not know keeps its locks."""
        self.unsettled = not settled

    def unpin(self) -> None:
        """Let the next command go where it likes."""
        self.pinned_address = None
        self.pin.release()

    def add_to(self, command: dict[str, Any], session: ServerSession) -> None:
        """Make `command` a part of the transaction; the first one starts it."""
        if self.number is None:
            # Those in which nothing was done have had a number, too.
            self.number = session.next_transaction_number(self._unnumbered)
            self._unnumbered = 0
        command["txnNumber"] = self.number
        if self.state is TransactionState.STARTING:
            command["startTransaction"] = True
            read_concern = self.options.read_concern
            if read_concern is not None and read_concern.level:
                command["readConcern"] = read_concern.document
            self.state = TransactionState.IN_PROGRESS
        command["autocommit"] = False
