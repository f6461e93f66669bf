"""A pool's generation: a connection of an earlier one is stale, and so is the error that it reports.

Behind a load balancer each service has a generation of its own, since each can fail on its own.
"""

from __future__ import annotations

from bson.objectid import ObjectId


class Generations:
    """Counts how often a pool, or one service's part of it, was cleared."""

    __slots__ = ("_overall", "_services")

    def __init__(self) -> None:
        self._overall = 0
        self._services: dict[ObjectId, int] = {}

    def current(self, service_id: ObjectId | None = None) -> int:
        """The generation that a new connection belongs to."""
        return self._overall if service_id is None else self._services.get(service_id, 0)

    def advance(self, service_id: ObjectId | None = None) -> None:
        """All connections there are become stale: those of one service, or of all."""
        if service_id is None:
            self._overall += 1
            for known in self._services:
                self._services[known] += 1
        else:
            self._services[service_id] = self._services.get(service_id, 0) + 1

    def is_stale(self, generation: int, service_id: ObjectId | None = None) -> bool:
        """Whether the pool was cleared since."""
        return generation != (self._overall if service_id is None else self._services.get(service_id, 0))
