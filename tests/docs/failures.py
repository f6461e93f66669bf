"""What the page on troubleshooting quotes, made to happen: a function raises, or returns, what it is said to say.

Some are mistakes that a type checker or a linter finds as well: these are made on purpose, and marked for it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import ssl
import subprocess
import sys
import uuid
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timezone
from typing import Any
from unittest import mock

import pymongo
import trustme
from bson import ObjectId
from bson.codec_options import CodecOptions
from pymongo import ReadPreference
from pymongo.encryption_options import AutoEncryptionOpts

from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientEncryption,
    AsyncIOMotorCollection,
    AsyncIOMotorGridFSBucket,
)
from tests.support.dns_server import DNSServer
from tests.support.inside import module
from tests.support.server import ScriptedServer, close, reply, send, silence
from tests.support.waiting import until

Failure = Callable[[str], Awaitable[Any]]
"""Takes the URI of a server that is what it should be, and of which it may use the collections of `library`."""

FAILURES: dict[str, Failure] = {}
"""By the message, as the page has it."""


def says(*messages: str) -> Callable[[Failure], Failure]:
    def register(failure: Failure) -> Failure:
        FAILURES.update(dict.fromkeys(messages, failure))
        return failure

    return register


@asynccontextmanager
async def collection(uri: str, **options: Any) -> AsyncIterator[AsyncIOMotorCollection]:
    """A collection of a client that doesn't try again."""
    async with AsyncIOMotorClient(uri, **{"retryReads": False, "retryWrites": False, **options}) as client:
        yield client.library[f"books_{uuid.uuid4().hex}"]


async def read(uri: str, **options: Any) -> None:
    async with collection(uri, **options) as books:
        await books.find_one()


async def seek(uri: str, **options: Any) -> None:
    """Write to the primary, where there is none; give up when the client has seen all there is."""
    async with collection(uri, **options) as books:
        client = books.database.client
        seeking = books.insert_one({})
        await until(lambda: seeking.done() or has_seen_all(client), "a view of the servers")
        with pymongo.timeout(0.02):
            await books.insert_one({})


def has_seen_all(client: AsyncIOMotorClient) -> bool:
    servers = client.topology_description.server_descriptions().values()
    return all(server.error is not None or server.is_server_type_known for server in servers)


async def insert(uri: str, document: Any) -> None:
    async with collection(uri) as books:
        await books.insert_one(document)


@says("Username and password must be escaped according to RFC 3986, use urllib.parse.quote_plus")
async def unescaped(uri: str) -> None:
    AsyncIOMotorClient("mongodb://ann:p@ss@localhost")


@says("Invalid URI scheme: URI must begin with 'mongodb://' or 'mongodb+srv://'")
async def another_scheme(uri: str) -> None:
    AsyncIOMotorClient("http://localhost")


@says("Reserved characters such as ':' must be escaped according RFC 2396")
async def a_colon_too_many(uri: str) -> None:
    AsyncIOMotorClient("localhost:27017:27017")


@says("mongodb+srv:// URIs must not include a port number")
async def srv_with_a_port(uri: str) -> None:
    AsyncIOMotorClient("mongodb+srv://db.example.com:27017")


@says("Unknown option: ...")
async def unknown_option(uri: str) -> None:
    AsyncIOMotorClient(max_pool=1)


@says("No default database name defined or provided.")
async def no_default_database(uri: str) -> None:
    AsyncIOMotorClient("mongodb://localhost").get_default_database()


@says("[Errno 111] Connection refused")
async def refused(uri: str) -> None:
    await seek("mongodb://127.0.0.1:1")


@says("Name or service not known")
async def unknown_host(uri: str) -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with mock.patch.object(socket, "getaddrinfo", side_effect=unknown):
        await seek("mongodb://db.example.com")


@says("The DNS query name does not exist: _mongodb._tcp....")
async def no_srv_record(uri: str) -> None:
    async with DNSServer({}) as server:
        with mock.patch.object(module("srv"), "new_resolver", server.resolver):
            await read("mongodb+srv://db.example.com")


@says("No servers found yet")
async def silent_server(uri: str) -> None:
    async with ScriptedServer() as server:
        server.on_hello = silence
        await read(server.uri, serverSelectionTimeoutMS=20)


@says("Could not reach any servers in [...]. Replica set is configured with internal hostnames or IPs?")
async def internal_names(uri: str) -> None:
    name = "127.0.0.1:1"
    async with ScriptedServer(hello={"hosts": [name], "me": name, "primary": name}) as server:
        await seek(f"mongodb://{server.address}/?replicaSet=rs")


@says('No replica set members available for replica set name "..."')
async def another_set(uri: str) -> None:
    await seek(uri, replicaSet="nobody's")


