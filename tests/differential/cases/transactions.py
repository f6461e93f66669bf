"""Transactions: how they begin and end, with which options, and what comes of it when they do not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pymongo import ReadPreference
from pymongo.client_session import TransactionOptions  # type: ignore[attr-defined]  # by a star
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, done, got, outcome
from .data import TEN, THREE
from .failures import fails

OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "read concern local": {"read_concern": ReadConcern("local")},
    "read concern majority": {"read_concern": ReadConcern("majority")},
    "read concern of the server": {"read_concern": ReadConcern()},
    "w=1": {"write_concern": WriteConcern(w=1)},
    "w=1, j": {"write_concern": WriteConcern(w=1, j=True)},
    "w=majority, wtimeout": {"write_concern": WriteConcern(w="majority", wtimeout=5000)},
    "write concern of the server": {"write_concern": WriteConcern()},
    "max_commit_time_ms": {"max_commit_time_ms": 5000},
    "max_commit_time_ms 0": {"max_commit_time_ms": 0},
    "primary": {"read_preference": ReadPreference.PRIMARY},
}

BAD_OPTIONS: tuple[dict[str, Any], ...] = (
    {"read_concern": "majority"},
    {"read_concern": {}},
    {"write_concern": 1},
    {"write_concern": {"w": 1}},
    {"write_concern": WriteConcern(w=0)},
    {"read_preference": "primary"},
    {"max_commit_time_ms": "1"},
    {"max_commit_time_ms": 1.5},
)


def insert(t: Target, session: Any, number: int = 9) -> Any:
    return t.coll.insert_one({"_id": number}, session=session)


async def ends(t: Target, how: str, options: dict[str, Any]) -> None:
    async with t.client.start_session() as session:
        await got(session.start_transaction(**options))
        await insert(t, session)
        await t.coll.find_one({"_id": 9}, session=session)
        await getattr(session, how)()


async def session_defaults(t: Target, how: str, given: dict[str, Any]) -> None:
    """From the transaction, else from the session, else from the client."""
    defaults = TransactionOptions(
        ReadConcern("majority"), WriteConcern(w="majority", j=True), ReadPreference.PRIMARY, max_commit_time_ms=1000
    )
    async with t.client.start_session(default_transaction_options=defaults) as session:
        await got(session.start_transaction(**given))
        await insert(t, session)
        await getattr(session, how)()


async def client_defaults(t: Target, given: dict[str, Any]) -> Any:
    db = t.own_db(w="majority", wtimeoutMS=4000, readConcernLevel="majority", readPreference="secondaryPreferred")
    async with db.client.start_session() as session:
        await got(session.start_transaction(**given))
        results = [await outcome(lambda: db.c.find_one({"_id": 1}, session=session))]
        await session.abort_transaction()
        await got(session.start_transaction(**given, read_preference=ReadPreference.PRIMARY))
        await db.c.insert_one({"_id": 9}, session=session)
        await session.commit_transaction()
        return results


STEPS: dict[str, Callable[[Target, Any], Any]] = {
    "start": lambda t, s: done(s.start_transaction),
    "insert": lambda t, s: insert(t, s, s.number),
    "bad insert": lambda t, s: insert(t, s, 1),
    "find": lambda t, s: t.coll.find_one({"_id": 1}, session=s),
    "commit": lambda t, s: s.commit_transaction(),
    "abort": lambda t, s: s.abort_transaction(),
    "end": lambda t, s: s.end_session(),
}

ORDERS = (
    "commit",
    "abort",
    "start, start",
    "start, commit",
    "start, commit, commit",
    "start, commit, abort",
    "start, abort",
    "start, abort, abort",
    "start, abort, commit",
    "start, commit, start, insert, commit",
    "start, insert, start, commit",
    "start, insert, commit, commit, commit",
    "start, insert, commit, abort",
    "start, insert, abort, commit",
    "start, insert, abort, abort",
    "start, insert, commit, insert, commit",
    "start, insert, commit, find, abort",
    "start, insert, abort, find, insert",
    "start, bad insert, commit",
    "start, bad insert, insert, abort",
    "start, bad insert, abort, find",
    "start, insert, commit, start, insert, commit",
    "start, insert, abort, start, insert, commit",
    "insert, start, insert, commit, insert",
    "start, insert, end",
    "start, end, start",
    "end, start",
    "end, commit",
    "end, abort",
    "start, insert, end, commit",
    "end, end",
)


async def in_order(t: Target, order: str) -> Any:
    results = []
    async with t.client.start_session() as session:
        for number, step in enumerate(order.split(", "), 100):
            session.number = number
            results.append((step, await outcome(STEPS[step], t, session), session.in_transaction, session.has_ended))
    return results


async def as_block(t: Target, inside: Callable[[Target, Any], Awaitable[Any]]) -> Any:
    """The ``async with`` of a transaction."""

    async def run(session: Any) -> None:
        async with await got(session.start_transaction()):
            await inside(t, session)

    async with t.client.start_session() as session:
        return await outcome(run, session), session.in_transaction, await t.coll.count_documents({})


async def inserts(t: Target, session: Any) -> str:
    await insert(t, session)
    return "inserted"


async def nothing(t: Target, session: Any) -> None:
    return None


async def raises(t: Target, session: Any) -> None:
    await insert(t, session)
    raise KeyError("mine")


async def breaks(t: Target, session: Any) -> None:
    await insert(t, session, 1)


async def swallows(t: Target, session: Any) -> str:
    await outcome(insert, t, session, 1)
    return "nothing happened"


async def commits(t: Target, session: Any) -> str:
    await insert(t, session)
    await session.commit_transaction()
    return "committed"


async def aborts(t: Target, session: Any) -> str:
    await insert(t, session)
    await session.abort_transaction()
    return "aborted"


async def ends_its_session(t: Target, session: Any) -> None:
    await insert(t, session)
    await session.end_session()


async def raises_a_transient_error(t: Target, session: Any) -> str:
    """Once."""
    await insert(t, session)
    if session.transient:
        session.transient = False
        error = PyMongoError("mine")
        error._add_error_label("TransientTransactionError")
        raise error
    return "the second time"


INSIDE = (inserts, nothing, raises, breaks, swallows, commits, aborts, ends_its_session)


async def with_transaction(t: Target, inside: Callable[[Target, Any], Awaitable[Any]], **options: Any) -> Any:
    calls = []

    async def callback(session: Any) -> Any:
        calls.append(session.in_transaction)
        return await inside(t, session)

    async with t.client.start_session() as session:
        session.transient = True
        result = await outcome(lambda: session.with_transaction(callback, **options))
        return result, calls, session.in_transaction, await t.coll.count_documents({})


async def reads_a_cursor(t: Target, session: Any) -> Any:
    found = [document["_id"] async for document in t.coll.find({}, batch_size=4, session=session)]
    half = t.coll.find({}, batch_size=4, session=session)
    await half.next()
    await half.close()
    aggregated = await got(t.coll.aggregate([], batchSize=4, session=session))
    await aggregated.next()
    await aggregated.close()
    return found


async def writes_much(t: Target, session: Any) -> Any:
    """Several batches, none of which has a number of its own."""
    db = await t.limited_db(maxWriteBatchSize=3)
    async with db.client.start_session() as own:
        await got(own.start_transaction())
        await db.c.insert_many([{"_id": number} for number in range(20, 28)], session=own)
        await own.commit_transaction()


async def bad_options(t: Target) -> Any:
    results = []
    async with t.client.start_session() as session:
        for options in BAD_OPTIONS:
            results.append(await outcome(partial(TransactionOptions, **options)))
            results.append(await outcome(done, partial(session.start_transaction, **options)))
            results.append(session.in_transaction)
    return results


FAILURES: dict[str, dict[str, Any]] = {
    "time limit": {"errorCode": 50},
    "unsatisfiable": {"writeConcernError": {"code": 64, "errmsg": "no", "errInfo": {"wtimeout": True}}},
    "write concern": {"writeConcernError": {"code": 100, "errmsg": "no"}},
    "refused": {"errorCode": 51},
    "transient": {"errorCode": 251, "errorLabels": ["TransientTransactionError"]},
    "no such transaction": {"errorCode": 251},
}
"""The transaction's end, or a command inside it, fails with these."""

