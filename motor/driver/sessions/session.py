"""A session, as operations use it: what it adds to their commands, and what it learns from the replies.

Sources: the MongoDB specifications "Driver Sessions", "Causal Consistency", "Snapshot Reads" and "Transactions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson.timestamp import Timestamp
from pymongo.errors import ConfigurationError, InvalidOperation
from pymongo.read_preferences import ReadPreference

from motor._pymongo import ReadPreferenceMode, SessionOptions
from motor.driver.sessions.server_session import ServerSession, ServerSessionPool
from motor.driver.sessions.transaction import Transaction, TransactionState

_SNAPSHOT_WIRE_VERSION = 13
"""MongoDB 5.0, the first with snapshot reads."""


class Session:
    """The application's session, or one that the commands of a cursor or of a bulk write share.

    It gets a session of the server's from the pool when it is first used, and gives it back when it ends.
    """

    __slots__ = (
        "_pool",
        "causal_consistency",
        "cluster_time",
        "ended",
        "implicit",
        "operation_time",
        "server_session",
        "snapshot",
        "snapshot_time",
        "transaction",
    )

    def __init__(self, options: SessionOptions | None = None) -> None:
        """Without `options` it is an implicit one."""
        self.implicit = options is None
        self.causal_consistency = options is not None and options.causal_consistency
        self.snapshot = options is not None and bool(options.snapshot)
        self.transaction = Transaction()
        self.cluster_time: Mapping[str, Any] | None = None
        self.operation_time: Timestamp | None = None
        self.snapshot_time: Timestamp | None = None
        self.server_session: ServerSession | None = None
        self.ended = False
        self._pool: ServerSessionPool | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether commands belong to a transaction."""
        return self.transaction.active

    def check_usable(self) -> None:
        """Raises InvalidOperation if it has ended."""
        if self.ended:
            raise InvalidOperation("Cannot use ended session")

    def check_preference(self, preference: ReadPreferenceMode | None) -> None:
        """Raises InvalidOperation for a read in a transaction that is not from the primary."""
        if self.in_transaction and preference is not None and preference != ReadPreference.PRIMARY:
            raise InvalidOperation(f"read preference in a transaction must be primary, not: {preference!r}")

    def materialize(self, pool: ServerSessionPool) -> ServerSession:
        """The server's session, taken from `pool` if there is none yet. Raises InvalidOperation if it has ended."""
        self.check_usable()
        if self.server_session is None:
            self.server_session = pool.acquire()
        # Asked for its id, it may have got one before there was this pool.
        self._pool = pool
        return self.server_session

    def hand_over(self) -> Session:
        """A session that the transaction goes on in, apart from this one, which is in none then.

        The server's session goes with it, and is used by no others afterwards; this one gets another when it needs one.
        """
        heir = Session()
        heir.implicit = False
        heir.cluster_time = self.cluster_time
        heir.server_session, self.server_session = self.server_session, None
        heir._pool = self._pool
        if heir.server_session is not None:
            heir.server_session.dirty = True
        heir.transaction, self.transaction = self.transaction, Transaction()
        return heir

    def end(self) -> None:
        """Give back what it holds. Ending it again does nothing."""
        self.ended = True
        self.transaction.reset()
        server_session, self.server_session = self.server_session, None
        if server_session is not None and self._pool is not None:
            self._pool.release(server_session)

    def later_cluster_time(self, cluster_time: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The later one of `cluster_time` and the session's."""
        own = self.cluster_time
        if own is None or (cluster_time is not None and cluster_time["clusterTime"] >= own["clusterTime"]):
            return cluster_time
        return own

    def add_to(
        self,
        command: dict[str, Any],
        server_session: ServerSession,
        is_causal: bool,
        continues: bool,
        wire_version: int,
    ) -> None:
        """Add to `command` what places it in the session's order of events, or its snapshot, and in its transaction."""
        if not self.in_transaction:
            if is_causal or (self.snapshot and not continues):
                self._add_read_concern(command, wire_version)
            return
        starting = self.transaction.state is TransactionState.STARTING
        self.transaction.add_to(command, server_session)
        if starting:
            self._add_read_concern(command, wire_version)

    def _add_read_concern(self, command: dict[str, Any], wire_version: int) -> None:
        addition: dict[str, Any] = {}
        if self.causal_consistency and self.operation_time is not None:
            addition["afterClusterTime"] = self.operation_time
        elif self.snapshot:
            if wire_version < _SNAPSHOT_WIRE_VERSION:
                raise ConfigurationError("Snapshot reads require MongoDB 5.0 or later")
            addition["level"] = "snapshot"
            if self.snapshot_time is not None:
                addition["atClusterTime"] = self.snapshot_time
        if addition:
            command["readConcern"] = {**command.get("readConcern", {}), **addition}

    def advance(self, reply: Mapping[str, Any], cluster_time: Mapping[str, Any] | None) -> None:
        """Take note of the times that a reply tells, and of the way back to its transaction; `cluster_time` is its own,
        if it may be passed on.
        """
        self.advance_cluster_time(cluster_time)
        self.advance_operation_time(reply.get("operationTime"))
        if self.snapshot and self.snapshot_time is None:
            self.snapshot_time = reply.get("cursor", reply).get("atClusterTime")
        token = reply.get("recoveryToken")
        if token and self.transaction.pinned_address is not None and self.in_transaction:
            self.transaction.recovery_token = token

    def advance_cluster_time(self, cluster_time: Mapping[str, Any] | None) -> None:
        """Pass on `cluster_time` from here on, unless a later one is known."""
        known = self.cluster_time
        if cluster_time and (known is None or cluster_time["clusterTime"] > known["clusterTime"]):
            self.cluster_time = cluster_time

    def advance_operation_time(self, operation_time: Timestamp | None) -> None:
        """Read nothing from before `operation_time` from here on."""
        known = self.operation_time
        if operation_time is not None and (known is None or operation_time > known):
            self.operation_time = operation_time
