"""watch, on a collection, a database and a client: every option, and what a stream gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from ..harness import Case, Target, got, outcome
from ..normal import Mark

SOON = 30
"""Milliseconds that a server may wait for a change that doesn't come."""


class Tokens:
    """Names for the resume tokens, which hold times and counters, in the order in which they are seen."""

    def __init__(self) -> None:
        self._seen: list[str] = []

    def name(self, token: Any) -> Any:
        if not isinstance(token, Mapping) or "_data" not in token:
            return token
        data = str(token["_data"])
        if data not in self._seen:
            self._seen.append(data)
        return Mark(f"<token {self._seen.index(data) + 1}>")

    def change(self, change: Any) -> Any:
        if not isinstance(change, Mapping):
            return change
        return {key: self.name(value) if key == "_id" else value for key, value in dict(change).items()}

    def hide(self, t: Target) -> None:
        """Put the names into the commands that were recorded."""
        for command in t.recorder.commands:
            for stage in command.get("pipeline", ()):
                options = stage.get("$changeStream", {}) if isinstance(stage, Mapping) else {}
                for key in ("resumeAfter", "startAfter"):
                    if key in options:
                        options[key] = self.name(options[key])


Step = Callable[[Target], Any]


def state(stream: Any, tokens: Tokens) -> Any:
    return stream.alive, tokens.name(stream.resume_token)


async def insert_two(t: Target) -> None:
    await t.coll.insert_one({"_id": 1, "x": 1})
    await t.coll.insert_one({"_id": 2, "x": 2})


async def change_all(t: Target) -> None:
    """A change of each kind."""
    await insert_two(t)
    await t.coll.update_one({"_id": 1}, {"$set": {"x": 3}, "$unset": {"y": 1}})
    await t.coll.replace_one({"_id": 2}, {"z": [1, {"a": 2}]})
    await t.coll.delete_one({"_id": 1})


def reading(
    open_stream: Step, write: Callable[[Target], Any] = insert_two, count: int = 2, last: bool = True
) -> Callable[[Target], Any]:
    """Open, write, read so many changes, find no more, close; the stream's state at each step."""

    async def call(t: Target) -> Any:
        tokens = Tokens()
        shown: list[Any] = []
        try:
            stream = await got(open_stream(t))
            shown.append(state(stream, tokens))
            await write(t)
            for _ in range(count):
                change = await outcome(stream.next)
                shown.append((tokens.change(change), state(stream, tokens)))
            if last:
                shown.append((await outcome(stream.try_next), state(stream, tokens)))
            await got(stream.close())
            shown.append((state(stream, tokens), repr(await outcome(stream.next)), await outcome(stream.try_next)))
            return shown
        finally:
            tokens.hide(t)

    return call


def watch(**options: Any) -> Callable[[Target], Any]:
    return reading(lambda t: t.coll.watch(**{"max_await_time_ms": SOON, **options}))


def opening(open_stream: Step) -> Callable[[Target], Any]:
    """For what may fail when it is opened, or when it is first read."""

    async def call(t: Target) -> Any:
        stream = await outcome(lambda: got(open_stream(t)))
        if isinstance(stream, Exception):
            return stream
        first = await outcome(stream.try_next)
        alive = stream.alive
        await got(stream.close())
        return first, alive

    return call


def refused(where: str, options: Mapping[str, Any]) -> Callable[[Target], Any]:
    return opening(lambda t: getattr(t, where).watch(**{"max_await_time_ms": SOON, **options}))