@says("No primary available for writes")
async def no_primary(uri: str) -> None:
    secondary = {"isWritablePrimary": False, "ismaster": False, "secondary": True}
    async with ScriptedServer(hello=secondary) as server:
        await seek(f"mongodb://{server.address}/?replicaSet=rs")


@says('No replica set members match selector "..."')
async def no_secondary(uri: str) -> None:
    async with collection(uri) as books:
        await books.find_one()
        with pymongo.timeout(0.02):
            await books.with_options(read_preference=ReadPreference.SECONDARY).find_one()


@says("Server at ... reports wire version ..., but this version of PyMongo requires at least ...")
async def old_server(uri: str) -> None:
    async with ScriptedServer(hello={"maxWireVersion": 5}) as server:
        await read(server.uri)


@says("Message length (...) is larger than 1000000, the most before authentication: is it a MongoDB server?")
async def web_server(uri: str) -> None:
    async with ScriptedServer() as server:
        server.on_hello = send(lambda request: b"HTTP/1.0 400 Bad Request\r\n\r\n")
        await seek(server.uri)


@says("described itself with ...: is it a MongoDB server?")
async def nonsense_of_itself(uri: str) -> None:
    async with ScriptedServer(hello={"maxWireVersion": "the newest"}) as server:
        await seek(server.uri)


@says("a reply makes no sense (...): is it a MongoDB server?")
async def nonsense(uri: str) -> None:
    async with ScriptedServer() as server:
        server.script("find", reply({"ok": 1}))
        await read(server.uri)


@says("connection closed before the server said anything: does it expect TLS (tls=true)?")
async def wants_tls(uri: str) -> None:
    async with ScriptedServer() as server:
        server.on_hello = close
        await seek(server.uri)


async def read_with_tls(hang_up: Callable[[socket.socket], None]) -> None:
    """Read, with TLS, from what answers a call with `hang_up`."""

    def serve(listening: socket.socket) -> None:
        with listening.accept()[0] as caller, suppress(OSError):
            hang_up(caller)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.ensure_future(asyncio.to_thread(serve, listening))
        try:
            await seek(f"mongodb://127.0.0.1:{listening.getsockname()[1]}", tls=True)
        finally:
            await serving


@says("SSL handshake failed: ...: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ...")
async def untrusted(uri: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    await read_with_tls(lambda caller: context.wrap_socket(caller, server_side=True).close())


@says("connection closed: does the server speak TLS 1.2 or later, and accept this client's certificate?")
async def no_handshake(uri: str) -> None:
    await read_with_tls(lambda caller: None)


@says(
    "authentication failed (... with authSource=...: check the user name, the password, "
    "and that authSource is the database that has the user)"
)
async def wrong_password(uri: str) -> None:
    await read(uri, username="ann", password="guessed")


@says("Timed out while checking out a connection from connection pool. maxPoolSize: ..., timeout: ...")
async def pool_in_use(uri: str) -> None:
    async with ScriptedServer() as server, collection(server.uri, maxPoolSize=1) as books:
        server.script("find", silence)
        waiting = books.find_one()
        await until(lambda: "find" in server.names)
        try:
            with pymongo.timeout(0.02):
                await books.find_one()
        finally:
            waiting.cancel()


@says("timed out (configured timeouts: ...)")
async def no_reply(uri: str) -> None:
    async with ScriptedServer() as server:
        server.script("find", silence)
        await read(server.uri, socketTimeoutMS=20)


@says("operation exceeded time limit")
async def too_slow(uri: str) -> None:
    async with ScriptedServer() as server:
        server.script("find", reply({"ok": 0, "errmsg": "operation exceeded time limit", "code": 50}))
        await read(server.uri)


@says("operation would exceed time limit")
async def no_time_left(uri: str) -> None:
    async with collection(uri) as books:
        await books.find_one()
        with pymongo.timeout(1e-7):
            await books.find_one()


async def cut_next_find(books: AsyncIOMotorCollection) -> None:
    await books.database.client.admin.command(
        "configureFailPoint",
        "failCommand",
        mode={"times": 1},
        data={"failCommands": ["find"], "closeConnection": True},
    )


@says("connection closed")
async def cut(uri: str) -> None:
    async with collection(uri) as books:
        await cut_next_find(books)
        await books.find_one()


@says("connection pool paused")
async def cut_for_another(uri: str) -> None:
    async with collection(uri, maxPoolSize=1) as books:
        await cut_next_find(books)
        lost, waiting = books.find_one(), books.find_one()
        await asyncio.wait([lost])
        assert lost.exception() is not None
        await waiting


@says("cursor id ... not found")
async def cursor_is_gone(uri: str) -> None:
    async with collection(uri) as books:
        await books.insert_many([{} for _ in range(3)])
        cursor = books.find(batch_size=2)
        await cursor.next()
        await books.database.command("killCursors", books.name, cursors=[cursor.cursor_id])
        await cursor.to_list()


@says("a coroutine was expected, got <Task ...>")
async def create_task(uri: str) -> None:
    async with collection(uri) as books:
        finding = books.find_one()
        try:
            asyncio.create_task(finding)  # type: ignore[arg-type]  # noqa: RUF006
        finally:
            await finding


@says("A coroutine object is required")
async def run_threadsafe(uri: str) -> None:
    async with collection(uri) as books:
        finding = books.find_one()
        try:
            asyncio.run_coroutine_threadsafe(finding, asyncio.get_running_loop())  # type: ignore[arg-type]
        finally:
            await finding


@says("'AsyncIOMotorCursor' object is not iterable")
async def plain_for(uri: str) -> None:
    async with collection(uri) as books:
        list(books.find())  # type: ignore[call-overload]


@says("'async for' requires an object with __aiter__ method, got ...")
async def for_over_a_future(uri: str) -> None:
    async with collection(uri) as books:
        finding = books.find_one()
        try:
            async for _ in finding:  # type: ignore[attr-defined]
                pass
        finally:
            await finding


@says("'_asyncio.Task' object is not subscriptable")
async def item_of_a_future(uri: str) -> None:
    async with collection(uri) as books:
        finding = books.find_one()
        try:
            finding["title"]  # type: ignore[index]
        finally:
            await finding


@says("'_asyncio.Task' object has no attribute '...'")
async def attribute_of_a_future(uri: str) -> None:
    async with collection(uri) as books:
        inserting = books.insert_one({})
        try:
            inserting.inserted_id  # type: ignore[attr-defined]  # noqa: B018
        finally:
            await inserting


@says("'NoneType' object is not subscriptable")
async def item_of_nothing(uri: str) -> None:
    async with collection(uri) as books:
        (await books.find_one())["title"]  # type: ignore[index]


@says("Task exception was never retrieved")
async def forgotten(uri: str) -> str:
    said: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: said.append(context["message"]))
    async with collection(uri) as books:
        await asyncio.wait([books.aggregate([{"$nonsense": {}}]).to_list()])
        gc.collect()
    loop.set_exception_handler(None)
    return " ".join(said)


