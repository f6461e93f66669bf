"""The ways to read a cursor, and that each of them gives every document once and in order."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from pymongo import CursorType
from pymongo.errors import InvalidOperation, OperationFailure
from tornado import gen

from motor.motor_tornado import MotorClient
from tests.support.families import TORNADO, closed, in_every_family, in_thread
from tests.support.waiting import until

BAD_STAGE = {"$nonsense": 1}

deprecated = pytest.mark.filterwarnings("ignore:The (fetch_next|next_object) :DeprecationWarning")
"""For a test that uses `fetch_next` and `next_object`, as old applications do."""


def numbers(documents: Any) -> list[int]:
    return [document["_id"] for document in documents]


async def ten(collection: Any) -> Any:
    await collection.insert_many([{"_id": number} for number in range(10)])
    return collection


async def read_each(cursor: Any, until: int | None = None) -> list[tuple[Any, Any]]:
    """What `each` called back with, up to its end or to where the callback returned False."""
    calls: list[tuple[Any, Any]] = []
    ended = asyncio.Event()

    def callback(document: Any, error: Any) -> bool | None:
        calls.append((document, error))
        if document is None or len(calls) == until:
            ended.set()
            return False
        return None

    assert cursor.each(callback) is None
    await ended.wait()
    return calls


async def test_nothing_is_sent_until_it_is_read(watched, commands):
    cursors = [
        watched.find(),
        watched.find({"x": 1}).sort("x").limit(2).batch_size(2).hint("_id_").comment("why"),
        watched.find()[2:5],
        watched.find().clone(),
        watched.aggregate([]),
        watched.list_indexes(),
        watched.database.list_collections(),
    ]
    async with watched.find():
        pass
    for _ in range(3):
        await asyncio.sleep(0)
    assert commands.names == []
    for cursor in cursors:
        await cursor.close()
    assert commands.names == []


@in_every_family
async def test_async_for(collection):
    await ten(collection)
    for batch_size in (0, 1, 2, 3, 9, 10, 11):
        seen = [document["_id"] async for document in collection.find(batch_size=batch_size)]
        assert seen == list(range(10)), batch_size


@in_every_family
async def test_async_for_over_nothing(collection):
    assert [document async for document in collection.find()] == []


@in_every_family
async def test_next(collection):
    await ten(collection)
    cursor = collection.find(batch_size=4)
    assert [(await cursor.next())["_id"] for _ in range(10)] == list(range(10))
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await cursor.next()


@in_every_family
async def test_anext(collection):
    await ten(collection)
    cursor = collection.find()
    assert cursor.__aiter__() is cursor
    assert await cursor.__anext__() == {"_id": 0}
    assert numbers([await cursor.next(), await cursor.__anext__()]) == [1, 2]


@in_every_family
async def test_break_and_go_on(collection):
    await ten(collection)
    cursor = collection.find(batch_size=3)
    async for document in cursor:
        if document["_id"] == 4:
            break
    assert cursor.alive
    assert await cursor.next() == {"_id": 5}
    assert numbers(await cursor.to_list(2)) == [6, 7]
    assert [document["_id"] async for document in cursor] == [8, 9]
    assert not cursor.alive


@in_every_family
async def test_to_list(collection):
    await ten(collection)
    for batch_size in (0, 1, 3, 10):
        assert numbers(await collection.find(batch_size=batch_size).to_list()) == list(range(10))
        assert numbers(await collection.find(batch_size=batch_size).to_list(None)) == list(range(10))
        assert numbers(await collection.find(batch_size=batch_size).to_list(length=None)) == list(range(10))
        assert numbers(await collection.find(batch_size=batch_size).to_list(1000)) == list(range(10))


@in_every_family
async def test_to_list_in_steps(collection):
    await ten(collection)
    for batch_size in (0, 1, 3, 4, 5):
        cursor = collection.find(batch_size=batch_size)
        steps = [numbers(await cursor.to_list(4)) for _ in range(5)]
        assert steps == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [], []], batch_size


@in_every_family
async def test_to_list_of_none_at_all(collection):
    await ten(collection)
    cursor = collection.find(batch_size=3)
    assert await cursor.to_list(0) == []
    assert await cursor.to_list(length=0) == []
    assert numbers(await cursor.to_list(2)) == [0, 1]
    assert await cursor.to_list(0) == []
    assert numbers(await cursor.to_list()) == list(range(2, 10))
    assert await cursor.to_list(0) == await cursor.to_list() == []


@in_every_family
async def test_to_list_of_an_empty_collection(collection):
    cursor = collection.find()
    assert await cursor.to_list() == []
    assert await cursor.to_list(5) == []
    assert not cursor.alive


@in_every_family
async def test_to_list_with_a_bad_length(collection):
    await ten(collection)
    cursor = collection.find()
    for length, error in (("5", TypeError), (2.0, TypeError), ([], TypeError), (-1, ValueError)):
        with pytest.raises(error, match="length must be"):
            await cursor.to_list(length)
    assert not cursor.started
    assert len(await cursor.to_list()) == 10


@in_every_family
async def test_to_list_of_a_tailable_cursor(collection):
    await collection.database.create_collection("capped", capped=True, size=10_000)
    cursor = collection.database.capped.find(cursor_type=CursorType.TAILABLE)
    with pytest.raises(InvalidOperation, match="tailable"):
        await cursor.to_list()
    with pytest.raises(InvalidOperation, match="tailable"):
        await cursor.to_list(5)


@deprecated
@in_every_family
async def test_fetch_next_and_next_object(collection):
    await ten(collection)
    cursor = collection.find(batch_size=3)
    seen = []
    while await cursor.fetch_next:
        seen.append(cursor.next_object()["_id"])
    assert seen == list(range(10))
    assert await cursor.fetch_next is False
    assert cursor.next_object() is None


async def test_fetch_next_and_next_object_are_deprecated(collection):
    cursor = collection.find()
    with pytest.warns(DeprecationWarning, match=r"fetch_next.*async for") as warned:
        await cursor.fetch_next
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=r"next_object.*async for") as warned:
        cursor.next_object()
    assert warned[0].filename == __file__


@deprecated
@in_every_family
async def test_fetch_next_takes_nothing(collection):
    await ten(collection)
    cursor = collection.find(batch_size=2)
    assert cursor.next_object() is None
    future = cursor.fetch_next
    assert asyncio.isfuture(future)
    assert await future
    assert await cursor.fetch_next
    assert cursor.next_object() == {"_id": 0}
    assert cursor.next_object() == {"_id": 1}
    assert cursor.next_object() is None
    assert await cursor.fetch_next
    assert numbers(await cursor.to_list()) == list(range(2, 10))


@deprecated
@in_every_family
async def test_fetch_next_of_nothing_and_of_an_error(collection):
    assert not await collection.find().fetch_next
    with pytest.raises(OperationFailure):
        await collection.find({"$nonsense": 1}).fetch_next


@deprecated
def test_fetch_next_yielded(uri):
    """As Motor's documentation had it before ``async for`` existed."""

    @gen.coroutine
    def main():
        client = MotorClient(uri)
        collection = client["motor_test_fetch_next"].test
        yield collection.drop()
        yield collection.insert_many([{"_id": number} for number in range(7)])
        cursor = collection.find(batch_size=2).sort([("_id", -1)])
        seen = []
        while (yield cursor.fetch_next):
            seen.append(cursor.next_object())
        first = yield collection.find().to_list(length=3)
        yield client.drop_database("motor_test_fetch_next")
        yield gen.convert_yielded(closed(client))
        raise gen.Return((numbers(seen), numbers(first)))

    assert in_thread(lambda: TORNADO.run(main)) == ([6, 5, 4, 3, 2, 1, 0], [0, 1, 2])


