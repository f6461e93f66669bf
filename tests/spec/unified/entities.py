"""What a test refers to by name: clients, databases, collections, sessions, buckets, threads, and stored results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any, cast

from pymongo.client_session import TransactionOptions  # type: ignore[attr-defined]  # it is there by a star
from pymongo.server_api import ServerApi

from motor.api.session import AgnosticClientSession
from motor.driver.sessions.session import Session
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket
from tests.support import inside
from tests.support.waiting import until

from .encryption import auto_encryption, client_encryption
from .errors import UnsupportedError
from .events import EventRecorder
from .methods import collection_options, snake_case
from .server import TestServer

SECONDS = 10.0
"""For which a test waits for what it expects to happen: fewer than it may take itself."""

_PLACEHOLDER = {"$$placeholder": 1}
"""What stands for values that differ from one environment to the other."""


class Thread:
    """What the format calls a thread: a task that runs operations one after the other."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Callable[[], Coroutine[Any, Any, None]] | None] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def run_soon(self, operation: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run an operation after those before it."""
        self._queue.put_nowait(operation)

    async def join(self) -> None:
        """Wait until all is done; raises what an operation raised."""
        self._queue.put_nowait(None)
        await asyncio.wait_for(self._task, SECONDS)

    async def stop(self) -> None:
        """End it, whatever it is doing."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while (operation := await self._queue.get()) is not None:
            await operation()


class Entities:
    """By name. A name is given once."""

    def __init__(self, server: TestServer) -> None:
        self._server = server
        self._entities: dict[str, Any] = {}
        self._recorders: dict[str, EventRecorder] = {}
        self._lsids: dict[str, Mapping[str, Any]] = {}
        self.cluster_time: Mapping[str, Any] | None = None
        self.closing = AsyncExitStack()

    def __getitem__(self, name: str) -> Any:
        try:
            return self._entities[name]
        except KeyError:
            raise UnsupportedError(f"there is no entity {name!r}") from None

    def __contains__(self, name: str) -> bool:
        return name in self._entities

    def __setitem__(self, name: str, entity: Any) -> None:
        if name in self._entities:
            raise UnsupportedError(f"there is an entity {name!r} already")
        self._entities[name] = entity

    def client(self, name: str) -> AsyncIOMotorClient[dict[str, Any]]:
        """The client of that name."""
        return cast(AsyncIOMotorClient[dict[str, Any]], self._typed(name, AsyncIOMotorClient))

    def recorder(self, client: str) -> EventRecorder:
        """What hears a client's events."""
        self.client(client)
        return self._recorders[client]

    def thread(self, name: str) -> Thread:
        """The thread of that name."""
        return cast(Thread, self._typed(name, Thread))

    def session(self, name: str) -> Session:
        """What the driver itself has for the session of that name."""
        return inside.engine_session(self._typed(name, AgnosticClientSession))

    def session_lsid(self, name: str) -> Mapping[str, Any]:
        """The id document of a session, also after it has ended."""
        return self._lsids[name]

    async def create(self, specs: Iterable[Mapping[str, Any]]) -> None:
        """Make what ``createEntities`` lists."""
        for spec in specs:
            ((kind, fields),) = spec.items()
            if kind not in _MAKERS:
                raise UnsupportedError(f"entities of the kind {kind}")
            await _MAKERS[kind](self, fields)

    async def _make_client(self, spec: Mapping[str, Any]) -> None:
        stored: list[tuple[str, list[Any]]] = []
        for store in spec.get("storeEventsAsEntities", ()):
            events: list[Any] = []
            self[store["id"]] = events
            stored += [(name, events) for name in store["events"]]
        recorder = EventRecorder(spec, stored)
        options = {**spec.get("uriOptions", {}), "event_listeners": [recorder]}
        if options.get("authMechanismProperties") == _PLACEHOLDER:
            options["authMechanismProperties"] = self._server.logins[options["authMechanism"]]
        if "serverApi" in spec:
            api = spec["serverApi"]
            options["server_api"] = ServerApi(api["version"], api.get("strict"), api.get("deprecationErrors"))
        if "autoEncryptOpts" in spec:
            options["auto_encryption_opts"] = await auto_encryption(spec["autoEncryptOpts"], self.closing)
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            self._server.uri_of(spec.get("useMultipleMongoses")), **options
        )
        self.closing.push_async_callback(_close, client)
        self._recorders[spec["id"]] = recorder
        self[spec["id"]] = client
        # A test may wait for what is discovered before it uses the client.
        await inside.begin(client)
        if "awaitMinPoolSizeMS" in spec:
            await _await_min_pool_size(client, spec["awaitMinPoolSizeMS"] / 1000)

    async def _make_client_encryption(self, spec: Mapping[str, Any]) -> None:
        options = spec["clientEncryptionOpts"]
        self[spec["id"]] = await client_encryption(options, self.client(options["keyVaultClient"]), self.closing)

    async def _make_database(self, spec: Mapping[str, Any]) -> None:
        client = self.client(spec["client"])
        options = collection_options(spec.get("databaseOptions", {}))
        self[spec["id"]] = client.get_database(spec["databaseName"], **options)

    async def _make_collection(self, spec: Mapping[str, Any]) -> None:
        database = self._typed(spec["database"], AsyncIOMotorDatabase)
        options = collection_options(spec.get("collectionOptions", {}))
        self[spec["id"]] = database.get_collection(spec["collectionName"], **options)

    async def _make_session(self, spec: Mapping[str, Any]) -> None:
        options = {snake_case(name): value for name, value in spec.get("sessionOptions", {}).items()}
        if "default_timeout_ms" in options:
            raise UnsupportedError("defaultTimeoutMS of a session")
        if "default_transaction_options" in options:
            transaction = collection_options(options["default_transaction_options"])
            options["default_transaction_options"] = TransactionOptions(**transaction)
        session = self.client(spec["client"]).start_session(**options)
        self.closing.push_async_callback(session.end_session)
        if self.cluster_time is not None:
            session.advance_cluster_time(self.cluster_time)
        self._lsids[spec["id"]] = session.session_id
        self[spec["id"]] = session

    async def _make_bucket(self, spec: Mapping[str, Any]) -> None:
        database = self._typed(spec["database"], AsyncIOMotorDatabase)
        self[spec["id"]] = AsyncIOMotorGridFSBucket(database, **collection_options(spec.get("bucketOptions", {})))

    async def _make_thread(self, spec: Mapping[str, Any]) -> None:
        self[spec["id"]] = thread = Thread()
        self.closing.push_async_callback(thread.stop)

    def _typed(self, name: str, kind: type[Any]) -> Any:
        entity = self[name]
        if not isinstance(entity, kind):
            raise UnsupportedError(f"{name} is not of the type {kind.__name__}, but {entity!r}")
        return entity


_MAKERS = {
    "client": Entities._make_client,
    "clientEncryption": Entities._make_client_encryption,
    "database": Entities._make_database,
    "collection": Entities._make_collection,
    "session": Entities._make_session,
    "bucket": Entities._make_bucket,
    "thread": Entities._make_thread,
}


async def _close(client: AsyncIOMotorClient[Any]) -> None:
    await client.close()
    # The transports that are closed so need a turn of the loop.
    await asyncio.sleep(0)


async def _await_min_pool_size(client: AsyncIOMotorClient[Any], seconds: float) -> None:
    """Wait until each pool holds as many connections as minPoolSize says."""
    await inside.begin(client)
    servers = inside.servers_of(client)
    size = client.options.pool_options.min_pool_size
    await until(lambda: bool(servers) and all(server.pool.size >= size for server in servers), "minPoolSize", seconds)