@says("coroutine '...' was never awaited")
async def not_begun(uri: str) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with collection(uri) as books:
            books.find().next()  # type: ignore[unused-coroutine]
        gc.collect()
    return " ".join(str(warning.message) for warning in caught)


@says("Task was destroyed but it is pending!")
async def left_behind(uri: str) -> str:
    program = (
        "import asyncio, sys\nfrom motor.motor_asyncio import AsyncIOMotorClient\n"
        "loop = asyncio.new_event_loop()\nclient = AsyncIOMotorClient(sys.argv[1], io_loop=loop)\n"
        "client.library.books.find_one()\nloop.close()\n"
    )
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, uri], check=True, capture_output=True, text=True, timeout=60
    )
    return ended.stderr


@says("object does not support the context manager protocol")
async def plain_with(uri: str) -> None:
    with AsyncIOMotorClient(uri):  # type: ignore[attr-defined]
        pass


@says("This ... is in use in another event loop that has not been closed.")
async def two_loops(uri: str) -> None:
    async with collection(uri) as books:

        async def find() -> None:
            await books.find_one()

        await find()
        await asyncio.to_thread(asyncio.run, find())


@says("attached to a different loop")
async def future_elsewhere(uri: str) -> None:
    async with collection(uri) as books:
        finding = books.find_one()

        async def wait_for_it() -> None:
            await finding

        try:
            await asyncio.to_thread(asyncio.run, wait_for_it())
        finally:
            await asyncio.wait([finding])


@says("Event loop is closed")
async def closed_loop(uri: str) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    loop.call_soon(print)


@says("Cannot use MongoClient after close")
async def closed_client(uri: str) -> None:
    async with collection(uri) as books:
        pass
    await books.find_one()


@says("'AsyncIOMotorCollection' object is not callable. If you meant to call the '...' method ...")
async def misspelled(uri: str) -> None:
    async with collection(uri) as books:
        books.insert_oen({})  # type: ignore[operator]


@says("objects do not implement truth value testing or bool(). Please compare with None instead")
async def truth_of_a_collection(uri: str) -> None:
    async with collection(uri) as books:
        bool(books)


@says("cannot set options after executing query")
async def late_sort(uri: str) -> None:
    async with collection(uri) as books:
        cursor = books.find()
        await cursor.to_list()
        cursor.sort("title")


