"""What a member of a replica set knows of the set, and what it says of itself in its hello."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.int64 import Int64


@dataclass(frozen=True)
class MemberConfig:
    """How a replica set is configured to treat a member."""

    tags: Mapping[str, str] = field(default_factory=dict)
    priority: int = 1
    hidden: bool = False
    arbiter: bool = False

    @property
    def electable(self) -> bool:
        """Whether it may become primary."""
        return self.priority > 0 and not self.hidden and not self.arbiter


@dataclass(frozen=True)
class View:
    """A replica set as one member knows it. A member that was cut off keeps the one that it had."""

    name: str
    version: int
    term: int
    primary: str | None
    members: Mapping[str, MemberConfig]

    @property
    def election_id(self) -> bson.ObjectId:
        """Increases with each election."""
        return bson.ObjectId(f"7fffffff{self.term:016x}")

    def describe(self, me: str) -> dict[str, Any]:
        """The fields of the hello of the member at `me`, if it is not in recovery."""
        config = self.members.get(me)
        if config is None:
            # Removed from the configuration.
            info = "Does not have a valid replica set config"
            return {"isWritablePrimary": False, "secondary": False, "isreplicaset": True, "info": info}
        primary = self.primary == me
        fields: dict[str, Any] = {
            "setName": self.name,
            "setVersion": self.version,
            "isWritablePrimary": primary,
            "secondary": not primary and not config.arbiter,
            "hosts": self._addresses(lambda config: config.electable),
            "me": me,
        }
        optional = {
            "passives": self._addresses(
                lambda config: not config.electable and not config.hidden and not config.arbiter
            ),
            "arbiters": self._addresses(lambda config: config.arbiter),
            "primary": self.primary,
            "arbiterOnly": config.arbiter,
            "hidden": config.hidden,
            "passive": config.priority == 0 and not config.arbiter,
            "tags": dict(config.tags),
        }
        fields |= {name: value for name, value in optional.items() if value}
        if primary:
            fields["electionId"] = self.election_id
        return fields

    def _addresses(self, chosen: Callable[[MemberConfig], bool]) -> list[str]:
        return [address for address, config in self.members.items() if chosen(config)]


STANDALONE: dict[str, Any] = {"isWritablePrimary": True}
MONGOS: dict[str, Any] = {"isWritablePrimary": True, "msg": "isdbgrid"}

LIMITS: dict[str, Any] = {
    "maxBsonObjectSize": 16 * 1024 * 1024,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "logicalSessionTimeoutMinutes": 30,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
}
"""What every hello says, as MongoDB 7.0 does."""


@dataclass
class TopologyVersion:
    """Counts what has changed in a hello since its process has started."""

    process_id: bson.ObjectId = field(default_factory=bson.ObjectId)
    counter: int = 0

    def document(self) -> dict[str, Any]:
        """As it is sent."""
        return {"processId": self.process_id, "counter": Int64(self.counter)}

    def equals(self, document: Mapping[str, Any]) -> bool:
        """Whether a client knows the latest."""
        return bool(document == self.document())
