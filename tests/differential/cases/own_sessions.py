"""A session by itself: what it says of itself, which ones are refused, and what cursors and commands do in one."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

from bson import Int64, Timestamp
from pymongo import InsertOne, ReadPreference, UpdateOne
from pymongo.client_session import TransactionOptions  # type: ignore[attr-defined]  # by a star
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, done, got, outcome
from .cursor import state
from .data import TEN, THREE
from .update import SET

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"causal_consistency": False},
    "causal": {"causal_consistency": True},
    "snapshot": {"snapshot": True},
}


def shown(session: Any) -> dict[str, Any]:
    return {
        "ended": session.has_ended,
        "transaction": session.in_transaction,
        "cluster time": session.cluster_time,
        "operation time": session.operation_time,
        "causal": session.options.causal_consistency,
        "snapshot": session.options.snapshot,
        "defaults": session.options.default_transaction_options is not None,
    }


async def properties(t: Target, **options: Any) -> Any:
    session = t.client.start_session(**options)
    before = shown(session), session.client is t.client, session.session_id == session.session_id
    await t.coll.find_one(session=session)
    between = shown(session)
    await session.end_session()
    return before, between, shown(session), await outcome(lambda: session.session_id)


async def advanced(t: Target) -> Any:
    """What one session has seen, another one knows of."""
    results: list[Any] = []
    async with t.client.start_session() as first, t.client.start_session() as second:
        await t.coll.insert_one({"_id": 9}, session=first)
        await outcome(second.advance_cluster_time, first.cluster_time)
        await outcome(second.advance_operation_time, first.operation_time)
        results.append((second.cluster_time == first.cluster_time, second.operation_time == first.operation_time))
        await t.coll.find_one(session=second)
        second.advance_operation_time(Timestamp(1, 1))
        results.append(second.operation_time != Timestamp(1, 1))
        times: tuple[Any, ...] = (None, {}, 5, "x", {"clusterTime": 5}, {"clusterTime": Timestamp(1, 1)})
        results.extend([await outcome(second.advance_cluster_time, time) for time in times])
        results.extend([await outcome(second.advance_operation_time, time) for time in times])
    return results


OPTIONS: tuple[dict[str, Any], ...] = (
    {"causal_consistency": True, "snapshot": True},
    {"causal_consistency": False, "snapshot": True},
    {"causal_consistency": True, "snapshot": False},
    {"default_transaction_options": {}},
    {"default_transaction_options": TransactionOptions(ReadConcern("local"))},
    {"nonsense": 1},
)


async def options(t: Target) -> Any:
    results: list[Any] = []
    for each in OPTIONS:
        result = await outcome(partial(t.client.start_session, **each))
        results.append(result if isinstance(result, Exception) else shown(result))
    return results


USES: dict[str, Callable[[Any, Any], Any]] = {
    "insert": lambda c, s: c.insert_one({"_id": 9}, session=s),
    "insert_many": lambda c, s: c.insert_many([{"_id": 8}], session=s),
    "bulk": lambda c, s: c.bulk_write([InsertOne({"_id": 7}), UpdateOne({}, SET)], session=s),
    "update": lambda c, s: c.update_one({}, SET, session=s),
    "delete": lambda c, s: c.delete_one({"_id": 9}, session=s),
    "find_one_and_update": lambda c, s: c.find_one_and_update({}, SET, session=s),
    "find": lambda c, s: c.find(session=s),
    "find_one": lambda c, s: c.find_one(session=s),
    "aggregate": lambda c, s: c.aggregate([], session=s),
    "aggregate with $out": lambda c, s: c.aggregate([{"$out": "out"}], session=s),
    "create_index": lambda c, s: c.create_index("x", session=s),
    "list_indexes": lambda c, s: c.list_indexes(session=s),
    "drop": lambda c, s: c.drop(session=s),
    "command": lambda c, s: c.database.command("ping", session=s),
    "cursor_command": lambda c, s: c.database.cursor_command("find", "c", session=s),
    "list_databases": lambda c, s: c.database.client.list_databases(session=s, filter={"name": c.database.name}),
}


async def each_use(collection: Any, session: Any) -> Any:
    return {name: await outcome(use, collection, session) for name, use in USES.items()}


async def ended(t: Target) -> Any:
    session = t.client.start_session()
    await session.end_session()
    return await each_use(t.coll, session)


async def of_another_client(t: Target) -> Any:
    async with t.new_client().start_session() as session:
        return await each_use(t.coll, session)


async def unacknowledged(t: Target, in_transaction: bool) -> Any:
    async with t.client.start_session() as session:
        if in_transaction:
            await got(session.start_transaction())
        collection = t.coll.with_options(write_concern=WriteConcern(w=0))
        return await each_use(collection, session), session.in_transaction


async def snapshot_transaction(t: Target) -> Any:
    async with t.client.start_session(snapshot=True) as session:
        return await outcome(done, session.start_transaction)


def opened(t: Target, how: str, session: Any) -> Any:
    if how == "find":
        return t.coll.find({}, batch_size=4, session=session)
    if how == "aggregate":
        return t.coll.aggregate([], batchSize=4, session=session)
    if how == "list_indexes":
        return t.coll.list_indexes(session=session)
    return t.db.cursor_command("find", "c", batchSize=4, session=session)


async def cursors(t: Target, kind: str, in_transaction: bool) -> Any:
    """Read to the end, half, or not at all, and closed."""
    results: list[Any] = []
    async with t.client.start_session(**KINDS[kind]) as session:
        if in_transaction:
            await got(session.start_transaction())
        for how in ("find", "aggregate", "list_indexes", "cursor_command"):
            cursor = await got(opened(t, how, session))
            results.append((cursor.session is session, await outcome(cursor.to_list)))
            half = await got(opened(t, how, session))
            results.append((await outcome(half.next), state(half)))
            await half.close()
            results.append(half.session is session)
        half = t.coll.find({}, batch_size=4, session=session)
        await outcome(half.next)
        results.append((half.clone().session is session, await outcome(half.clone().to_list)))
        await half.close()
    return results


COMMANDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "find": ({"find": "c", "filter": {}}, {}),
    "its own read concern": ({"find": "c", "filter": {}, "readConcern": {"level": "local"}}, {}),
    "its own write concern": ({"insert": "c", "documents": [{"_id": 9}], "writeConcern": {"w": 1}}, {}),
    "its own number": ({"insert": "c", "documents": [{"_id": 8}], "txnNumber": Int64(9)}, {}),
    "primary": ({"find": "c", "filter": {}}, {"read_preference": ReadPreference.PRIMARY}),
    "nearest": ({"find": "c", "filter": {}}, {"read_preference": ReadPreference.NEAREST}),
    "ping": ("ping", {}),
    "unchecked": ("nonsense", {"check": False}),
    "refused": ("nonsense", {}),
}


async def commands(t: Target, kind: str, in_transaction: bool) -> Any:
    results: list[Any] = []
    async with t.client.start_session(**KINDS[kind]) as session:
        await t.coll.find_one(session=session)
        for command, settings in deepcopy(list(COMMANDS.values())):
            if in_transaction:
                await got(session.start_transaction())
            results.append(await outcome(partial(t.db.command, command, session=session, **settings)))
            if in_transaction:
                await outcome(session.abort_transaction)
    return results


CASES = [
    *[Case(f"properties, {kind}", partial(properties, **KINDS[kind]), THREE) for kind in KINDS],
    Case("advanced", advanced, THREE),
    Case("options", options),
    Case("ended", ended, THREE),
    Case("of another client", of_another_client, THREE),
    Case("unacknowledged", partial(unacknowledged, in_transaction=False), THREE),
    Case("unacknowledged in a transaction", partial(unacknowledged, in_transaction=True), THREE),
    Case("transaction in a snapshot", snapshot_transaction),
    *[Case(f"cursors, {kind}", partial(cursors, kind=kind, in_transaction=False), TEN) for kind in KINDS],
    Case("cursors in a transaction", partial(cursors, kind="causal", in_transaction=True), TEN),
    *[Case(f"commands, {kind}", partial(commands, kind=kind, in_transaction=False), TEN) for kind in KINDS],
    Case("commands in a transaction", partial(commands, kind="causal", in_transaction=True), TEN),
]
