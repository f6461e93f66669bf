"""What a server can do, from what it says of itself: one source for whoever builds a command or chooses a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.hello import Hello
from pymongo.server_description import ServerDescription
from pymongo.server_type import SERVER_TYPE

from motor._pymongo import MAX_BSON_SIZE, MAX_WRITE_BATCH_SIZE
from motor.driver.wire.reader import MAX_MESSAGE_SIZE

_REPLICA_SET_MEMBERS = (
    SERVER_TYPE.RSPrimary,
    SERVER_TYPE.RSSecondary,
    SERVER_TYPE.RSArbiter,
    SERVER_TYPE.RSOther,
    SERVER_TYPE.RSGhost,
)

_NUMBERING_WRITES = (SERVER_TYPE.RSPrimary, SERVER_TYPE.Mongos, SERVER_TYPE.LoadBalancer)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The versions, limits and kind of a server; those of one that is not known yet by default. Sizes are in bytes."""

    max_wire_version: int = 0
    max_bson_size: int = MAX_BSON_SIZE
    max_message_size: int = MAX_MESSAGE_SIZE
    max_write_batch_size: int = MAX_WRITE_BATCH_SIZE
    supports_sessions: bool = False
    supports_retryable_writes: bool = False
    is_replica_set_member: bool = False
    is_standalone: bool = False
    is_mongos: bool = False

    @classmethod
    def of(cls, said: Hello[dict[str, Any]] | ServerDescription) -> ServerFacts:
        """From the reply to a hello, or from the description that was made of one."""
        kind = said.server_type
        return cls(
            max_wire_version=said.max_wire_version or 0,
            max_bson_size=said.max_bson_size,
            # No server takes more, and one that says so could make us set aside gigabytes.
            max_message_size=min(said.max_message_size, MAX_MESSAGE_SIZE),
            max_write_batch_size=said.max_write_batch_size,
            supports_sessions=said.logical_session_timeout_minutes is not None and said.is_readable,
            supports_retryable_writes=kind in _NUMBERING_WRITES,
            is_replica_set_member=kind in _REPLICA_SET_MEMBERS,
            is_standalone=kind == SERVER_TYPE.Standalone,
            is_mongos=kind == SERVER_TYPE.Mongos,
        )
