"""The change streams of a scripted deployment, which has none of its own."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from bson.int64 import Int64

from tests.support.replica_set.errors import (
    CURSOR_NOT_FOUND,
    INTERRUPTED_BY_STATE_CHANGE,
    NOT_PRIMARY_NO_SECONDARY_OK,
    CommandError,
)
from tests.support.replica_set.faults import Exchange
from tests.support.replica_set.member import Member
from tests.support.replica_set.scripted_set import Deployment

RESUMABLE = ["ResumableChangeStreamError"]


class Streams:
    """Answers in place of the members. The changes are the inserts that were applied; only a primary has streams, or a
    mongos.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.opened_on: list[Member] = []
        self._deployment = deployment
        self._cursors: dict[int, tuple[Member, int]] = {}
        self._ids = itertools.count(1)
        deployment.fail_next(None, "aggregate", self._open, 1000)
        deployment.fail_next(None, "getMore", self._get_more, 100_000)

    async def _open(self, exchange: Exchange) -> dict[str, Any]:
        member = exchange.member
        if not _leads(member):
            return member.failed(exchange.command, CommandError(NOT_PRIMARY_NO_SECONDARY_OK))
        stage = exchange.command["pipeline"][0]["$changeStream"]
        place = stage["resumeAfter"]["_data"] if "resumeAfter" in stage else self._count()
        cursor_id = next(self._ids)
        self._cursors[cursor_id] = member, place
        self.opened_on.append(member)
        return self._batch(cursor_id, "firstBatch")

    async def _get_more(self, exchange: Exchange) -> dict[str, Any]:
        member, cursor_id = exchange.member, exchange.command["getMore"]
        owner, place = self._cursors.get(cursor_id, (None, 0))
        if owner is not member:
            return member.failed(exchange.command, CommandError(CURSOR_NOT_FOUND))
        while self._count() == place:
            if not _leads(member):
                del self._cursors[cursor_id]
                return member.failed(exchange.command, CommandError(INTERRUPTED_BY_STATE_CHANGE, labels=RESUMABLE))
            await asyncio.sleep(0.005)
        return self._batch(cursor_id, "nextBatch")

    def _batch(self, cursor_id: int, field: str) -> dict[str, Any]:
        member, place = self._cursors[cursor_id]
        applied = [each.id for each in self._deployment.data.applied if each.command == "insert"]
        self._cursors[cursor_id] = member, len(applied)
        batch = [
            {"_id": {"_data": number + 1}, "operationType": "insert", "documentKey": {"_id": applied[number]}}
            for number in range(place, len(applied))
        ]
        token = {"_data": len(applied)}
        cursor = {"id": Int64(cursor_id), "ns": "db.test", field: batch, "postBatchResumeToken": token}
        return {"cursor": cursor, "ok": 1.0}

    def _count(self) -> int:
        return sum(each.command == "insert" for each in self._deployment.data.applied)


def _leads(member: Member) -> bool:
    return member.is_primary or member.view is None
