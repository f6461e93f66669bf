"""The highest cluster time that any server has told us, passed on with every command.

Source: the MongoDB specification "Driver Sessions", "Gossipping the cluster time".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson

LARGEST_CLUSTER_TIME = 4 * 1024
"""The largest ``$clusterTime``, in bytes of BSON, that is passed on to every server. MongoDB's have about a hundred."""


def bounded(cluster_time: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A ``$clusterTime`` that may be passed on; ``None`` if it is too large for that."""
    return cluster_time if cluster_time and len(bson.encode(cluster_time)) <= LARGEST_CLUSTER_TIME else None


class ClusterClock:
    """Holds the latest ``$clusterTime`` document."""

    __slots__ = ("_latest", "latest")

    def __init__(self) -> None:
        self.latest: Mapping[str, Any] | None = None
        self._latest = (0, 0)

    def advance(self, cluster_time: Mapping[str, Any] | None) -> None:
        """Take note of a ``$clusterTime`` that came with a reply; an older one than the latest changes nothing."""
        if not cluster_time:
            return
        timestamp = cluster_time["clusterTime"]
        moment = (timestamp.time, timestamp.inc)
        if moment > self._latest:
            self._latest = moment
            self.latest = cluster_time