LOST: dict[str, dict[str, Any]] = {
    "network": {"closeConnection": True},
    "not primary": {"errorCode": 10107, "errorLabels": ["RetryableWriteError"]},
}
"""After these the server is looked at anew, which takes half a second."""


async def fails_at_its_end(t: Target, how: str) -> Any:
    db = t.own_db(heartbeatFrequencyMS=500)
    async with db.client.start_session() as session:
        await got(session.start_transaction(write_concern=WriteConcern(w=1, j=True)))
        await db.c.insert_one({"_id": 9}, session=session)
        first = await outcome(getattr(session, how))
        return first, session.in_transaction, await outcome(getattr(session, how))


async def command_fails(t: Target) -> Any:
    db = t.own_db(heartbeatFrequencyMS=500)
    async with db.client.start_session() as session:
        await got(session.start_transaction())
        results = [await outcome(lambda: db.c.insert_one({"_id": 9}, session=session)), session.in_transaction]
        await session.abort_transaction()
        return results


CASES = [
    *[
        Case(f"{how}, {name}", partial(ends, how=how, options=options), THREE)
        for how in ("commit_transaction", "abort_transaction")
        for name, options in OPTIONS.items()
    ],
    *[
        Case(f"session's options, {how}, {name}", partial(session_defaults, how=how, given=OPTIONS[name]), THREE)
        for how in ("commit_transaction", "abort_transaction")
        for name in ("none", "read concern local", "w=1", "max_commit_time_ms", "max_commit_time_ms 0")
    ],
    *[
        Case(f"client's options, {name}", partial(client_defaults, given=OPTIONS[name]), THREE)
        for name in ("none", "read concern local", "w=1")
    ],
    Case("bad options", bad_options),
    *[Case(f"order: {order}", partial(in_order, order=order), THREE) for order in ORDERS],
    *[Case(f"block that {inside.__name__}", partial(as_block, inside=inside), THREE) for inside in INSIDE],
    *[
        Case(f"with_transaction that {inside.__name__}", partial(with_transaction, inside=inside), THREE)
        for inside in (*INSIDE, raises_a_transient_error)
        if inside is not swallows  # the server has aborted: the commit fails, and all of it is run again, for ever
    ],
    *[
        Case(f"with_transaction, {name}", partial(with_transaction, inside=inserts, **options), THREE)
        for name, options in OPTIONS.items()
    ],
    Case("with_transaction, cursors", partial(with_transaction, inside=reads_a_cursor), TEN),
    Case("batches", partial(writes_much, session=None)),
    *[
        Case(f"{how} fails: {name}", partial(fails_at_its_end, how=f"{how}_transaction"), THREE, failing)
        for how, failures in (("commit", {**FAILURES, **LOST}), ("abort", FAILURES))
        for name, failing in ((name, fails(f"{how}Transaction", **failure)) for name, failure in failures.items())
    ],
    *[
        Case(f"with_transaction, commit fails: {name}", partial(with_transaction, inside=inserts), THREE, failing)
        for name, failing in ((name, fails("commitTransaction", **failure)) for name, failure in FAILURES.items())
        if name != "time limit"
    ],
    *[
        Case(f"insert fails: {name}", command_fails, THREE, fails("insert", **failure))
        for name, failure in {**FAILURES, **LOST}.items()
    ],
]