async def where_it_starts(t: Target) -> Any:
    """resume_after and start_after with the token of each change, and a time."""
    tokens = Tokens()
    async with await t.coll.watch(max_await_time_ms=SOON) as stream:
        time = (await t.db.command("ping"))["operationTime"]
        await change_all(t)
        places = [(await stream.next())["_id"] for _ in range(5)]
    shown: list[Any] = []
    for options in (
        *({"resume_after": place} for place in places),
        *({"start_after": place} for place in places),
        {"start_at_operation_time": Timestamp(time.time, time.inc + 1)},
    ):
        async with await t.coll.watch(max_await_time_ms=SOON, **options) as stream:
            found = []
            while (change := await stream.try_next()) is not None:
                found.append(tokens.change(change))
            shown.append((found, state(stream, tokens)))
    tokens.hide(t)
    return shown


async def invalidated(t: Target) -> Any:
    tokens = Tokens()
    stream = await t.coll.watch(max_await_time_ms=SOON)
    await t.coll.insert_one({"_id": 1})
    await t.coll.drop()
    shown = [(tokens.change(change), state(stream, tokens)) async for change in stream]
    token = stream.resume_token
    after = await outcome(lambda: got(t.coll.watch(resume_after=token)))
    if not isinstance(after, Exception):
        after = await outcome(after.try_next)
    async with await t.coll.watch(start_after=token, max_await_time_ms=SOON) as again:
        await t.coll.insert_one({"_id": 2})
        shown.append((tokens.change(await again.next()), state(again, tokens)))
    tokens.hide(t)
    return shown, after, await outcome(stream.try_next), repr(await outcome(stream.next))


async def one_batch_after_the_other(t: Target) -> Any:
    tokens = Tokens()
    async with await t.coll.watch(batch_size=2, max_await_time_ms=SOON) as stream:
        await t.coll.insert_many([{"_id": number} for number in range(7)])
        shown = [(tokens.change(await stream.next()), state(stream, tokens)) for _ in range(7)]
        return shown, await stream.try_next()


async def in_a_session(t: Target) -> Any:
    tokens = Tokens()
    async with (
        t.client.start_session() as session,
        await t.coll.watch(session=session, max_await_time_ms=SOON) as stream,
    ):
        await t.coll.insert_one({"_id": 1}, session=session)
        return tokens.change(await stream.next()), await stream.try_next(), session.has_ended


async def without_ids(t: Target) -> Any:
    stream = await t.coll.watch([{"$project": {"_id": 0}}], max_await_time_ms=SOON)
    await t.coll.insert_one({"_id": 1})
    first = await outcome(stream.next)
    # The server's message holds the token. What a stream that has failed says then differs on purpose.
    return type(first).__name__, stream.alive


class Shout(TypeDecoder):
    bson_type = str

    def transform_bson(self, value: Any) -> Any:
        return value.upper()


async def decoded(t: Target, options: Any) -> Any:
    tokens = Tokens()
    coll = t.coll.with_options(codec_options=options)
    async with await coll.watch(max_await_time_ms=SOON) as stream:
        await t.coll.insert_many([{"_id": number, "s": "ada"} for number in range(2)])
        first = await stream.next()
        kind = type(first).__name__, type(first["fullDocument"]).__name__, first["fullDocument"]["s"]
        token = stream.resume_token
    async with await coll.watch(resume_after=token) as stream:
        second = await stream.next()
    tokens.hide(t)
    return kind, second["fullDocument"]["_id"], tokens.name(token)


def with_codec(**options: Any) -> Callable[[Target], Any]:
    return lambda t: decoded(t, CodecOptions(**options))


