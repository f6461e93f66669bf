"""Runs one call on PyMongo's AsyncMongoClient and on Motor, and says what each did.

A case is a function of a `Target`: a client, a database and a collection that belong to that run
alone. The function is written once and works for both drivers. A cursor it returns is read to
its end; `got` evens out the one thing that the two APIs spell differently.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import inspect
import itertools
import time
import uuid
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient, monitoring
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from tests.support.proxy import Proxy

from .changed import Change, Changed, change, limit
from .differences import WARNED_OF_BY_MOTOR
from .normal import Normal

COLLECTION = "c"

# Seconds that a command sent in the background may take to appear, and a killed cursor to go.
BACKGROUND = 5.0
KILLING = 0.5

HANGING = 30.0  # a call that takes this many seconds will not end


@dataclass(frozen=True)
class Case:
    """One call. `documents` and `prepare` are what it finds on the server."""

    name: str
    call: Callable[[Target], Any]
    documents: Sequence[Mapping[str, Any]] = ()
    prepare: Callable[[Database[Any]], Any] | None = None


class Recorder(monitoring.CommandListener):
    """Keeps every command a client starts, as it was at that moment."""

    def __init__(self) -> None:
        self.commands: list[Any] = []
        self.normal = Normal("")

    def begin(self, normal: Normal) -> None:
        self.commands = []
        self.normal = normal

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append(self.normal.command(event.command_name, event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@dataclass
class Target:
    """What a case may touch."""

    client: Any
    db: Any
    coll: Any
    uri: str
    recorder: Recorder
    _side: Side
    _to_close: contextlib.AsyncExitStack

    def new_client(self, *hosts: Any, **options: Any) -> Any:
        """A client of the case's own, watched like the first, closed when the case is over."""
        client = self._side.new_client(*hosts, **options)
        self._to_close.push_async_callback(close_quietly, client)
        return client

    def own_db(self, *hosts: Any, **options: Any) -> Any:
        """The case's database through a client of its own."""
        return self.new_client(*hosts, **options)[self.db.name]

    async def limited_db(self, event_listeners: Any = None, **limits: int) -> Any:
        """The case's database on a server that says it has these limits."""
        changes = [limit(name, value) for name, value in limits.items()]
        return await self._behind_proxy(changes, event_listeners=event_listeners or [self.recorder])

    async def altered_db(self, old: bytes, new: bytes) -> Any:
        """The case's database on a server that sends `new` where it means `old`."""
        return await self._behind_proxy([change(old, new)])

    async def _behind_proxy(self, changes: Sequence[Change], **options: Any) -> Any:
        host, port = parse_uri(self.uri)["nodelist"][0]
        proxy = Proxy(port, host=host, link=lambda: Changed(changes))
        await self._to_close.enter_async_context(proxy)
        return self.own_db(proxy.uri, **options)

    async def sent(self, name: str) -> bool:
        """Wait for a command that is sent in the background."""
        deadline = time.monotonic() + BACKGROUND
        while time.monotonic() < deadline:
            if any(next(iter(command)) == name for command in self.recorder.commands):
                return True
            await asyncio.sleep(0.02)
        return False


@dataclass
class Side:
    """A driver: how its client is made, and the client that most cases use."""

    name: str
    client_class: type[Any]
    uri: str
    recorder: Recorder = field(default_factory=Recorder)
    client: Any = None

    def new_client(self, *hosts: Any, **options: Any) -> Any:
        options = {"event_listeners": [self.recorder], **options}
        return self.client_class(*(hosts or (self.uri,)), **options)


async def got(value: Any) -> Any:
    """`value`, awaited if it must be.

    Where PyMongo Async returns a coroutine that gives a cursor, an address or nothing at all,
    Motor returns the cursor or the address itself.
    """
    return await value if inspect.isawaitable(value) else value


def is_cursor(value: Any) -> bool:
    return type(value).__name__.endswith("Cursor")