@in_every_family
async def test_each(collection):
    await ten(collection)
    for batch_size in (0, 1, 4, 10):
        calls = await read_each(collection.find(batch_size=batch_size))
        assert calls == [*(({"_id": number}, None) for number in range(10)), (None, None)]


@in_every_family
async def test_each_of_nothing(collection):
    assert await read_each(collection.find()) == [(None, None)]
    assert await read_each(collection.aggregate([])) == [(None, None)]


@in_every_family
async def test_each_stops_on_false(collection):
    await ten(collection)
    cursor = collection.find(batch_size=2)
    assert len(await read_each(cursor, until=5)) == 5
    for _ in range(10):
        await asyncio.sleep(0)
    assert numbers(await cursor.to_list()) == list(range(5, 10))


@in_every_family
async def test_each_goes_on_for_anything_but_false(collection):
    await ten(collection)
    calls: list[Any] = []

    def record(returned: Any, *call: Any) -> Any:
        calls.append(call)
        return returned

    for returned in (None, 0, "", True):
        cursor = collection.find(batch_size=3)
        cursor.each(functools.partial(record, returned))
    await until(lambda: calls.count((None, None)) == 4)
    assert len(calls) == 44


@in_every_family
async def test_each_passes_the_error(collection):
    ((document, error),) = await read_each(collection.find({"$nonsense": 1}))
    assert document is None
    assert isinstance(error, OperationFailure)
    ((document, error),) = await read_each(collection.aggregate([BAD_STAGE]))
    assert document is None
    assert isinstance(error, OperationFailure)