@says("Cannot use ended session")
async def ended_session(uri: str) -> None:
    async with collection(uri) as books:
        async with books.database.client.start_session() as session:
            pass
        await books.find_one(session=session)


@says("Can only use session with the AsyncIOMotorClient that started it")
async def foreign_session(uri: str) -> None:
    async with collection(uri) as books, collection(uri) as others, others.database.client.start_session() as session:
        await books.find_one(session=session)


@says("Transaction already in progress")
async def second_transaction(uri: str) -> None:
    async with collection(uri) as books, books.database.client.start_session() as session:
        session.start_transaction()
        session.start_transaction()


@says("E11000 duplicate key error")
async def duplicate(uri: str) -> None:
    async with collection(uri) as books:
        book = {"title": "Emma"}
        await books.insert_one(book)
        await books.insert_one(book)


@says("cannot encode object: ..., of type: ...")
async def unknown_type(uri: str) -> None:
    await insert(uri, {"tags": {"novel"}})


@says("cannot encode native uuid.UUID with UuidRepresentation.UNSPECIFIED")
async def uuid_without_representation(uri: str) -> None:
    await insert(uri, {"number": uuid.uuid4()})


@says("documents must have only string keys")
async def number_as_a_key(uri: str) -> None:
    await insert(uri, {1: "Emma"})


@says("MongoDB can only handle up to 8-byte ints")
async def large_number(uri: str) -> None:
    await insert(uri, {"number": 2**64})


@says("BSON document too large (...)")
async def large_document(uri: str) -> None:
    await insert(uri, {"text": "x" * (17 * 1024 * 1024)})


@says("is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string")
async def no_object_id(uri: str) -> None:
    ObjectId("Emma")


@says("Object of type ObjectId is not JSON serializable")
async def as_json(uri: str) -> None:
    json.dumps({"_id": ObjectId()})


@says("can't compare offset-naive and offset-aware datetimes")
async def naive_and_aware(uri: str) -> None:
    async with collection(uri) as books:
        now = datetime.now(timezone.utc)
        await books.insert_one({"lent": now})
        book = await books.find_one()
        assert book is not None
        assert book["lent"] < now


@says("update only works with $ operators")
async def update_without_operators(uri: str) -> None:
    async with collection(uri) as books:
        await books.update_one({}, {"year": 1815})


@says("replacement can not include $ operators")
async def replace_with_operators(uri: str) -> None:
    async with collection(uri) as books:
        await books.replace_one({}, {"$set": {"year": 1815}})


@says("documents must be a non-empty list")
async def nothing_to_insert(uri: str) -> None:
    async with collection(uri) as books:
        await books.insert_many([])


@says("collection ... already exists")
async def made_twice(uri: str) -> None:
    async with collection(uri) as books:
        await books.database.create_collection(books.name)
        await books.database.create_collection(books.name)


@says("no file in gridfs collection ...")
async def no_file(uri: str) -> None:
    async with collection(uri) as books:
        await AsyncIOMotorGridFSBucket(books.database).open_download_stream(ObjectId())


@says("no version ... for filename ...")
async def no_file_of_that_name(uri: str) -> None:
    async with collection(uri) as books:
        await AsyncIOMotorGridFSBucket(books.database).open_download_stream_by_name("Emma")


@says("client-side field level encryption requires the pymongocrypt library")
async def explicit_encryption(uri: str) -> None:
    async with collection(uri) as books:
        with mock.patch.dict(sys.modules, pymongocrypt=None):
            AsyncIOMotorClientEncryption({"local": {}}, "library.keys", books.database.client, CodecOptions())


@says("client side encryption requires the pymongocrypt library")
async def automatic_encryption(uri: str) -> None:
    with mock.patch("pymongo.encryption_options._HAVE_PYMONGOCRYPT", new=False):
        AutoEncryptionOpts({"local": {}}, "library.keys")


@says("WriteConflict error: this operation conflicted with another operation.")
async def write_conflict(uri: str) -> None:
    async with collection(uri) as books:
        start_session = books.database.client.start_session
        await books.insert_one({"_id": 1})
        async with start_session() as first, start_session() as second, first.start_transaction():
            await books.update_one({"_id": 1}, {"$inc": {"copies": 1}}, session=first)
            async with second.start_transaction():
                await books.update_one({"_id": 1}, {"$inc": {"copies": 1}}, session=second)


@says("This MongoDB deployment does not support retryable writes.")
async def standalone(uri: str) -> None:
    refusal = "Transaction numbers are only allowed on a replica set member or mongos"
    async with ScriptedServer() as server, collection(server.uri, retryWrites=True) as books:
        server.script("insert", reply({"ok": 0, "errmsg": refusal, "code": 20}))
        await books.insert_one({})