async def close_quietly(client: Any) -> None:
    """PyMongo's client, closed twice, may complain of a cursor that the first close left."""
    with contextlib.suppress(PyMongoError):
        await got(client.close())


async def settle(value: Any) -> Any:
    """What a call comes to in the end: a cursor's documents, or the value awaited."""
    value = await got(value)
    if is_cursor(value):
        return [document async for document in value]
    return value


async def run(case: Case, target: Target) -> Any:
    return await settle(case.call(target))


async def outcome(step: Callable[..., Any], *arguments: Any) -> Any:
    """For a case of several steps: what one step comes to, an exception kept as a value."""
    try:
        return await settle(step(*arguments))
    except Exception as error:
        return error


async def done(step: Callable[..., Any], *arguments: Any) -> None:
    """Take a step and keep nothing of it: a cursor is not read."""
    await got(step(*arguments))


class Arena:
    """Both drivers on one server, on one event loop."""

    def __init__(self, uri: str, client_classes: Sequence[tuple[str, type[Any]]]) -> None:
        self.loop = asyncio.new_event_loop()
        self.admin: MongoClient[Any] = MongoClient(uri, retryWrites=False)
        self.sides = [Side(name, client_class, uri) for name, client_class in client_classes]
        self._token = uuid.uuid4().hex[:8]  # other sessions may use the same server
        self._numbers = itertools.count(1)
        self._open_before = self._open_cursors()
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        for side in self.sides:
            side.client = side.new_client()
            await side.client.admin.command("ping")

    def close(self) -> None:
        for side in self.sides:
            self.loop.run_until_complete(got(side.client.close()))
        self.admin.close()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        with warnings.catch_warnings():
            # PyMongo's monitors may leave a socket to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def compare(self, case: Case, left_out: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the two sides did, without the fields of commands that are `left_out`."""
        first, second = (self._run(side, case, left_out) for side in self.sides)
        return first, second

    def _run(self, side: Side, case: Case, left_out: Collection[str]) -> dict[str, Any]:
        # Database names of one length, so that sizes are the same on both sides.
        database = self.admin[f"differential_{self._token}_{next(self._numbers):06d}"]
        try:
            if case.documents:
                database[COLLECTION].insert_many(copy.deepcopy(list(case.documents)))
            if case.prepare is not None:
                case.prepare(database)
            shown = self.loop.run_until_complete(self._call(side, case, Normal(database.name, left_out)))
            shown["cursors left open"] = self._left_open()
            for field in left_out:
                shown.pop(field, None)
        finally:
            self.admin.drop_database(database.name)
        return shown

    async def _call(self, side: Side, case: Case, normal: Normal) -> dict[str, Any]:
        db = side.client[normal.database]
        side.recorder.begin(normal)
        shown: dict[str, Any] = {}
        async with contextlib.AsyncExitStack() as to_close:
            target = Target(side.client, db, db[COLLECTION], side.uri, side.recorder, side, to_close)
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                # Python's own, of sockets, whenever it happens to collect them.
                warnings.simplefilter("ignore", ResourceWarning)
                warnings.filterwarnings("ignore", WARNED_OF_BY_MOTOR)
                try:
                    shown["result"] = normal.result(await asyncio.wait_for(run(case, target), HANGING))
                except Exception as error:
                    shown["error"] = normal.error(error)
            shown["warnings"] = [each.category.__name__ for each in warned]
            shown["commands"] = side.recorder.commands
            side.recorder.begin(Normal(""))
        return shown

    def _open_cursors(self) -> int:
        status = self.admin.admin.command("serverStatus")
        return int(status["metrics"]["cursor"]["open"]["total"])

    def _left_open(self) -> int:
        """Cursors that the case left on the server, once those being killed are gone."""
        before, deadline = self._open_before, time.monotonic() + KILLING
        while (now := self._open_cursors()) > before and time.monotonic() < deadline:
            self.loop.run_until_complete(asyncio.sleep(0.05))
        self._open_before = now
        return max(now - before, 0)