# There is no collation: PyMongo checks it, and forgets to send it.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "a pipeline": {"pipeline": [{"$match": {"operationType": "insert"}}, {"$addFields": {"more": 1}}]},
    "an empty pipeline": {"pipeline": []},
    "full_document default": {"full_document": "default"},
    "full_document updateLookup": {"full_document": "updateLookup"},
    "full_document whenAvailable": {"full_document": "whenAvailable"},
    "full_document_before_change off": {"full_document_before_change": "off"},
    "full_document_before_change whenAvailable": {"full_document_before_change": "whenAvailable"},
    "batch_size 0": {"batch_size": 0},
    "batch_size 1": {"batch_size": 1},
    "batch_size 2": {"batch_size": 2},
    "batch_size 100": {"batch_size": 100},
    "a comment": {"comment": "mine"},
    "a comment's document": {"comment": {"a": [1]}},
    "show_expanded_events": {"show_expanded_events": True},
    "show_expanded_events False": {"show_expanded_events": False},
    "max_await_time_ms": {"max_await_time_ms": 12},
    "a time in the past": {"start_at_operation_time": Timestamp(1, 1)},
    "all of them": {
        "pipeline": [{"$match": {}}],
        "full_document": "updateLookup",
        "full_document_before_change": "whenAvailable",
        "batch_size": 3,
        "comment": 7,
        "show_expanded_events": True,
    },
}

REFUSED: Mapping[str, Mapping[str, Any]] = {
    "full_document required": {"full_document": "required"},
    "full_document of no meaning": {"full_document": "some"},
    "full_document no text": {"full_document": 1},
    "full_document_before_change of no meaning": {"full_document_before_change": "some"},
    "full_document_before_change no text": {"full_document_before_change": 1},
    "pipeline no list": {"pipeline": {"$match": {}}},
    "pipeline a text": {"pipeline": "$match"},
    "a stage of no meaning": {"pipeline": [{"$noSuchStage": {}}]},
    "a stage that is not allowed": {"pipeline": [{"$out": "other"}]},
    "batch_size negative": {"batch_size": -1},
    "batch_size no number": {"batch_size": "1"},
    "batch_size a fraction": {"batch_size": 1.5},
    "collation no collation": {"collation": 1},
    "a token of no meaning": {"resume_after": {"_data": "82"}},
    "an empty token": {"resume_after": {}},
    "an empty token to start after": {"start_after": {}},
    "a token that is no document": {"resume_after": "token"},
    "two places": {"resume_after": {"_data": "82"}, "start_after": {"_data": "82"}},
    "a time that is none": {"start_at_operation_time": 1},
    "session no session": {"session": 1},
    "no such option": {"max_time_ms": 1},
}

CASES = [
    *(Case(f"with {name}", watch(**options)) for name, options in OPTIONS.items()),
    *(
        Case(f"{name}, {where}", refused(where, options))
        for where in ("coll", "db")
        for name, options in REFUSED.items()
    ),
    Case(
        "a change of each kind",
        reading(lambda t: t.coll.watch(max_await_time_ms=SOON, full_document="updateLookup"), change_all, 5),
    ),
    Case("a database", reading(lambda t: t.db.watch(max_await_time_ms=SOON), change_all, 5)),
    Case(
        "a database, all options",
        reading(lambda t: t.db.watch(**{"max_await_time_ms": SOON, **OPTIONS["all of them"]})),
    ),
    Case(
        "a client",
        reading(lambda t: t.client.watch([{"$match": {"ns.db": t.db.name}}], max_await_time_ms=SOON), change_all, 5),
    ),
    Case(
        "a client, all options",
        reading(
            lambda t: t.client.watch(
                **{
                    "max_await_time_ms": SOON,
                    **OPTIONS["all of them"],
                    "pipeline": [{"$match": {"ns.db": t.db.name}}],
                }
            )
        ),
    ),
    Case(
        "options of the collection",
        reading(
            lambda t: t.coll.with_options(
                read_concern=ReadConcern("majority"), read_preference=ReadPreference.NEAREST
            ).watch(max_await_time_ms=SOON)
        ),
    ),
    Case("where it starts", where_it_starts),
    Case("invalidated", invalidated),
    Case("batches", one_batch_after_the_other),
    Case("in a session", in_a_session),
    Case("changes without _id", without_ids),
    Case("a decoder", with_codec(type_registry=TypeRegistry([Shout()]))),
    Case("raw", with_codec(document_class=RawBSONDocument)),
    Case("aware", with_codec(tz_aware=True)),
]
