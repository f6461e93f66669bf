"""What a command listener is told, beside the commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo import DeleteOne, InsertOne, monitoring
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, outcome
from .bulk import all_kinds, with_errors
from .data import ONE, TEN, THREE


class Listener(monitoring.CommandListener):
    """Each event as a row. Ids of requests and operations are numbered from 1."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def _number(self, kind: str, value: int) -> int:
        count = sum(1 for other, _ in self._numbers if other == kind)
        return self._numbers.setdefault((kind, value), count + 1)

    def _row(self, kind: str, event: Any) -> list[Any]:
        row = [
            kind,
            event.command_name,
            event.database_name,
            {"request": self._number("request", event.request_id)},
            {"operation": self._number("operation", event.operation_id)},
            event.connection_id,
            type(event.server_connection_id),
            event.service_id,
        ]
        self.rows.append(row)
        return row

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self._row("started", event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._row("succeeded", event).extend([event.duration_micros > 0, event.reply])

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._row("failed", event).extend([event.duration_micros > 0, event.failure])


def events(*calls: Callable[[Any], Any]) -> Callable[[Target], Any]:
    """What is told of these calls, each on the case's collection."""

    async def call(t: Target) -> Any:
        listener = Listener()
        coll = t.own_db(event_listeners=[listener])["c"]
        results = [await outcome(each, coll) for each in calls]
        return results, listener.rows

    return call


async def two_listeners(t: Target) -> Any:
    first, second = Listener(), Listener()
    coll = t.own_db(event_listeners=[first, second])["c"]
    await coll.find_one()
    return first.rows == second.rows, len(first.rows)


async def limited(t: Target, ordered: bool) -> Any:
    """The batches of one call are one operation."""
    listener = Listener()
    db = await t.limited_db(event_listeners=[listener], maxWriteBatchSize=2)
    models: list[Any] = [*[InsertOne({"_id": i}) for i in range(5)], DeleteOne({"_id": 1})]
    await db.c.bulk_write(models, ordered=ordered)
    await db.c.insert_many([{"_id": i} for i in range(10, 15)], ordered=ordered)
    for row in listener.rows:
        row[5] = "the proxy's address"
    return listener.rows


def unacknowledged(coll: Any) -> Any:
    return coll.with_options(write_concern=WriteConcern(w=0))


CASES = [
    Case("find and getMore", events(lambda c: c.find(batch_size=4)), TEN),
    Case("aggregate and getMore", events(lambda c: c.aggregate([], batchSize=4)), TEN),
    Case("find_one", events(lambda c: c.find_one()), THREE),
    Case("insert", events(lambda c: c.insert_one({"_id": 9}))),
    Case("insert, duplicate", events(lambda c: c.insert_one({"_id": 1})), ONE),
    Case("insert, w=0", events(lambda c: unacknowledged(c).insert_one({"_id": 9}))),
    Case("insert_many, w=0", events(lambda c: unacknowledged(c).insert_many([{"_id": 9}]))),
    Case("two calls", events(lambda c: c.find_one(), lambda c: c.find_one()), THREE),
    Case("bulk", events(lambda c: c.bulk_write(all_kinds())), THREE),
    Case("bulk, errors", events(lambda c: c.bulk_write(with_errors())), THREE),
    Case("bulk, unordered, errors", events(lambda c: c.bulk_write(with_errors(), ordered=False)), THREE),
    Case("batches, ordered", lambda t: limited(t, True)),
    Case("batches, unordered", lambda t: limited(t, False)),
    Case("find, refused", events(lambda c: c.find_one({"$nonsense": 1})), THREE),
    Case("update, refused", events(lambda c: c.update_one({}, {"$nonsense": 1})), THREE),
    Case("command, refused", events(lambda c: c.database.command("nonsense"))),
    Case("command with a password", events(lambda c: c.database.command("createUser", "u", pwd="p", roles=[]))),
    Case("create_index", events(lambda c: c.create_index("x"))),
    Case("drop_database", events(lambda c: c.database.client.drop_database(c.database.name))),
    Case("two listeners", two_listeners, THREE),
]
