"""A session's state machine, compared with PyMongo's: each sequence of calls has the same outcomes, call by call."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from motor.motor_asyncio import AsyncIOMotorClient

LENGTH = 4
"""Calls in a sequence. Shorter ones are the beginnings of these."""

AT_ONCE = 10


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the class and the message of its error, if any, and the state afterwards."""

    error: str
    message: str
    in_transaction: bool
    ended: bool


async def started(value: Any) -> Any:
    """A session, which PyMongo's start_session returns at once, too."""
    return await value if isinstance(value, Awaitable) else value


async def start(session: Any, collection: Any) -> None:
    """Start a transaction."""
    await started(session.start_transaction())


async def operate(session: Any, collection: Any) -> None:
    """Write something in the session."""
    await collection.insert_one({}, session=session)


async def commit(session: Any, collection: Any) -> None:
    """Commit."""
    await session.commit_transaction()


async def abort(session: Any, collection: Any) -> None:
    """Abort."""
    await session.abort_transaction()


async def end(session: Any, collection: Any) -> None:
    """End the session."""
    await session.end_session()


Call = Callable[[Any, Any], Awaitable[None]]

CALLS: list[Call] = [start, operate, commit, abort, end]


def described(error: Exception | None, session: Any) -> Outcome:
    """An outcome, in which the drivers' classes have one name."""
    message = str(error) if error is not None else ""
    for name in ("AsyncIOMotorClientSession", "AsyncClientSession"):
        message = message.replace(name, "<session>")
    for name in ("AsyncIOMotorClient", "AsyncMongoClient"):
        message = message.replace(name, "<client>")
    return Outcome(type(error).__name__ if error else "", message, session.in_transaction, session.has_ended)


async def outcomes(client: Any, sequence: tuple[Call, ...], **options: Any) -> list[Outcome]:
    """Make the calls, one after the other, in a new session."""
    collection = client.motor_test_transitions.c
    session = await started(client.start_session(**options))
    result = []
    for call in sequence:
        error = None
        try:
            await call(session, collection)
        except (PyMongoError, ValueError, TypeError) as caught:
            error = caught
        result.append(described(error, session))
    await session.end_session()
    return result


@pytest.fixture
async def clients(uri: str) -> AsyncIterator[tuple[Any, Any]]:
    """PyMongo's and Motor's, on the same server."""
    theirs: Any = AsyncMongoClient(uri)
    ours = AsyncIOMotorClient(uri)
    await ours.motor_test_transitions.c.insert_one({})
    yield theirs, ours
    await ours.drop_database("motor_test_transitions")
    await ours.close()
    await theirs.close()


@pytest.mark.parametrize("first", CALLS, ids=lambda call: call.__name__)
async def test_every_sequence_of_calls(first, clients):
    left = iter(itertools.product([first], *[CALLS] * (LENGTH - 1)))
    seen: set[tuple[str, str]] = set()

    async def compare() -> None:
        for sequence in left:
            theirs, ours = [await outcomes(client, sequence) for client in clients]
            assert ours == theirs, [call.__name__ for call in sequence]
            seen.update((outcome.error, outcome.message) for outcome in ours)

    await asyncio.gather(*(compare() for _ in range(AT_ONCE)))
    assert ("InvalidOperation", "Cannot use ended session") in seen
    assert len(seen) >= (4 if first in (start, operate) else 2)


@pytest.mark.parametrize(
    "sequence",
    [
        (start,),
        (start, operate, commit),
        (operate, operate, start),
        (commit,),
        (abort,),
        (end, start),
    ],
    ids=lambda sequence: "-".join(call.__name__ for call in sequence),
)
async def test_no_transaction_in_a_snapshot_session(sequence, clients):
    theirs, ours = [await outcomes(client, sequence, snapshot=True) for client in clients]
    assert ours == theirs


async def error_of(call: Awaitable[Any]) -> tuple[str, str]:
    """The class and the message of what a call raises."""
    with pytest.raises((PyMongoError, ValueError, TypeError)) as raised:
        await call
    message = str(raised.value)
    for motors, pymongos in (
        ("AsyncIOMotorClientSession", "AsyncClientSession"),
        ("AsyncIOMotorClient", "AsyncMongoClient"),
    ):
        message = message.replace(motors, pymongos)
    return type(raised.value).__name__, message


async def ended(client: Any) -> Any:
    """A session that is not usable any more."""
    session = await started(client.start_session())
    await session.end_session()
    return session


async def with_anothers(client: Any) -> Any:
    """A find in the session of another client."""
    other = type(client)("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=1)
    session = await started(other.start_session())
    try:
        await client.db.c.find_one({}, session=session)
    finally:
        await session.end_session()
        await other.close()


async def with_ended(client: Any) -> Any:
    """A find in a session that has ended."""
    await client.db.c.find_one({}, session=await ended(client))


async def insert_with_ended(client: Any) -> Any:
    """An insert in a session that has ended."""
    await client.db.c.insert_one({}, session=await ended(client))


async def cursor_with_ended(client: Any) -> Any:
    """A query in a session that has ended."""
    await client.db.c.find({}, session=await ended(client)).to_list()


async def id_of_ended(client: Any) -> Any:
    """The id of a session that has ended."""
    return (await ended(client)).session_id


async def unacknowledged(client: Any) -> Any:
    """An insert without a reply in an explicit session."""
    async with await started(client.start_session()) as session:
        await client.db.get_collection("c", write_concern=WriteConcern(0)).insert_one({}, session=session)


async def unacknowledged_bulk(client: Any) -> Any:
    """An insert of many without a reply in an explicit session."""
    async with await started(client.start_session()) as session:
        await client.db.get_collection("c", write_concern=WriteConcern(0)).insert_many([{}], session=session)


async def unacknowledged_transaction(client: Any) -> Any:
    """A transaction whose commit would have no reply."""
    async with await started(client.start_session()) as session:
        await started(session.start_transaction(write_concern=WriteConcern(0)))


async def causal_and_snapshot(client: Any) -> Any:
    """A session of two kinds that exclude each other."""
    return await started(client.start_session(causal_consistency=True, snapshot=True))


async def wrong_options(client: Any) -> Any:
    """Default options that are none."""
    return await started(client.start_session(default_transaction_options={"w": 1}))


async def secondary_read(client: Any) -> Any:
    """A read in a transaction, and not from the primary for sure."""
    async with await started(client.start_session()) as session:
        await started(session.start_transaction(read_preference=ReadPreference.SECONDARY_PREFERRED))
        await client.db.c.find_one({}, session=session)


@pytest.mark.parametrize(
    "misuse",
    [
        with_anothers,
        with_ended,
        insert_with_ended,
        cursor_with_ended,
        id_of_ended,
        unacknowledged,
        unacknowledged_bulk,
        unacknowledged_transaction,
        causal_and_snapshot,
        wrong_options,
        secondary_read,
    ],
)
async def test_misuse(misuse, clients):
    theirs, ours = [await error_of(misuse(client)) for client in clients]
    assert ours == theirs
