"""Where a stream goes on after a failure, and how often it tries: the rules of the specification "Change Streams"."""

from __future__ import annotations

import inspect

import pymongo
import pytest
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient
from pymongo.common import MIN_SUPPORTED_WIRE_VERSION
from pymongo.errors import AutoReconnect, ExecutionTimeout, OperationFailure

from tests.change_streams.feed import START, Feed, take, token
from tests.differential.conftest import REFERENCE
from tests.support.server import ScriptedServer, close, failure, reply

pytestmark = pytest.mark.usefixtures("impatient_monitors")

BEFORE_THE_LABEL = pytest.mark.skipif(MIN_SUPPORTED_WIRE_VERSION > 8, reason="this PyMongo has no server that old")

RESUMABLE = "ResumableChangeStreamError"

FAILURES = {
    "the label": failure(1, RESUMABLE),
    "the cursor is gone": failure(43),
    "a network error": close,
    "not primary": failure(10107),
    "shutting down": failure(91),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_resumes_after_an_error_that_allows_it(server, connect, feed, name):
    client = connect(server)
    async with client.db.c.watch() as stream:
        feed.emit(1, 2)
        assert await take(stream, 2) == [1, 2]
        server.script("getMore", FAILURES[name])
        feed.emit(3)
        assert await take(stream, 1) == [3]
        assert feed.stages() == [{}, {"resumeAfter": token(2.5)}]
        assert stream.alive


@pytest.mark.parametrize("code", [1, 6, 7, 63, 89, 133, 150, 234, 262, 9001, 11601, 136, 237])
async def test_ends_with_any_other_error(server, connect, feed, code):
    """Since MongoDB 4.4 the label decides, and not the code."""
    stream = await connect(server).db.c.watch()
    server.script("getMore", failure(code))
    with pytest.raises(OperationFailure) as caught:
        await stream.next()
    assert caught.value.code == code
    assert not stream.alive
    # What has failed does not look finished.
    for read in (stream.next, stream.try_next, stream.__aenter__):
        with pytest.raises(OperationFailure) as again:
            await read()
        assert again.value.code == code
        assert again.value is not caught.value
    assert server.names.count("aggregate") == 1
    # What the server has ended itself needs no killing.
    assert ("killCursors" in server.names) == (code not in (136, 237))


async def test_a_time_limit_of_the_servers_does_not_end_it(server, connect, feed):
    stream = await connect(server).db.c.watch()
    server.script("getMore", failure(50))
    with pytest.raises(ExecutionTimeout):
        await stream.next()
    assert stream.alive
    feed.emit(1)
    assert await take(stream, 1) == [1]
    assert feed.stages() == [{}, {"resumeAfter": token(0)}]
    await stream.close()


OLD_RESUMABLE = [6, 7, 63, 89, 91, 133, 150, 189, 234, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 43]


@pytest.mark.parametrize(
    ("code", "resumes"),
    [*((code, True) for code in OLD_RESUMABLE), *((code, False) for code in (1, 50, 136, 237, 280))],
)
@BEFORE_THE_LABEL
async def test_before_the_label_the_code_decides(connect, code, resumes):
    async with ScriptedServer(hello={"maxWireVersion": 8}) as server:
        feed = Feed(server)
        client = connect(server)
        stream = await client.db.c.watch()
        server.script("getMore", failure(code))
        feed.emit(1)
        if resumes:
            assert await take(stream, 1) == [1]
        else:
            with pytest.raises(OperationFailure) as caught:
                await stream.next()
            assert caught.value.code == code
        assert stream.alive == (resumes or code == 50)  # a timeout leaves it open
        await stream.close()
        client.close()


EXCEEDED = 262
"""A code that allows a stream to be resumed, before there was a label for it."""


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
@pytest.mark.parametrize(
    ("version", "labels", "goes_on"),
    [
        (21, [RESUMABLE], True),
        (21, [], False),
        (9, [RESUMABLE], True),
        (9, [], False),
        pytest.param(8, [], True, marks=BEFORE_THE_LABEL),
    ],
)
async def test_the_resuming_itself_fails(connect, version, labels, goes_on, driver):
    """It is told, and the next call resumes again, if the error allows that. Of PyMongo's streams, too."""
    async with ScriptedServer(hello={"maxWireVersion": version}) as server:
        feed = Feed(server)
        if driver == "motor":
            client = connect(server, retryReads=False)
        elif pymongo.version_tuple < REFERENCE:
            pytest.skip("an older PyMongo may differ")
        else:
            client = AsyncMongoClient(server.uri, retryReads=False)
        opening = client.db.c.watch()
        stream = await opening if inspect.isawaitable(opening) else opening
        feed.emit(1)
        assert await take(stream, 1) == [1]
        server.script("getMore", failure(43))
        server.script("aggregate", failure(EXCEEDED, *labels))
        with pytest.raises(OperationFailure) as caught:
            await stream.next()
        assert caught.value.code == EXCEEDED
        assert stream.alive == goes_on
        feed.emit(2)
        if goes_on:
            assert await take(stream, 1) == [2]
            assert feed.stages() == [{}, {"resumeAfter": token(1.5)}, {"resumeAfter": token(1.5)}]
        else:
            # PyMongo's is at its end then.
            with pytest.raises(OperationFailure if driver == "motor" else StopAsyncIteration):
                await stream.next()
            assert feed.stages() == [{}, {"resumeAfter": token(1.5)}]
        await stream.close()
        closing = client.close()
        if inspect.isawaitable(closing):
            await closing


async def test_the_token_of_the_last_change_that_was_read(server, connect, feed):
    """In the midst of a batch it is the change's own, and behind its last change that of the batch."""
    async with connect(server).db.c.watch() as stream:
        assert stream.resume_token == token(0)
        feed.emit(1, 2, 3)
        seen = []
        for _ in range(3):
            await stream.next()
            seen.append(stream.resume_token)
        assert seen == [token(1), token(2), token(3.5)]


async def test_the_token_of_an_empty_batch(server, connect, feed):
    async with connect(server).db.c.watch() as stream:
        feed.patience = 0
        (cursor_id,) = feed.open
        feed.open[cursor_id] = 7.5
        assert await stream.try_next() is None
        assert stream.resume_token == token(7.5)
        server.script("getMore", failure(43))
        assert await stream.try_next() is None
        assert feed.stages() == [{}, {"resumeAfter": token(7.5)}]


async def test_what_came_and_was_not_read_comes_again(server, connect, feed):
    """The stream stands where its reader does, not where its cursor does."""
    async with connect(server).db.c.watch() as stream:
        feed.emit(1, 2, 3)
        assert await take(stream, 1) == [1]
        resumed = connect(server).db.c.watch(resume_after=stream.resume_token)
        assert await take(resumed, 2) == [2, 3]
        await resumed.close()


async def test_the_token_without_those_of_batches(server, connect):
    """Before MongoDB 4.0.7 only changes have tokens."""
    feed = Feed(server, post_batch_tokens=False)
    async with connect(server).db.c.watch() as stream:
        assert stream.resume_token is None
        feed.emit(1, 2)
        assert await take(stream, 1) == [1]
        assert stream.resume_token == token(1)
        assert await take(stream, 1) == [2]
        assert stream.resume_token == token(2)
        feed.patience = 0
        server.script("getMore", failure(43))
        assert await stream.try_next() is None
        assert feed.stages()[1:] == [{"resumeAfter": token(2)}]


async def test_the_time_when_there_is_no_token(server, connect):
    feed = Feed(server, post_batch_tokens=False)
    async with connect(server).db.c.watch() as stream:
        server.script("getMore", close)
        feed.emit(1)
        assert await take(stream, 1) == [1]
        assert feed.stages() == [{}, {"startAtOperationTime": START}]


async def test_the_time_that_was_asked_for(server, connect):
    feed = Feed(server, post_batch_tokens=False)
    wanted = type(START)(START.time - 100, 5)
    async with connect(server).db.c.watch(start_at_operation_time=wanted) as stream:
        server.script("getMore", close)
        feed.emit(1)
        assert await take(stream, 1) == [1]
        server.script("getMore", close)
        feed.emit(2)
        assert await take(stream, 1) == [2]
        at = {"startAtOperationTime": wanted}
        assert feed.stages() == [at, at, {"resumeAfter": token(1)}]


async def test_a_server_that_says_neither_token_nor_time(server, connect):
    Feed(server, post_batch_tokens=False, times=False)
    with pytest.raises(OperationFailure, match="operationTime"):
        await connect(server).db.c.watch().next()


@pytest.mark.parametrize("option", ["start_after", "resume_after"])
async def test_what_it_was_started_with_before_the_first_change(server, connect, option):
    """startAfter stays startAfter until a change has come: after that one resumeAfter does."""
    feed = Feed(server, post_batch_tokens=False)
    feed.emit(1, 2)
    name = {"start_after": "startAfter", "resume_after": "resumeAfter"}[option]
    async with connect(server).db.c.watch(**{option: token(2)}) as stream:
        assert stream.resume_token == token(2)
        server.script("getMore", close)
        feed.emit(3)
        assert await take(stream, 1) == [3]
        server.script("getMore", close)
        feed.emit(4)
        assert await take(stream, 1) == [4]
        assert feed.stages() == [{name: token(2)}, {name: token(2)}, {"resumeAfter": token(3)}]


async def test_start_after_with_the_token_of_a_batch(server, connect, feed):
    feed.emit(1, 2)
    async with connect(server).db.c.watch(start_after=token(2)) as stream:
        (cursor_id,) = feed.open
        feed.open[cursor_id] = 2.5
        feed.patience = 0
        assert await stream.try_next() is None
        server.script("getMore", close)
        assert await stream.try_next() is None
        assert feed.stages() == [{"startAfter": token(2)}, {"startAfter": token(2.5)}]


async def test_resumes_once_for_each_failure(server, connect, feed):
    async with connect(server, retryReads=False).db.c.watch() as stream:
        for number in range(1, 6):
            server.script("getMore", close if number % 2 else failure(43))
            feed.emit(number)
            assert await take(stream, 1) == [number]
        assert server.names.count("aggregate") == 6


async def test_a_failure_of_the_resume_is_the_callers(server, connect, feed):
    stream = await connect(server, retryReads=False).db.c.watch()
    feed.emit(1)
    server.script("getMore", failure(43))
    server.script("aggregate", close)
    with pytest.raises(AutoReconnect):
        await stream.next()
    assert server.names.count("aggregate") == 2
    # It is an error that allows to resume: who asks again gets what he missed.
    assert stream.alive
    assert await take(stream, 1) == [1]
    await stream.close()


async def test_a_resume_that_cannot_be(server, connect, feed):
    """The history is lost: that ends it."""
    stream = await connect(server).db.c.watch()
    server.script("getMore", failure(43))
    server.script("aggregate", failure(286, "NonResumableChangeStreamError"))
    with pytest.raises(OperationFailure) as caught:
        await stream.next()
    assert caught.value.code == 286
    assert not stream.alive


@pytest.mark.parametrize("code", [6, 91, 262])
async def test_an_aggregate_that_fails_without_the_label(server, connect, feed, code):
    """The codes that were resumable on servers of old are not on this one, whichever command fails with them."""
    stream = await connect(server, retryReads=False).db.c.watch()
    server.script("getMore", failure(43))
    server.script("aggregate", failure(code))
    with pytest.raises((OperationFailure, AutoReconnect)):
        await stream.next()
    assert stream.alive == (code == 91)


async def test_a_failure_of_the_first_aggregate(server, connect, feed):
    """It is retried as any read is, and else the caller's."""
    server.script("aggregate", close)
    stream = await connect(server).db.c.watch()
    assert server.names == ["aggregate", "aggregate"]
    await stream.close()
    server.script("aggregate", failure(40324))
    stream = connect(server).db.c.watch()
    with pytest.raises(OperationFailure):
        await stream
    with pytest.raises(OperationFailure):
        server.script("aggregate", failure(40324))
        await stream.next()
    assert not stream.alive


async def test_the_old_cursor_is_killed_unless_it_is_gone(server, connect, feed):
    """An error with the label leaves the cursor on the server, where it would wait for its time-out."""
    stream = await connect(server).db.c.watch()
    (first,) = feed.open
    server.script("getMore", failure(1, RESUMABLE))
    feed.emit(1)
    assert await take(stream, 1) == [1]
    assert first not in feed.open
    killed = [request.command["cursors"] for request in server.requests if request.name == "killCursors"]
    assert killed == [[first]]
    await stream.close()
    assert not feed.open


async def test_every_option_is_there_again(server, connect, feed):
    pipeline = [{"$match": {"operationType": "insert"}}]
    stream = await connect(server).db.c.watch(
        pipeline,
        full_document="updateLookup",
        full_document_before_change="whenAvailable",
        max_await_time_ms=123,
        batch_size=7,
        collation={"locale": "en"},
        comment="mine",
        show_expanded_events=True,
    )
    server.script("getMore", failure(43))
    feed.emit(1)
    assert await take(stream, 1) == [1]
    feed.emit(2)
    assert await take(stream, 1) == [2]
    first, second = (request.command for request in server.requests if request.name == "aggregate")
    stages = [command["pipeline"].pop(0)["$changeStream"] for command in (first, second)]
    assert stages[1] == {**stages[0], "resumeAfter": token(0)}
    for command in (first, second):
        command.pop("lsid")
        command.pop("$clusterTime", None)
    assert first == second
    assert (first["collation"], first["comment"], first["cursor"]) == ({"locale": "en"}, "mine", {"batchSize": 7})
    for request in server.requests:
        if request.name == "getMore":
            assert (request.command["maxTimeMS"], request.command["batchSize"], request.command["comment"]) == (
                123,
                7,
                "mine",
            )
    await stream.close()


async def test_the_callers_pipeline_and_token_are_copied(server, connect, feed):
    pipeline: list[dict[str, object]] = [{"$match": {"a": 1}}]
    start = token(0)
    stream = connect(server).db.c.watch(pipeline, resume_after=start)
    pipeline.append({"$limit": 1})
    pipeline[0]["$match"] = {}
    start["_data"] = 99.0
    await stream
    assert server.requests[0].command["pipeline"] == [
        {"$changeStream": {"resumeAfter": token(0)}},
        {"$match": {"a": 1}},
    ]
    kept = stream.resume_token
    assert kept == token(0)
    kept["_data"] = 1.0
    assert stream.resume_token == token(0)
    await stream.close()


async def test_a_stream_that_could_not_be_opened_anew_is_not_over(server, connect):
    """The server had closed its cursor. Whoever asks again has it opened where it was."""
    time = {"ok": 1, "operationTime": Timestamp(5, 1)}
    closed = {"id": Int64(0), "ns": "db.c", "firstBatch": [], "postBatchResumeToken": {"batch": 1}}
    change = {"_id": {"change": 1}, "operationType": "insert"}
    anew = {**closed, "id": Int64(7), "firstBatch": [change]}
    server.script("aggregate", reply({"cursor": closed, **time}), *[failure(1)] * 2, reply({"cursor": anew, **time}))
    stream = await connect(server).db.c.watch()
    for _ in range(2):
        with pytest.raises(OperationFailure):
            await stream.try_next()
        assert stream.alive
    assert await stream.try_next() == change
    stages = [sent.command["pipeline"][0]["$changeStream"] for sent in server.requests if sent.name == "aggregate"]
    assert stages == [{}, *[{"resumeAfter": {"batch": 1}}] * 3]
    await stream.close()
