"""A method that does I/O returns a Future at once, and has started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from pymongo import IndexModel, InsertOne
from pymongo.errors import (
    BulkWriteError,
    CollectionInvalid,
    DuplicateKeyError,
    InvalidName,
    InvalidOperation,
    OperationFailure,
)
from tornado import gen
from tornado.ioloop import IOLoop
from tornado.util import TimeoutError as TornadoTimeoutError

from motor.core import AgnosticCollection, AgnosticCommandCursor
from motor.motor_tornado import MotorClient
from tests.support.families import closed, in_every_family, in_thread
from tests.support.waiting import until

Call = Callable[[Any], Any]

CALLS: dict[str, Call] = {
    "insert_one": lambda c: c.insert_one({"_id": "one"}),
    "insert_many": lambda c: c.insert_many([{"_id": "many"}]),
    "bulk_write": lambda c: c.bulk_write([InsertOne({"_id": "bulk"})]),
    "find_one": lambda c: c.find_one(),
    "find_one by id": lambda c: c.find_one("one"),
    "update_one": lambda c: c.update_one({}, {"$set": {"x": 1}}),
    "update_many": lambda c: c.update_many({}, {"$set": {"x": 1}}),
    "replace_one": lambda c: c.replace_one({"_id": "many"}, {"x": 2}),
    "find_one_and_update": lambda c: c.find_one_and_update({}, {"$set": {"x": 1}}),
    "find_one_and_replace": lambda c: c.find_one_and_replace({}, {"x": 1}),
    "find_one_and_delete": lambda c: c.find_one_and_delete({"_id": "one"}),
    "count_documents": lambda c: c.count_documents({}),
    "estimated_document_count": lambda c: c.estimated_document_count(),
    "distinct": lambda c: c.distinct("x"),
    "to_list": lambda c: c.find().to_list(None),
    "aggregate to_list": lambda c: c.aggregate([]).to_list(),
    "close": lambda c: c.find().close(),
    "explain": lambda c: c.find().explain(),
    "cursor.distinct": lambda c: c.find().distinct("x"),
    "create_index": lambda c: c.create_index("x"),
    "create_indexes": lambda c: c.create_indexes([IndexModel("y")]),
    "index_information": lambda c: c.index_information(),
    "drop_index": lambda c: c.drop_index("x_1"),
    "drop_indexes": lambda c: c.drop_indexes(),
    "options": lambda c: c.options(),
    "delete_one": lambda c: c.delete_one({}),
    "delete_many": lambda c: c.delete_many({}),
    "rename": lambda c: c.rename("renamed"),
    "drop": lambda c: c.drop(),
    "command": lambda c: c.database.command("ping"),
    "create_collection": lambda c: c.database.create_collection("created"),
    "list_collection_names": lambda c: c.database.list_collection_names(),
    "validate_collection": lambda c: c.database.validate_collection("created"),
    "cursor_command": lambda c: c.database.cursor_command("find", "created"),
    "drop_collection": lambda c: c.database.drop_collection("created"),
    "server_info": lambda c: c.database.client.server_info(),
    "list_database_names": lambda c: c.database.client.list_database_names(),
    "drop_database": lambda c: c.database.client.drop_database("motor_test_never_made"),
}

BAD_CALLS: dict[str, tuple[Call, type[Exception]]] = {
    "insert_one of a number": (lambda c: c.insert_one(5), TypeError),
    "insert_many of nothing": (lambda c: c.insert_many([]), TypeError),
    "insert_many of a document": (lambda c: c.insert_many({}), TypeError),
    "bulk_write of nothing": (lambda c: c.bulk_write([]), InvalidOperation),
    "bulk_write of a document": (lambda c: c.bulk_write([{}]), TypeError),
    "update_one without operators": (lambda c: c.update_one({}, {"x": 1}), ValueError),
    "update_one to nothing": (lambda c: c.update_one({}, {}), ValueError),
    "update_one of a number": (lambda c: c.update_one(5, {"$set": {"x": 1}}), TypeError),
    "replace_one with operators": (lambda c: c.replace_one({}, {"$set": {"x": 1}}), ValueError),
    "delete_one of nothing": (lambda c: c.delete_one(None), TypeError),
    "find_one with an unknown option": (lambda c: c.find_one({}, nonsense=1), TypeError),
    "find_one with a bad projection": (lambda c: c.find_one({}, 5), TypeError),
    "find_one with a bad session": (lambda c: c.find_one(session=5), ValueError),
    "find_one_and_update without operators": (lambda c: c.find_one_and_update({}, {"x": 1}), ValueError),
    "distinct of a number": (lambda c: c.distinct(5), TypeError),
    "create_index of nothing": (lambda c: c.create_index([]), ValueError),
    "create_indexes of a string": (lambda c: c.create_indexes("x"), TypeError),
    "rename to nothing": (lambda c: c.rename(""), InvalidName),
    "insert_one of the same": (lambda c: c.insert_one({"_id": "there"}), DuplicateKeyError),
    "insert_many of the same": (lambda c: c.insert_many([{"_id": "there"}]), BulkWriteError),
    "a filter no server knows": (lambda c: c.find_one({"$nonsense": 1}), OperationFailure),
    "an unknown command": (lambda c: c.database.command("nonsense"), OperationFailure),
    "a command of no type": (lambda c: c.database.command(5), TypeError),
    "create_collection of one that is there": (lambda c: c.database.create_collection("test"), CollectionInvalid),
    "create_collection without a name": (lambda c: c.database.create_collection(""), InvalidName),
    "drop_collection of a number": (lambda c: c.database.drop_collection(5), TypeError),
    "drop_database of a number": (lambda c: c.database.client.drop_database(5), TypeError),
    "to_list of a bad aggregate": (lambda c: c.aggregate(5).to_list(), TypeError),
    "to_list of a bad stage": (lambda c: c.aggregate([{"$nonsense": 1}]).to_list(), OperationFailure),
    "cursor_command without a cursor": (lambda c: c.database.cursor_command("ping"), InvalidOperation),
    "dereference of a number": (lambda c: c.database.dereference(5), TypeError),
}


@in_every_family
async def test_every_method_that_does_io_returns_a_future(collection):
    for name, call in CALLS.items():
        future = call(collection)
        assert asyncio.isfuture(future), name
        assert not future.done() or name == "close", name
        try:
            await future
        except Exception as error:
            raise AssertionError(name) from error


@in_every_family
async def test_exceptions_come_through_the_future(collection):
    await collection.insert_one({"_id": "there"})
    for name, (call, expected) in BAD_CALLS.items():
        try:
            future = call(collection)
        except Exception as error:
            raise AssertionError(f"{name}: the call itself raised") from error
        assert asyncio.isfuture(future), name
        try:
            await future
        except expected:
            pass
        except Exception as error:
            raise AssertionError(name) from error
        else:
            raise AssertionError(f"{name}: nothing raised")


@in_every_family
async def test_it_starts_without_being_awaited(collection):
    ended = asyncio.Event()
    future = collection.insert_one({"_id": 1})
    future.add_done_callback(lambda _: ended.set())
    await ended.wait()
    assert future.result().inserted_id == 1
    assert await collection.find_one() == {"_id": 1}


@in_every_family
async def test_nobody_has_to_keep_the_future(collection):
    for number in range(20):
        collection.insert_one({"_id": number})
    found = 0
    for _ in range(500):
        found = await collection.count_documents({})
        if found == 20:
            break
        await asyncio.sleep(0.01)
    assert found == 20


@in_every_family
async def test_result_and_exception_are_those_of_a_future(collection):
    good, bad = collection.insert_one({"_id": 1}), collection.insert_one(5)
    with pytest.raises(asyncio.InvalidStateError):
        good.result()
    await asyncio.wait([good, bad])
    assert good.done()
    assert good.exception() is None
    assert isinstance(bad.exception(), TypeError)
    assert await good is good.result()
    assert await good is await good


@in_every_family
async def test_gather_keeps_order(collection):
    await collection.insert_many([{"_id": number} for number in range(30)])
    found = await asyncio.gather(*(collection.find_one(number) for number in range(30)))
    assert [document["_id"] for document in found] == list(range(30))


@in_every_family
async def test_gather_with_exceptions(collection):
    found: Any = await asyncio.gather(
        collection.insert_one({"_id": 1}), collection.insert_one(5), collection.find_one(7), return_exceptions=True
    )
    assert found[0].inserted_id == 1
    assert isinstance(found[1], TypeError)
    assert found[2] is None


@in_every_family
async def test_ensure_future_wait_for_shield_wait(collection):
    future = collection.insert_one({"_id": 1})
    assert asyncio.ensure_future(future) is future
    assert (await asyncio.wait_for(future, 60)).inserted_id == 1
    assert await asyncio.shield(collection.count_documents({})) == 1
    done, pending = await asyncio.wait([collection.find_one(), collection.find_one()])
    assert (len(done), len(pending)) == (2, 0)
    assert [await next_done for next_done in asyncio.as_completed([collection.find_one()])] == [{"_id": 1}]


@in_every_family
async def test_a_done_callback_gets_the_future(collection):
    called: list[Any] = []
    future = collection.find_one()
    future.add_done_callback(called.append)
    await future
    await until(lambda: called)
    assert called == [future]


@in_every_family
async def test_inside_a_task_group_of_coroutines(collection):
    async def insert_and_find(number: int) -> Any:
        await collection.insert_one({"_id": number})
        return await collection.find_one(number)

    tasks = [asyncio.create_task(insert_and_find(number)) for number in range(10)]
    assert [await task for task in tasks] == [{"_id": number} for number in range(10)]


@in_every_family
async def test_cancelled_before_it_starts(collection):
    future = collection.insert_one({"_id": 1})
    assert future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future
    assert future.cancelled()
    assert await collection.find_one({"_id": 2}) is None


@in_every_family
async def test_cancelled_after_any_number_of_turns(collection):
    """With one connection, so that one lost, or one with a reply half read, would be noticed."""
    one = type(collection.database.client)(collection_uri(collection), maxPoolSize=1)[collection.database.name]["test"]
    await one.insert_many([{"_id": number} for number in range(12)])
    for turns in range(12):
        future = one.find_one({"_id": turns})
        for _ in range(turns):
            await asyncio.sleep(0)
        future.cancel()
        await asyncio.wait([future])
        assert await one.find_one({"_id": turns}) == {"_id": turns}
    await closed(one.database.client)


@in_every_family
async def test_a_cancelled_waiter_cancels_what_it_waits_for(collection):
    future = collection.find_one()
    task = asyncio.ensure_future(asyncio.wait_for(future, 60))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await asyncio.wait([future])
    assert future.cancelled()


@in_every_family
async def test_wait_for_gives_up(collection):
    await collection.insert_one({"_id": 1})
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(collection.find_one(), 0)
    assert await collection.find_one() == {"_id": 1}


@in_every_family
async def test_methods_without_io_return_at_once(collection):
    """No server is needed for them: there is none at this address."""
    client = type(collection.database.client)("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=100)
    for thing in (
        client.db,
        client["db"],
        client.get_database("db"),
        client.get_default_database("db"),
        client.db.c,
        client.db.get_collection("c"),
        client.db.c.sub,
        client.db.c.with_options(),
        client.db.c.find(),
        client.db.c.find({"x": 1}).sort("x").limit(3),
        client.db.c.aggregate([]),
        client.db.c.list_indexes(),
        client.db.list_collections(),
        client.db.aggregate([]),
        client.list_databases(),
    ):
        assert not asyncio.isfuture(thing)
    assert client.nodes == frozenset()
    await closed(client)


@in_every_family
async def test_a_cursor_is_of_its_own_family(collection):
    prefix = type(collection.database.client).__name__.removesuffix("Client")
    await collection.insert_one({"_id": 1})
    assert type(collection.find()).__name__ == f"{prefix}Cursor"
    assert type(collection.aggregate([])).__name__ == f"{prefix}LatentCommandCursor"
    assert isinstance(await collection.aggregate([]), AgnosticCommandCursor)
    assert type(await collection.database.create_collection("other")) is type(collection)
    assert isinstance(await collection.database.cursor_command("find", "test"), AgnosticCommandCursor)


@pytest.mark.filterwarnings("default:make_current is deprecated:DeprecationWarning")  # by Tornado 6.2 alone
@pytest.mark.parametrize("make_current", [True, False])
def test_yielded_in_tornado_coroutines(uri, make_current):
    @gen.coroutine
    def main():
        client = MotorClient(uri)
        collection = client["motor_test_tornado_yield"].test
        yield collection.drop()
        inserted = yield collection.insert_one({"_id": 1})
        document = yield collection.find_one()
        several = yield [collection.find_one(), collection.find_one({"_id": 2})]
        named = yield {"count": collection.count_documents({}), "names": client.list_database_names()}
        documents = yield collection.find().to_list(10)
        with pytest.raises(DuplicateKeyError):
            yield collection.insert_one({"_id": 1})
        with pytest.raises(TypeError):
            yield collection.insert_one(cast(Any, 5))
        with pytest.raises(TornadoTimeoutError):
            yield gen.with_timeout(IOLoop.current().time() - 1, late := collection.find_one())
        yield gen.moment
        assert (yield late) == {"_id": 1}
        yield client.drop_database("motor_test_tornado_yield")
        yield client.close()
        yield gen.sleep(0)
        yield gen.sleep(0)
        raise gen.Return((inserted.inserted_id, document, several, named["count"], documents))

    def run():
        loop = IOLoop(make_current=make_current)
        try:
            return loop.run_sync(main)
        finally:
            loop.close(all_fds=True)

    assert in_thread(run) == (1, {"_id": 1}, [{"_id": 1}, None], 1, [{"_id": 1}])


def test_tornado_loop_is_given_the_future(uri):
    """`IOLoop.add_future` is how applications without coroutines wait."""

    def run():
        loop = IOLoop(make_current=False)
        client = MotorClient(uri, io_loop=loop)
        results = []

        def found(future):
            results.append(future.result())
            client.close()
            loop.call_later(0.01, loop.stop)

        def begin():
            loop.add_future(client.admin.command("ping"), found)

        loop.add_callback(begin)
        loop.start()
        loop.close(all_fds=True)
        return results

    assert in_thread(run)[0]["ok"] == 1


def collection_uri(collection: AgnosticCollection[Any]) -> str:
    """The URI of the server that a collection's client is connected to."""
    ((host, port),) = (
        collection.database.client.nodes or collection.database.client.topology_description.server_descriptions()
    )
    return f"mongodb://{host}:{port}"
