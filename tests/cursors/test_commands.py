"""The cursors of commands, of lists and of transactions, in several batches; and no_cursor_timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.errors import InvalidOperation, OperationFailure

from motor.core import AgnosticCommandCursor
from tests.support.cursors import Holder
from tests.support.inside import at_rest, pool_of
from tests.support.listener import Request
from tests.support.messages import message

LISTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "list_indexes": ("listIndexes", lambda client: client.db.c.list_indexes()),
    "list_collections": ("listCollections", lambda client: client.db.list_collections()),
}


async def opened(value: Any) -> Any:
    """The cursor itself, where a method returns a Future of it."""
    return await value if asyncio.isfuture(value) else value


@pytest.mark.parametrize("name", LISTS)
async def test_lists_in_several_batches(server, connect, holder, name):
    command, call = LISTS[name]

    async def first(request: Request) -> None:
        holder.open[7] = 2
        cursor = {"id": Int64(7), "ns": "db.$cmd.lists", "firstBatch": holder.documents[:2]}
        await request.peer.send(message({"cursor": cursor, "ok": 1}, request.id))

    client = connect(server)
    server.script(command, first, first)
    cursor = await opened(call(client))
    assert [document["_id"] async for document in cursor] == list(range(40))
    assert server.names == [command, "getMore", "getMore", "getMore", "getMore"]
    assert all(request.command["collection"] == "$cmd.lists" for request in server.requests[1:])
    assert len({bytes(request.command["lsid"]["id"]) for request in server.requests}) == 1
    # Closed early it is killed by the namespace that the server has named.
    cursor = await opened(call(client))
    await cursor.next()
    await cursor.close()
    killing = server.requests[-1].command
    assert (killing["killCursors"], killing["cursors"]) == ("$cmd.lists", [7])
    assert at_rest(pool_of(client))


async def test_lists_of_a_real_server(numbers, commands):
    database = numbers.database
    for number in range(5):
        await database[f"c{number}"].insert_one({})
        await numbers.create_index(f"field{number}")
    listed = await (await opened(database.list_collections(cursor={"batchSize": 2}))).to_list()
    assert {each["name"] for each in listed} == {"numbers", *(f"c{number}" for number in range(5))}
    assert len(await numbers.list_indexes().to_list()) == 6
    names = [each["name"] for each in await (await opened(database.client.list_databases())).to_list()]
    assert database.name in names


async def test_cursor_command(numbers, commands):
    cursor = await numbers.database.cursor_command("find", numbers.name, batchSize=4, sort={"_id": 1})
    assert isinstance(cursor, AgnosticCommandCursor)
    assert [document["_id"] async for document in cursor] == list(range(10))
    assert commands.names[:2] == ["find", "getMore"]
    assert "batchSize" not in commands.of("getMore")[0]
    cursor = await numbers.database.cursor_command({"find": numbers.name, "batchSize": 2}, max_await_time_ms=5)
    cursor.batch_size(3)
    await cursor.next()
    await cursor.close()
    assert commands.names[-1] == "killCursors"


async def test_cursor_command_of_a_pipeline(numbers, commands):
    command = {"aggregate": numbers.name, "pipeline": [{"$sort": {"_id": -1}}], "cursor": {"batchSize": 3}}
    cursor = await numbers.database.cursor_command(command, comment="mine")
    assert [document["_id"] for document in await cursor.to_list()] == list(range(9, -1, -1))
    assert [sent.get("comment") for sent in commands.of("getMore")] == ["mine"] * len(commands.of("getMore"))


async def test_cursor_command_in_a_session(numbers, commands):
    async with await numbers.database.client.start_session() as session:
        cursor = await numbers.database.cursor_command("find", numbers.name, batchSize=4, session=session)
        assert cursor.session is session
        assert len(await cursor.to_list()) == 10
        assert all(command["lsid"] == session.session_id for command in commands.sent)


async def test_a_command_that_has_no_cursor(numbers):
    with pytest.raises(InvalidOperation):
        await numbers.database.cursor_command("ping")
    with pytest.raises(OperationFailure):
        await numbers.database.cursor_command("noSuchCommand")


@pytest.mark.parametrize("kind", ["find", "aggregate", "raw"])
async def test_in_a_transaction(numbers, commands, kind):
    """Each command carries the transaction, and the cursor sees what it has written."""
    async with await numbers.database.client.start_session() as session, session.start_transaction():
        await numbers.insert_one({"_id": 10}, session=session)
        options = {"session": session}
        if kind == "find":
            cursor = numbers.find({}, batch_size=4, **options)
        elif kind == "aggregate":
            cursor = numbers.aggregate([], batchSize=4, **options)
        else:
            cursor = numbers.find_raw_batches({}, batch_size=4, **options)
        # Other commands of the session's come between its batches.
        await cursor.next()
        assert await numbers.find_one({"_id": 10}, session=session)
        rest = await cursor.to_list()
        assert len(rest) == (2 if kind == "raw" else 10)
        sent = [command for name in ("find", "aggregate", "getMore") for command in commands.of(name)]
        assert all(command["autocommit"] is False for command in sent)
        assert len({command["txnNumber"] for command in sent}) == 1
    assert commands.names[-1] == "commitTransaction"


async def test_closed_in_a_transaction(numbers, commands):
    async with await numbers.database.client.start_session() as session, session.start_transaction():
        async with numbers.find({}, batch_size=2, session=session) as cursor:
            await cursor.next()
        assert commands.of("killCursors")[0]["lsid"] == session.session_id
        assert not session.has_ended
        assert await numbers.count_documents({}, session=session) == 10


async def test_no_cursor_timeout_warns_without_a_session(numbers, commands):
    with pytest.warns(UserWarning, match="session after 30 idle minutes"):
        cursor = numbers.find({}, no_cursor_timeout=True)
    assert len(await cursor.to_list()) == 10
    assert commands.of("find")[0]["noCursorTimeout"] is True


async def test_no_cursor_timeout_does_not_warn_with_one(numbers, recwarn):
    async with await numbers.database.client.start_session() as session:
        assert len(await numbers.find({}, no_cursor_timeout=True, session=session).to_list()) == 10
    assert not [each for each in recwarn if each.category is UserWarning]


async def test_the_warning_names_the_callers_line(numbers, recwarn):
    numbers.find({}, no_cursor_timeout=True)
    (warning,) = (each for each in recwarn if each.category is UserWarning)
    assert warning.filename == __file__


async def test_a_large_answer_to_a_command(server, connect):
    """Batches of a command that are larger than what is decoded in one go."""
    holder = Holder(server, 0, 2000)
    holder.documents = [{"_id": number, "text": "x" * 500} for number in range(5000)]
    cursor = connect(server).db.c.aggregate([])
    assert [document["_id"] async for document in cursor] == list(range(5000))
    assert server.names == ["aggregate", "getMore", "getMore"]