@in_every_family
async def test_each_passes_an_error_after_documents(collection):
    await ten(collection)
    cursor = collection.find(batch_size=3)
    await cursor.next()
    await collection.database.command("killCursors", "test", cursors=[cursor.cursor_id])
    *documents, (nothing, error) = await read_each(cursor)
    assert documents == [({"_id": 1}, None), ({"_id": 2}, None)]
    assert nothing is None
    assert isinstance(error, OperationFailure)


@in_every_family
async def test_each_needs_a_callback(collection):
    cursor = collection.find()
    for callback in (None, 5, "callback"):
        with pytest.raises(TypeError, match="callable"):
            cursor.each(callback)
    with pytest.raises(TypeError):
        cursor.each()
    assert not cursor.started


@in_every_family
async def test_a_callback_that_raises(collection):
    """It ends the iteration; its error is the loop's, as with any callback, and is not handed back to it."""
    await ten(collection)
    loop = asyncio.get_running_loop()
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    calls: list[tuple[Any, Any]] = []

    def callback(document: Any, error: Any) -> None:
        calls.append((document, error))
        raise ValueError("mine")

    cursor = collection.find()
    cursor.each(callback)
    await until(lambda: calls)
    for _ in range(10):
        await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert calls == [({"_id": 0}, None)]
    assert len(await cursor.to_list()) == 9


@in_every_family
async def test_each_ends_when_the_callback_closes_the_cursor(collection):
    await ten(collection)
    cursor = collection.find(batch_size=2)
    calls = []

    def callback(document: Any, error: Any) -> None:
        calls.append((document, error))
        if document == {"_id": 1}:
            closing.append(asyncio.ensure_future(cursor.close()))

    closing: list[asyncio.Future[None]] = []
    cursor.each(callback)
    await until(lambda: closing)
    await closing[0]
    for _ in range(10):
        await asyncio.sleep(0.001)
    documents = [document["_id"] for document, _ in calls if document]
    assert documents[:2] == [0, 1]
    # The getMore may have been on its way already; after that one it ends.
    assert len(documents) <= 4
    assert all(error is None for _, error in calls)


@in_every_family
async def test_an_error_of_the_server(collection):
    for cursor in (collection.find({"$nonsense": 1}), collection.aggregate([BAD_STAGE])):
        with pytest.raises(OperationFailure):
            await cursor.next()
        assert not cursor.alive
        with pytest.raises(OperationFailure):
            await cursor.next()
        with pytest.raises(OperationFailure):
            await cursor.to_list()


@in_every_family
async def test_an_error_between_batches(collection):
    await ten(collection)
    cursor = collection.find(batch_size=3)
    assert numbers(await cursor.to_list(3)) == [0, 1, 2]
    await collection.database.command("killCursors", "test", cursors=[cursor.cursor_id])
    with pytest.raises(OperationFailure) as caught:
        await cursor.next()
    assert caught.value.code == 43
    assert not cursor.alive


