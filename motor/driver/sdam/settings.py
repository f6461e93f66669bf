"""What a topology is made from: the seed list and the options that concern discovery."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from bson.objectid import ObjectId
from pymongo.client_options import ClientOptions
from pymongo.server_description import ServerDescription
from pymongo.topology_description import TOPOLOGY_TYPE, TopologyDescription

from motor._pymongo import Address
from motor.driver.sdam.srv import SrvSettings


@dataclass(frozen=True)
class TopologySettings:
    """Immutable settings. PyMongo's :class:`~pymongo.topology_description.TopologyDescription` reads some of them.

    `lacks_tls` says that the options are without their TLS context still, for which files have to be read.
    """

    seeds: Collection[Address]
    options: ClientOptions
    srv: SrvSettings | None = None
    lacks_tls: bool = False
    srv_min_ttl: float = 0.0
    _topology_id: ObjectId = field(default_factory=ObjectId)

    @property
    def topology_id(self) -> ObjectId:
        """Names the topology in events and log lines."""
        return self._topology_id

    @property
    def _srv_max_hosts(self) -> int:
        return 0 if self.srv is None else self.srv.max_hosts

    @property
    def heartbeat_frequency(self) -> float:
        """Seconds between two checks of a server."""
        return self.options.heartbeat_frequency

    @property
    def local_threshold_ms(self) -> float:
        """How much slower than the fastest a suitable server may be, in milliseconds."""
        return self.options.local_threshold_ms

    def empty_description(self) -> TopologyDescription:
        """What is known when nothing is: before the seed list was looked at, and after the end."""
        return TopologyDescription(TOPOLOGY_TYPE.Unknown, {}, self.options.replica_set_name, None, None, self)

    def initial_description(self) -> TopologyDescription:
        """What is known before any server has answered."""
        servers = {address: ServerDescription(address) for address in self.seeds}
        return TopologyDescription(self._initial_type(), servers, self.options.replica_set_name, None, None, self)

    def _initial_type(self) -> int:
        if self.options.load_balanced:
            return TOPOLOGY_TYPE.LoadBalanced
        if self.options.direct_connection:
            return TOPOLOGY_TYPE.Single
        if self.options.replica_set_name is not None:
            return TOPOLOGY_TYPE.ReplicaSetNoPrimary
        return TOPOLOGY_TYPE.Unknown
