"""What may be asked of a cursor before it starts, and no longer after."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from bson import SON, Code
from pymongo import ASCENDING, DESCENDING, CursorType
from pymongo.collation import Collation
from pymongo.errors import InvalidOperation

from tests.support.families import in_every_family

from .test_cursor_reading import deprecated

# What each sends, beside the filter.
OPTIONS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "sort by one": (lambda c: c.sort("x"), {"sort": {"x": 1}}),
    "sort by one, down": (lambda c: c.sort("x", DESCENDING), {"sort": {"x": -1}}),
    "sort by several": (lambda c: c.sort([("x", ASCENDING), ("y", -1)]), {"sort": {"x": 1, "y": -1}}),
    "sort by a mapping": (lambda c: c.sort({"x": -1}), {"sort": {"x": -1}}),
    "sort by the text's score": (
        lambda c: c.sort([("s", {"$meta": "textScore"})]),
        {"sort": {"s": {"$meta": "textScore"}}},
    ),
    "limit": (lambda c: c.limit(3), {"limit": 3}),
    "limit, negative": (lambda c: c.limit(-3), {"limit": 3, "singleBatch": True}),
    "limit, none": (lambda c: c.limit(0), {}),
    "skip": (lambda c: c.skip(3), {"skip": 3}),
    "batch_size": (lambda c: c.batch_size(3), {"batchSize": 3}),
    "hint, name": (lambda c: c.hint("_id_"), {"hint": "_id_"}),
    "hint, keys": (lambda c: c.hint([("_id", 1)]), {"hint": {"_id": 1}}),
    "hint, none": (lambda c: c.hint("_id_").hint(None), {}),
    "comment": (lambda c: c.comment("why"), {"comment": "why"}),
    "min and max": (
        lambda c: c.min([("_id", 2)]).max([("_id", 7)]).hint("_id_"),
        {"min": {"_id": 2}, "max": {"_id": 7}, "hint": "_id_"},
    ),
    "where": (lambda c: c.where("this.x < 3"), {"filter": {"$where": Code("this.x < 3")}}),
    "where, code": (lambda c: c.where(Code("this.x < 3")), {"filter": {"$where": Code("this.x < 3")}}),
    "collation": (lambda c: c.collation(Collation("en")), {"collation": {"locale": "en"}}),
    "collation, mapping": (lambda c: c.collation({"locale": "en"}), {"collation": {"locale": "en"}}),
    "collation, none": (lambda c: c.collation({"locale": "en"}).collation(None), {}),
    "max_time_ms": (lambda c: c.max_time_ms(9000), {"maxTimeMS": 9000}),
    "max_time_ms, none": (lambda c: c.max_time_ms(9000).max_time_ms(None), {}),
    "max_await_time_ms": (lambda c: c.max_await_time_ms(50), {}),
    "allow_disk_use": (lambda c: c.allow_disk_use(True), {"allowDiskUse": True}),
    "allow_disk_use, not": (lambda c: c.allow_disk_use(False), {"allowDiskUse": False}),
    "add_option": (lambda c: c.add_option(16), {"noCursorTimeout": True}),
    "remove_option": (lambda c: c.add_option(16).remove_option(16), {}),
    "the last one counts": (
        lambda c: c.limit(3).limit(4).skip(1).skip(2).sort("x").sort("y", -1).batch_size(2).batch_size(5),
        {"limit": 4, "skip": 2, "sort": {"y": -1}, "batchSize": 5},
    ),
    "all together": (
        lambda c: (
            c.sort("x").skip(1).limit(5).batch_size(2).comment("why").max_time_ms(9000).collation({"locale": "en"})
        ),
        {
            "sort": {"x": 1},
            "skip": 1,
            "limit": 5,
            "batchSize": 2,
            "comment": "why",
            "maxTimeMS": 9000,
            "collation": {"locale": "en"},
        },
    ),
}

BAD_OPTIONS: dict[str, tuple[Callable[[Any], Any], type[Exception]]] = {
    "limit, string": (lambda c: c.limit("3"), TypeError),
    "limit, none": (lambda c: c.limit(None), TypeError),
    "skip, string": (lambda c: c.skip("3"), TypeError),
    "skip, negative": (lambda c: c.skip(-1), ValueError),
    "batch_size, string": (lambda c: c.batch_size("3"), TypeError),
    "batch_size, negative": (lambda c: c.batch_size(-1), ValueError),
    "sort, number": (lambda c: c.sort(5), TypeError),
    "sort, nothing": (lambda c: c.sort([]), ValueError),
    "sort, direction": (lambda c: c.sort("x", 1.5), TypeError),
    "min, mapping": (lambda c: c.min({"x": 1}), TypeError),
    "max, string": (lambda c: c.max("x"), TypeError),
    "max_time_ms, string": (lambda c: c.max_time_ms("9"), TypeError),
    "max_await_time_ms, string": (lambda c: c.max_await_time_ms("9"), TypeError),
    "allow_disk_use, number": (lambda c: c.allow_disk_use(1), TypeError),
    "add_option, string": (lambda c: c.add_option("16"), TypeError),
    "remove_option, none": (lambda c: c.remove_option(None), TypeError),
    "collation, string": (lambda c: c.collation("en"), TypeError),
    "hint, number": (lambda c: c.hint(5), TypeError),
}

STARTED: dict[str, Callable[[Any], Any]] = {
    "sort": lambda c: c.sort("x"),
    "limit": lambda c: c.limit(1),
    "skip": lambda c: c.skip(1),
    "batch_size": lambda c: c.batch_size(1),
    "hint": lambda c: c.hint("_id_"),
    "comment": lambda c: c.comment("why"),
    "max": lambda c: c.max([("_id", 1)]),
    "min": lambda c: c.min([("_id", 1)]),
    "where": lambda c: c.where("true"),
    "collation": lambda c: c.collation({"locale": "en"}),
    "max_time_ms": lambda c: c.max_time_ms(1),
    "max_await_time_ms": lambda c: c.max_await_time_ms(1),
    "max_scan": lambda c: c.max_scan(1),
    "allow_disk_use": lambda c: c.allow_disk_use(True),
    "add_option": lambda c: c.add_option(16),
    "remove_option": lambda c: c.remove_option(16),
    "index": lambda c: c[1],
    "slice": lambda c: c[1:2],
}

# Options that may not be answered by every server: only what is sent is compared.
_ALWAYS_SENT = ("find", "lsid", "$db", "$clusterTime", "$readPreference")


@pytest.mark.parametrize("name", OPTIONS)
async def test_option(watched, commands, name):
    change, expected = OPTIONS[name]
    cursor = watched.find()
    assert change(cursor) is cursor
    try:
        await cursor.to_list(1)
    except Exception:
        assert name in ("where", "where, code", "sort by the text's score")
    (find,) = commands.of("find")
    sent = {key: value for key, value in find.items() if key not in _ALWAYS_SENT}
    assert sent == {"filter": {}, **expected}


@pytest.mark.parametrize("name", BAD_OPTIONS)
async def test_bad_option(watched, commands, name):
    change, expected = BAD_OPTIONS[name]
    cursor = watched.find()
    with pytest.raises(expected):
        change(cursor)
    # The cursor is as good as before.
    assert len(await cursor.to_list()) == 10
    (find,) = commands.of("find")
    assert {key for key in find if key not in _ALWAYS_SENT} <= {"filter"}


@deprecated
@pytest.mark.parametrize("read", ["next", "to_list", "async for", "fetch_next", "closed"])
async def test_nothing_may_be_changed_after_the_start(watched, read):
    cursor = watched.find(batch_size=2)
    if read == "to_list":
        await cursor.to_list(1)
    elif read == "async for":
        async for _ in cursor:
            break
    elif read == "fetch_next":
        await cursor.fetch_next
    else:
        await cursor.next()
        if read == "closed":
            await cursor.close()
    for change in STARTED.values():
        with pytest.raises(InvalidOperation, match="cannot set options after executing query"):
            change(cursor)
    await cursor.close()


async def test_nothing_may_be_changed_after_the_end(watched):
    cursor = watched.find()
    await cursor.to_list()
    nothing = watched.find({"x": "nothing"})
    assert await nothing.to_list() == []
    for change in STARTED.values():
        with pytest.raises(InvalidOperation, match="cannot set options after executing query"):
            change(cursor)
        with pytest.raises(InvalidOperation, match="cannot set options after executing query"):
            change(nothing)


async def test_all_may_be_changed_after_rewind(watched):
    cursor = watched.find(batch_size=2)
    await cursor.next()
    assert cursor.rewind() is cursor
    for change in STARTED.values():
        assert change(cursor.rewind()) is cursor


async def test_find_takes_them_all(watched, commands):
    cursor = watched.find(
        {"x": {"$gte": 0}},
        {"x": 1},
        1,
        8,
        no_cursor_timeout=True,
        cursor_type=CursorType.NON_TAILABLE,
        sort=[("x", -1)],
        allow_partial_results=True,
        batch_size=3,
        collation=Collation("en"),
        hint="_id_",
        max_time_ms=9000,
        max=[("_id", 100)],
        min=[("_id", 0)],
        return_key=False,
        show_record_id=False,
        comment="why",
        allow_disk_use=True,
        let={"v": 1},
    )
    await cursor.close()
    assert cursor.collection == watched
    assert commands.names == []


async def test_find_refuses_bad_arguments_at_once(watched, commands):
    for arguments, options, error in (
        ([5], {}, TypeError),
        (["x"], {}, TypeError),
        ([{}, 5], {}, TypeError),
        ([], {"skip": "1"}, TypeError),
        ([], {"limit": None}, TypeError),
        ([], {"batch_size": -1}, ValueError),
        ([], {"no_cursor_timeout": 1}, TypeError),
        ([], {"cursor_type": 77}, ValueError),
        ([], {"sort": 5}, TypeError),
        ([], {"let": 5}, TypeError),
        ([], {"collation": "en"}, TypeError),
        ([], {"allow_disk_use": "yes"}, TypeError),
        ([], {"session": 5}, ValueError),
        ([], {"nonsense": 1}, TypeError),
        ([], {"cursor_type": CursorType.EXHAUST, "limit": 1}, InvalidOperation),
    ):
        with pytest.raises(error):
            watched.find(*arguments, **options)
    assert commands.names == []


@in_every_family
async def test_slices(collection):
    await collection.insert_many([{"_id": number} for number in range(10)])

    def find() -> Any:
        return collection.find().sort("_id")

    for part in (
        slice(2, 5),
        slice(0, 3),
        slice(None, 3),
        slice(7, None),
        slice(None, None),
        slice(8, 20),
        slice(20, 30),
        slice(9, 10),
    ):
        assert [document["_id"] async for document in find()[part]] == list(range(10))[part], part
    for batch_size in (1, 2, 7):
        assert len(await find().batch_size(batch_size)[2:9].to_list()) == 7


@in_every_family
async def test_indexes(collection):
    await collection.insert_many([{"_id": number} for number in range(10)])
    for index in (0, 3, 9):
        cursor = collection.find().sort("_id")[index]
        assert type(cursor) is type(collection.find())
        assert await cursor.to_list() == [{"_id": index}]
    assert await collection.find().sort("_id", -1)[3].next() == {"_id": 6}
    assert await collection.find()[10].to_list() == []
    assert await collection.find()[True].to_list() == [{"_id": 1}]


async def test_an_empty_slice_asks_nobody(watched, commands):
    for cursor in (watched.find()[3:3], watched.find()[0:0], watched.find()[:0]):
        assert await cursor.to_list() == []
        assert [document async for document in cursor] == []
        assert not cursor.alive
    assert commands.names == []
    assert await watched.find()[3:3].clone().to_list() == []
    assert len(await watched.find()[3:3].limit(2).to_list()) == 2
    assert len(await watched.find()[3:3].rewind()[1:3].to_list()) == 2


async def test_slicing_and_what_was_set_before(watched, commands):
    """A slice stands for itself; a number counts from what is skipped already. That is how Motor 2 had it."""
    assert await watched.find().skip(1).limit(9)[2:4].to_list() == [{"_id": 2, "x": 2}, {"_id": 3, "x": 3}]
    assert await watched.find().skip(2)[3].to_list() == [{"_id": 5, "x": 5}]
    assert await watched.find().limit(2)[5].to_list() == [{"_id": 5, "x": 5}]
    assert await watched.find()[2:8][3].to_list() == [{"_id": 5, "x": 5}]
    assert (await watched.find()[2:4].limit(5).to_list())[-1] == {"_id": 6, "x": 6}
    assert [(find.get("skip", 0), find.get("limit")) for find in commands.of("find")] == [
        (2, 2),
        (5, 1),
        (5, 1),
        (5, 1),
        (2, 5),
    ]


async def test_slicing_returns_the_cursor_itself(watched):
    cursor = watched.find()
    assert cursor[2:5] is cursor
    assert cursor[3] is cursor
    await cursor.close()


async def test_bad_slices(watched):
    cursor = watched.find()
    for index, error in (
        (-1, IndexError),
        (slice(-3, None), IndexError),
        (slice(-3, -1), IndexError),
        (slice(1, 5, 2), IndexError),
        (slice(None, None, -1), IndexError),
        (slice(5, 2), IndexError),
        (slice(0, -1), IndexError),
        ("x", TypeError),
        (1.5, TypeError),
        (None, TypeError),
        (slice("a", None), TypeError),
        (slice(None, "b"), TypeError),
        (slice(1.5, 3), TypeError),
    ):
        with pytest.raises(error):
            cursor[index]
    assert len(await cursor.to_list()) == 10


async def test_limits_and_batches(watched, commands):
    """The documents are the same whatever the batches; the last getMore asks for no more than is missing."""
    for skip in (0, 3):
        for limit in (0, 1, 2, 3, 5, 10, 20):
            for batch_size in (0, 1, 2, 3, 10, 20):
                cursor = watched.find(skip=skip, limit=limit, batch_size=batch_size)
                seen = [document["_id"] async for document in cursor]
                assert seen == list(range(10))[skip:][: limit or None], (skip, limit, batch_size)
                assert not cursor.alive
                for more in commands.of("getMore"):
                    assert not limit or more["batchSize"] <= limit
                assert "killCursors" not in commands.names
                commands.clear()


async def test_a_negative_limit_is_one_batch(watched, commands):
    assert len(await watched.find().limit(-3).to_list()) == 3
    assert len(await watched.find().limit(-20).to_list()) == 10
    assert len(await watched.find(batch_size=2, limit=-5).to_list()) in (2, 5)
    assert commands.names == ["find"] * 3


@pytest.mark.parametrize(
    "duplicate", [lambda c: c.clone(), copy.copy, copy.deepcopy], ids=["clone", "copy", "deepcopy"]
)
async def test_clones(watched, commands, duplicate):
    cursor = watched.find({"x": {"$gt": 1}}, {"_id": 0}).sort("x", -1).skip(1).limit(4).batch_size(2).comment("why")
    before = duplicate(cursor)
    await cursor.next()
    during = duplicate(cursor)
    rest = await cursor.to_list()
    after = duplicate(cursor)
    assert rest == [{"x": 7}, {"x": 6}, {"x": 5}]
    for twin in (before, during, after):
        assert type(twin) is type(cursor)
        assert twin is not cursor
        assert twin.collection is cursor.collection
        assert (twin.alive, twin.cursor_id, twin.address, twin.started) == (True, None, None, False)
        assert await twin.to_list() == [{"x": 8}, *rest]
    finds = [{**find, "lsid": None, "$clusterTime": None} for find in commands.of("find")]
    assert len(finds) == 4
    assert all(find == finds[0] for find in finds)


@pytest.mark.parametrize(
    "duplicate", [lambda c: c.clone(), copy.copy, copy.deepcopy], ids=["clone", "copy", "deepcopy"]
)
async def test_clones_have_options_of_their_own(watched, duplicate):
    cursor = watched.find().sort("x")
    twin = duplicate(cursor).limit(2).sort("x", -1)
    assert [document["x"] for document in await twin.to_list()] == [9, 8]
    assert len(await cursor.to_list()) == 10


async def test_a_deep_copy_keeps_its_filter(watched):
    wanted = {"x": {"$in": [1, 2]}}
    cursor = watched.find(wanted)
    deep, cloned, shallow = copy.deepcopy(cursor), cursor.clone(), copy.copy(cursor)
    wanted["x"]["$in"].append(3)
    assert len(await deep.to_list()) == 2
    assert len(await cloned.to_list()) == 2
    assert len(await shallow.to_list()) == 3


async def test_rewind(watched, commands):
    cursor = watched.find(batch_size=3, limit=7)
    everything = await cursor.to_list()
    assert len(everything) == 7
    assert cursor.rewind() is cursor
    assert (cursor.alive, cursor.cursor_id, cursor.address, cursor.started) == (True, None, None, False)
    assert await cursor.to_list() == everything
    assert await cursor.rewind().to_list(2) == everything[:2]
    assert await cursor.rewind().next() == everything[0]
    await cursor.close()
    assert await cursor.rewind().to_list() == everything
    assert len(commands.of("find")) == 5


async def test_rewind_before_the_start(watched, commands):
    cursor = watched.find()
    assert cursor.rewind().rewind() is cursor
    assert len(await cursor.to_list()) == 10
    assert commands.names == ["find"]


async def test_a_projection_and_a_filter_keep_their_order(watched, commands):
    await watched.find(SON([("x", 1), ("_id", 1)]), SON([("x", 1), ("_id", 0)])).to_list()
    (find,) = commands.of("find")
    assert list(find["filter"]) == ["x", "_id"]
    assert list(find["projection"]) == ["x", "_id"]


@in_every_family
async def test_explain(collection):
    await collection.insert_many([{"_id": number} for number in range(10)])
    cursor = collection.find({"_id": {"$gt": 3}}).limit(2)
    plan = await cursor.explain()
    assert "queryPlanner" in plan
    assert not cursor.started
    assert len(await cursor.to_list()) == 2
    assert "queryPlanner" in await cursor.explain()


@in_every_family
async def test_distinct(collection):
    await collection.insert_many([{"_id": number, "x": number % 3} for number in range(10)])
    cursor = collection.find({"_id": {"$lt": 2}})
    assert sorted(await cursor.distinct("x")) == [0, 1]
    assert not cursor.started
    assert len(await cursor.to_list()) == 2
    assert sorted(await cursor.distinct("x")) == [0, 1]
    with pytest.raises(TypeError):
        await cursor.distinct(5)