@in_every_family
async def test_two_tasks_read_one_cursor(collection):
    """Nothing is lost and nothing comes twice, or they are told that they must not."""
    await ten(collection)
    for batch_size in (0, 1, 2, 3):
        cursor = collection.find(batch_size=batch_size)

        async def read(cursor: Any) -> list[int]:
            return [document["_id"] async for document in cursor]

        found = await asyncio.gather(*(read(cursor) for _ in range(3)), return_exceptions=True)
        await shared_fairly(found)


@in_every_family
async def test_two_tasks_make_lists_of_one_cursor(collection):
    await ten(collection)
    for batch_size in (0, 2, 3):
        cursor = collection.find(batch_size=batch_size)

        async def read(cursor: Any) -> list[int]:
            return numbers(await cursor.to_list(7))

        await shared_fairly(await asyncio.gather(read(cursor), read(cursor), return_exceptions=True))


@in_every_family
async def test_several_next_at_once(collection):
    await ten(collection)
    cursor = collection.find(batch_size=2)

    async def read() -> list[int]:
        return [(await cursor.next())["_id"]]

    await shared_fairly(await asyncio.gather(*(read() for _ in range(10)), return_exceptions=True))


async def shared_fairly(found: Any) -> None:
    errors = [each for each in found if isinstance(each, BaseException)]
    assert all(isinstance(error, (InvalidOperation, RuntimeError)) for error in errors), errors
    seen = [number for each in found if not isinstance(each, BaseException) for number in each]
    assert len(set(seen)) == len(seen), "a document came twice"
    if not errors:
        assert sorted(seen) == list(range(10)), "a document was lost"


@in_every_family
async def test_next_given_up_and_tried_again(collection):
    """A cancelled read loses nothing that it doesn't say: the cursor goes on where it was, or has ended."""
    await ten(collection)
    for turns in range(8):
        cursor = collection.find(batch_size=2)
        seen = numbers(await cursor.to_list(2))
        reading = asyncio.ensure_future(cursor.next())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            seen.append(reading.result()["_id"])
        alive = cursor.alive
        seen += numbers(await cursor.to_list())
        assert seen == list(range(len(seen)))
        assert len(seen) == 10 or not alive


@in_every_family
async def test_close_while_it_is_read(collection):
    await ten(collection)
    for turns in range(8):
        cursor = collection.find(batch_size=2)
        reading = asyncio.ensure_future(cursor.next())
        for _ in range(turns):
            await asyncio.sleep(0)
        await cursor.close()
        await asyncio.wait([reading])
        if reading.exception() is None:
            assert reading.result() == {"_id": 0}
        assert len(await cursor.to_list()) <= 2
        assert not cursor.alive


@in_every_family
async def test_many_cursors_at_once(collection):
    await ten(collection)

    async def read(number: int) -> list[int]:
        return [document["_id"] async for document in collection.find({"_id": {"$gte": number}}, batch_size=2)]

    found = await asyncio.gather(*(read(number) for number in range(10)))
    assert found == [list(range(number, 10)) for number in range(10)]


@deprecated
@in_every_family
async def test_tailing(collection):
    await collection.database.create_collection("capped", capped=True, size=10_000)
    capped = collection.database.capped
    await capped.insert_many([{"_id": 1}, {"_id": 2}])
    cursor = capped.find(cursor_type=CursorType.TAILABLE_AWAIT).max_await_time_ms(20)
    assert [document["_id"] async for document in cursor] == [1, 2]
    assert cursor.alive
    await capped.insert_one({"_id": 3})
    assert await cursor.fetch_next
    assert cursor.next_object() == {"_id": 3}
    assert not await cursor.fetch_next
    assert cursor.alive
    await cursor.close()
    assert not cursor.alive


@in_every_family
async def test_no_with_and_no_for(collection):
    cursor = collection.find()
    with pytest.raises((AttributeError, TypeError)), cursor:
        pass
    # iter() and not a loop: were there an iterator, its loop might never end.
    with pytest.raises(TypeError, match="not iterable"):
        iter(cursor)
    with pytest.raises(TypeError, match="not iterable"):
        iter(collection.aggregate([]))
    with pytest.raises(TypeError):
        next(cursor)
    with pytest.raises(TypeError):
        len(cursor)
